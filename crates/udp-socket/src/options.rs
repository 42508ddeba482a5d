//! Options of a socket.

use std::net::SocketAddr;
use std::num::NonZeroU16;

/// Whether other sockets may be bound to the same address.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PortSharing {
    /// Only this socket is bound to its address; a second bind fails.
    #[default]
    Exclusive,
    /// The socket joins the `SO_REUSEPORT` group of its address, over which the kernel spreads datagrams. Its index
    /// in the group is its bind order, until a socket of the group is closed (the last one then takes the index of
    /// the closed one).
    ///
    /// Requires a port: with port 0 the kernel may choose, and join, another group of the same user.
    ReusePort,
}

/// Whether the destination address of datagrams is captured, so that replies leave from it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DestinationInfo {
    /// Replies leave from the address that the routing table prefers: correct if the socket is bound to one address.
    #[default]
    Ignore,
    /// Each received path has its local address: needed on the wildcard address of a machine with several addresses.
    Capture,
}

/// Whether the kernel stamps each datagram with its time of arrival.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ReceiveTimestamps {
    #[default]
    Off,
    /// New datagrams are not stamped; those that already wait report their stamps.
    ReadOnly,
    /// Each datagram costs a clock read and a control message. The kernel also reads the clock for all other packets
    /// of the system while any socket asks for stamps.
    On,
}

/// Options of [`BatchSocket::bind`](crate::BatchSocket::bind).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SocketOptions {
    /// Local address. An IPv6 address never receives IPv4 datagrams (`IPV6_V6ONLY`).
    pub address: SocketAddr,
    /// Receive buffer in bytes of kernel memory, or the system's default. More than `net.core.rmem_max` needs
    /// `CAP_NET_ADMIN`; see [`effective_receive_buffer_bytes`](crate::BatchSocket::effective_receive_buffer_bytes).
    pub receive_buffer_bytes: Option<usize>,
    /// Send buffer in bytes of kernel memory, or the system's default. More than `net.core.wmem_max` needs
    /// `CAP_NET_ADMIN`.
    pub send_buffer_bytes: Option<usize>,
    pub sharing: PortSharing,
    pub destination: DestinationInfo,
    /// Generic segmentation offload (`UDP_SEGMENT`): a longer message leaves as datagrams of this many bytes each,
    /// the last one with the rest. One pass through the kernel then sends up to [`SEGMENTS_MAX`](crate::SEGMENTS_MAX)
    /// datagrams to one destination.
    pub segment_bytes: Option<NonZeroU16>,
}

impl SocketOptions {
    /// Options for an exclusive socket on `address` with the system's buffer sizes that ignores destination
    /// addresses.
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
