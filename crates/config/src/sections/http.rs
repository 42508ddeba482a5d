//! `[http]`, `[https]` and `[proxy]`: announces and scrapes over HTTP.

use std::net::SocketAddr;
use std::path::PathBuf;

use ipnet::IpNet;

use crate::declare::section;
use crate::limits::{ADDRESSES_MAX, NETWORKS_MAX};
use crate::values::choice::{choice, one_of};
use crate::values::integer::{Interval, integer, zero_or};
use crate::values::list::list;
use crate::values::path::{PEM_FILE, path};
use crate::values::wildcards;

section! {
    /// HTTP announces and scrapes, unencrypted; the limits also apply to HTTPS.
    pub struct Http;

    /// The addresses and TCP ports on which plain HTTP is served.
    ///
    /// Allowed: a list of 0 to 16 different socket addresses, IPv6 in brackets; [] disables plain HTTP. An IPv6 address
    /// accepts IPv6 only, so `0.0.0.0` and `[::]` can be listed together. Port 0 picks any free port. No address may
    /// conflict with one in `https.listen`; a wildcard address conflicts with every address of its family and port.
    ///
    /// The same port as for UDP is not a conflict. Clients of private trackers send their keys unencrypted over plain
    /// HTTP: serve those trackers over HTTPS only.
    // Minimum: a tracker may serve no plain HTTP, or no HTTPS.
    listen: Vec<SocketAddr> = wildcards(6969), list(0..=ADDRESSES_MAX);

    /// The maximum number of simultaneous connections, over all cores, HTTP and HTTPS together.
    ///
    /// Allowed: 16 to 4000000 connections. They are divided equally among the cores.
    ///
    /// When a core has its share, it closes an idle connection for each new one: the longest idle of the source that has
    /// the most connections, of a random sample. Each connection takes a file descriptor, of which the process needs at
    /// least as many (with systemd, `LimitNOFILE=`; above 1048576 also the sysctl `fs.nr_open`). An idle one takes 6
    /// kilobytes of memory, 11 with TLS, and one whose client does its worst 100: there are as many places as
    /// `limits.memory_max_mib` has room for such clients.
    // Minimum: a few clients and a health check already take this many.
    // Maximum: a connection takes a few kilobytes of the kernel's memory: this many take tens of gibibytes.
    connections_max: u32 = 65_536, integer(16..=4_000_000);

    /// The maximum number of simultaneous connections from one source, over all cores. A source is an address, or the
    /// network of an address with the largest number of bits in `sources.ipv4_prefix_bits` or
    /// `sources.ipv6_prefix_bits`.
    ///
    /// Allowed: 1 to 1000000 connections. The limit does not apply to the networks in `proxy.trusted` and
    /// `sources.allow`.
    ///
    /// Connections beyond the limit are closed at once and counted. A lower limit prevents a single source from taking
    /// all of `connections_max`; a provider with thousands of clients behind one IPv4 address needs a higher one. How
    /// many a source may open in a second is limited by `sources.connections_per_s`.
    // Minimum: without any, no client could connect.
    // Maximum: a higher limit has no effect: a tracker rarely holds as many connections at all.
    connections_per_prefix_max: u32 = 512, integer(1..=1_000_000);

    /// The time that a new connection has to complete the head of its first request, including the TLS handshake and
    /// the PROXY protocol header.
    ///
    /// Allowed: 1 to 300 seconds.
    ///
    /// With a shorter time, clients that connect and send nothing free their slots earlier; if it is too short, clients
    /// on slow paths are disconnected.
    // Minimum: a shorter time would disconnect honest clients on long paths.
    // Maximum: a request or a response is a few packets: no path takes five minutes for them.
    first_request_s: u32 = 10, integer(1..=300);

    /// The time that each later request on a connection may take from its first byte to its last.
    ///
    /// Allowed: 1 to 300 seconds.
    ///
    /// With a shorter time, clients that send a byte now and then free their slots earlier; if it is too short, clients
    /// on slow paths are disconnected.
    request_s: u32 = 10, integer(1..=300);

    /// How long an open connection may wait for its next request.
    ///
    /// Allowed: 1 to 3600 seconds.
    ///
    /// A longer time saves proxies and clients with many torrents new connections and TLS handshakes. Each idle
    /// connection counts towards `connections_max`. Behind a proxy, set it above the proxy's own idle timeout, so that
    /// the proxy is the side that closes.
    // Minimum: to keep no connections at all, set `requests_per_connection_max` to 1.
    // Maximum: clients announce about twice an hour, and hardly any keep their connection for that long.
    idle_s: u32 = 60, integer(1..=3600);

    /// How long a client may take to receive a response.
    ///
    /// Allowed: 1 to 300 seconds.
    ///
    /// With a shorter time, clients that do not read their responses free their slots and buffers earlier; if it is too
    /// short, clients on slow paths are disconnected.
    answer_s: u32 = 20, integer(1..=300);

    /// The maximum number of requests on one connection. The last response carries `Connection: close`.
    ///
    /// Allowed: 1 to 4294967295 requests.
    ///
    /// 1 disables persistent connections, so that every request needs a new one. With a few thousand, a proxy's
    /// connections are redistributed over the cores from time to time.
    // Minimum: a connection serves at least one request.
    // Maximum: requests are counted in 32 bits.
    requests_per_connection_max: u32 = 1_000_000, integer(1..=4_294_967_295);

    /// The maximum number of torrents in one scrape.
    ///
    /// Allowed: 1 to 74 torrents.
    ///
    /// With more, a scraper needs fewer requests; each torrent is a lookup that may have to be forwarded to another
    /// core.
    // Minimum: a scrape of no torrent has no use.
    // Maximum: as many as over UDP (BEP 15), so that both are served in the same way.
    scrape_torrents_max: u16 = 74, integer(1..=74);

    /// How often all torrents may be scraped at once, by a scrape that names no torrent.
    ///
    /// Allowed: 0 (never: such a scrape is refused) or 1 to 86400 seconds. Each core starts at most one full scrape in
    /// this time.
    ///
    /// The response lists every torrent that the tracker knows, unordered, to any client that asks. It is sent in
    /// pieces alongside other traffic, one response at a time on each core, compressed if the client accepts gzip.
    // Minimum: a tracker that serves full scrapes all the time does little else.
    // Maximum: one day.
    full_scrape_every_s: Interval = Interval::Off, zero_or(1..=86_400);

    /// The networks whose clients may report their own address in the `ip=`, `ipv4=` and `ipv6=` parameters of an
    /// announce. From all other clients these parameters are ignored.
    ///
    /// Allowed: a list of 0 to 256 different networks such as `["10.0.0.0/8", "2001:db8::/32"]`, or single addresses.
    ///
    /// This is meant for clients on the tracker's own network, behind the same router, whose source address other peers
    /// cannot reach. Clients in these networks can put any address into a swarm: do not list networks that you do not
    /// trust.
    named_addresses_from: Vec<IpNet> = Vec::new(), list(0..=NETWORKS_MAX);
}

