//! `[udp]`: the sockets that UDP requests arrive on and leave from.

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
    /// The addresses and ports that UDP requests are received on.
    ///
    /// Allowed: a list of 1 to 16 different socket addresses, IPv6 in brackets. An IPv6 address takes IPv6
    /// only, so that `0.0.0.0` and `[::]` stand side by side. Port 0 takes any free port.
    ///
    /// A wildcard address serves every address of the host. Listing single addresses keeps the tracker off
    /// the others, and each one costs every worker a socket of its own.
    #[config(
        env = "RINGTRACK_UDP_LISTEN",
        default = ["0.0.0.0:6969", "[::]:6969"],
        deserialize_with = addresses::listen::<{ limits::UDP_LISTEN_MIN }, { limits::UDP_LISTEN_MAX }, _>
    )]
    pub listen: Vec<SocketAddr>,

    /// Whether the kernel hands each request to the core that keeps the request's swarm.
    ///
    /// Allowed: "auto" (yes; where the kernel refuses, the tracker says so in a warning and goes on without)
    /// or "off".
    ///
    /// Off, most requests arrive on a wrong core and take a hop to the right one, which costs both cores
    /// time. Turn it off only to find out whether a trouble comes from it. With one core it makes no
    /// difference.
    #[config(env = "RINGTRACK_UDP_STEERING", default = "auto", deserialize_with = choice::of)]
    #[serde(serialize_with = "choice::show")]
    pub steering: Steering,

    /// How many datagrams a worker receives, and sends, in one system call at most.
    ///
    /// Allowed: 1 to 256 datagrams.
    ///
    /// A larger batch spares system calls under load, at the price of memory in the first-level caches and
    /// of a first reply that waits for the last request of its batch. Under light load batches are short
    /// whatever stands here, and nothing waits for a batch to fill.
    #[config(
        env = "RINGTRACK_UDP_BATCH_DATAGRAMS",
        default = 64,
        deserialize_with = between::<
            { limits::UDP_BATCH_DATAGRAMS_MIN }, { limits::UDP_BATCH_DATAGRAMS_MAX }, _, _
        >
    )]
    pub batch_datagrams: usize,

    /// The kernel's receive buffer of each socket.
    ///
    /// Allowed: 65536 to 1073741824 bytes (64 KiB to 1 GiB). The kernel gives no more than its own bound,
    /// the sysctl `net.core.rmem_max`, unless the process has `CAP_NET_ADMIN`.
    ///
    /// A larger buffer rides out longer bursts before the kernel drops requests; one that is always full
    /// only makes replies late. There is one for each address on each core.
    #[config(
        env = "RINGTRACK_UDP_RECEIVE_BUFFER_BYTES",
        default = 4_194_304,
        deserialize_with = between::<
            { limits::UDP_BUFFER_BYTES_MIN }, { limits::UDP_BUFFER_BYTES_MAX }, _, _
        >
    )]
    pub receive_buffer_bytes: usize,

    /// The kernel's send buffer of each socket.
    ///
    /// Allowed: 65536 to 1073741824 bytes (64 KiB to 1 GiB). The kernel gives no more than its own bound,
    /// the sysctl `net.core.wmem_max`, unless the process has `CAP_NET_ADMIN`.
    ///
    /// A larger buffer lets a worker hand over replies while the network card is busy; when it is full,
    /// replies are dropped and counted, and their clients ask again.
    #[config(
        env = "RINGTRACK_UDP_SEND_BUFFER_BYTES",
        default = 4_194_304,
        deserialize_with = between::<
            { limits::UDP_BUFFER_BYTES_MIN }, { limits::UDP_BUFFER_BYTES_MAX }, _, _
        >
    )]
    pub send_buffer_bytes: usize,

    /// The largest IP packet that a reply is sent in, IP and UDP headers included. A reply that would be
    /// longer carries fewer peers.
    ///
    /// Allowed: 576 to 9000 bytes.
    ///
    /// 1280 passes every IPv6 path and all common tunnels, and carries 205 IPv4 or 67 IPv6 peers. A larger
    /// packet carries more IPv6 peers, but on paths that are narrower it is lost, and such a client
    /// hears nothing at all.
    #[config(
        env = "RINGTRACK_UDP_PATH_MTU_BYTES",
        default = 1280,
        deserialize_with = between::<
            { limits::UDP_PATH_MTU_BYTES_MIN }, { limits::UDP_PATH_MTU_BYTES_MAX }, _, _
        >
    )]
    pub path_mtu_bytes: u16,

    /// Which of the host's addresses a reply is sent from where the tracker listens on a wildcard address.
    ///
    /// Allowed: "destination" (the address that the request was sent to) or "kernel" (whichever the kernel's
    /// routes choose).
    ///
    /// Clients discard a reply from an address that they did not ask. "kernel" is a little cheaper, and
    /// right only on hosts that have one address of each family.
    #[config(env = "RINGTRACK_UDP_REPLY_SOURCE", default = "destination", deserialize_with = choice::of)]
    #[serde(serialize_with = "choice::show")]
    pub reply_source: ReplySource,
}

/// Whether the kernel chooses the socket of a datagram by its info hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Steering {
    /// On; where the kernel refuses it, go on without and warn.
    Auto,
    /// The kernel spreads datagrams by their source.
    Off,
}

impl Choice for Steering {
    const CHOICES: &'static [(&'static str, Self)] = &[("auto", Self::Auto), ("off", Self::Off)];
}

/// Which local address a reply is sent from on a wildcard socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReplySource {
    /// The address that the request was sent to.
    Destination,
    /// Whichever address the kernel's routes choose.
    Kernel,
}

impl Choice for ReplySource {
    const CHOICES: &'static [(&'static str, Self)] =
        &[("destination", Self::Destination), ("kernel", Self::Kernel)];
}
