//! The limits of the control plane, each with its reason.

/// Milliseconds between two checks of the workers: the delay in noticing that one has exited.
pub(crate) const SUPERVISION_MS: u64 = 100;

/// Seconds between two points of the charts: 720 in an hour, about as many as a screen is wide.
pub(crate) const CHART_POINT_S: u64 = 5;

/// Points of the charts: those of an hour.
pub(crate) const CHART_POINTS_MAX: usize = 720;

/// Seconds after the last request for the statistics until they are rendered less often, so that a page that no one
/// looks at costs next to nothing.
pub(crate) const RENDERED_OFTEN_S: u64 = 30;

/// Seconds between two renderings meanwhile: the age of the figures for whoever requests them first.
pub(crate) const RENDERED_SELDOM_S: u64 = 10;

/// Parts of the window in which client software is counted, each with its own counts.
pub(crate) const CLIENT_SLOTS_MAX: u64 = 360;

/// Parts of the shorter window, that of WebRTC: counts are accurate to a twelfth.
pub(crate) const CLIENT_SLOTS_MIN: u64 = 12;

/// Clients that are kept in one part, others being added up: as many as a core counts, and 10 MiB in all parts at
/// most. As many are kept of all earlier parts together.
pub(crate) const CLIENTS_PER_SLOT_MAX: usize = 512;

/// Names with versions in the statistics, others being added up: far more than a tracker has that matter, in 10 KiB.
pub(crate) const CLIENT_VERSIONS_MAX: usize = 500;

/// Clients on the page. The JSON has more.
pub(crate) const CLIENTS_SHOWN_MAX: usize = 24;

/// Versions of a client on the page.
pub(crate) const VERSIONS_SHOWN_MAX: usize = 4;

/// Replies of each core that may wait to be taken, which happens every second. Later ones are lost.
pub(crate) const CLIENT_REPLIES_PER_CORE: usize = 4;

/// Milliseconds to wait for the latencies of a core: ten turns of its timer. Later replies go into the next dump.
pub(crate) const LATENCY_ANSWER_MS_MAX: u64 = 1000;

/// Milliseconds that the workers have to exit after the last snapshot: they have drained their sockets before. With a deadline below
/// four times as long, a quarter of it.
pub(crate) const WORKERS_END_MS: u64 = 1000;

/// Milliseconds that the last dump may take: a hanging file system must not keep the tracker from stopping.
pub(crate) const LAST_DUMP_MS_MAX: u64 = 3000;

/// Bytes of a log: a few thousand dumps. Only the last full one is kept, so that a run takes at most twice as much.
pub(crate) const LATENCY_FILE_BYTES_MAX: u64 = 64 << 20;

/// Torrents that can be requested in an order by a count: a core keeps that many during a scan, at 40 bytes each.
pub const SORTED_TORRENTS_MAX: usize = 100_000;

/// Torrents before a page that the cores send along with it, at 32 bytes each. For a later page they first count the
/// torrents before it, which takes another scan of all swarms.
pub(crate) const PASSED_OVER_MAX: u64 = 10_000;

/// Info hashes per batch of a list's file: 80 KiB, so that one command sends thousands of them to a core.
pub(crate) const LIST_BATCH_TORRENTS: usize = 4096;

/// Bytes of a line in a list's file, with its line end: room for an info hash and a torrent's name as a comment.
pub(crate) const LIST_LINE_BYTES_MAX: usize = 1024;

/// Invalid lines of a list's file that are shown: enough to see the mistake, even with a million of them.
pub(crate) const INVALID_LINES_SHOWN_MAX: usize = 5;

/// Characters of an invalid line that are shown: an info hash and a little more.
pub(crate) const INVALID_LINE_EXCERPT_CHARACTERS: usize = 48;

/// Milliseconds between two looks at the sources that were refused.
pub(crate) const SOURCES_LOOK_MS: u64 = 1000;

/// Sources that are listed as refused most, at about 500 bytes each: far more than an operator looks at.
pub(crate) const TOP_SOURCES_MAX: usize = 256;

/// Seconds for which a source is listed after it was last refused.
pub(crate) const SOURCE_KEPT_S: u64 = 3600;

/// Seconds between two log lines about a source.
pub(crate) const CULPRIT_LOGGED_EVERY_S: u64 = 60;

/// Lines about sources in a minute of the log: an attack by many must not fill it.
pub(crate) const CULPRIT_LINES_PER_MINUTE: u32 = 10;

/// How many times longer each further ban of a source lasts.
pub(crate) const REPEATED_BAN_FACTOR: u32 = 4;

/// Seconds after the end of a ban for which the source is remembered: a day, since addresses change their owners.
pub(crate) const REPEATER_KEPT_S: u64 = 86_400;

