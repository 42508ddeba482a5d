//! The same requests over either protocol, from either family, at either core.

use super::{torrent, tracker};
use access::AccessPolicy;
use primitives::{AnnounceEvent, InfoHash, PeerId};
use ringtrack_tests::client::{Answer, Client, TorrentCounts, url_data};
use ringtrack_tests::http_client::{HttpAnswer, HttpClient, Value, percent_encode};
use ringtrack_tests::simulator::{Arrival, Datagram, Simulator};
use std::net::SocketAddr;
use zerocopy::IntoBytes;

/// How a client reaches the tracker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Way {
    pub(super) protocol: Protocol,
    pub(super) core: CoreOf,
    pub(super) ip: &'static str,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Protocol {
    Udp,
    Http,
}

/// The core at which a request arrives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CoreOf {
    Owner,
    /// The core after the owner; the owner itself if there is one core.
    Another,
}

pub(super) const IPS: [&str; 2] = ["192.0.2.1", "2001:db8::1"];

/// Every way to a tracker, with its number of cores.
pub(super) fn ways() -> impl Iterator<Item = (usize, Way)> {
    let cores = [(1, CoreOf::Owner), (4, CoreOf::Owner), (4, CoreOf::Another)];
    let way = move |protocol, ip| cores.map(|(cores, core)| (cores, Way { protocol, core, ip }));
    [Protocol::Udp, Protocol::Http]
        .into_iter()
        .flat_map(move |protocol| IPS.map(|ip| way(protocol, ip)).concat())
}

/// A tracker with this policy for each way to one.
pub(super) fn trackers(policy: AccessPolicy) -> impl Iterator<Item = (Simulator, Way)> {
    ways().map(move |(cores, way)| (tracker(cores, policy), way))
}

/// An announce, whatever the protocol.
#[derive(Debug, Clone)]
pub(super) struct Announce {
    pub(super) torrent: InfoHash,
    /// What follows `/announce` in the tracker's URL.
    pub(super) path: String,
    pub(super) peer_id: PeerId,
    pub(super) port: u16,
    pub(super) uploaded: u64,
    pub(super) downloaded: u64,
    pub(super) left: u64,
    pub(super) event: AnnounceEvent,
}

impl Announce {
    /// An announce of a leecher.
    pub(super) const fn of(number: u8) -> Self {
        Self {
            torrent: torrent(number),
            path: String::new(),
            peer_id: PeerId(*b"-XX0001-abcdefghijkl"),
            port: 6881,
            uploaded: 0,
            downloaded: 0,
            left: 1,
            event: AnnounceEvent::None,
        }
    }

    pub(super) fn with_key(self, key: &str) -> Self {
        Self { path: format!("/{key}"), ..self }
    }

    pub(super) fn with_event(self, event: AnnounceEvent) -> Self {
        Self { event, ..self }
    }

    fn target(&self) -> String {
        let Self { path, uploaded, downloaded, left, port, .. } = self;
        let (torrent, peer_id) = (percent_encode(&self.torrent.0), percent_encode(&self.peer_id.0));
        let event = match self.event {
            AnnounceEvent::None => "",
            AnnounceEvent::Started => "&event=started",
            AnnounceEvent::Stopped => "&event=stopped",
            AnnounceEvent::Completed => "&event=completed",
        };
        format!(
            "/announce{path}?info_hash={torrent}&peer_id={peer_id}&port={port}&uploaded={uploaded}\
             &downloaded={downloaded}&left={left}&numwant=200&compact=1{event}"
        )
    }

    /// The datagram of a client with a connection id, with the path as URL data if there is one.
    pub(super) fn datagram(&self, client: &Client) -> Vec<u8> {
        let url = match self.path.as_str() {
            "" => Vec::new(),
            path => url_data(&[b"/announce", path.as_bytes()]),
        };
        self.datagram_with(client, &url)
    }

    /// The same datagram with these options instead.
    pub(super) fn datagram_with(&self, client: &Client, options: &[u8]) -> Vec<u8> {
        let mut request = client.leeching(self.torrent).with_port(self.port).with_left(self.left);
        request = request.with_event(self.event).with_numwant(200);
        request.peer_id = self.peer_id;
        (request.uploaded, request.downloaded) = (self.uploaded.into(), self.downloaded.into());
        [request.as_bytes(), options].concat()
    }
}

/// The result of an announce or a scrape.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Received {
    /// The swarm's peers. `downloaded` is known over HTTP only.
    Peers { seeders: u32, leechers: u32, downloaded: Option<u64>, peers: Vec<SocketAddr> },
    /// The counts of a torrent.
    Counts(TorrentCounts),
    /// A refusal with this text.
    Refused(String),
    /// No answer.
    Nothing,
}

