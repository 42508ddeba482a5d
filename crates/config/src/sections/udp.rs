//! `[udp]` and `[connection_ids]`: the UDP sockets, and whose requests are answered.

use std::net::SocketAddr;
use std::path::PathBuf;

use crate::declare::section;
use crate::limits::ADDRESSES_MAX;
use crate::values::choice::{choice, one_of};
use crate::values::integer::integer;
use crate::values::list::list;
use crate::values::path::path;
use crate::values::wildcards;

section! {
    /// UDP sockets.
    pub struct Udp;

    /// The addresses and ports on which UDP requests are received.
    ///
    /// Allowed: a list of 1 to 16 different socket addresses, IPv6 in brackets. An IPv6 address accepts IPv6 only, so
    /// `0.0.0.0` and `[::]` can be listed together. Port 0 picks any free port.
    ///
    /// A wildcard address serves every address of the host. Listing individual addresses keeps the tracker off the
    /// others; each costs every worker one socket.
    // Minimum: without an address the tracker would be unreachable.
    listen: Vec<SocketAddr> = wildcards(6969), list(1..=ADDRESSES_MAX);

    /// Whether the kernel delivers each request directly to the core that holds the request's swarm.
    ///
    /// Allowed: "auto" (yes; if the kernel refuses, the tracker logs a warning and runs without) or "off".
    ///
    /// With "off", most requests arrive on the wrong core and are forwarded to the right one, which costs time on both.
    /// Turn it off only to find out whether it causes a problem. With one core it makes no difference.
    steering: Steering = Steering::Auto, one_of;

    /// Whether the kernel drops what would not be answered anyway, before it wakes a core: datagrams and connections of banned
    /// networks, for a few seconds at a time datagrams of sources far over `sources.requests_per_s`, and during a
    /// flood requests with a wrong connection id, and most requests for a torrent that overloads its core.
    ///
    /// Allowed: "auto" (yes; if the kernel refuses, the tracker logs a warning and runs without) or "off".
    ///
    /// It needs no privilege. What the kernel has dropped is in the figure `ringtrack_udp_kernel_dropped_total` and in no other.
    /// HTTP clients of a banned network cannot connect, instead of being refused with a reason, unless a trusted proxy is in the network. With
    /// more banned networks than fit (1,500 of IPv4 and 240 of IPv6), the tracker refuses the others itself.
    filter: Filter = Filter::Auto, one_of;

    /// The wrong connection ids per second on one core from which on the kernel drops requests with wrong or expired ids. It
    /// ends when wrong ids and dropped datagrams together have stayed below half of this for five seconds, and for half a second
    /// in each minute, in which a flood that lasts is noticed again.
    ///
    /// Allowed: 0 to 10000000 per second; 0 for never.
    ///
    /// Meanwhile a client whose id has expired receives no error, and gets a new id after its timeout. An expired id alone
    /// does not count.
    // Minimum: never.
    // Maximum: more than a core receives.
    filter_wrong_ids_per_s: u32 = 5_000, integer(0..=10_000_000);

    /// The maximum number of datagrams that a worker receives, or sends, in one system call.
    ///
    /// Allowed: 1 to 256 datagrams.
    ///
    /// A larger batch saves system calls under load, but takes more of the first-level caches, and the first reply
    /// waits for the last request of its batch. Under light load batches are short regardless of this value.
    // Minimum: one datagram per call is the smallest batch that makes progress.
    // Maximum: past this, a batch no longer fits the first-level caches and the first reply waits for the last request.
    batch_datagrams: usize = 64, integer(1..=256);

    /// The longest time for which a worker lets requests gather before it receives them.
    ///
    /// Allowed: 0 to 10000 microseconds (10 ms); 0 turns it off.
    ///
    /// Requests that are received together share the cost of waking up and of the system calls. A worker waits only while
    /// several requests would arrive meanwhile, and has time left: below about 7,500 requests per second with the default,
    /// and at saturation, it answers at once. Each core that a request passes through delays it by at most this much.
    // Minimum: off.
    // Maximum: a longer wait would be noticed, and the socket's receive buffer would have to hold all requests of it.
    coalesce_us: u32 = 200, integer(0..=10_000);

    /// The size of each socket's receive buffer in the kernel.
    ///
    /// Allowed: 65536 to 1073741824 bytes (64 KiB to 1 GiB). Unless the process has `CAP_NET_ADMIN`, the kernel caps it
    /// at the sysctl `net.core.rmem_max`.
    ///
    /// A larger buffer absorbs longer bursts before the kernel drops requests; a buffer that is always full only delays
    /// replies. There is one buffer for each address on each core.
    // Minimum: a smaller buffer holds fewer requests than one full batch.
    // Maximum: the kernel doubles the value and stores it in a signed 32-bit field: a larger value does not fit.
    receive_buffer_bytes: usize = 4_194_304, integer(65_536..=1_073_741_824);

    /// The size of each socket's send buffer in the kernel.
    ///
    /// Allowed: 65536 to 1073741824 bytes (64 KiB to 1 GiB). Unless the process has `CAP_NET_ADMIN`, the kernel caps it
    /// at the sysctl `net.core.wmem_max`.
    ///
    /// A larger buffer lets a worker continue to send while the network card is busy. When it is full, replies are
    /// dropped and counted, and the clients retry.
    send_buffer_bytes: usize = 4_194_304, integer(65_536..=1_073_741_824);

    /// The largest IP packet in which a reply is sent, including IP and UDP headers. A reply that would be larger
    /// carries fewer peers.
    ///
    /// Allowed: 576 to 9000 bytes.
    ///
    /// 1280 fits every IPv6 path and all common tunnels, and carries 205 IPv4 or 67 IPv6 peers. A larger packet carries
    /// more IPv6 peers, but is lost on paths with a smaller MTU, and the client then receives no reply at all.
    // Minimum: the largest packet that every IPv4 host must accept (RFC 791).
    // Maximum: the usual jumbo frame; larger packets do not leave the local network.
    path_mtu_bytes: u16 = 1280, integer(576..=9000);

    /// The address from which a reply is sent when the tracker listens on a wildcard address.
    ///
    /// Allowed: "destination" (the address that the request was sent to), "kernel" (the address that the kernel's routing
    /// selects) or "auto" ("kernel" for an address family in which the host has one address besides its loopback
    /// addresses, otherwise "destination"; the tracker follows when addresses are added and removed).
    ///
    /// Clients discard a reply from an address that they did not contact. "kernel" is slightly cheaper. With it, requests to
    /// 127.0.0.2 are answered from 127.0.0.1. Choose "destination" if the host receives the packets of more addresses
    /// than it has, for example with a local route for a network.
    reply_source: ReplySource = ReplySource::Auto, one_of;
}

