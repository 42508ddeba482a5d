//! The link between the control plane and the cores: everything that they send each other.
//!
//! [`link_cores`] creates the links of all cores. The control plane has [`Cores`] with a [`CoreHandle`] for each core,
//! and each worker has the [`CoreEnd`] of its core. All channels are bounded, and neither side ever waits for room in
//! one.
//!
//! * A [`CoreCommand`] is executed within a turn of the core's timer.
//! * A [`CoreTask`] is work that a core does in slices between its requests. The core takes tasks only while few are
//!   in progress, and the others wait. Tasks have a channel of their own for that reason: a command to stop that came
//!   after them would wait for scans that take seconds, or find the channel full.
//! * A [`Reply`] receives the result of a command or a task. It always has room for it.
//! * A [`CoreEvent`] is what a core reports without a request. The events of all cores share a channel. If it is full,
//!   the core gets the event back, and merges it into a later one: no account loses anything.
//! * [`Notify`] wakes a core that sleeps when there is a task for it, or a message of another core. Commands wait for the timer.

#![forbid(unsafe_code)]

mod handle;
mod limits;
mod messages;
mod notify;
mod reply;
mod settings;
mod sync;

pub use handle::{CoreEnd, CoreHandle, Cores, link_cores};
pub use messages::{ChangeRecording, CoreCommand, CoreEvent, CoreTask, ReplySource};
pub use notify::Notify;
pub use reply::Reply;
pub use settings::{CoreSettings, HttpLimits, KernelFiltering, KernelSampling};
