//! The bounds of what a core knows, each with its reason.

/// Parts of the register of torrents. Each grows by itself: with a million torrents a part has 244 of them (6 KB), so
/// that to put one in its place moves 3 KB, and a look-up compares 8 hashes. The parts themselves take 128 KiB.
pub(crate) const TORRENT_TABLE_PARTS: usize = 4096;

/// A part of the register that is full gets room for a further one of so many of its entries.
pub(crate) const TORRENT_TABLE_GROWTH: usize = 8;

/// A part of the register gives room back when more than one of so many of its entries would find place in what is free.
pub(crate) const TORRENT_TABLE_SLACK: usize = 4;

/// The most torrents that one core's register can be allowed: a part then has 4096, and an insertion moves 50 KB.
pub const TORRENT_TABLE_ENTRIES_MAX: u32 = 16 * 1024 * 1024;

/// Parts of the register that one page looks at: with a million torrents 31,000 of them, which takes 0.1 ms.
pub(crate) const TORRENT_TABLE_PARTS_PER_PAGE: usize = 128;

/// Torrents taken off by one sweep before it pauses: for each of them the caller drops a swarm.
pub(crate) const TORRENT_TABLE_SWEEP_OUT_MAX: usize = 512;

/// Sets of completed downloads that were counted a short while ago. With those in a set they are 4096, in 192 KiB: a
/// minute of what a core of a busy tracker counts.
pub(crate) const RECENT_COMPLETION_SETS: usize = 512;

/// Downloads in one set: the last ones of a thousand clients find a place in all but a few.
pub(crate) const RECENT_COMPLETIONS_PER_SET: usize = 8;

/// Seconds for which such a download is remembered. Clients announce over both families at about the same time, and try
/// again within minutes where an answer is lost.
pub(crate) const RECENT_COMPLETION_S: u32 = 600;

/// Parts of a table of keys, sessions or peers. Each grows by itself: with a million sessions a growth moves 1000 of them,
/// in about 20 us. The parts themselves take 32 KiB.
pub(crate) const MAP_PARTS: usize = 1024;

/// A part of such a table that a sweep leaves less than one of so many of its places in use gives room back.
pub(crate) const MAP_SLACK: usize = 4;

/// The most keys that a tracker can be allowed. Every core has all of them, in up to 112 bytes each.
pub const KEYS_MAX: usize = 10_000_000;

/// The most sessions that the accounts of one core can be allowed: some 2 GB.
pub const SESSIONS_MAX: usize = 16_000_000;

/// Sessions of one key on one core, lest one user with made-up peer ids takes the place of all others. On one core somebody
/// who seeds more torrents at once is served, and not accounted for beyond it.
pub const SESSIONS_PER_KEY_MAX: u32 = 16_384;

/// Removed keys whose sessions are being looked for at the same time. Of further ones the sessions end when they are
/// not heard of any more.
pub(crate) const REMOVED_KEYS_MAX: usize = 4096;

/// The most peers whose details one core can be allowed to keep: some 3 GB.
pub const DETAILS_MAX: usize = 16_000_000;

/// Prefixes of peer ids, allowed and denied together. There are less than 200 kinds of client software.
pub const PREFIXES_MAX: usize = 256;

/// Networks banned: the longest lists that are handed round have about 60,000 that do not overlap.
pub const NETWORKS_MAX: usize = 65_536;

/// Work of one step of an update: about 0.1 ms.
pub(crate) const STEP_WORK: u32 = 4096;

/// Work of looking whose an item of an update is.
pub(crate) const LOOKED_AT_WORK: u32 = 1;

/// Work of taking it over, beside that: some cache misses and a few hundred bytes moved.
pub(crate) const APPLIED_WORK: u32 = 16;

/// Parts of the register that a turn sweeps after a reload: 20 us with a million torrents. Fifty turns a
/// second are through in 3 s.
pub(crate) const TORRENT_TABLE_PARTS_PER_TURN: usize = 32;

/// Parts of the key ring that a turn sweeps after a reload. Fifty turns a second are through in 3 s.
pub(crate) const KEY_PARTS_PER_TURN: usize = 8;

/// Parts of the tables of sessions and of peers that a turn sweeps: 2000 of a million, 25 us if none ends. Fifty turns a
/// second are through in ten seconds, and lifetimes are longer.
pub(crate) const LIFETIME_PARTS_PER_TURN: usize = 2;