section! {
    /// Connection ids: how a UDP client proves that it owns its address.
    pub struct ConnectionIds;

    /// The lifetime of a connection id. An id is accepted for at least one and at most two lifetimes.
    ///
    /// Allowed: 10 to 3600 seconds.
    ///
    /// Many clients keep an id longer than the protocol's two minutes: a longer lifetime saves them an error and both
    /// sides a round trip. It also gives someone who intercepts an id more time to announce in the name of its address.
    // Minimum: with a shorter lifetime, a client on a slow path loses its id between connect and announce.
    // Maximum: an intercepted id stays valid for up to two lifetimes; an hour is generous.
    lifetime_s: u32 = 120, integer(10..=3600);

    /// A file with the secret key from which connection ids are made.
    ///
    /// Allowed: the path of a file of at least 16 bytes, or "" for a random key at each start.
    ///
    /// With a file, the ids that clients hold stay valid across a restart, and several nodes with the same file accept
    /// each other's ids. Anyone who can read the file can announce in the name of any address: create it with
    /// `head -c 32 /dev/urandom` and make it readable by the tracker's user only.
    key_file: Option<PathBuf> = None, path("the path of a file, or \"\" for a random key");

    /// How a request with an invalid or expired connection id is answered.
    ///
    /// Allowed: "error" (an error no longer than the request) or "drop" (no reply).
    ///
    /// After an error, an honest client requests a new id at once; without a reply it waits for its own timeout of 15
    /// seconds or more. "drop" halves the work that a flood with forged source addresses causes, and sends nothing to
    /// the owners of those addresses.
    invalid: InvalidConnectionId = InvalidConnectionId::Error, one_of;
}

choice! {
    /// Whether the kernel chooses the socket of a datagram by its info hash.
    pub enum Steering {
        Auto = "auto",
        Off = "off",
    }
}

choice! {
    /// Whether the kernel drops datagrams before they wake a core.
    pub enum Filter {
        Auto = "auto",
        Off = "off",
    }
}

choice! {
    /// The local address from which a reply is sent on a wildcard socket.
    pub enum ReplySource {
        Auto = "auto",
        Destination = "destination",
        Kernel = "kernel",
    }
}

choice! {
    /// How a request with an invalid or expired connection id is answered.
    pub enum InvalidConnectionId {
        Error = "error",
        Drop = "drop",
    }
}
