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
/// peers are 36 MB, which take about 15 ms. Each time its peers double, the peers of each host are counted anew within one
/// announce too, which hashes every peer and takes longer.
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

/// Bytes of swarms after which an exported page ends: it takes about 0.1 ms. A swarm is in one page, however big it is.
pub(crate) const EXPORT_PAGE_BYTES: usize = 64 << 10;

/// Records whose swarms are looked up together when they are imported, so that their cache misses overlap.
pub(crate) const RECORDS_TOGETHER: usize = 16;

/// Seconds after an exported page in which no swarm moves to another slot, so that an export in progress misses none. Pages
/// follow each other within milliseconds, unless whoever stores them waits for a disk. A lowered limit on memory takes effect
/// this much later.
pub(crate) const EXPORT_S_MAX: u32 = 600;

/// Bytes of changes of swarms that wait to be taken: those of 700,000 announces, a second's worth at full load. They are taken
/// after each page, so this many wait only if whoever takes them is stuck.
pub(crate) const CHANGES_BYTES_MAX: usize = 32 << 20;

/// Slots visited for one page of swarms: takes about as long as ten announces.
pub const PAGE_PLACES_MAX: u32 = 4096;

/// Most peers of one host in one swarm that can be configured. Above, a counter of hosts in a big swarm would lose count.
pub const HOST_PEERS_MAX: u8 = 64;

/// A peer is proven once it gives a sign of life at least this long after the last, or the minimum interval after it if
/// that is longer. Made-up peers have to be refreshed by somebody who waits, whatever the family and the settings.
pub(crate) const PROOF_S_MIN: u32 = 30;

/// Peers of a big swarm among which one is sought that gives way to another of its host: a host that has more than its share,
/// because the limit was lowered or counts were lost, is found, for the cost of as many cache misses.
pub(crate) const HOST_PEERS_SOUGHT: usize = 64;

/// Swarms that are compared at a time when one has to give way. Their cache misses overlap: 8 take little more time than 1.
pub(crate) const CANDIDATES: usize = 8;

/// Slots looked at from a random one on until one holds a swarm. More would cost as many cache misses in a chunk that few
/// swarms are left in.
pub(crate) const SLOTS_PROBED_MAX: usize = 8;

/// How often as many others are compared until one that nobody seems to use is among them. With 64 candidates it is found if
/// one swarm in 14 is of this kind, in 99 of 100 cases.
pub(crate) const CANDIDATE_ROUNDS_MAX: usize = 8;

/// Peers of a swarm that are compared when one has to give way, and by which a swarm is judged: a random sample of a bigger
/// swarm, in which seeders and leechers are as likely as they are many.
pub(crate) const PEERS_COMPARED: usize = 16;

/// Swarms or peers that give way to one newcomer, but only one with the memory of its peers. One is enough unless limits were
/// lowered; each takes about half a microsecond.
pub(crate) const EVICTIONS_PER_ANNOUNCE_MAX: usize = 4;

/// Swarms that give way to one newcomer while the slabs are too big: one for its slot, and one more.
pub(crate) const SHRINKING_EVICTIONS: usize = 2;

/// A swarm of at least this many peers does not grow at the limits of the shard: one of its own peers gives way. Its clients
/// receive as many as an answer has. Nor does it give way as a whole while a smaller one is among the candidates.
pub(crate) const CONTENT_PEERS: usize = 64;

/// Sixteenths of the memory that the slabs may take. With the directory, which takes up to 0.29 of that after a growth, these
/// are seven eighths: swarms of made-up torrents leave room for the peers of others.
pub(crate) const SLAB_SIXTEENTHS_MAX: u64 = 11;

/// Sixteenths of the memory above which slabs shrink: more than they reach by growing, with those of small families and the
/// last chunk.
pub(crate) const SLAB_SIXTEENTHS_KEPT_MAX: u64 = 12;

/// Sixteenths of the memory that are shared by all families. The last is for the slabs of families with few swarms, so that
/// one family cannot keep the others out.
pub(crate) const SHARED_SIXTEENTHS: u64 = 15;

/// Families whose slab takes less than this part of the memory have few swarms: two such share the last sixteenth.
pub(crate) const SMALL_SLAB_PART: u64 = 32;

/// Peers visited beyond those wanted when some are expired; it limits the work of one announce.
pub(crate) const DEAD_PEERS_SKIPPED_MAX: usize = 1024;
