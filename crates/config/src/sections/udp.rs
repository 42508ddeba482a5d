//! `[udp]`: the UDP sockets.

use std::net::SocketAddr;

use confique::Config;
use serde::Serialize;

use crate::limits;
use crate::values::addresses;
use crate::values::choice::{self, Choice};
use crate::values::integer::between;

/// The UDP sockets.
#[derive(Debug, Clone, PartialEq, Eq, Config, Serialize)]
pub struct Udp {
    /// The addresses and ports on which UDP requests are received.
    ///
    /// Allowed: a list of 1 to 16 different socket addresses, IPv6 in brackets. An IPv6 address accepts IPv6 only, so
    /// `0.0.0.0` and `[::]` can be listed together. Port 0 picks any free port.
    ///
    /// A wildcard address serves every address of the host. Listing individual addresses keeps the tracker off the
    /// others; each costs every worker one socket.
    #[config(
        env = "RINGTRACK_UDP_LISTEN",
        default = ["0.0.0.0:6969", "[::]:6969"],
        deserialize_with = addresses::listen::<{ limits::UDP_LISTEN_MIN }, { limits::UDP_LISTEN_MAX }, _>
    )]
    pub listen: Vec<SocketAddr>,

    /// Whether the kernel delivers each request directly to the core that holds the request's swarm.
    ///
    /// Allowed: "auto" (yes; if the kernel refuses, the tracker logs a warning and runs without) or "off".
    ///
    /// With "off", most requests arrive on the wrong core and are forwarded to the right one, which costs time on both.
    /// Turn it off only to find out whether it causes a problem. With one core it makes no difference.
    #[config(env = "RINGTRACK_UDP_STEERING", default = "auto", deserialize_with = choice::of)]
    #[serde(serialize_with = "choice::show")]
    pub steering: Steering,

    /// The maximum number of datagrams that a worker receives, or sends, in one system call.
    ///
    /// Allowed: 1 to 256 datagrams.
    ///
    /// A larger batch saves system calls under load, but takes more of the first-level caches, and the first reply
    /// waits for the last request of its batch. Under light load batches are short regardless of this value; a worker
    /// never waits for a batch to fill.
    #[config(
        env = "RINGTRACK_UDP_BATCH_DATAGRAMS",
        default = 64,
        deserialize_with = between::<
            { limits::UDP_BATCH_DATAGRAMS_MIN }, { limits::UDP_BATCH_DATAGRAMS_MAX }, _, _
        >
    )]
    pub batch_datagrams: usize,

    /// The size of each socket's receive buffer in the kernel.
    ///
    /// Allowed: 65536 to 1073741824 bytes (64 KiB to 1 GiB). Unless the process has `CAP_NET_ADMIN`, the kernel caps it
    /// at the sysctl `net.core.rmem_max`.
    ///
    /// A larger buffer absorbs longer bursts before the kernel drops requests; a buffer that is always full only delays
    /// replies. There is one buffer for each address on each core.
    #[config(
        env = "RINGTRACK_UDP_RECEIVE_BUFFER_BYTES",
        default = 4_194_304,
        deserialize_with = between::<
            { limits::UDP_BUFFER_BYTES_MIN }, { limits::UDP_BUFFER_BYTES_MAX }, _, _
        >
    )]
    pub receive_buffer_bytes: usize,

    /// The size of each socket's send buffer in the kernel.
    ///
    /// Allowed: 65536 to 1073741824 bytes (64 KiB to 1 GiB). Unless the process has `CAP_NET_ADMIN`, the kernel caps it
    /// at the sysctl `net.core.wmem_max`.
    ///
    /// A larger buffer lets a worker continue to send while the network card is busy. When it is full, replies are
    /// dropped and counted, and the clients retry.
    #[config(
        env = "RINGTRACK_UDP_SEND_BUFFER_BYTES",
        default = 4_194_304,
        deserialize_with = between::<
            { limits::UDP_BUFFER_BYTES_MIN }, { limits::UDP_BUFFER_BYTES_MAX }, _, _
        >
    )]
    pub send_buffer_bytes: usize,

    /// The largest IP packet in which a reply is sent, including IP and UDP headers. A reply that would be larger
    /// carries fewer peers.
    ///
    /// Allowed: 576 to 9000 bytes.
    ///
    /// 1280 fits every IPv6 path and all common tunnels, and carries 205 IPv4 or 67 IPv6 peers. A larger packet carries
    /// more IPv6 peers, but is lost on paths with a smaller MTU, and the client then receives no reply at all.
    #[config(
        env = "RINGTRACK_UDP_PATH_MTU_BYTES",
        default = 1280,
        deserialize_with = between::<
            { limits::UDP_PATH_MTU_BYTES_MIN }, { limits::UDP_PATH_MTU_BYTES_MAX }, _, _
        >
    )]
    pub path_mtu_bytes: u16,

    /// The address from which a reply is sent when the tracker listens on a wildcard address.
    ///
    /// Allowed: "destination" (the address that the request was sent to) or "kernel" (the address that the kernel's
    /// routing selects).
    ///
    /// Clients discard a reply from an address that they did not contact. "kernel" is slightly cheaper, but correct
    /// only on hosts with one address per address family.
    #[config(env = "RINGTRACK_UDP_REPLY_SOURCE", default = "destination", deserialize_with = choice::of)]
    #[serde(serialize_with = "choice::show")]
    pub reply_source: ReplySource,
}

/// Whether the kernel chooses the socket of a datagram by its info hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Steering {
    /// On; if the kernel refuses, the tracker warns and runs without.
    Auto,
    /// The kernel distributes datagrams by their source.
    Off,
}

impl Choice for Steering {
    const CHOICES: &'static [(&'static str, Self)] = &[("auto", Self::Auto), ("off", Self::Off)];
}

/// The local address from which a reply is sent on a wildcard socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReplySource {
    /// The address that the request was sent to.
    Destination,
    /// The address that the kernel's routing selects.
    Kernel,
}

impl Choice for ReplySource {
    const CHOICES: &'static [(&'static str, Self)] =
        &[("destination", Self::Destination), ("kernel", Self::Kernel)];
}
