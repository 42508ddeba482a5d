//! The limits of the swarms, each with its reason.

/// Peers stored in a swarm's slab entry itself. Most torrents have no more, and with two IPv4 peers the entry fits a
/// cache line.
pub(crate) const INLINE_PEERS: usize = 2;

/// Number of peers from which a swarm has an index from peer to position. Below, a scan over one-byte tags takes
/// no memory and little time: an announce costs about 90 ns in a swarm of 64 peers, 350 ns in one of 4095.
pub const INDEX_PEERS_MIN: u32 = 4096;

/// A swarm that shrinks below this many peers drops its index. Half of [`INDEX_PEERS_MIN`], so that a swarm near the
/// threshold does not build it again and again.
pub(crate) const INDEX_PEERS_KEPT_MIN: u32 = INDEX_PEERS_MIN / 2;

/// In swarms of up to this many peers the identities themselves are compared. This costs less than hashing one
/// and scanning the tags, and reads one column less.
pub(crate) const SCAN_PEERS_MAX: usize = 16;

/// Segments of a peer index. Each grows separately, so that the longest growth moves 1/64 of the positions of a
/// swarm.
pub(crate) const INDEX_SEGMENTS: usize = 64;

/// Segments of the directory. Each grows separately: with 10 M swarms a growth moves 10,000 entries (about 0.1 ms).
pub(crate) const DIRECTORY_SEGMENTS: usize = 1024;

/// Swarms in one chunk of the slab: 32 KiB of IPv4 swarms. The slab grows without moving swarms, and frees empty
/// chunks.
pub(crate) const SLAB_CHUNK: usize = 512;

/// A segment of the directory with this few buckets (28 swarms) does not shrink.
pub(crate) const BUCKET_TABLE_KEPT: usize = 4;

/// The largest configurable number of peers in one swarm. A block that grows is copied within one announce: 4 M IPv4
/// peers are 36 MB, which take about 15 ms.
pub const SWARM_PEERS_MAX: u32 = 4_000_000;

/// The longest lifetime of a peer. Deadlines are kept modulo 2^16 seconds and compared within half of that; the rest
/// is the time in which the sweep must reach the peer.
pub const PEER_LIFETIME_S_MAX: u32 = 32_000;

/// How long a swarm without peers is kept if it has a count of downloads, so that the count survives a night without
/// peers.
pub const EMPTY_SWARM_KEPT_S: u32 = 28_800;

/// Expiry visits all swarms at most once in this time. Expired peers are never returned, so visiting more often would
/// have no benefit.
pub const EXPIRY_ROUND_S_MIN: u32 = 10;

/// How many slots ahead of the sweep memory is prefetched: a visit takes about a fifth of the time of a cache miss.
pub(crate) const SLOTS_AHEAD: u32 = 8;

/// Cost of visiting a swarm, in units of work (about 2 ns each).
pub(crate) const SWARM_VISIT_WORK: u32 = 2;

/// Peers visited per unit of work: deadlines are neighbours in memory.
pub(crate) const PEERS_PER_WORK: usize = 4;

/// Cost of removing an expired peer: up to two moves.
pub(crate) const PEER_REMOVAL_WORK: usize = 16;

/// Cost of removing an expired peer of an indexed swarm: three probes of the index, each a possible cache miss.
pub(crate) const INDEXED_REMOVAL_WORK: usize = 96;

/// Cost of removing a swarm: its memory, and its entry in the directory.
pub(crate) const SWARM_REMOVAL_WORK: u32 = 48;

/// Peers of one swarm visited before the work is checked again. At least as many as most swarms have, because only a
/// sweep over all peers finds when the next one is due.
pub(crate) const SWEEP_PEERS: usize = 4096;

/// Peers of one swarm removed before the work is checked again: 0.1 ms, the granularity of a turn.
pub(crate) const SWEEP_REMOVALS: usize = 512;

/// Slots visited for one page of swarms: takes about as long as ten announces.
pub const PAGE_PLACES_MAX: u32 = 4096;

/// Peers visited beyond those wanted when some are expired; it limits the work of one announce.
pub(crate) const DEAD_PEERS_SKIPPED_MAX: usize = 1024;
