//! The bounds of the control plane, each with its reason.

/// Milliseconds between two looks at the workers: how late the end of one is noticed.
pub const SUPERVISION_MS: u64 = 100;

/// Milliseconds between two looks for the latencies that cores were asked for.
pub(crate) const LATENCY_POLL_MS: u64 = 10;

/// Milliseconds for which a core is waited for when it is asked for its latencies: ten turns of its timer. What
/// comes later goes into the next dump.
pub(crate) const LATENCY_ANSWER_MS_MAX: u64 = 1000;

/// Milliseconds that the dump before the end may take: a file system that hangs must not keep the tracker.
pub(crate) const LAST_DUMP_MS_MAX: u64 = 3000;

/// Bytes of a file with dumps: a few thousand of them. A full one is kept as the only older one, so that a run takes
/// twice as much at most.
pub const LATENCY_FILE_BYTES_MAX: u64 = 64 << 20;

/// Torrents that can be had in the order of a count: a core keeps as many as it may be asked for while it looks through
/// its swarms, at 40 bytes each.
pub const SORTED_TORRENTS_MAX: usize = 100_000;

/// Torrents in front of a page that the cores tell with it, at 32 bytes each. Of a page further behind they count first how
/// many torrents there are in front of it, at another walk through all swarms.
pub(crate) const PASSED_OVER_MAX: u64 = 10_000;

/// Info hashes of a list's file that are handed on at once: 80 KiB, so that a core is told of thousands by one command.
pub const LIST_BATCH_TORRENTS: usize = 4096;

/// Bytes of a line in a list's file, with its end: room for an info hash and a torrent's name as a comment.
pub(crate) const LIST_LINE_BYTES_MAX: usize = 1024;

/// Invalid lines that are shown of a list's file: enough to see what is wrong with a million of them.
pub const INVALID_LINES_SHOWN_MAX: usize = 5;

/// Characters that are shown of an invalid line: an info hash and what may stand beside it.
pub(crate) const INVALID_LINE_EXCERPT_CHARACTERS: usize = 48;

/// Milliseconds for which an answer of a core is waited for. A scan of ten million torrents takes about half of it.
pub(crate) const CORE_ANSWER_MS_MAX: u64 = 30_000;

/// Milliseconds until a core is tried again that has too many tasks waiting.
pub(crate) const CORE_RETRY_MS: u64 = 5;

/// Batches of a list's file that are read before the cores have taken over those before.
pub(crate) const LIST_BATCHES_AHEAD: usize = 4;

/// Milliseconds between two looks for what the cores have to tell.
pub(crate) const EVENTS_POLL_MS: u64 = 200;

/// Seconds between two looks at the files of lists. They change a few times a day.
pub(crate) const FILES_LOOK_S: u64 = 5;

/// Seconds between two attempts to read what is stored, where the first one failed.
pub(crate) const LOAD_RETRY_S: u64 = 5;

/// Keys that are sent to the cores in one message.
pub(crate) const KEYS_PER_UPDATE: usize = 4096;

/// Seconds for which nobody has written to a list's file that is read because it has changed.
pub(crate) const SETTLED_S: u64 = 2;

/// Milliseconds until the database is tried again at the stop, where it takes no changes and more wait than may.
pub(crate) const LAST_SAVE_RETRY_MS: u64 = 500;

/// Counts of completed events that wait for room among the writes, at about 50 bytes each. The cores bring a count
/// that finds no place here again with the torrent's next completed event; it is counted as lost.
pub(crate) const COMPLETED_WAITING_MAX: usize = 1_000_000;

/// Seconds for which an expired key and its account are kept: a month, in which it can be renewed. Without an end the keys
/// of former users would in time leave no room for others.
pub(crate) const EXPIRED_KEY_KEPT_S: u64 = 30 * 86_400;

/// Seconds between two looks for such keys.
pub(crate) const EXPIRED_KEYS_LOOK_S: u64 = 600;

/// Of all keys one of so many may be deleted at once as expired. Where more are, the clock is likelier to be wrong.
pub(crate) const EXPIRED_KEYS_SHARE: usize = 20;

/// As many may be deleted at once however few keys there are.
pub(crate) const EXPIRED_KEYS_FLOOR: usize = 20;

/// Seconds by which the wall clock and the monotonic one may differ from how they stood before, until it is taken for
/// set: a bad clock drifts by a minute in a week.
pub(crate) const CLOCK_STEP_S_MAX: u64 = 60;

/// Seconds for which the clock has not been set, nor the tracker started, when a key is deleted as expired: a day, in which
/// somebody notices that a clock is wrong.
pub(crate) const CLOCK_STEADY_S: u64 = 86_400;

/// Seconds for which the first torrents by a count are told without another walk through all swarms, which dashboards ask
/// for each second: a walk through ten million takes a tenth of a second of the cores' time.
pub(crate) const SORTED_TORRENTS_AGE_S: u64 = 10;

/// Torrents that such a walk keeps at least, so that the next pages need no other.
pub(crate) const SORTED_TORRENTS_KEPT_MIN: usize = 1000;
