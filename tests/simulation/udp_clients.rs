//! Clients over UDP: they fetch a connection id, announce many peers and scrape.

use super::control::announce_path;
use super::peers::Peers;
use fastrand::Rng;
use primitives::AnnounceEvent;
use primitives::InfoHash;
use ringtrack_tests::client::{Announced, Answer, Client, url_data};
use ringtrack_tests::simulator::Reply;
use std::collections::HashMap;
use std::net::SocketAddr;
use udp_protocol::{ConnectRequest, ConnectionId, TransactionId};
use zerocopy::IntoBytes;

/// A client at one address.
#[derive(Debug)]
pub(crate) struct UdpPeer {
    pub(crate) client: Client,
    has_id: bool,
    requests: u32,
    asked: HashMap<u32, Asked>,
    /// Whether the peer at its own port has completed its torrents.
    is_seeder: bool,
    /// The last answer to an announce of its own port.
    pub(crate) announced: Option<Announced>,
}

/// What a client has asked for, and when.
#[derive(Debug, Clone, Copy)]
enum Asked {
    Connect,
    Announce { torrent: InfoHash, at_ms: u64, port: u16 },
    Scrape { torrents: usize },
}

impl UdpPeer {
    pub(crate) fn new(source: &str) -> Self {
        let client = Client::stranger(source);
        Self { client, has_id: false, requests: 0, asked: HashMap::new(), is_seeder: false, announced: None }
    }

    /// Creates a client that uses other transaction ids.
    pub(crate) fn stranger(source: SocketAddr) -> Self {
        Self { requests: u32::MAX / 2, ..Self::new(&source.to_string()) }
    }

    pub(crate) const fn has_id(&self) -> bool {
        self.has_id
    }

    fn note(&mut self, asked: Asked) -> TransactionId {
        self.requests += 1;
        self.asked.insert(self.requests, asked);
        TransactionId(self.requests.to_be_bytes())
    }

    pub(crate) fn connect(&mut self) -> Vec<u8> {
        ConnectRequest::new(self.note(Asked::Connect)).as_bytes().to_vec()
    }

    /// Returns an announce of a peer at this port.
    pub(crate) fn announce(
        &mut self,
        torrent: InfoHash,
        port: u16,
        now_ms: u64,
        event: AnnounceEvent,
    ) -> Vec<u8> {
        let mut request = self.client.leeching(torrent).with_port(port).with_event(event);
        let (completes, is_own) = (event == AnnounceEvent::Completed, port == self.client.source.port());
        self.is_seeder |= completes && is_own;
        if completes || is_own && self.is_seeder {
            request = request.with_left(0);
        }
        request.transaction_id = self.note(Asked::Announce { torrent, at_ms: now_ms, port });
        [request.as_bytes(), &url_data(&[announce_path().as_bytes()])].concat()
    }

    pub(crate) fn scrape(&mut self, torrents: &[InfoHash]) -> Vec<u8> {
        let transaction_id = self.note(Asked::Scrape { torrents: torrents.len() });
        let mut bytes = self.client.scraping(torrents);
        bytes[12..16].copy_from_slice(&transaction_id.0);
        bytes
    }

    /// Checks a reply. A client ignores those that it has not asked for.
    pub(crate) fn receive(&mut self, reply: &Reply, peers: &mut Peers) {
        let (TransactionId(number), answer) = Answer::decode(self.client.source, &reply.bytes);
        let Some(&asked) = self.asked.get(&u32::from_be_bytes(number)) else { return };
        match (asked, answer) {
            (Asked::Connect, Answer::Connected(id)) => (self.client.connection_id, self.has_id) = (id, true),
            (Asked::Announce { torrent, at_ms, port }, Answer::Announced(announced)) => {
                peers.assert_may_live(&torrent, &announced.peers, at_ms);
                peers.note_answered(torrent, SocketAddr::new(self.client.source.ip(), port));
                if port == self.client.source.port() {
                    self.announced = Some(announced);
                }
            }
            (Asked::Scrape { torrents }, Answer::Scraped(counts)) => assert_eq!(counts.len(), torrents),
            (Asked::Announce { .. } | Asked::Scrape { .. }, Answer::Error(text)) => {
                if text.contains("connection id") {
                    self.forget_id();
                }
            }
            (asked, answer) => panic!("{asked:?} is answered with {answer:?}"),
        }
    }

    /// Fetches another connection id before the next request.
    pub(crate) fn forget_id(&mut self) {
        (self.client.connection_id, self.has_id) = (ConnectionId([0; 8]), false);
    }
}

/// Returns an event: mostly none.
pub(crate) fn any_event(random: &mut Rng) -> AnnounceEvent {
    match random.u8(0..20) {
        0 => AnnounceEvent::Stopped,
        1 | 2 => AnnounceEvent::Completed,
        3 | 4 => AnnounceEvent::Started,
        _ => AnnounceEvent::None,
    }
}
