//! `[proxy]`: reverse proxies and load balancers in front of HTTP and HTTPS.

use confique::Config;
use ipnet::IpNet;
use serde::Serialize;

use crate::limits;
use crate::values::choice::{self, Choice};
use crate::values::integer::between;
use crate::values::networks;

/// Proxies that report the client of each request that they forward.
#[derive(Debug, Clone, PartialEq, Eq, Config, Serialize)]
pub struct Proxy {
    /// The networks of the proxies that are trusted to report the client's address.
    ///
    /// Allowed: a list of 0 to 256 different networks such as `["10.0.0.0/8", "2001:db8::/32"]`, or single addresses.
    /// At least one if `header` is not "none", and [] if it is.
    ///
    /// The header is honoured only on connections from these networks; on all others the client is the source of the
    /// connection, whatever its requests contain. Any host in these networks can claim any client address: list the
    /// proxies, and no network that contains clients.
    #[config(
        env = "RINGTRACK_PROXY_TRUSTED",
        default = [],
        deserialize_with = networks::up_to::<{ limits::NETWORKS_MAX }, _>
    )]
    #[serde(serialize_with = "networks::show")]
    pub trusted: Vec<IpNet>,

    /// How the trusted proxies report the client's address.
    ///
    /// Allowed: "none", "x-forwarded-for" or "x-real-ip" (a header of each request), or "proxy-protocol" (a header of
    /// version 1 or 2 at the start of each connection, before TLS).
    ///
    /// It must be the header that the proxies set themselves: if they pass on a header from the client, clients can
    /// claim any address. With "proxy-protocol", every connection from a trusted network must begin with that header
    /// and no other connection may; connections that violate this are closed. Announces and scrapes for which a proxy
    /// reports no client are refused, including those on connections that it marks as its own (LOCAL, UNKNOWN).
    #[config(env = "RINGTRACK_PROXY_HEADER", default = "none", deserialize_with = choice::of)]
    #[serde(serialize_with = "choice::show")]
    pub header: ProxyHeader,

    /// Which element of `X-Forwarded-For`, counted from the right, is the client's address.
    ///
    /// Allowed: 1 to 64 (1 is the rightmost element, the address that the nearest proxy saw). Ignored unless `header`
    /// is "x-forwarded-for".
    ///
    /// Set it to the number of chained proxies that each append an element. If it is too small, all clients appear to
    /// have a proxy's address; if it is too large, clients can choose their address themselves.
    #[config(
        env = "RINGTRACK_PROXY_FORWARDED_INDEX",
        default = 1,
        deserialize_with = between::<
            { limits::PROXY_FORWARDED_INDEX_MIN }, { limits::PROXY_FORWARDED_INDEX_MAX }, _, _
        >
    )]
    pub forwarded_index: u16,
}

/// How a trusted proxy reports the client's address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProxyHeader {
    /// Not at all: the client is the source of the connection.
    None,
    /// In the header `X-Forwarded-For` of each request.
    XForwardedFor,
    /// In the header `X-Real-IP` of each request.
    XRealIp,
    /// In a header of the PROXY protocol, version 1 or 2, at the start of each connection.
    ProxyProtocol,
}

impl Choice for ProxyHeader {
    const CHOICES: &'static [(&'static str, Self)] = &[
        ("none", Self::None),
        ("x-forwarded-for", Self::XForwardedFor),
        ("x-real-ip", Self::XRealIp),
        ("proxy-protocol", Self::ProxyProtocol),
    ];
}
