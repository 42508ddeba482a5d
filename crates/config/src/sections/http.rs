//! `[http]`: announces and scrapes over HTTP.

use std::net::SocketAddr;

use confique::Config;
use ipnet::IpNet;
use serde::Serialize;

use crate::limits;
use crate::values::integer::between;
use crate::values::interval::{Interval, off_or_seconds};
use crate::values::{addresses, networks};

/// HTTP: the addresses of the plain one, and what bounds connections of the plain one and of HTTPS.
#[derive(Debug, Clone, PartialEq, Eq, Config, Serialize)]
pub struct Http {
    /// The addresses and TCP ports that plain HTTP is served on.
    ///
    /// Allowed: a list of 0 to 16 different socket addresses, IPv6 in brackets; [] switches plain HTTP off.
    /// An IPv6 address takes IPv6 only, so that `0.0.0.0` and `[::]` stand side by side. Port 0 takes any free
    /// port. None of them may stand in `https.listen` too, or share its port with a wildcard address there.
    ///
    /// The same port as for UDP is no conflict. Clients of private trackers send their keys in the clear here:
    /// serve those by HTTPS only.
    #[config(
        env = "RINGTRACK_HTTP_LISTEN",
        default = ["0.0.0.0:6969", "[::]:6969"],
        deserialize_with = addresses::listen::<{ limits::HTTP_LISTEN_MIN }, { limits::HTTP_LISTEN_MAX }, _>
    )]
    pub listen: Vec<SocketAddr>,

    /// How many connections are held at once, of all cores, HTTP and HTTPS together.
    ///
    /// Allowed: 16 to 4000000 connections. They are dealt out to the cores in equal parts.
    ///
    /// What comes beyond is closed at once, and counted. Each connection takes a file descriptor, of which the
    /// tracker needs at least as many (with systemd, `LimitNOFILE=`; above 1048576 also the sysctl
    /// `fs.nr_open`), and some kilobytes of memory; one over TLS takes more.
    #[config(
        env = "RINGTRACK_HTTP_CONNECTIONS_MAX",
        default = 65_536,
        deserialize_with = between::<
            { limits::HTTP_CONNECTIONS_MIN }, { limits::HTTP_CONNECTIONS_MAX }, _, _
        >
    )]
    pub connections_max: u32,

    /// How many connections the clients of one network may hold on each core: with four cores, four times as
    /// many in all. What is one network, `ipv4_prefix_bits` and `ipv6_prefix_bits` say.
    ///
    /// Allowed: 1 to 1000000 connections on each core. The networks of `proxy.trusted` are not bound by it.
    ///
    /// What comes beyond is closed at once, and counted. A lower bound keeps a single source from taking all
    /// of `connections_max`; a provider that has thousands of clients behind one IPv4 address needs a higher
    /// one.
    #[config(
        env = "RINGTRACK_HTTP_CONNECTIONS_PER_PREFIX_MAX",
        default = 512,
        deserialize_with = between::<
            { limits::HTTP_CONNECTIONS_PER_PREFIX_MIN }, { limits::HTTP_CONNECTIONS_PER_PREFIX_MAX }, _, _
        >
    )]
    pub connections_per_prefix_max: u32,

    /// How many leading bits of an IPv4 address say which network a client is of, for
    /// `connections_per_prefix_max`.
    ///
    /// Allowed: 8 to 32 bits.
    ///
    /// 32 counts each address by itself. Fewer bits also bound somebody who has many neighbouring addresses,
    /// and make those who live beside him share the bound with him.
    #[config(
        env = "RINGTRACK_HTTP_IPV4_PREFIX_BITS",
        default = 32,
        deserialize_with = between::<
            { limits::HTTP_IPV4_PREFIX_BITS_MIN }, { limits::HTTP_IPV4_PREFIX_BITS_MAX }, _, _
        >
    )]
    pub ipv4_prefix_bits: u8,

    /// How many leading bits of an IPv6 address say which network a client is of, for
    /// `connections_per_prefix_max`.
    ///
    /// Allowed: 16 to 128 bits.
    ///
    /// A household has 2^64 addresses at least, and usually a network of 56 or 48 bits. With more bits, one
    /// client can count as many; with fewer, neighbours share one bound.
    #[config(
        env = "RINGTRACK_HTTP_IPV6_PREFIX_BITS",
        default = 56,
        deserialize_with = between::<
            { limits::HTTP_IPV6_PREFIX_BITS_MIN }, { limits::HTTP_IPV6_PREFIX_BITS_MAX }, _, _
        >
    )]
    pub ipv6_prefix_bits: u8,

    /// How long a new connection may take to the end of its first request's head, TLS handshake and header of
    /// the PROXY protocol included.
    ///
    /// Allowed: 1 to 300 seconds.
    ///
    /// A shorter time frees the places of those who connect and say nothing; too short, and clients on slow
    /// paths are cut off.
    #[config(
        env = "RINGTRACK_HTTP_FIRST_REQUEST_S",
        default = 10,
        deserialize_with = between::<{ limits::HTTP_DEADLINE_S_MIN }, { limits::HTTP_DEADLINE_S_MAX }, _, _>
    )]
    pub first_request_s: u32,

    /// How long each later request of a connection may take from its first byte to its end.
    ///
    /// Allowed: 1 to 300 seconds.
    ///
    /// A shorter time frees the places of those who send a byte now and then; too short, and clients on slow
    /// paths are cut off.
    #[config(
        env = "RINGTRACK_HTTP_REQUEST_S",
        default = 10,
        deserialize_with = between::<{ limits::HTTP_DEADLINE_S_MIN }, { limits::HTTP_DEADLINE_S_MAX }, _, _>
    )]
    pub request_s: u32,

    /// How long a kept connection may wait for its next request.
    ///
    /// Allowed: 1 to 3600 seconds.
    ///
    /// A longer time spares clients with many torrents, and proxies, new connections and TLS handshakes. Each
    /// connection that waits takes one of `connections_max`. Behind a proxy, set it above the proxy's own, so
    /// that it is the proxy that closes.
    #[config(
        env = "RINGTRACK_HTTP_IDLE_S",
        default = 60,
        deserialize_with = between::<{ limits::HTTP_IDLE_S_MIN }, { limits::HTTP_IDLE_S_MAX }, _, _>
    )]
    pub idle_s: u32,

    /// How long a client may take to take an answer.
    ///
    /// Allowed: 1 to 300 seconds.
    ///
    /// A shorter time frees the places and buffers of those who ask and do not read; too short, and clients on
    /// slow paths are cut off.
    #[config(
        env = "RINGTRACK_HTTP_ANSWER_S",
        default = 20,
        deserialize_with = between::<{ limits::HTTP_DEADLINE_S_MIN }, { limits::HTTP_DEADLINE_S_MAX }, _, _>
    )]
    pub answer_s: u32,

    /// How many requests a connection is answered. The last answer says `Connection: close`.
    ///
    /// Allowed: 1 to 4294967295 requests.
    ///
    /// 1 keeps no connection, which costs a new one for every request. A few thousand spread the connections
    /// of a proxy anew over the cores now and then.
    #[config(
        env = "RINGTRACK_HTTP_REQUESTS_PER_CONNECTION_MAX",
        default = 1_000_000,
        deserialize_with = between::<
            { limits::HTTP_REQUESTS_PER_CONNECTION_MIN }, { limits::HTTP_REQUESTS_PER_CONNECTION_MAX }, _, _
        >
    )]
    pub requests_per_connection_max: u32,

    /// How many torrents one scrape may ask for.
    ///
    /// Allowed: 1 to 74 torrents.
    ///
    /// More let a scraper come round in fewer requests; each is a look-up that another core may have to make.
    #[config(
        env = "RINGTRACK_HTTP_SCRAPE_TORRENTS_MAX",
        default = 74,
        deserialize_with = between::<
            { limits::HTTP_SCRAPE_TORRENTS_MIN }, { limits::HTTP_SCRAPE_TORRENTS_MAX }, _, _
        >
    )]
    pub scrape_torrents_max: u16,

    /// How often all torrents may be scraped at once, by a scrape that names none.
    ///
    /// Allowed: 0 (never: such a scrape is refused) or 1 to 86400 seconds, in which each core lets one begin.
    ///
    /// The answer lists every torrent that the tracker knows, in no order, to whoever asks. It is sent piece by
    /// piece beside everything else, one answer at a time on each core, packed where the client understands it.
    #[config(
        env = "RINGTRACK_HTTP_FULL_SCRAPE_EVERY_S",
        default = 0,
        deserialize_with = off_or_seconds::<
            { limits::HTTP_FULL_SCRAPE_EVERY_S_MIN }, { limits::HTTP_FULL_SCRAPE_EVERY_S_MAX }, _
        >
    )]
    pub full_scrape_every_s: Interval,

    /// The networks whose clients may name the address that they are to be known at, by `ip=`, `ipv4=` and
    /// `ipv6=` in their announces. From all others these parameters are ignored.
    ///
    /// Allowed: a list of 0 to 256 different networks such as `["10.0.0.0/8", "2001:db8::/32"]`, or
    /// single addresses.
    ///
    /// For clients beside the tracker, behind the same router, which would otherwise be known at an address
    /// that nobody else can reach. Whoever is in the list can put any address into a swarm: name no network of
    /// strangers.
    #[config(
        env = "RINGTRACK_HTTP_NAMED_ADDRESSES_FROM",
        default = [],
        deserialize_with = networks::up_to::<{ limits::NETWORKS_MAX }, _>
    )]
    #[serde(serialize_with = "networks::show")]
    pub named_addresses_from: Vec<IpNet>,
}
