//! The bounds of what a core knows, each with its reason.

/// Parts of the register of torrents. Each grows by itself: with a million torrents a part has 244 of them (6 KB), so
/// that to put one in its place moves 3 KB, and a look-up compares 8 hashes. The parts themselves take 128 KiB.
pub(crate) const REGISTER_PARTS: usize = 4096;

/// A part of the register that is full gets room for a further one of so many of its entries.
pub(crate) const REGISTER_GROWTH: usize = 8;

/// A part of the register gives room back when more than one of so many of its entries would find place in what is free.
pub(crate) const REGISTER_SLACK: usize = 4;

/// The most torrents that one core's register can be allowed: a part then has 4096, and an insertion moves 50 KB.
pub const REGISTER_ENTRIES_MAX: u32 = 16 * 1024 * 1024;

/// Parts of the register that one page looks at: with a million torrents 31,000 of them, which takes 0.1 ms.
pub(crate) const REGISTER_PARTS_PER_PAGE: usize = 128;

/// Torrents taken off by one sweep before it pauses: for each of them the caller drops a swarm.
pub(crate) const REGISTER_SWEEP_OFF_MAX: usize = 512;
