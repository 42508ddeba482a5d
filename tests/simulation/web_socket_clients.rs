//! Clients over WebSockets: they announce with offers, answer those of others, close and vanish.

use super::control::announce_path;
use fastrand::Rng;
use primitives::{InfoHash, PeerId};
use ringtrack_tests::simulator::Client;
use ringtrack_tests::simulator::Simulator;
use ringtrack_tests::web_socket_client::{Received, WebSocketClient, announce, answer, handshake};
use serde_json::Value;
use std::collections::HashMap;
use ws_protocol::Opcode;

/// A client with one WebSocket.
#[derive(Debug)]
pub(crate) struct WebPeer {
    socket: WebSocketClient,
    id: PeerId,
    is_open: bool,
    /// The torrents that it has announced, each with the announces that have no answer.
    pub(crate) announced: HashMap<InfoHash, usize>,
    offers: Vec<Value>,
    pub(crate) has_left: bool,
    /// The code with which the tracker has closed the WebSocket.
    pub(crate) close_code: Option<u16>,
    /// The seeders and leechers in the last answer to an announce.
    pub(crate) counts: Option<(u64, u64)>,
}

impl WebPeer {
    pub(crate) fn opening(tracker: &mut Simulator, core: usize, client: Client, number: u8) -> Self {
        let mut id = *b"-WW0208-abcdefghijk0";
        id[19] = number;
        Self {
            socket: WebSocketClient::opening(tracker, core, client, &handshake(&announce_path(), "")),
            id: PeerId(id),
            is_open: false,
            announced: HashMap::new(),
            offers: Vec::new(),
            has_left: false,
            close_code: None,
            counts: None,
        }
    }

    pub(crate) const fn id(&self) -> PeerId {
        self.id
    }

    pub(crate) const fn is_open(&self) -> bool {
        self.is_open
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.socket.client.is_closed()
    }

    pub(crate) fn announce(&mut self, torrent: InfoHash, left: u64, offers: u8) {
        if self.is_open {
            self.socket.send(&announce(torrent, self.id, left, offers));
            *self.announced.entry(torrent).or_default() += 1;
        }
    }

    /// Answers the offers of others that have come.
    pub(crate) fn answer(&mut self) {
        for offer in std::mem::take(&mut self.offers) {
            self.socket.send(&answer(self.id, &offer));
        }
    }

    /// Reads and checks what has come. Returns whether something has but pings, which come as long as the client is there.
    pub(crate) fn receive(&mut self) -> bool {
        let received = self.socket.receive();
        let has_received = received.iter().any(|received| *received != Received::Ping);
        for received in received {
            match received {
                Received::Accepted => self.is_open = true,
                Received::Message(message) => self.take(message),
                Received::Ping if !self.has_left => self.socket.send_frame(Opcode::Pong, b""),
                Received::Close(code) => self.close_code = Some(code),
                Received::Refused(_) | Received::Ping | Received::Pong(_) => {}
            }
        }
        has_received
    }

    fn take(&mut self, message: Value) {
        let Some(torrent) = torrent(&message) else { return };
        if message.get("offer").is_some() {
            assert!(self.announced.contains_key(&torrent), "an offer is for a peer of the torrent");
            self.offers.push(message);
        } else if message.get("answer").is_none() && message["action"] == "announce" {
            let unanswered = self.announced.get_mut(&torrent).expect("it has announced the torrent");
            match message.get("failure reason") {
                // A refused answer to an offer has the same form as a refused announce.
                Some(_) => *unanswered = unanswered.saturating_sub(1),
                None => {
                    *unanswered = unanswered.checked_sub(1).expect("one answer for each announce");
                    let count = |name: &str| message[name].as_u64();
                    self.counts = count("complete").zip(count("incomplete"));
                }
            }
        }
    }

    /// Returns how many announces have no answer.
    pub(crate) fn unanswered(&self) -> usize {
        self.announced.values().sum()
    }

    pub(crate) fn leave(&mut self, random: &mut Rng) {
        match random.u8(0..3) {
            0 => self.socket.send_frame(Opcode::Close, &1000_u16.to_be_bytes()),
            1 => self.socket.client.end(),
            _ => self.socket.client.break_off(),
        }
        self.has_left = true;
    }
}

/// Returns the torrent of a message.
fn torrent(message: &Value) -> Option<InfoHash> {
    let bytes: Option<Vec<u8>> = message["info_hash"]
        .as_str()?
        .chars()
        .map(|character| u8::try_from(u32::from(character)).ok())
        .collect();
    Some(InfoHash(bytes?.try_into().ok()?))
}
