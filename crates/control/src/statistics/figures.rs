use super::clients::{Clients, at_most};
use super::history::{Rates, bytes_received, bytes_sent};
use chrono::{DateTime, Utc};
use latency::{Protocol, ReplyKind, ReplyTag};
use metrics::{Counter, Gauge, HttpOutcome, MessageOutcome, Statistics};
use primitives::{AddressFamily, RequestKind, SwarmFamily};
use serde::Serialize;
use std::time::{Duration, SystemTime};

/// Everything that the page shows besides the charts, and the JSON in full.
///
/// The first names are those of the object that the tracker `bittorrent-tracker` serves, for the programs that read
/// it. A client that is a peer of several swarms counts in each of them.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Figures {
    pub(super) torrents: u64,
    pub(super) active_torrents: u64,
    pub(super) peers_all: u64,
    pub(super) peers_seeder_only: u64,
    pub(super) peers_leecher_only: u64,
    /// Peers are counted by swarm, where they are one or the other.
    peers_seeder_and_leecher: u64,
    #[serde(rename = "peersIPv4")]
    peers_ipv4: u64,
    #[serde(rename = "peersIPv6")]
    peers_ipv6: u64,
    #[serde(rename = "peersWebRTC")]
    peers_web_rtc: u64,
    pub(super) clients: Clients,
    pub(super) completed: u64,
    families: Families,
    protocols: Protocols,
    pub(super) connections: Connections,
    traffic: Traffic,
    pub(super) uptime_seconds: u64,
    /// When the figures were taken (RFC 3339).
    pub(super) time: String,
    software: &'static str,
    pub(super) version: &'static str,
}

#[derive(Debug, Serialize)]
struct Families {
    ipv4: Family,
    ipv6: Family,
    #[serde(rename = "webRTC")]
    web_rtc: Family,
}

/// The swarms of one family.
#[derive(Debug, Clone, Copy, Serialize)]
pub(super) struct Family {
    pub(super) swarms: u64,
    pub(super) seeders: u64,
    pub(super) leechers: u64,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Protocols {
    udp: ProtocolFigures,
    http: ProtocolFigures,
    web_socket: ProtocolFigures,
}

/// The requests over one protocol.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ProtocolFigures {
    #[serde(flatten)]
    pub(super) requests: Requests,
    pub(super) announces_per_second: f64,
    pub(super) scrapes_per_second: f64,
}

/// Requests since the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(super) struct Requests {
    /// Announces that were answered.
    pub(super) announces: u64,
    /// Scrapes that were answered.
    pub(super) scrapes: u64,
    /// Requests that were refused, dropped or not understood.
    pub(super) failed: u64,
}

/// Connections that are open.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Connections {
    /// Those over which WebSockets were opened are included.
    pub(super) http: u64,
    pub(super) web_socket: u64,
}

#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "camelCase")]
struct Traffic {
    bytes_received: u64,
    bytes_sent: u64,
    bytes_received_per_second: f64,
    bytes_sent_per_second: f64,
}

impl Requests {
    /// Returns the requests over a protocol.
    pub(super) fn of(statistics: &Statistics, protocol: Protocol) -> Self {
        let http = |kind| {
            let of_family = |family| {
                let is_of_kind = move |outcome: &_| ReplyTag::http(*outcome, family).kind == kind;
                let outcomes = HttpOutcome::ALL.into_iter().filter(is_of_kind);
                outcomes.map(move |outcome| statistics.http_outcomes(family, outcome))
            };
            AddressFamily::ALL.into_iter().flat_map(of_family).sum()
        };
        let messages =
            |outcomes: &[MessageOutcome]| outcomes.iter().map(|outcome| statistics.messages(*outcome)).sum();
        match protocol {
            Protocol::Udp => Self {
                announces: statistics.answered(RequestKind::Announce),
                scrapes: statistics.answered(RequestKind::Scrape),
                failed: statistics.errors() + statistics.dropped(),
            },
            Protocol::Http => Self {
                announces: http(ReplyKind::Announce),
                scrapes: http(ReplyKind::Scrape),
                failed: http(ReplyKind::Error),
            },
            Protocol::Ws => Self {
                announces: messages(&[MessageOutcome::AnnounceAnswered]),
                scrapes: messages(&[MessageOutcome::ScrapeAnswered]),
                failed: messages(&[
                    MessageOutcome::AnnounceRefused,
                    MessageOutcome::ScrapeRefused,
                    MessageOutcome::Busy,
                    MessageOutcome::Ignored,
                    MessageOutcome::OverLimit,
                ]),
            },
        }
    }
}