section! {
    /// HTTPS announces and scrapes.
    pub struct Https;

    /// The addresses and TCP ports on which HTTPS is served.
    ///
    /// Allowed: a list of 0 to 16 different socket addresses, IPv6 in brackets; [] disables HTTPS. An IPv6 address
    /// accepts IPv6 only, so `0.0.0.0` and `[::]` can be listed together. Port 0 picks any free port. No address may
    /// conflict with one in `http.listen`; a wildcard address conflicts with every address of its family and port. If
    /// the list is not empty, `certificate_file` and `key_file` are required.
    ///
    /// TLS hides requests and keys from everyone on the network path. A handshake costs far more than an announce: see
    /// `http.idle_s`.
    listen: Vec<SocketAddr> = Vec::new(), list(0..=ADDRESSES_MAX);

    /// The PEM file with the certificate chain: the server's own certificate first, then the intermediate certificates.
    ///
    /// Allowed: the path of a file, or "" if `listen` is empty.
    ///
    /// It is reloaded on SIGHUP and when it changes, together with the key. New connections use the new certificate;
    /// existing connections are kept.
    certificate_file: Option<PathBuf> = None, path(PEM_FILE);

    /// The PEM file with the certificate's private key.
    ///
    /// Allowed: the path of a file, or "" if `listen` is empty.
    ///
    /// It is reloaded on SIGHUP and when it changes, together with the certificate; existing connections are kept.
    /// Anyone who can read it can impersonate the tracker: make it readable by the tracker's user only.
    key_file: Option<PathBuf> = None, path(PEM_FILE);
}

section! {
    /// Proxies in front of HTTP and HTTPS, which report the client's address.
    pub struct Proxy;

    /// The networks of the proxies that are trusted to report the client's address.
    ///
    /// Allowed: a list of 0 to 256 different networks such as `["10.0.0.0/8", "2001:db8::/32"]`, or single addresses.
    /// At least one if `header` is not "none", and [] if it is.
    ///
    /// The header is honoured only on connections from these networks; on all others the client is the source of the
    /// connection, whatever its requests contain. Any host in these networks can claim any client address: list the
    /// proxies, and no network that contains clients.
    trusted: Vec<IpNet> = Vec::new(), list(0..=NETWORKS_MAX);

    /// How the trusted proxies report the client's address.
    ///
    /// Allowed: "none", "x-forwarded-for" or "x-real-ip" (a header of each request), or "proxy-protocol" (a header of
    /// version 1 or 2 at the start of each connection, before TLS).
    ///
    /// It must be the header that the proxies set themselves: if they pass on a header from the client, clients can
    /// claim any address. With "proxy-protocol", every connection from a trusted network must begin with that header
    /// and no other connection may; connections that violate this are closed. Announces and scrapes for which a proxy
    /// reports no client are refused, including those on connections that it marks as its own (LOCAL, UNKNOWN).
    header: ProxyHeader = ProxyHeader::None, one_of;

    /// Which element of `X-Forwarded-For`, counted from the right, is the client's address.
    ///
    /// Allowed: 1 to 64 (1 is the rightmost element, the address that the nearest proxy saw). Ignored unless `header`
    /// is "x-forwarded-for".
    ///
    /// Set it to the number of chained proxies that each append an element. If it is too small, all clients appear to
    /// have a proxy's address; if it is too large, clients can choose their address themselves.
    // Minimum: the rightmost element is the address that the nearest proxy saw.
    // Maximum: no chain of proxies is longer.
    forwarded_index: u16 = 1, integer(1..=64);
}

choice! {
    /// How a trusted proxy reports the client's address.
    pub enum ProxyHeader {
        None = "none",
        XForwardedFor = "x-forwarded-for",
        XRealIp = "x-real-ip",
        ProxyProtocol = "proxy-protocol",
    }
}
