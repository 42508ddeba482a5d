//! The bounds of a worker, each with its reason.

/// Listeners of one tracker: a handful of addresses in two families. A message of the mesh names one in a byte.
pub const LISTENERS_MAX: usize = 16;

/// Bytes of a datagram that are looked at: a scrape of 74 torrents has 1496, and an announce with BEP 41 options
/// rarely a third of it. What is longer is cut there, and the requests in it are still answered.
pub const DATAGRAM_BYTES_MAX: usize = 2048;

/// Milliseconds after which the busy tasks of a core let its reactor look at everything else: the timer, other
/// sockets, other cores.
pub const REACTOR_TURN_MS: u64 = 1;

/// glommio's own preemption, in milliseconds: a last resort, since the busy tasks keep to [`REACTOR_TURN_MS`]. It is
/// long because glommio 0.9 parks an executor that has work to do if the timer fires between its start and the
/// first look at it, which happens to a thread that is kept off its core for that long; with 2 ms one start in a
/// hundred hung on a busy machine.
pub const PREEMPT_MS: u64 = 1000;

/// Milliseconds between two turns of the timer task.
pub const TIMER_MS: u64 = 100;

/// Microseconds of processor time that a turn of expiry is to take while there is enough to do: a hundredth of the
/// core's time, and no longer than a few batches of datagrams wait for anyhow.
pub(crate) const EXPIRY_TURN_US: u64 = 1000;

/// Milliseconds between two looks for something that the control plane wants done: what the management API's answers
/// take longer on an idle tracker, against the times that a core without requests wakes up.
pub(crate) const CONTROL_POLL_MS: u64 = 20;

/// Microseconds for which a core works for the control plane before it sees to its requests again.
pub(crate) const CONTROL_SLICE_US: u64 = 200;

/// Milliseconds of requests between two such slices: the control plane gets at most a sixth of the core.
pub(crate) const CONTROL_PAUSE_MS: u64 = 1;

/// Events that a core sends in one turn of its timer at most, each with up to a thousand keys or torrents.
pub(crate) const EVENTS_PER_TURN_MAX: usize = 4;

/// Milliseconds for which a core that has stopped waits for the control plane to take what it has to tell.
pub(crate) const LAST_EVENTS_MS_MAX: u64 = 2000;

/// Milliseconds after its last task for which a control queue looks for the next one in each pause: a million lines are sent as
/// hundreds of tasks, each of which waits for the one before.
pub(crate) const CONTROL_AWAKE_MS: u64 = 50;

/// Tasks of the control plane that a core has begun at most. Others wait in their channel.
pub(crate) const CONTROL_JOBS_MAX: usize = 64;

/// Units of work of the first turn, when nothing is known of what one costs: a millisecond where each misses the cache.
pub(crate) const EXPIRY_WORK_FIRST: u32 = 65_536;

/// The least that a turn does, however dear it is, so that expiry goes on: less than a tenth of a millisecond where
/// memory is near.
pub(crate) const EXPIRY_WORK_MIN: u32 = 16_384;

/// The most that a turn is given: the first of many due peers after a quiet time may cost ten times as much as the
/// looks at quiet swarms before it.
pub(crate) const EXPIRY_WORK_MAX: u32 = 262_144;

/// Turns of the timer for which stamps are still told when no more are made: several times what a full receive
/// buffer takes to be answered.
pub(crate) const STAMPS_READ_TURNS: u32 = 4;

/// Milliseconds before a socket whose receive call failed is tried again.
pub(crate) const RECEIVE_RETRY_MS: u64 = 20;

/// Milliseconds of processor time for which a stopping core answers what its sockets hold. They are emptied in a
/// fraction of it; only a flood has more.
pub(crate) const DRAIN_MS_MAX: u64 = 500;

/// Requests of a ring that are answered before their replies are handed to the kernel.
pub(crate) const MESH_BATCH_MAX: usize = 64;

/// Scrapes of one core's clients that may be at other cores, 1.6 KiB each: scrapes are a hundredth of the requests, and
/// fewer than that name torrents of several shards.
pub(crate) const ROUTED_SCRAPES_MAX: usize = 128;

/// The fewest slots of a ring for announces: a batch that is all for one owner.
pub(crate) const ANNOUNCE_SLOTS_MIN: usize = 64;

/// Bytes that glommio sets aside for file IO, which the data plane does none of.
pub(crate) const FILE_IO_BYTES: usize = 64 * 1024;

/// Ports tried when any free one will do, should another program take it in between.
pub(crate) const FREE_PORT_ATTEMPTS_MAX: usize = 16;

/// Milliseconds between two looks for the other ends of the mesh at start.
pub(crate) const CONNECT_TICK_MS: u64 = 1;
