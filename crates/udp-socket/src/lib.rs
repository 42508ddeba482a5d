//! Batched datagrams: recvmmsg and sendmmsg over owned buffers, packet info, time stamps, reuseport steering.
//!
//! A [`BatchSocket`] never blocks and never waits: the caller waits until the socket is readable, then takes
//! what stands in the kernel with [`BatchSocket::receive`] and answers with [`BatchSocket::send`], a
//! [`ReceiveBatch`] and a [`SendBatch`] at a time. All memory is allocated when a batch is made; receiving
//! and sending allocate nothing.
//!
//! [`SteeringProgram`] lets the kernel choose the socket of a reuseport group by the info hash that a
//! datagram carries.

#![allow(
    unsafe_code,
    reason = "the one home of unsafe: system calls over memory that the kernel reads and writes"
)]

#[cfg(not(all(target_os = "linux", target_pointer_width = "64")))]
compile_error!("udp-socket speaks the kernel's 64-bit Linux socket ABI only");

mod control_message;
mod kernel_option;
mod limits;
mod message_table;
mod options;
mod path;
mod receive;
mod send;
mod socket;
mod stable_slice;
mod steering;
#[cfg(test)]
mod testing;

pub use limits::{
    BATCH_DATAGRAMS_MAX, DATAGRAM_BYTES_MAX, INFO_HASH_BYTES, RECEIVE_ATTEMPTS_MAX, SEGMENTS_MAX,
};
pub use options::{DestinationInfo, PortSharing, ReceiveTimestamps, SocketOptions};
pub use path::Path;
pub use receive::{ReceiveBatch, Received};
pub use send::{SendBatch, SendReport};
pub use socket::BatchSocket;
pub use steering::SteeringProgram;
