//! The limits of forwarding, each with its reason.

use std::time::Duration;

/// Peers of one family that are requested of an upstream tracker and kept of one answer: as many as an answer to a client has at
/// most.
pub(crate) const PEERS_MAX: usize = 200;

/// Maximum length of the name of an upstream tracker, in characters: it is a label in each line about it.
pub(crate) const NAME_CHARS_MAX: usize = 100;

/// Maximum length of a text of an upstream tracker or of a network error, in characters: it is shown in one line.
pub(crate) const TEXT_CHARS_MAX: usize = 200;

/// How long a connection may take to be established, TLS included. For TCP the time is shared by the addresses of a name, so
/// that one that never answers leaves time for the others.
pub(crate) const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// How long an HTTP connection may be idle. Many servers close theirs after 60 or 75 s, and a request must not meet that.
pub(crate) const IDLE_CONNECTION_MAX: Duration = Duration::from_secs(55);

/// Upstream trackers at most. Each torrent has an entry for each, and more of them would hardly find more peers.
pub(crate) const UPSTREAMS_MAX: usize = 256;

/// Size of a file of upstream trackers: far more than [`UPSTREAMS_MAX`] entries need.
pub(crate) const FILE_BYTES_MAX: u64 = 1 << 20;

/// Longest unknown key of a file of upstream trackers that an error shows: passkeys are longer.
pub(crate) const KEY_BYTES_SHOWN_MAX: usize = 20;

/// Shortest interval of a torrent at an upstream tracker, whatever that says and local peers do: neither an interval of zero nor
/// clients that start, complete and stop again and again are a reason to hurry.
pub(crate) const INTERVAL_S_MIN: u32 = 60;

/// Announces of events that may come before that interval: a small torrent starts, completes and stops within a minute.
pub(crate) const EARLY_ANNOUNCES_MAX: u32 = 3;

/// Longest time between two regular announces of a torrent: beyond that, upstream trackers forget a peer.
pub(crate) const INTERVAL_S_MAX: u32 = 3 * 3600;

/// The usual interval of trackers, for those that have not answered yet, or without one.
pub(crate) const INTERVAL_S_DEFAULT: u32 = 1800;

/// Back-off after the first failed announce of a torrent: a client's usual time.
pub(crate) const BACKOFF_FIRST_S: u32 = 15;

/// Longest back-off of a torrent: the usual interval.
pub(crate) const BACKOFF_S_MAX: u32 = INTERVAL_S_DEFAULT;

/// When a refused announce is repeated if the upstream tracker does not say: the usual interval.
pub(crate) const REFUSED_RETRY_S: u32 = INTERVAL_S_DEFAULT;

/// Shortest and longest time that an upstream tracker can ask for before a refused announce is repeated.
pub(crate) const RETRY_S: (u32, u32) = (INTERVAL_S_MIN, 24 * 3600);

/// Shortest and longest pause that an upstream tracker can ask for.
pub(crate) const PAUSE_S: (u32, u32) = (5, 24 * 3600);

/// The pause for an upstream tracker that asks for fewer requests without saying for how long.
pub(crate) const PAUSE_DEFAULT_S: u32 = 60;

/// Longest pause of an upstream tracker after which `stopped` is still announced. After a longer one, it has soon forgotten our
/// peer by itself.
pub(crate) const STOPPED_PAUSE_S_MAX: u32 = 60;

/// Failures in a row that open the circuit of an upstream tracker: fewer may be chance.
pub(crate) const FAILURES_MAX: u32 = 5;

/// How long a circuit is open for the first time: most restarts take less.
pub(crate) const CIRCUIT_FIRST_S: u32 = 30;

/// How long a circuit is open at most: an upstream tracker that returns is noticed within about an hour.
pub(crate) const CIRCUIT_S_MAX: u32 = 3600;

/// How long a representative is announced without a new question to the owner: one question serves the upstream trackers that have
/// the same interval.
pub(crate) const REPRESENTATIVE_S_MAX: u32 = 5;

/// When a task for which a core has no room is tried again.
pub(crate) const CORE_RETRY_MS: u64 = 5;

/// How long a core may have no room for a task. It takes hundreds per second.
pub(crate) const CORE_ROOM_MS_MAX: u64 = 1000;

/// How long a core may take to answer. Scans of all its torrents come first, and they take seconds.
pub(crate) const CORE_ANSWER_MS_MAX: u64 = 10_000;

/// Changes of torrents that may wait for the schedule until no more are taken from the cores, which merge what they cannot report.
/// What the channel from the cores holds at that moment may come in addition.
pub(crate) const CHANGES_WAITING_MAX: usize = 1 << 16;

/// Torrents that are handled at one upstream tracker before other tasks of the runtime have their turn: less than a millisecond of
/// work.
pub(crate) const TORRENTS_AT_ONCE: usize = 250;

/// Seeders and leechers of an answer at most. No swarm is larger, and many clients read a larger count as a negative number.
pub(crate) const SWARM_PEERS_MAX: u32 = 10_000_000;

/// Peers of an answer that are examined at most. A body of [`BODY_BYTES_MAX`](client::BODY_BYTES_MAX) has room for 170,000, of which
/// [`PEERS_MAX`] are kept.
pub(crate) const EXAMINED_PEERS_MAX: usize = 10_000;

/// How long a UDP tracker is not asked over the address family that failed, while the other family answers. Computers with an
/// IPv6 address that leads nowhere are common, and are seldom repaired in less.
pub(crate) const FAMILY_RETRY_AFTER: Duration = Duration::from_secs(600);

/// How long an HTTP tracker is asked over the same connections. Its name is resolved for a new connection only, and a tracker that
/// moved may serve busy connections at its old address for as long as they last.
pub(crate) const CONNECTION_AGE_MAX: Duration = Duration::from_secs(600);
