//! One core's loop, without IO.
//!
//! A [`Core`] owns a shard and serves everything that asks it for something: datagrams ([`Sockets`], `datagrams`),
//! connections (`connection`), messages of other cores ([`Mesh`], `ring`), the control plane (`control_queue`) and the timer
//! (`timer`). [`Core::step`] gives each of them a turn with a budget. The worker runs it over real sockets and clocks, and
//! waits when there is nothing to do; the simulator runs many cores over its own, one step after another.

#![forbid(unsafe_code)]

mod clock;
mod coalescing;
pub mod connection;
mod control_queue;
mod core;
mod core_state;
mod datagrams;
mod expiry_pace;
mod flood;
mod kernel_filter;
mod kernel_sampling;
mod limits;
mod mesh;
mod messages;
mod mutes;
mod ring;
mod sockets;
mod timer;
mod torrent_sample;
mod wire;

pub use self::core::{Core, CoreSetup, Step};
pub use clock::Clock;
pub use core_link::{KernelFiltering, KernelSampling};
pub use limits::{EVENTS_MAX, LISTENERS_MAX, SIGNALS_PER_RING_MAX, TIMER_MS};
pub use mesh::{Mesh, MeshSlots, full_mesh};
pub use messages::ListenerIndex;
pub use sockets::{
    Accept, ConnectionEvent, Event, NotSent, ReceiveQueues, ReceiveTimestamps, ReceivedBatch, ReplyBatch,
    Sockets,
};
pub use wire::{Security, SendRoom, SlotKey, Wire};
