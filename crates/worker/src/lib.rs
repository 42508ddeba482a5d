//! The data plane: one glommio executor per core, which moves bytes and asks the engine.
//!
//! A worker is thin. Its UDP loop takes a batch from the socket, has the engine decide, and hands the replies
//! to the kernel; its mesh tasks answer what arrived on another core; its timer task lets swarms expire,
//! publishes the figures, samples and takes commands.

#![deny(unsafe_code, reason = "only readiness.rs may, where glommio takes a raw descriptor")]

mod clock;
mod control_queue;
mod core_state;
mod expiry_pace;
pub mod http;
mod kernel_ring;
mod kernel_sampling;
mod limits;
mod listener;
mod mesh;
mod messages;
mod reactor_turn;
mod readiness;
mod timer;
mod udp_loop;
mod worker;

pub use kernel_sampling::KernelSampling;
pub use limits::{DATAGRAM_BYTES_MAX, LISTENERS_MAX, PREEMPT_MS, REACTOR_TURN_MS, TIMER_MS};
pub use listener::{
    BindError, BoundListeners, Listener, ListenerOptions, Scheme, SteeringOutcome, SteeringRequest,
    bind_listeners,
};
pub use mesh::{MeshEnd, full_mesh};
pub use messages::{CoreTask, WorkerCommand, WorkerEvent};
pub use worker::{WorkerError, WorkerHandle, WorkerSetup, start_worker};
