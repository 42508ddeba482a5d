//! `[proxy]`: reverse proxies and load balancers in front of HTTP and HTTPS.

use confique::Config;
use ipnet::IpNet;
use serde::Serialize;

use crate::limits;
use crate::values::choice::{self, Choice};
use crate::values::integer::between;
use crate::values::networks;

/// Proxies that say whose requests they hand on.
#[derive(Debug, Clone, PartialEq, Eq, Config, Serialize)]
pub struct Proxy {
    /// The networks of the proxies that are believed when they say who the client is.
    ///
    /// Allowed: a list of 0 to 256 different networks such as `["10.0.0.0/8", "2001:db8::/32"]`, or
    /// single addresses. At least one where `header` is not "none", and [] where it is.
    ///
    /// The header is believed on connections from these networks only; on all others the client is the source
    /// of the connection, whatever its requests say. Whoever is in the list can pass for any address: name the proxies,
    /// and no network that clients are in.
    #[config(
        env = "RINGTRACK_PROXY_TRUSTED",
        default = [],
        deserialize_with = networks::up_to::<{ limits::NETWORKS_MAX }, _>
    )]
    #[serde(serialize_with = "networks::show")]
    pub trusted: Vec<IpNet>,

    /// How the trusted proxies say who the client is.
    ///
    /// Allowed: "none", "x-forwarded-for" or "x-real-ip" (a header of each request), or "proxy-protocol" (a
    /// header in front of each connection, version 1 or 2, and in front of its TLS).
    ///
    /// It has to be what the proxies really set: one that they hand on as it comes lets clients pass for any
    /// address. With "proxy-protocol", every connection from a trusted network has to begin with that header,
    /// and none from elsewhere may: others are closed. Announces and scrapes for which a proxy tells no client are
    /// refused, also those on connections that it calls its own (LOCAL, UNKNOWN).
    #[config(env = "RINGTRACK_PROXY_HEADER", default = "none", deserialize_with = choice::of)]
    #[serde(serialize_with = "choice::show")]
    pub header: ProxyHeader,

    /// Which element of `X-Forwarded-For`, counted from the right, is the client.
    ///
    /// Allowed: 1 to 64 (1 is the right-most one, which is what the nearest proxy saw). It says nothing unless
    /// `header` is "x-forwarded-for".
    ///
    /// The number of proxies in a row that each add an element. Too small, and all clients are known at a
    /// proxy's address; too large, and clients choose their address themselves.
    #[config(
        env = "RINGTRACK_PROXY_FORWARDED_INDEX",
        default = 1,
        deserialize_with = between::<
            { limits::PROXY_FORWARDED_INDEX_MIN }, { limits::PROXY_FORWARDED_INDEX_MAX }, _, _
        >
    )]
    pub forwarded_index: u16,
}

/// How a trusted proxy says who the client is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProxyHeader {
    /// Not at all: the client is the source of the connection.
    None,
    /// By the header `X-Forwarded-For` of each request.
    XForwardedFor,
    /// By the header `X-Real-IP` of each request.
    XRealIp,
    /// By a header of the PROXY protocol, version 1 or 2, in front of each connection.
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
