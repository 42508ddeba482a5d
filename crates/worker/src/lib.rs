//! The data plane: one glommio executor per core, which moves bytes. The engine makes the decisions.
//!
//! A worker runs these tasks: one for each UDP socket and one for all TCP connections (`serve`), one for each ring from
//! another core (`ring`), a timer (`timer`: expiry, deadlines, figures, commands), and one for the work of the control
//! plane (`control_queue`). They share the core's state (`core_state`) and yield after each turn.

#![deny(unsafe_code, reason = "only readiness.rs may, where glommio takes a raw descriptor")]

mod clock;
pub mod connection;
mod control_queue;
mod core_state;
mod expiry_pace;
mod kernel_ring;
mod kernel_sampling;
mod limits;
mod listener;
mod mesh;
mod messages;
mod reactor_turn;
mod readiness;
mod ring;
mod serve;
mod timer;
mod turn;
mod worker;

pub use kernel_sampling::KernelSampling;
pub use limits::{DATAGRAM_BYTES_MAX, LISTENERS_MAX, PREEMPT_MS, REACTOR_TURN_MS, TIMER_MS};
pub use listener::{
    BindError, BoundListeners, Listener, ListenerOptions, Scheme, SteeringOutcome, SteeringRequest,
    bind_listeners,
};
pub use mesh::{MeshEnd, full_mesh};
pub use worker::{WorkerError, WorkerHandle, WorkerSetup, start_worker};
