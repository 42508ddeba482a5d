//! Random requests that have the same meaning for any tracker.

use primitives::{AnnounceEvent, InfoHash};
use proptest::prelude::*;
use ringtrack_tests::client::Client;
use ringtrack_tests::simulator::Simulator;
use zerocopy::IntoBytes;

pub(super) const TORRENTS: u8 = 12;
pub(super) const CLIENTS: u8 = 24;

/// More than there are clients, so that a reply contains all peers.
const NUMWANT_ALL: i32 = 200;

/// The content of a request.
#[derive(Debug, Clone)]
pub(super) enum Asked {
    Announce { torrent: u8, left: u64, event: AnnounceEvent, port: Option<u16> },
    Scrape { torrents: Vec<u8> },
    WithoutProof { torrent: u8 },
    Junk { bytes: Vec<u8> },
}

/// A request, its client, and the core at which it arrives if it is not steered.
#[derive(Debug, Clone)]
pub(super) struct Request {
    pub(super) client: u8,
    pub(super) core: usize,
    pub(super) asked: Asked,
}

pub(super) fn info_hash(torrent: u8) -> InfoHash {
    InfoHash([torrent; 20])
}

/// Of three clients one is at an IPv4, one at an IPv4-mapped and one at an IPv6 address.
pub(super) fn clients(tracker: &mut Simulator) -> Vec<Client> {
    let mut address = |number: u8| match number % 3 {
        0 => Client::connected(tracker, &format!("192.0.2.{number}:6881")),
        1 => Client::connected(tracker, &format!("[::ffff:192.0.2.{number}]:6881")),
        _ => Client::connected(tracker, &format!("[2001:db8::{number:x}]:6881")),
    };
    (0..CLIENTS).map(&mut address).collect()
}

impl Request {
    pub(super) fn bytes(&self, client: &Client) -> Vec<u8> {
        match &self.asked {
            Asked::Announce { torrent, left, event, port } => {
                let request = client.leeching(info_hash(*torrent)).with_left(*left).with_event(*event);
                let request = request.with_numwant(NUMWANT_ALL);
                port.map_or(request, |port| request.with_port(port)).as_bytes().to_vec()
            }
            Asked::Scrape { torrents } => {
                let hashes: Vec<InfoHash> = torrents.iter().copied().map(info_hash).collect();
                client.scraping(&hashes)
            }
            Asked::WithoutProof { torrent } => {
                let stranger = Client { connection_id: udp_protocol::ConnectionId([9; 8]), ..*client };
                stranger.leeching(info_hash(*torrent)).as_bytes().to_vec()
            }
            Asked::Junk { bytes } => bytes.clone(),
        }
    }
}

fn any_event() -> impl Strategy<Value = AnnounceEvent> {
    prop_oneof![
        4 => Just(AnnounceEvent::None),
        2 => Just(AnnounceEvent::Started),
        1 => Just(AnnounceEvent::Completed),
        1 => Just(AnnounceEvent::Stopped),
    ]
}

pub(super) fn any_announce() -> impl Strategy<Value = Asked> {
    let port = prop_oneof![8 => Just(None), 1 => Just(Some(0)), 1 => (1..4_u16).prop_map(Some)];
    (0..TORRENTS, 0..2_u64, any_event(), port).prop_map(|(torrent, left, event, port)| Asked::Announce {
        torrent,
        left,
        event,
        port,
    })
}

fn any_asked() -> impl Strategy<Value = Asked> {
    prop_oneof![
        8 => any_announce(),
        2 => prop::collection::vec(0..TORRENTS + 2, 1..=76).prop_map(|torrents| Asked::Scrape { torrents }),
        1 => (0..TORRENTS).prop_map(|torrent| Asked::WithoutProof { torrent }),
        1 => prop::collection::vec(any::<u8>(), 0..120).prop_map(|bytes| Asked::Junk { bytes }),
    ]
}

pub(super) fn any_request() -> impl Strategy<Value = Request> {
    (0..CLIENTS, 0..8_usize, any_asked()).prop_map(|(client, core, asked)| Request { client, core, asked })
}
