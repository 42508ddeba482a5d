use super::full_scrape::FullScrapes;
use core::net::IpAddr;
use ipnet::IpNet;
use primitives::canonical_ip;

/// What HTTP clients are granted.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct HttpPolicy {
    /// Clients from these networks may name the address that they are to be known at.
    pub named_addresses_from: Vec<IpNet>,
    /// Whose word about clients counts.
    pub proxy: ProxyPolicy,
    /// How often all torrents may be scraped.
    pub full_scrapes: FullScrapes,
    /// Torrents answered in one scrape.
    pub scrape_torrents_max: usize,
    /// Requests answered on one connection.
    pub requests_per_connection_max: u32,
}

/// Which proxies are believed, and how they tell whose request they hand on.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ProxyPolicy {
    /// The networks of the proxies.
    pub trusted: Vec<IpNet>,
    /// How they tell.
    pub header: ProxyHeaderKind,
}

/// How a proxy tells whose request it hands on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ProxyHeaderKind {
    /// It does not, or there is none.
    #[default]
    None,
    /// In `X-Forwarded-For`: the element with so many others to the right of it.
    ForwardedFor {
        /// 0 is what the nearest proxy wrote.
        from_right: usize,
    },
    /// In `X-Real-IP`.
    RealIp,
    /// By a header of the PROXY protocol at the beginning of the connection.
    ProxyProtocol,
}

/// Whether the other end of a connection is a proxy that is believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trust {
    Stranger,
    Proxy,
}

impl ProxyPolicy {
    /// Whether connections from `ip` are a trusted proxy's.
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
