//! The limits of a core's admission data, each with its reason.

/// Parts of the torrent table. Each grows separately: with a million torrents a part has 244 of them (6 KB), so that
/// an insertion moves 3 KB and a look-up compares 8 hashes. The empty parts take 128 KiB.
pub(crate) const TORRENT_TABLE_PARTS: usize = 4096;

/// A full part of the torrent table grows by one entry per this many.
pub(crate) const TORRENT_TABLE_GROWTH: usize = 8;

/// A part of the torrent table shrinks if it has free room for more than one entry per this many.
pub(crate) const TORRENT_TABLE_SLACK: usize = 4;

/// The largest configurable number of torrents on one core: a part then has 4096, and an insertion moves 50 KB.
pub const TORRENT_TABLE_ENTRIES_MAX: u32 = 16 * 1024 * 1024;

/// Parts of the torrent table visited for one page: with a million torrents 31,000 of them, which takes 0.1 ms.
pub(crate) const TORRENT_TABLE_PARTS_PER_PAGE: usize = 128;

/// Torrents removed by one sweep before it pauses: a swarm has to be dropped for each of them.
pub(crate) const TORRENT_TABLE_SWEEP_OUT_MAX: usize = 512;

/// Sets of recently counted downloads: 4096 downloads in all, in 192 KiB. That is a minute's worth on a core of a
/// busy tracker.
pub(crate) const RECENT_COMPLETION_SETS: usize = 512;

/// Downloads in one set. With a thousand recent downloads all but a few find room.
pub(crate) const RECENT_COMPLETIONS_PER_SET: usize = 8;

/// Seconds for which a counted download is remembered. Clients announce over both families at about the same time,
/// and retry within minutes if an answer is lost.
pub(crate) const RECENT_COMPLETION_S: u32 = 600;

/// Parts of a table of keys, sessions or peers. Each grows separately: with a million sessions a growth moves 1000 of
/// them, in about 20 us. The empty parts take 32 KiB.
pub(crate) const MAP_PARTS: usize = 1024;

/// A part of such a table shrinks if a sweep leaves less than one entry per this many places.
pub(crate) const MAP_SLACK: usize = 4;

/// The largest configurable number of keys. Every core has all of them, in up to 112 bytes each.
pub const KEYS_MAX: usize = 10_000_000;

/// The largest configurable number of sessions on one core: about 2 GB.
pub const SESSIONS_MAX: usize = 16_000_000;

/// Sessions of one key on one core, so that one user with made-up peer ids cannot take the room of all others. A user
/// who seeds more torrents on one core is served, but the further ones are not accounted for.
pub const SESSIONS_PER_KEY_MAX: u32 = 16_384;

/// Sessions that are looked up together when they are imported, so that their cache misses overlap.
pub(crate) const SESSIONS_TOGETHER: usize = 16;

/// Bytes of sessions after which an exported page ends: 1000 sessions, some 20 microseconds. A part of the table is in one page.
pub(crate) const EXPORT_PAGE_BYTES: usize = 64 << 10;

/// Bytes of changes of sessions that wait to be taken: 500,000 reports, a second's worth at full load. They are taken with
/// those of swarms.
pub(crate) const SESSION_CHANGES_BYTES_MAX: usize = 32 << 20;

/// Removed keys whose sessions are searched for at the same time. The sessions of further ones end when they expire.
pub(crate) const REMOVED_KEYS_MAX: usize = 4096;

/// The largest configurable number of peers whose details one core keeps: about 3 GB.
pub const DETAILS_MAX: usize = 16_000_000;

/// Prefixes of peer ids, allowed and denied together. There are fewer than 200 kinds of client software.
pub const PREFIXES_MAX: usize = 256;

/// Banned networks: the longest published lists have about 60,000 that do not overlap.
pub const NETWORKS_MAX: usize = 65_536;

/// Work of one step of an update: about 0.1 ms.
pub(crate) const STEP_WORK: u32 = 4096;

/// Work of finding the owner of an item of an update.
pub(crate) const LOOKED_AT_WORK: u32 = 1;

/// Additional work of applying an item: some cache misses and a few hundred bytes moved.
pub(crate) const APPLIED_WORK: u32 = 16;

/// Parts of the torrent table swept per turn after a reload: 20 us with a million torrents. With fifty turns a
/// second, a sweep takes 3 s.
pub(crate) const TORRENT_TABLE_PARTS_PER_TURN: usize = 32;

/// Parts of the key table swept per turn after a reload. With fifty turns a second, a sweep takes 3 s.
pub(crate) const KEY_PARTS_PER_TURN: usize = 8;

/// Parts of the tables of sessions and of peers swept per turn: 2000 entries of a million, 25 us if none expires.
/// With fifty turns a second, a round takes ten seconds, which is shorter than any lifetime.
pub(crate) const LIFETIME_PARTS_PER_TURN: usize = 2;
