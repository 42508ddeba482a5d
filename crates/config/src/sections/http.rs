//! `[http]`: announces and scrapes over HTTP.

use std::net::SocketAddr;

use confique::Config;
use ipnet::IpNet;
use serde::Serialize;

use crate::limits;
use crate::values::integer::between;
use crate::values::interval::{Interval, off_or_seconds};
use crate::values::{addresses, networks};

/// The addresses of plain HTTP, and the limits of connections over HTTP and HTTPS.
#[derive(Debug, Clone, PartialEq, Eq, Config, Serialize)]
pub struct Http {
    /// The addresses and TCP ports on which plain HTTP is served.
    ///
    /// Allowed: a list of 0 to 16 different socket addresses, IPv6 in brackets; [] disables plain HTTP. An IPv6 address
    /// accepts IPv6 only, so `0.0.0.0` and `[::]` can be listed together. Port 0 picks any free port. No address may
    /// conflict with one in `https.listen`; a wildcard address conflicts with every address of its family and port.
    ///
    /// The same port as for UDP is not a conflict. Clients of private trackers send their keys unencrypted over plain
    /// HTTP: serve those trackers over HTTPS only.
    #[config(
        env = "RINGTRACK_HTTP_LISTEN",
        default = ["0.0.0.0:6969", "[::]:6969"],
        deserialize_with = addresses::listen::<{ limits::HTTP_LISTEN_MIN }, { limits::HTTP_LISTEN_MAX }, _>
    )]
    pub listen: Vec<SocketAddr>,

    /// The maximum number of simultaneous connections, over all cores, HTTP and HTTPS together.
    ///
    /// Allowed: 16 to 4000000 connections. They are divided equally among the cores.
    ///
    /// Connections beyond the limit are closed at once and counted. Each connection takes a file descriptor, of which
    /// the process needs at least as many (with systemd, `LimitNOFILE=`; above 1048576 also the sysctl `fs.nr_open`),
    /// and a few kilobytes of memory, or more with TLS.
    #[config(
        env = "RINGTRACK_HTTP_CONNECTIONS_MAX",
        default = 65_536,
        deserialize_with = between::<
            { limits::HTTP_CONNECTIONS_MIN }, { limits::HTTP_CONNECTIONS_MAX }, _, _
        >
    )]
    pub connections_max: u32,

    /// The maximum number of connections from one network on each core; with four cores, the total is four times as
    /// high. `ipv4_prefix_bits` and `ipv6_prefix_bits` define the size of a network.
    ///
    /// Allowed: 1 to 1000000 connections on each core. The limit does not apply to the networks in `proxy.trusted`.
    ///
    /// Connections beyond the limit are closed at once and counted. A lower limit prevents a single source from taking
    /// all of `connections_max`; a provider with thousands of clients behind one IPv4 address needs a higher one.
    #[config(
        env = "RINGTRACK_HTTP_CONNECTIONS_PER_PREFIX_MAX",
        default = 512,
        deserialize_with = between::<
            { limits::HTTP_CONNECTIONS_PER_PREFIX_MIN }, { limits::HTTP_CONNECTIONS_PER_PREFIX_MAX }, _, _
        >
    )]
    pub connections_per_prefix_max: u32,

    /// The number of leading bits of an IPv4 address that identify the client's network, for
    /// `connections_per_prefix_max`.
    ///
    /// Allowed: 8 to 32 bits.
    ///
    /// 32 counts each address separately. Fewer bits also limit a client that has many neighbouring addresses, but make
    /// its neighbours share the limit.
    #[config(
        env = "RINGTRACK_HTTP_IPV4_PREFIX_BITS",
        default = 32,
        deserialize_with = between::<
            { limits::HTTP_IPV4_PREFIX_BITS_MIN }, { limits::HTTP_IPV4_PREFIX_BITS_MAX }, _, _
        >
    )]
    pub ipv4_prefix_bits: u8,

    /// The number of leading bits of an IPv6 address that identify the client's network, for
    /// `connections_per_prefix_max`.
    ///
    /// Allowed: 16 to 128 bits.
    ///
    /// A household has at least 2^64 addresses, and usually a network of 56 or 48 bits. With more bits, one client can
    /// count as many; with fewer, neighbours share one limit.
    #[config(
        env = "RINGTRACK_HTTP_IPV6_PREFIX_BITS",
        default = 56,
        deserialize_with = between::<
            { limits::HTTP_IPV6_PREFIX_BITS_MIN }, { limits::HTTP_IPV6_PREFIX_BITS_MAX }, _, _
        >
    )]
    pub ipv6_prefix_bits: u8,

    /// The time that a new connection has to complete the head of its first request, including the TLS handshake and
    /// the PROXY protocol header.
    ///
    /// Allowed: 1 to 300 seconds.
    ///
    /// With a shorter time, clients that connect and send nothing free their slots earlier; if it is too short, clients
    /// on slow paths are disconnected.
    #[config(
        env = "RINGTRACK_HTTP_FIRST_REQUEST_S",
        default = 10,
        deserialize_with = between::<{ limits::HTTP_DEADLINE_S_MIN }, { limits::HTTP_DEADLINE_S_MAX }, _, _>
    )]
    pub first_request_s: u32,

    /// The time that each later request on a connection may take from its first byte to its last.
    ///
    /// Allowed: 1 to 300 seconds.
    ///
    /// With a shorter time, clients that send a byte now and then free their slots earlier; if it is too short, clients
    /// on slow paths are disconnected.
    #[config(
        env = "RINGTRACK_HTTP_REQUEST_S",
        default = 10,
        deserialize_with = between::<{ limits::HTTP_DEADLINE_S_MIN }, { limits::HTTP_DEADLINE_S_MAX }, _, _>
    )]
    pub request_s: u32,

    /// How long an open connection may wait for its next request.
    ///
    /// Allowed: 1 to 3600 seconds.
    ///
    /// A longer time saves proxies and clients with many torrents new connections and TLS handshakes. Each idle
    /// connection counts towards `connections_max`. Behind a proxy, set it above the proxy's own idle timeout, so that
    /// the proxy is the side that closes.
    #[config(
        env = "RINGTRACK_HTTP_IDLE_S",
        default = 60,
        deserialize_with = between::<{ limits::HTTP_IDLE_S_MIN }, { limits::HTTP_IDLE_S_MAX }, _, _>
    )]
    pub idle_s: u32,

    /// How long a client may take to receive a response.
    ///
    /// Allowed: 1 to 300 seconds.
    ///
    /// With a shorter time, clients that do not read their responses free their slots and buffers earlier; if it is too
    /// short, clients on slow paths are disconnected.
    #[config(
        env = "RINGTRACK_HTTP_ANSWER_S",
        default = 20,
        deserialize_with = between::<{ limits::HTTP_DEADLINE_S_MIN }, { limits::HTTP_DEADLINE_S_MAX }, _, _>
    )]
    pub answer_s: u32,

    /// The maximum number of requests on one connection. The last response carries `Connection: close`.
    ///
    /// Allowed: 1 to 4294967295 requests.
    ///
    /// 1 disables persistent connections, so that every request needs a new one. With a few thousand, a proxy's
    /// connections are redistributed over the cores from time to time.
    #[config(
        env = "RINGTRACK_HTTP_REQUESTS_PER_CONNECTION_MAX",
        default = 1_000_000,
        deserialize_with = between::<
            { limits::HTTP_REQUESTS_PER_CONNECTION_MIN }, { limits::HTTP_REQUESTS_PER_CONNECTION_MAX }, _, _
        >
    )]
    pub requests_per_connection_max: u32,

    /// The maximum number of torrents in one scrape.
    ///
    /// Allowed: 1 to 74 torrents.
    ///
    /// With more, a scraper needs fewer requests; each torrent is a lookup that may have to be forwarded to another
    /// core.
    #[config(
        env = "RINGTRACK_HTTP_SCRAPE_TORRENTS_MAX",
        default = 74,
        deserialize_with = between::<
            { limits::HTTP_SCRAPE_TORRENTS_MIN }, { limits::HTTP_SCRAPE_TORRENTS_MAX }, _, _
        >
    )]
    pub scrape_torrents_max: u16,

    /// How often all torrents may be scraped at once, by a scrape that names no torrent.
    ///
    /// Allowed: 0 (never: such a scrape is refused) or 1 to 86400 seconds. Each core starts at most one full scrape in
    /// this time.
    ///
    /// The response lists every torrent that the tracker knows, unordered, to any client that asks. It is sent in
    /// pieces alongside other traffic, one response at a time on each core, compressed if the client accepts gzip.
    #[config(
        env = "RINGTRACK_HTTP_FULL_SCRAPE_EVERY_S",
        default = 0,
        deserialize_with = off_or_seconds::<
            { limits::HTTP_FULL_SCRAPE_EVERY_S_MIN }, { limits::HTTP_FULL_SCRAPE_EVERY_S_MAX }, _
        >
    )]
    pub full_scrape_every_s: Interval,

    /// The networks whose clients may report their own address in the `ip=`, `ipv4=` and `ipv6=` parameters of an
    /// announce. From all other clients these parameters are ignored.
    ///
    /// Allowed: a list of 0 to 256 different networks such as `["10.0.0.0/8", "2001:db8::/32"]`, or single addresses.
    ///
    /// This is meant for clients on the tracker's own network, behind the same router, whose source address other peers
    /// cannot reach. Clients in these networks can put any address into a swarm: do not list networks that you do not
    /// trust.
    #[config(
        env = "RINGTRACK_HTTP_NAMED_ADDRESSES_FROM",
        default = [],
        deserialize_with = networks::up_to::<{ limits::NETWORKS_MAX }, _>
    )]
    #[serde(serialize_with = "networks::show")]
    pub named_addresses_from: Vec<IpNet>,
}
