//! The bounds of the storage, each with its reason.

/// Peers that lie in a swarm's slab entry itself. Most torrents have no more, and two IPv4 peers keep the
/// entry in one cache line.
pub(crate) const INLINE_PEERS: usize = 2;

/// From this many peers on, a swarm has an index from address to position. Below, a scan over one-byte tags
/// takes no memory and little time: an announce costs about 90 ns in a swarm of 64 peers, 350 ns in one of 4095.
pub const INDEX_PEERS_MIN: u32 = 4096;

/// A swarm that shrinks below this many peers gives its index up. Half of [`INDEX_PEERS_MIN`], so that a
/// swarm at the threshold does not build it again and again.
pub(crate) const INDEX_PEERS_KEPT_MIN: u32 = INDEX_PEERS_MIN / 2;

/// In swarms of up to so many peers the addresses themselves are compared, which costs less than hashing one and
/// scanning the tags, and touches one column less.
pub(crate) const SCAN_PEERS_MAX: usize = 16;

/// Parts of a peer index. Each grows by itself, so that the longest growth moves 1/64 of a swarm's positions.
pub(crate) const INDEX_SEGMENTS: usize = 64;

/// Parts of the directory. Each grows by itself: with 10 M swarms a growth moves 10,000 entries (about 0.1 ms)
/// and not all of them.
pub(crate) const DIRECTORY_SEGMENTS: usize = 1024;

/// Swarms in one chunk of the slab: 32 KiB of IPv4 swarms. The slab grows without moving what it has, and gives
/// back chunks that are empty.
pub(crate) const SLAB_CHUNK: usize = 512;

/// A part of the directory with as few buckets as this (28 swarms) does not shrink: it is small.
pub(crate) const BUCKET_TABLE_KEPT: usize = 4;

/// The most peers that one swarm can be allowed. A block that grows is copied in one go, within one announce:
/// 4 M IPv4 peers are 36 MB, which take about 15 ms.
pub const SWARM_PEERS_MAX: u32 = 4_000_000;

/// The longest lifetime of a peer. Deadlines are kept modulo 2^16 seconds and compared within half of that,
/// of which the rest is left for the sweep to come by.
pub const PEER_LIFETIME_S_MAX: u32 = 32_000;

/// A swarm without peers is kept for this long if its torrent has a count of downloads, so that the count
/// survives a night in which nobody is there.
pub const EMPTY_SWARM_KEPT_S: u32 = 28_800;

/// Expiry goes through all swarms at most once in this time: expired peers are never given out in any case,
/// so more would only cost.
pub const EXPIRY_ROUND_S_MIN: u32 = 10;

/// Swarms that a sweep looks ahead for memory to ask for: a visit takes about a fifth of what memory does.
pub(crate) const SLOTS_AHEAD: u32 = 8;

/// Cost of looking at a swarm, in units of work (about 2 ns each).
pub(crate) const SWARM_VISIT_WORK: u32 = 2;

/// Peers looked at for one unit of work: deadlines lie beside each other.
pub(crate) const PEERS_PER_WORK: usize = 4;

/// Cost of removing an expired peer: up to two moves.
pub(crate) const PEER_REMOVAL_WORK: usize = 16;

/// Cost of removing an expired peer of a swarm with an index: three probes of it, each of which may miss the cache.
pub(crate) const INDEXED_REMOVAL_WORK: usize = 96;

/// Cost of forgetting a swarm: its memory, and its place in the directory.
pub(crate) const SWARM_REMOVAL_WORK: u32 = 48;

/// Peers of one swarm looked at before the work is counted again. Not less than most swarms have: only a sweep over
/// all peers learns when the next one is due.
pub(crate) const SWEEP_PEERS: usize = 4096;

/// Peers of one swarm removed before the work is counted again: a tenth of a millisecond, the granularity of a turn.
pub(crate) const SWEEP_REMOVALS: usize = 512;

/// Places that are looked at for one page of swarms: about as long a pause as ten announces.
pub const PAGE_PLACES_MAX: u32 = 4096;

/// Peers looked at beyond those wanted when expired ones lie between: it bounds one announce's work.
pub(crate) const DEAD_PEERS_SKIPPED_MAX: usize = 1024;
