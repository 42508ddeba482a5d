//! Batched UDP: `recvmmsg` and `sendmmsg` over owned buffers, packet info, time stamps and reuseport steering.
//!
//! A [`BatchSocket`] never blocks: once it is readable, [`BatchSocket::receive`] fills a [`ReceiveBatch`] with
//! waiting datagrams, and [`BatchSocket::send`] sends the replies in a [`SendBatch`]. All memory is allocated when a
//! batch is created; receiving and sending do not allocate.
//!
//! A [`SteeringProgram`] makes the kernel choose the socket of a reuseport group by the info hash in a datagram. A filter
//! ([`BatchSocket::set_filter`]) makes it drop datagrams before they are queued.
//!
//! [`passed_descriptors`] takes the descriptors that a service manager has passed to the process, which is unsafe elsewhere.

#![allow(unsafe_code, reason = "system calls on memory that the kernel reads and writes")]

#[cfg(not(all(target_os = "linux", target_pointer_width = "64")))]
compile_error!("udp-socket supports the 64-bit Linux socket ABI only");

mod bpf;
mod control_message;
mod filter;
mod kernel_option;
mod limits;
mod message_table;
mod options;
mod passed;
mod path;
mod receive;
mod send;
mod socket;
mod stable_slice;
mod steering;
#[cfg(test)]
mod testing;

pub use filter::filter_connections;
pub use limits::{BATCH_DATAGRAMS_MAX, DATAGRAM_BYTES_MAX, RECEIVE_ATTEMPTS_MAX, SEGMENTS_MAX};
pub use options::{DestinationInfo, PortSharing, ReceiveTimestamps, SocketOptions};
pub use passed::passed_descriptors;
pub use path::Path;
pub use receive::{ReceiveBatch, Received};
pub use send::{SendBatch, SendReport};
pub use socket::{BatchSocket, ReceiveQueue};
pub use steering::SteeringProgram;