impl Family {
    pub(super) const fn peers(&self) -> u64 {
        self.seeders + self.leechers
    }
}

impl Figures {
    pub(super) fn new(statistics: &Statistics, rates: &Rates, clients: Clients, uptime: Duration) -> Self {
        let [ipv4, ipv6, web_rtc] = SwarmFamily::ALL.map(|family| {
            let of = |gauges: [Gauge; 3]| statistics.gauge(gauges[family as usize]);
            Family { swarms: of(Gauge::SWARMS), seeders: of(Gauge::SEEDERS), leechers: of(Gauge::LEECHERS) }
        });
        let [udp, http, web_socket] = Protocol::ALL.map(|protocol| {
            let [announces_per_second, scrapes_per_second] = rates.requests[protocol as usize];
            let requests = Requests::of(statistics, protocol);
            ProtocolFigures { requests, announces_per_second, scrapes_per_second }
        });
        let peers_all = ipv4.peers() + ipv6.peers() + web_rtc.peers();
        Self {
            torrents: statistics.gauge(Gauge::Torrents),
            active_torrents: statistics.gauge(Gauge::TorrentsActive),
            peers_all,
            peers_seeder_only: ipv4.seeders + ipv6.seeders + web_rtc.seeders,
            peers_leecher_only: ipv4.leechers + ipv6.leechers + web_rtc.leechers,
            peers_seeder_and_leecher: 0,
            peers_ipv4: ipv4.peers(),
            peers_ipv6: ipv6.peers(),
            peers_web_rtc: web_rtc.peers(),
            clients: at_most(peers_all, clients),
            completed: statistics.counter(Counter::Completed),
            families: Families { ipv4, ipv6, web_rtc },
            protocols: Protocols { udp, http, web_socket },
            connections: Connections {
                http: statistics.gauge(Gauge::HttpConnectionsOpen),
                web_socket: statistics.gauge(Gauge::WsConnectionsOpen),
            },
            traffic: Traffic {
                bytes_received: bytes_received(statistics),
                bytes_sent: bytes_sent(statistics),
                bytes_received_per_second: rates.bytes_received,
                bytes_sent_per_second: rates.bytes_sent,
            },
            uptime_seconds: uptime.as_secs(),
            time: DateTime::<Utc>::from(SystemTime::now()).format("%Y-%m-%dT%H:%M:%SZ").to_string(),
            software: "Ringtrack",
            version: env!("CARGO_PKG_VERSION"),
        }
    }

    /// Returns the families with their names.
    pub(super) const fn families(&self) -> [(&'static str, Family); 3] {
        let Families { ipv4, ipv6, web_rtc } = self.families;
        [("IPv4", ipv4), ("IPv6", ipv6), ("WebRTC", web_rtc)]
    }

    /// Returns the protocols with their names.
    pub(super) const fn protocols(&self) -> [(&'static str, ProtocolFigures); 3] {
        let Protocols { udp, http, web_socket } = self.protocols;
        [("UDP", udp), ("HTTP", http), ("WebSocket", web_socket)]
    }

    /// Bits per second that are received and sent.
    pub(super) fn bits_per_second(&self) -> (f64, f64) {
        (self.traffic.bytes_received_per_second * 8.0, self.traffic.bytes_sent_per_second * 8.0)
    }
}
