//! Settings of HTTP and TLS, from the configuration.

use crate::memory::Plan;
use anyhow::Context;
use config::{Api, Configuration, Interval, Origin, ProxyHeader, Switch};
use core_loop::Security;
use core_loop::connection::HttpLimits;
use engine::{FullScrapes, HttpPolicy, OriginRules, ProxyHeaderKind, ProxyPolicy, WebSocketPolicy};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tls::ServerIdentity;

/// Seconds by which a peer's lifetime exceeds the interval over WebSockets. The shortest lifetime is twice as long.
const PEER_LIFETIME_SLACK_S: u32 = 60;

/// Returns the addresses to listen on, those without TLS first.
pub(crate) fn http_addresses(configuration: &Configuration) -> Vec<(SocketAddr, Security)> {
    let plain = configuration.http.listen.iter().map(|&address| (address, Security::Plain));
    let tls = configuration.https.listen.iter().map(|&address| (address, Security::Tls));
    plain.chain(tls).collect()
}

/// The files of a certificate and its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct IdentityFiles {
    pub(crate) certificate: PathBuf,
    pub(crate) key: PathBuf,
    /// The name of the listeners in errors and the log.
    pub(crate) listeners: &'static str,
}

impl IdentityFiles {
    pub(crate) const OF_HTTPS: &'static str = "https.listen";
    pub(crate) const OF_API: &'static str = "the management API";

    pub(crate) fn of(configuration: &Configuration) -> Option<Self> {
        let https = &configuration.https;
        if https.listen.is_empty() {
            return None;
        }
        Self::new(https.certificate_file.as_deref()?, https.key_file.as_deref()?, Self::OF_HTTPS)
    }

    /// Returns the files of the management API, if it is served over TLS.
    pub(crate) fn of_api(api: &Api) -> Option<Self> {
        Self::new(api.certificate_file.as_deref()?, api.key_file.as_deref()?, Self::OF_API)
    }

    fn new(certificate: &Path, key: &Path, listeners: &'static str) -> Option<Self> {
        Some(Self { certificate: certificate.to_owned(), key: key.to_owned(), listeners })
    }

    pub(crate) fn load(&self) -> anyhow::Result<Arc<ServerIdentity>> {
        let identity = ServerIdentity::load(&self.certificate, &self.key);
        let context = || format!("the certificate or the key of {} cannot be used", self.listeners);
        identity.map(Arc::new).with_context(context)
    }
}

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
        redirect: configuration.statistics.redirect.as_ref().map(|place| place.as_str().to_owned()),
        web_socket: web_socket_policy(configuration),
    }
}

fn web_socket_policy(configuration: &Configuration) -> Option<WebSocketPolicy> {
    let websocket = &configuration.websocket;
    let texts = |origins: &[Origin]| origins.iter().map(|origin| origin.as_str().to_owned()).collect();
    (websocket.enabled == Switch::On).then(|| WebSocketPolicy {
        interval_s: web_socket_interval_s(configuration),
        offers_per_announce_max: websocket.offers_per_announce_max,
        signals_per_s_max: websocket.signals_per_second_max,
        peers_per_connection_max: websocket.torrents_per_connection_max as usize,
        origins: OriginRules {
            allowed: texts(&websocket.allow_origins),
            denied: texts(&websocket.deny_origins),
        },
    })
}

/// Returns the seconds between two announces over a WebSocket, so that no peer expires between them.
pub(crate) fn web_socket_interval_s(configuration: &Configuration) -> u32 {
    let longest_s = configuration.announce.peer_lifetime_s - PEER_LIFETIME_SLACK_S;
    configuration.websocket.interval_s.min(longest_s)
}

/// Returns the limits of the connections of one core, of `connections_max` on all cores.
pub(crate) fn http_limits(memory: &Plan, connections_max: u32) -> HttpLimits {
    let (configuration, shards) = (&memory.effective, u32::from(memory.shards.get()));
    let http = &configuration.http;
    let buffer_bytes_max = memory.limits.held_bytes_max / u64::from(shards);
    HttpLimits {
        connections_max: connections_max.div_ceil(shards) as usize,
        connections_per_prefix_max: http.connections_per_prefix_max,
        first_request_s: http.first_request_s,
        request_s: http.request_s,
        idle_s: http.idle_s,
        answer_s: http.answer_s,
        web_socket_idle_s: configuration.websocket.idle_s,
        buffer_bytes_max: usize::try_from(buffer_bytes_max).unwrap_or(usize::MAX),
    }
}
