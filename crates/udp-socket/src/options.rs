//! How a socket is to be made.

use std::net::SocketAddr;
use std::num::NonZeroU16;

/// Whether other sockets may be bound to the same address.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PortSharing {
    /// The socket is alone on its address; a second bind fails.
    #[default]
    Exclusive,
    /// The socket joins the `SO_REUSEPORT` group of its address, into which the kernel spreads datagrams. A
    /// socket's index in the group is its bind order, as long as none of the group is closed (the last one
    /// then takes the index of the closed one).
    ///
    /// Name a port: with port 0 the kernel may pick the port of another group of the same user, and joins it.
    ReusePort,
}

/// Whether the local address that a datagram was sent to is kept, so that the reply leaves from that address.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DestinationInfo {
    /// Replies leave from whatever address the routing table prefers: right where the socket is bound to one
    /// address.
    #[default]
    Ignore,
    /// Each received path knows its local address: needed where the socket is bound to the wildcard address
    /// of a machine with several addresses.
    Capture,
}

/// Whether the kernel stamps each datagram with the time of its arrival.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ReceiveTimestamps {
    /// It does not.
    #[default]
    Off,
    /// It stamps no more, and tells the stamps of those that wait already.
    TellOnly,
    /// It does, which costs it a clock read and a control message for each datagram. The clock is also read for
    /// all other packets of the system as long as one socket asks for stamps.
    On,
}

/// What [`BatchSocket::bind`](crate::BatchSocket::bind) makes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SocketOptions {
    /// The local address. An IPv6 address never receives IPv4 datagrams (`IPV6_V6ONLY`).
    pub address: SocketAddr,
    /// The receive buffer in bytes of kernel memory, or the system's default. Beyond `net.core.rmem_max` only
    /// a process with `CAP_NET_ADMIN` gets it; see
    /// [`effective_receive_buffer_bytes`](crate::BatchSocket::effective_receive_buffer_bytes).
    pub receive_buffer_bytes: Option<usize>,
    /// The send buffer in bytes of kernel memory, or the system's default. The same rule holds with
    /// `net.core.wmem_max`.
    pub send_buffer_bytes: Option<usize>,
    /// Whether the socket joins a reuseport group.
    pub sharing: PortSharing,
    /// Whether received paths know their local address.
    pub destination: DestinationInfo,
    /// Generic segmentation offload (`UDP_SEGMENT`): what is sent as one longer message leaves as datagrams of
    /// this many bytes each, the last one of the rest. One trip through the kernel then serves up to
    /// [`SEGMENTS_MAX`](crate::SEGMENTS_MAX) datagrams to one destination.
    pub segment_bytes: Option<NonZeroU16>,
}

impl SocketOptions {
    /// An exclusive socket on `address` with the system's buffer sizes, which ignores destination addresses.
    #[must_use]
    pub fn new(address: SocketAddr) -> Self {
        Self {
            address,
            receive_buffer_bytes: None,
            send_buffer_bytes: None,
            sharing: PortSharing::default(),
            destination: DestinationInfo::default(),
            segment_bytes: None,
        }
    }
}
