//! The limits of a worker, each with its reason.

/// Listeners of one tracker: a handful of addresses in two families. Mesh messages name a listener in one byte.
pub const LISTENERS_MAX: usize = 16;

/// Bytes of a datagram that are read. A scrape of 74 torrents has 1496, and an announce with BEP 41 options rarely a
/// third of that. Longer datagrams are truncated and still answered.
pub const DATAGRAM_BYTES_MAX: usize = 2048;

/// Milliseconds after which a core's busy tasks let its reactor check the rest: timer, other sockets and other cores.
pub const REACTOR_TURN_MS: u64 = 1;

/// glommio's own preemption, in milliseconds: a last resort, since the busy tasks keep to [`REACTOR_TURN_MS`]. It is
/// long because glommio 0.9 parks an executor that has work if the timer fires between its start and the first check of
/// it, which happens if the thread is off its core that long: with 2 ms, one start in a hundred hung on a busy machine.
pub const PREEMPT_MS: u64 = 1000;

/// Milliseconds between two turns of the timer task.
pub const TIMER_MS: u64 = 100;

/// Processor time of an expiry turn that has enough to do, in microseconds: a hundredth of the core's time, and no
/// longer than a few batches of datagrams take.
pub(crate) const EXPIRY_TURN_US: u64 = 1000;

/// Milliseconds between two checks for tasks of the control plane: the delay that this adds to the management API on an
/// idle tracker, against the wake-ups of a core without requests.
pub(crate) const CONTROL_POLL_MS: u64 = 20;

/// Microseconds for which a core works for the control plane before it serves requests again.
pub(crate) const CONTROL_SLICE_US: u64 = 200;

/// Milliseconds for requests between two such slices: the control plane gets at most a sixth of the core.
pub(crate) const CONTROL_PAUSE_MS: u64 = 1;

/// Events that a core sends in one timer turn at most, each with up to a thousand keys or torrents.
pub(crate) const EVENTS_PER_TURN_MAX: usize = 4;

/// Milliseconds for which a stopped core waits for the control plane to receive its last events.
pub(crate) const LAST_EVENTS_MS_MAX: u64 = 2000;

/// Milliseconds after its last task for which a control queue checks for the next one after each pause: a list of a
/// million lines is sent as hundreds of tasks, each of which waits for the one before.
pub(crate) const CONTROL_AWAKE_MS: u64 = 50;

/// Tasks of the control plane in progress on a core at most. Others wait in their channel.
pub(crate) const CONTROL_JOBS_MAX: usize = 64;

/// Units of work in the first turn, when their cost is not known: a millisecond if each misses the cache.
pub(crate) const EXPIRY_WORK_FIRST: u32 = 65_536;

/// The least units of work in a turn, whatever they cost, so that expiry makes progress: less than a tenth of a
/// millisecond if memory is in the cache.
pub(crate) const EXPIRY_WORK_MIN: u32 = 16_384;

/// The most units of work in a turn: the removal of the first of many due peers after a quiet time may cost ten times
/// as much as the checks of quiet swarms before it.
pub(crate) const EXPIRY_WORK_MAX: u32 = 262_144;

/// Timer turns for which time stamps are still read after the kernel has stopped making them: several times as long as
/// answering a full receive buffer takes.
pub(crate) const STAMPS_READ_TURNS: u32 = 4;

/// Milliseconds before a failed receive call is retried.
pub(crate) const RECEIVE_RETRY_MS: u64 = 20;

/// Milliseconds of processor time for which a stopping core answers the requests in its sockets. A fraction of it is
/// enough to empty them, except under a flood.
pub(crate) const DRAIN_MS_MAX: u64 = 500;

/// Requests of a ring that are answered before their replies are passed to the kernel.
pub(crate) const MESH_BATCH_MAX: usize = 64;

/// One of this many slots of a ring for requests may belong to a scrape: scrapes are a hundredth of the requests, and each
/// takes a box of 1.6 KiB.
pub(crate) const SCRAPES_SHARE: usize = 16;

/// The fewest scrapes of one core's clients that may be underway to an owner.
pub(crate) const SCRAPES_PER_OWNER_MIN: usize = 8;

/// The fewest slots of a ring for requests: enough for a batch of announces that are all for one owner.
pub(crate) const REQUEST_SLOTS_MIN: usize = 64;

/// Bytes that glommio reserves for file IO, which the data plane does not do.
pub(crate) const FILE_IO_BYTES: usize = 64 * 1024;

/// Attempts to find a free port where any will do, in case another program takes one meanwhile.
pub(crate) const FREE_PORT_ATTEMPTS_MAX: usize = 16;

/// Milliseconds between two checks for the other ends of the mesh at start-up.
pub(crate) const CONNECT_TICK_MS: u64 = 1;
