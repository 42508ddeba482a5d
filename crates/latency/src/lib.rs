//! Latency histograms of the replies of one core, recorded a batch at a time.
//!
//! A [`ReplyTimer`] is notified when replies are written and when the kernel has them, and records the latencies in a
//! [`LatencySet`]. It reads no clock and allocates nothing after its creation.
//!
//! # Batches
//!
//! The replies of a batch leave in one system call, so they have one latency. The worker passes in the two clock reads
//! that it makes for each batch anyway, and the counts of replies in the core's figures before and after it: their
//! difference is the number of replies of each kind and family. So the cost of a batch does not depend on its size. A
//! request that crosses the mesh carries the time at which it was received, and its owner records the latency from
//! there to its own send call.
//!
//! # Connections
//!
//! A core reads its clock after each turn of a connection. So the latency of an answer over HTTP, or of a reply to a
//! message, begins with the turn that read the last byte of its request, and ends with the turn that passed it to the
//! kernel, after the way to the owner of its torrent and back. The outcomes that were counted in a turn say which answers
//! it wrote. What the kernel had no room for counts as sent.
//!
//! # Kernel time stamps
//!
//! A latency from the receive call leaves out the time that a request waits in the socket. Therefore the sockets ask
//! for the kernel's time stamps (`SO_TIMESTAMPING`) during one turn of the timer in each `latency.kernel_sample_every_s`
//! (`core-loop/src/kernel_sampling.rs`), and every stamped request that its own core answers is recorded separately. A
//! window lasts from the end of one turn of expiry to the end of the next, so that it contains a whole turn. After it
//! no more datagrams are stamped, but for four more turns the stamps of those that still wait are reported: the slowest
//! requests are not left out.
//!
//! # Sets and dumps
//!
//! A set has 31 histograms of 30 KiB. For a dump, the control plane sends each core an empty set and receives the filled
//! one at a turn of the core's timer; the sets are reused, and a core creates none after its start.
//! `control/src/latency/collector.rs` adds up the sets of all cores, and `log.rs` beside it writes the sum. The
//! latencies of a core that does not reply within a second are in the next dump.

#![forbid(unsafe_code)]

mod counts;
mod limits;
mod set;
mod tag;
mod timer;

pub use counts::ReplyCounts;
pub use limits::{LATENCY_NS_MAX, SIGNIFICANT_DIGITS};
pub use set::LatencySet;
pub use tag::{Protocol, ReplyKind, ReplyTag};
pub use timer::ReplyTimer;
