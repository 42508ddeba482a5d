//! The limits of a core's loop, each with its reason.

/// Listeners of one tracker: a handful of addresses in two families. Mesh messages name a listener in one byte.
pub const LISTENERS_MAX: usize = 16;

/// Events of sockets that a step fetches at most. Noting them takes a fraction of a turn of the connections.
pub const EVENTS_MAX: usize = 64;

/// Datagrams that must be expected during a wait for more of them. Such a wait costs one system call more than the wait for the
/// next datagram, a fraction of what answering one of them by itself costs.
pub(crate) const COALESCED_DATAGRAMS_MIN: f32 = 1.5;

/// Milliseconds between two turns of the timer.
pub const TIMER_MS: u64 = 100;

/// Processor time of an expiry turn that has enough to do, in microseconds: a hundredth of the core's time, and no
/// longer than a few batches of datagrams take.
pub(crate) const EXPIRY_TURN_US: u64 = 1000;

/// Microseconds for which a core works for the control plane before it serves requests again.
pub(crate) const CONTROL_SLICE_US: u64 = 200;

/// Milliseconds for requests between two such slices: the control plane gets at most a sixth of a core that serves.
pub(crate) const CONTROL_PAUSE_MS: u64 = 1;

/// Milliseconds between two sweeps of lists, keys and sessions: 512 of them visit every entry, in ten seconds.
pub(crate) const SWEEP_MS: u64 = 20;

/// Sweeps that a core makes up for after it slept: those of a turn of the timer.
pub(crate) const SWEEPS_LATE_MAX: u32 = 5;

/// Events that a core sends in one timer turn at most, each with up to a thousand keys or torrents.
pub(crate) const EVENTS_PER_TURN_MAX: usize = 4;

/// Milliseconds for which a stopped core waits for the control plane to receive its last events.
pub(crate) const LAST_EVENTS_MS_MAX: u64 = 2000;

/// Tasks of the control plane in progress on a core at most. Others wait in their channel.
pub(crate) const CONTROL_JOBS_MAX: usize = 64;

/// Milliseconds after which a core that sleeps looks again at what cannot notify it: a full ring while it serves, and commands,
/// rings that close and the channel of events in the other stages.
pub(crate) const RETRY_MS: u64 = 1;

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

/// Milliseconds over which the rates of a flood are measured: a few turns of the timer, so that one late turn does not decide.
pub(crate) const FLOOD_WINDOW_MS: u64 = 500;

/// Windows for which a flood of wrong connection ids has to be over: five seconds, so that pauses do not end the filter.
pub(crate) const CALM_WINDOWS: u32 = 10;

/// Windows after which wrong connection ids are received for one, whatever the kernel drops: a minute, so that a flood that
/// lasts is received for less than a hundredth of the time.
pub(crate) const FILTERED_WINDOWS_MAX: u32 = 120;

/// The part of a receive queue from which on it is full. The kernel notes memory as free in steps of a quarter of the queue.
pub(crate) const QUEUE_FULL_PERCENT: u8 = 75;

/// Milliseconds after which a socket that refused its filter is given it again: reasons such as scarce memory pass, and compiling
/// a program of 4,096 instructions each time is no work beside ten seconds.
pub(crate) const FILTER_RETRY_MS: u64 = 10_000;

/// Refusals of a prefix in a turn of the timer from which on the kernel drops its datagrams: 5,000 a second cost a core about
/// a hundredth of its time, and are few beside what its receive queue holds.
pub(crate) const MUTED_REFUSALS_MIN: u32 = 500;

/// Milliseconds for which the datagrams of such a prefix are dropped: a flood that lasts is received for less than a thousandth of
/// the time, and one that has ended is forgotten before clients repeat their requests, after 15 seconds.
pub(crate) const MUTED_MS: u64 = 5000;

/// Milliseconds after which the sources that were released are judged, before the next turn of the timer. What is queued meanwhile of a
/// flood that lasts delays other clients by a few milliseconds more.
pub(crate) const RELEASED_JUDGED_MS: u64 = 2;

/// Prefixes of which a core drops the datagrams at a time, so that nearly all room in the filter is left to banned networks.
pub(crate) const MUTED_MAX: usize = 64;

/// Datagrams in a sample from which on a majority in it is no chance.
pub(crate) const SAMPLE_DATAGRAMS_MIN: u32 = 32;

/// The share of the requests for a hot torrent that passes at first, of 2^32: the half that is its share beside the others.
pub(crate) const HOT_PASSED_FIRST: u32 = 1 << 31;

/// The least share of the requests for a hot torrent that passes, so that its swarm lives.
pub(crate) const HOT_PASSED_MIN: u32 = 1 << 24;

/// Each window adds the share divided by 2 to this power: a sixteenth, so that the queue is full in one of about ten.
pub(crate) const HOT_GROWTH_SHIFT: u32 = 4;

/// Milliseconds of processor time for which a stopping core answers the requests in its sockets. A fraction of it is
/// enough to empty them, except under a flood.
pub(crate) const DRAIN_MS_MAX: u64 = 500;

/// Requests of a ring that are answered before their replies are passed to the kernel.
pub(crate) const MESH_BATCH_MAX: usize = 64;

/// One of this many slots of a ring for requests may belong to a scrape: scrapes are a hundredth of the requests, and each
/// takes a box of 1.6 KiB.
pub(crate) const SCRAPES_SHARE: usize = 16;

/// Peers that leave with their connections, sent to one owner in a step: a quarter of the smallest ring at most, so that there is
/// room for datagrams.
pub(crate) const LEAVES_PER_STEP_MAX: usize = REQUEST_SLOTS_MIN / 4;

/// Offers and answers on their way from one core to another at most: some turns of a core. Most have one to two kilobytes,
/// and all together at most 16 MiB.
pub const SIGNALS_PER_RING_MAX: usize = 1024;

const _: () = assert!(SIGNALS_PER_RING_MAX * engine::SIGNAL_BYTES_MAX <= 16 << 20);

/// The fewest scrapes of one core's clients that may be underway to an owner.
pub(crate) const SCRAPES_PER_OWNER_MIN: usize = 8;

/// The fewest slots of a ring for requests: enough for a batch of announces that are all for one owner.
pub(crate) const REQUEST_SLOTS_MIN: usize = 64;
