//! From the configuration to the HTTP part of the data plane.

use anyhow::Context;
use config::{Configuration, Interval, ProxyHeader};
use engine::{FullScrapes, HttpPolicy, ProxyHeaderKind, ProxyPolicy};
use primitives::ShardCount;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use tls::ServerIdentity;
use worker::http::{HttpLimits, PrefixLengths, Security};

/// Where connections are listened for, those in the clear first.
pub(crate) fn http_addresses(configuration: &Configuration) -> Vec<(SocketAddr, Security)> {
    let plain = configuration.http.listen.iter().map(|&address| (address, Security::Plain));
    let tls = configuration.https.listen.iter().map(|&address| (address, Security::Tls));
    plain.chain(tls).collect()
}

/// Where certificate and key lie, if there is a listener for them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct IdentityFiles<'a> {
    pub(crate) certificate: &'a Path,
    pub(crate) key: &'a Path,
}

impl<'a> IdentityFiles<'a> {
    pub(crate) fn of(configuration: &'a Configuration) -> Option<Self> {
        let https = &configuration.https;
        if https.listen.is_empty() {
            return None;
        }
        Some(Self { certificate: https.certificate_file.path()?, key: https.key_file.path()? })
    }

    pub(crate) fn load(self) -> anyhow::Result<Arc<ServerIdentity>> {
        let identity = ServerIdentity::load(self.certificate, self.key);
        identity.map(Arc::new).context("the certificate or the key of https.listen cannot be used")
    }
}

/// How HTTP clients are served.
pub(crate) fn http_policy(configuration: &Configuration) -> HttpPolicy {
    let (http, proxy) = (&configuration.http, &configuration.proxy);
    HttpPolicy {
        named_addresses_from: http.named_addresses_from.clone(),
        proxy: ProxyPolicy {
            trusted: proxy.trusted.clone(),
            header: match proxy.header {
                ProxyHeader::None => ProxyHeaderKind::None,
                ProxyHeader::XForwardedFor => {
                    ProxyHeaderKind::ForwardedFor { from_right: usize::from(proxy.forwarded_index) - 1 }
                }
                ProxyHeader::XRealIp => ProxyHeaderKind::RealIp,
                ProxyHeader::ProxyProtocol => ProxyHeaderKind::ProxyProtocol,
            },
        },
        full_scrapes: match http.full_scrape_every_s {
            Interval::Off => FullScrapes::Refused,
            Interval::Every(seconds) => FullScrapes::EveryS(seconds),
        },
        scrape_torrents_max: usize::from(http.scrape_torrents_max),
        requests_per_connection_max: http.requests_per_connection_max,
    }
}

/// What the connections of one core may take, of `connections_max` in all.
pub(crate) fn http_limits(
    configuration: &Configuration,
    shards: ShardCount,
    connections_max: u32,
) -> HttpLimits {
    let http = &configuration.http;
    HttpLimits {
        connections_max: connections_max.div_ceil(u32::from(shards.get())) as usize,
        connections_per_prefix_max: http.connections_per_prefix_max,
        prefixes: PrefixLengths { ipv4_bits: http.ipv4_prefix_bits, ipv6_bits: http.ipv6_prefix_bits },
        first_request_s: http.first_request_s,
        request_s: http.request_s,
        idle_s: http.idle_s,
        answer_s: http.answer_s,
    }
}
