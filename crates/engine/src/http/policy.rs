use super::full_scrape::FullScrapes;
use crate::ws::WebSocketPolicy;
use core::net::IpAddr;
use ipnet::IpNet;
use primitives::canonical_ip;

/// What HTTP clients and proxies may do.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct HttpPolicy {
    /// Clients from these networks may announce another address than the one they connect from.
    pub named_addresses_from: Vec<IpNet>,
    pub proxy: ProxyPolicy,
    pub full_scrapes: FullScrapes,
    /// Torrents answered in one scrape.
    pub scrape_torrents_max: usize,
    /// Requests answered on one connection.
    pub requests_per_connection_max: u32,
    /// Where a browser is sent that requests `/`: a path or a URL.
    pub redirect: Option<String>,
    /// None: WebSockets are not served.
    pub web_socket: Option<WebSocketPolicy>,
}

/// Which proxies are trusted, and how they report the client of a request.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ProxyPolicy {
    pub trusted: Vec<IpNet>,
    pub header: ProxyHeaderKind,
}

/// How a proxy reports the client of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ProxyHeaderKind {
    /// It does not, or there is no proxy.
    #[default]
    None,
    /// In `X-Forwarded-For`: the element with `from_right` others to the right of it; 0 is the nearest proxy's.
    ForwardedFor { from_right: usize },
    /// In `X-Real-IP`.
    RealIp,
    /// With a PROXY protocol header at the beginning of the connection.
    ProxyProtocol,
}

/// Whether the other end of a connection is a trusted proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trust {
    Stranger,
    Proxy,
}

impl ProxyPolicy {
    /// Returns whether connections from `ip` come from a trusted proxy.
    #[must_use]
    pub fn trusts(&self, ip: IpAddr) -> bool {
        self.header != ProxyHeaderKind::None && contains(&self.trusted, ip)
    }

    pub(crate) fn trust(&self, ip: IpAddr) -> Trust {
        if self.trusts(ip) { Trust::Proxy } else { Trust::Stranger }
    }
}

pub(crate) fn contains(networks: &[IpNet], ip: IpAddr) -> bool {
    let ip = canonical_ip(ip);
    networks.iter().any(|network| network.contains(&ip))
}
