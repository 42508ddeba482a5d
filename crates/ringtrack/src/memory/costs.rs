//! What each part of the process costs, in bytes, as measured. `tests/suite/small_memory.rs` proves their sum.

use engine::SIGNAL_BYTES_MAX;
use worker::{CONNECTION_RECEIVE_BUFFER_BYTES, CONNECTION_SEND_BUFFER_BYTES, SCRAPE_SEND_BUFFER_BYTES};

/// The program without what the other constants count: tokio's runtime, SQLite's page caches, the health checks, and the
/// pages of its file that are in use. An idle one has 5 MiB, and a busy one twice as much.
pub(super) const PROGRAM: u64 = 16 << 20;

/// The management API: 256 connections with heads of up to 64 KiB, a few long responses, and bodies that are read.
pub(super) const MANAGEMENT_API: u64 = 32 << 20;

/// One core without its rings: 3 MiB for the batches of datagrams, the buffers of connections and its empty tables, and 3 MiB
/// for its latencies while they are exchanged and added up.
pub(super) const CORE: u64 = 6 << 20;

/// The pages of one core that are with the control plane while a snapshot is written or loaded, at 64 KiB: two that wait, and two in
/// the buffers of a file. A larger swarm makes a page of its own size; these come one after another from each core.
pub(super) const SNAPSHOT_OF_CORE: u64 = 256 << 10;

/// An entry in the table of sources, whose number is rounded up to a power of two.
pub(super) const SOURCE: u64 = 8;

/// The counts of connections by source.
pub(super) const SOURCE_CONNECTIONS: u64 = 512 << 10;

/// The buckets for unproved prefixes of one core, and its record of refused sources.
pub(super) const SOURCES_OF_CORE: u64 = 68 << 10;

/// The kernel counts a datagram in a buffer with all that it allocated for it, up to twice the configured bytes.
pub(super) const DATAGRAM_BUFFER_FACTOR: u64 = 2;

/// A slot of a ring for requests.
pub(super) const RING_SLOT: u64 = 256;

/// A slot of a ring for returns.
pub(super) const RETURN_SLOT: u64 = 32;

/// The slots of a ring for returns that do not depend on the slots for requests: for routed requests and signals.
pub(super) const RETURNS: u64 = 1280 * RETURN_SLOT;

/// A routed scrape. There is at most one for this many slots for requests.
pub(super) const SCRAPE: u64 = 1664;
pub(super) const SLOTS_PER_SCRAPE: u64 = 16;

/// An offer or answer in a ring.
pub(super) const SIGNAL: u64 = SIGNAL_BYTES_MAX as u64 + 64;

/// A connection in the kernel: 6 KiB for socket, file and entry in the epoll, and both of its buffers when they are full, which
/// take twice the bytes that are asked for. A send buffer that is nearly full takes one more write.
pub(super) const CONNECTION_IN_KERNEL: u64 =
    (6 << 10) + 2 * CONNECTION_RECEIVE_BUFFER_BYTES as u64 + 3 * CONNECTION_SEND_BUFFER_BYTES as u64;

/// A connection that the kernel has queued for a listener: socket, and full receive buffer.
pub(super) const QUEUED_CONNECTION: u64 = (6 << 10) + 2 * CONNECTION_RECEIVE_BUFFER_BYTES as u64;

/// The full send buffers of the connections of one core that have begun a scrape of all torrents: one that is sent, and three
/// that their clients have not taken.
pub(super) const FULL_SCRAPES: u64 = 4 * 2 * SCRAPE_SEND_BUFFER_BYTES as u64;

/// A connection in the process: its slot of 280 bytes, of which a list that grows has up to three times as many, and its
/// WebSocket.
pub(super) const CONNECTION: u64 = 1 << 10;

/// The session of a connection over TLS.
pub(super) const TLS_SESSION: u64 = 9 << 9;

/// A request that is at another core, of which a connection has one.
pub(super) const ROUTED_REQUEST: u64 = 11 << 10;

/// The bytes that a connection holds in the process, on average: input that is not served yet, and what its client has not
/// taken yet. One that holds more takes it from others, at most as much as there is for all of a core.
pub(super) const HELD: u64 = 16 << 10;

/// The least that the connections of a core may hold together: a few of the longest messages and queues.
pub(super) const HELD_MIN: u64 = 1 << 20;

/// A torrent on a list or with a count.
pub(super) const LISTED_TORRENT: u64 = 40;

/// The empty table of lists of one core.
pub(super) const LISTS: u64 = 192 << 10;

/// A key in the control plane: its account, the index by number, and its place among the unsaved ones.
pub(super) const KEY: u64 = 512;

/// A key in one core: in the table of keys, in the counts of sessions, and among the changed accounts.
pub(super) const KEY_OF_CORE: u64 = 256;

/// A session.
pub(super) const SESSION: u64 = 200;

/// The details of one peer.
pub(super) const PEER_DETAILS: u64 = 256;

/// The empty tables of keys, sessions or details of one core.
pub(super) const TABLE: u64 = 64 << 10;

/// A forwarded torrent: in its core, and in the schedule without its upstream trackers.
pub(super) const FORWARDED_TORRENT: u64 = 1 << 10;

/// A forwarded torrent at one upstream tracker: its entry and its place in the queue.
pub(super) const FORWARDED_TO_UPSTREAM: u64 = 160;

/// An external peer.
pub(super) const EXTERNAL_PEER: u64 = 48;

/// A change of a list or a count that waits for the database.
pub(super) const CHANGE: u64 = 64;

/// A change of a key that waits for the database.
pub(super) const KEY_CHANGE: u64 = 320;

/// The swarms may count 10 of 12 parts of their share. The allocator's pages are full up to 87 % where the sizes of swarms are
/// skewed, and up to 93 % after swarms have grown and shrunk (`bench/micro/resident.rs`). Clients that leave holes on purpose
/// can bring this down to 12 %: then `control/src/lifecycle/memory_watch.rs` lets the swarms take less.
pub(super) const SWARM_PARTS: u64 = 12;
pub(super) const SWARM_PARTS_COUNTED: u64 = 10;

/// The least for the swarms of a core: its empty tables and a few thousand peers.
pub(super) const SWARMS_MIN: u64 = 1 << 20;