impl Received {
    pub(super) fn refused(text: impl Into<String>) -> Self {
        Self::Refused(text.into())
    }

    pub(super) fn counts(seeders: u32, downloaded: u64, leechers: u32) -> Self {
        Self::Counts(TorrentCounts { seeders, downloaded, leechers })
    }

    /// Seeders and leechers of the swarm, if it is served.
    pub(super) const fn swarm(&self) -> Option<(u32, u32)> {
        match self {
            Self::Peers { seeders, leechers, .. } => Some((*seeders, *leechers)),
            _ => None,
        }
    }

    fn over_udp(answer: Option<Answer>) -> Self {
        match answer {
            Some(Answer::Announced(received)) => {
                let (seeders, leechers) = (received.seeders, received.leechers);
                Self::Peers { seeders, leechers, downloaded: None, peers: received.peers }
            }
            Some(Answer::Scraped(counts)) => Self::Counts(counts[0]),
            Some(Answer::Error(text)) => Self::Refused(text),
            Some(Answer::Connected(_)) => panic!("no connection id was requested"),
            None => Self::Nothing,
        }
    }
}

impl Way {
    pub(super) const UDP: Self = Self { protocol: Protocol::Udp, core: CoreOf::Owner, ip: IPS[0] };
    pub(super) const HTTP: Self = Self { protocol: Protocol::Http, ..Self::UDP };

    /// The core at which a request for this torrent arrives.
    pub(super) fn arrival(&self, tracker: &Simulator, torrent: &InfoHash) -> usize {
        match self.core {
            CoreOf::Owner => tracker.owner(torrent),
            CoreOf::Another => (tracker.owner(torrent) + 1) % tracker.cores(),
        }
    }

    /// A client over UDP at this address with a connection id.
    pub(super) fn client(&self, tracker: &mut Simulator) -> Client {
        Client::connected(tracker, &SocketAddr::new(self.ip.parse().expect("an address"), 6881).to_string())
    }

    pub(super) fn announce(&self, tracker: &mut Simulator, announce: &Announce) -> Received {
        match self.protocol {
            Protocol::Udp => {
                let client = self.client(tracker);
                self.send(tracker, &client, &announce.torrent, &announce.datagram(&client))
            }
            Protocol::Http => {
                let answer = self.get(tracker, &announce.torrent, &announce.target());
                if let Some((text, _)) = answer.failure() {
                    return Received::Refused(text);
                }
                let received = answer.announced();
                Received::Peers {
                    seeders: received.common.seeders,
                    leechers: received.common.leechers,
                    downloaded: Some(received.downloaded),
                    peers: received.common.peers,
                }
            }
        }
    }

    /// The counts of a torrent. `path` follows `/scrape` in the tracker's URL, over HTTP.
    pub(super) fn scrape(&self, tracker: &mut Simulator, number: u8, path: &str) -> Received {
        let torrent = torrent(number);
        match self.protocol {
            Protocol::Udp => {
                let client = self.client(tracker);
                self.send(tracker, &client, &torrent, &client.scraping(&[torrent]))
            }
            Protocol::Http => {
                let target = format!("/scrape{path}?info_hash={}", percent_encode(&torrent.0));
                let answer = self.get(tracker, &torrent, &target);
                match answer.failure() {
                    Some((text, _)) => Received::Refused(text),
                    None => Received::Counts(answer.scraped()[&torrent]),
                }
            }
        }
    }

    /// Sends a datagram about a torrent.
    pub(super) fn send(
        &self,
        tracker: &mut Simulator,
        client: &Client,
        torrent: &InfoHash,
        bytes: &[u8],
    ) -> Received {
        let arrival = Arrival::At(self.arrival(tracker, torrent));
        let datagram = Datagram { source: client.source, bytes: bytes.to_vec(), arrival };
        let mut replies = tracker.exchange(&[datagram]);
        assert!(replies.len() <= 1, "one reply at most to a request: {replies:?}");
        Received::over_udp(replies.pop().map(|reply| Answer::read(client.source, &reply.bytes)))
    }

    /// The `retry in` of a refused announce (BEP 31).
    pub(super) fn retry(&self, tracker: &mut Simulator, announce: &Announce) -> Option<Value> {
        self.get(tracker, &announce.torrent, &announce.target()).failure().expect("it is refused").1
    }

    fn get(&self, tracker: &mut Simulator, torrent: &InfoHash, target: &str) -> HttpAnswer {
        HttpClient::new(self.arrival(tracker, torrent), self.ip).get(tracker, target)
    }
}
