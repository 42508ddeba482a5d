//! The workers of the data plane: one pinned thread per core, which runs the core's loop over real sockets and clocks.
//!
//! `listener` and `http_listener` bind the sockets, or adopt them (`inherited`), [`start_worker`] starts the thread of a core, `executor` runs
//! [`core_loop::Core`] on it and waits when it is idle, and `sockets` has the core's sockets and the one epoll that watches
//! them.

#![forbid(unsafe_code)]

mod clock;
mod error;
mod executor;
mod http_listener;
mod inherited;
mod limits;
mod listener;
mod sockets;
mod take_over;
mod wake_up;
mod wire;
mod worker;

pub use error::WorkerError;
pub use http_listener::{BoundHttpListeners, HttpListener, bind_http_listeners};
pub use inherited::{AdoptError, Adopted, Giver, InheritedSocket, InheritedSockets, SocketKind};
pub use limits::{
    BACKLOG_MAX, CONNECTION_RECEIVE_BUFFER_BYTES, CONNECTION_SEND_BUFFER_BYTES, DATAGRAM_BYTES_MAX,
    PREEMPT_MS, SCRAPE_SEND_BUFFER_BYTES,
};
pub use listener::{
    BindError, BoundListeners, Listener, ListenerOptions, Scheme, SteeringOutcome, SteeringRequest,
    bind_listeners,
};
pub use take_over::take_over;
pub use worker::{WorkerHandle, WorkerSetup, start_worker};