/// Sources that are remembered: as many as there may be temporary bans, at about 50 bytes each.
pub(crate) const REPEATERS_MAX: usize = 16_384;

/// Milliseconds to wait for a reply of a core. A scan of ten million torrents takes about half of that.
pub(crate) const CORE_ANSWER_MS_MAX: u64 = 30_000;

/// Milliseconds before a core whose queue is full is tried again.
pub(crate) const CORE_RETRY_MS: u64 = 5;

/// Batches of a list's file that are read ahead of the cores.
pub(crate) const LIST_BATCHES_AHEAD: usize = 4;

/// Milliseconds between two checks for events from the cores.
pub(crate) const EVENTS_POLL_MS: u64 = 200;

/// The resident memory has to be below its limit by one part of this many before the swarms may take their whole share again, so
/// that this does not change with every look.
pub(crate) const MEMORY_RELEASE_PART: u64 = 16;

/// Looks in a row at the resident memory, five a second, at which it is above its limit before the swarms may take less, or well
/// below before they may take more: a reload or a long answer of the API takes memory for less than a second.
pub(crate) const MEMORY_OVER_LOOKS: u32 = 5;

/// Looks in a row at which the swarms are within a lowered limit before it is lowered again: the allocator returns memory, and
/// cores publish what their swarms count, within three seconds.
pub(crate) const MEMORY_SETTLE_LOOKS: u32 = 15;

/// The limit of the swarms changes by at most one part of this many of what is planned, so that a wrong step costs few swarms.
pub(crate) const SWARM_BYTES_STEP_PART: u64 = 16;

/// However much memory is resident, the swarms may take one part of this many of what is planned: the tracker serves on.
pub(crate) const SWARM_BYTES_PART_MIN: u64 = 8;

/// Seconds between two looks at the files of lists, which change a few times a day.
pub(crate) const FILES_LOOK_S: u64 = 5;

/// Seconds between two attempts to read the stored data.
pub(crate) const LOAD_RETRY_S: u64 = 5;

/// Keys per message to the cores.
pub(crate) const KEYS_PER_UPDATE: usize = 4096;

/// Seconds without a write after which a changed list file is read.
pub(crate) const SETTLED_S: u64 = 2;

/// Seconds for the last announces to upstream trackers at the stop: most answer within one, and a service manager waits.
pub(crate) const FORWARDER_STOP_S: u64 = 2;

/// Milliseconds between two attempts to save at the stop, while the database fails and the queue is full.
pub(crate) const LAST_SAVE_RETRY_MS: u64 = 500;

/// Counts of completed events that wait for room among the writes, at about 50 bytes each. A count beyond that is
/// counted as lost; the core reports it again with the torrent's next completed event.
pub(crate) const COMPLETED_WAITING_MAX: usize = 1_000_000;

/// Seconds for which an expired key and its account are kept: a month, in which it can be renewed. Without this limit
/// the keys of former users would in time leave no room for others.
pub(crate) const EXPIRED_KEY_KEPT_S: u64 = 30 * 86_400;

/// Seconds between two looks for such keys.
pub(crate) const EXPIRED_KEYS_LOOK_S: u64 = 600;

/// At most one in this many keys is deleted at once as expired. If more have expired, the clock is likely wrong.
pub(crate) const EXPIRED_KEYS_SHARE: usize = 20;

/// Keys that may be deleted at once, however few there are.
pub(crate) const EXPIRED_KEYS_FLOOR: usize = 20;

/// Seconds by which the wall clock may deviate from the monotonic one before it counts as set: a bad clock drifts by a
/// minute in a week.
pub(crate) const CLOCK_STEP_S_MAX: u64 = 60;

/// Seconds after the start of the tracker, or after the clock was last set, before expired keys are deleted: a day, in
/// which a wrong clock is noticed.
pub(crate) const CLOCK_STEADY_S: u64 = 86_400;

/// Seconds for which the first torrents by a count are reused, since dashboards request them every second: a scan of
/// ten million takes a tenth of a second of the cores' time.
pub(crate) const SORTED_TORRENTS_AGE_S: u64 = 10;

/// Torrents that such a scan keeps at least, so that the next pages need no other scan.
pub(crate) const SORTED_TORRENTS_KEPT_MIN: usize = 1000;

/// Seconds that a change has to end before an upgrade: a client may send a long list slowly.
pub(crate) const CHANGES_END_S_MAX: u64 = 60;

/// Seconds in which the database has to take everything that is unsaved before an upgrade: a million changes.
pub(crate) const RELEASE_S_MAX: u64 = 30;

/// Reports that wait for the process that takes over: those of a second of many cores. More stay in the cores, which merge them.
pub(crate) const PASSED_ON_MAX: usize = 1024;
