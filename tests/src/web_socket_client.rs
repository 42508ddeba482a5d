//! WebTorrent clients over simulated connections.

use crate::http_client::HttpAnswer;
use crate::simulator::{Client, Simulator};
use primitives::{InfoHash, PeerId};
use serde_json::{Value, json};
use ws_protocol::{FrameReader, Incoming, Opcode, Sender, append_frame};

/// The mask of all frames. Real clients draw one for each.
const MASK: [u8; 4] = [0x12, 0x34, 0x56, 0x78];

/// What belongs to the key of all handshakes.
const ACCEPTED: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

/// A WebSocket, as its client sees it.
#[derive(Debug)]
pub struct WebSocketClient {
    pub client: Client,
    reader: FrameReader,
    received: Vec<u8>,
    stage: Stage,
}

/// How far the opening of a WebSocket has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// The answer to the handshake has not come.
    Opening,
    Open,
    /// The handshake was refused.
    Refused,
}

/// Something that a client receives.
#[derive(Debug, Clone, PartialEq)]
pub enum Received {
    /// The WebSocket is open.
    Accepted,
    /// The tracker refuses it, with this status.
    Refused(u16),
    Message(Value),
    Ping,
    Pong(Vec<u8>),
    /// With its code.
    Close(u16),
}

/// Returns the head of a request for a WebSocket, with these lines besides the necessary ones.
#[must_use]
pub fn handshake(path: &str, lines: &str) -> String {
    format!(
        "GET {path} HTTP/1.1\r\nHost: tracker.example\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{lines}\r\n"
    )
}

/// Returns bytes as the characters of a JSON string.
#[must_use]
pub fn binary(bytes: &[u8]) -> String {
    bytes.iter().copied().map(char::from).collect()
}

/// Returns a started announce of a peer with this many bytes left and as many offers, numbered from 0.
#[must_use]
pub fn announce(torrent: InfoHash, peer: PeerId, left: u64, offers: u8) -> Value {
    let offers: Vec<Value> = (0..offers).map(|number| offer(peer, number)).collect();
    json!({
        "action": "announce", "info_hash": binary(&torrent.0), "peer_id": binary(&peer.0), "event": "started",
        "uploaded": 0, "downloaded": 0, "left": left, "numwant": offers.len(), "offers": offers,
    })
}

/// Returns an offer of a peer.
#[must_use]
pub fn offer(peer: PeerId, number: u8) -> Value {
    let sdp = format!("v=0\r\no=- {number} {}\r\n", hex(&peer));
    json!({ "offer": { "type": "offer", "sdp": sdp }, "offer_id": binary(&[number; 20]) })
}

/// Returns the answer of a peer to an offer that it has received.
#[must_use]
pub fn answer(peer: PeerId, offer: &Value) -> Value {
    json!({
        "action": "announce", "info_hash": offer["info_hash"], "peer_id": binary(&peer.0),
        "to_peer_id": offer["peer_id"], "offer_id": offer["offer_id"],
        "answer": { "type": "answer", "sdp": format!("to {}", offer["offer"]["sdp"]) },
    })
}

fn hex(peer: &PeerId) -> String {
    peer.0.iter().map(|byte| format!("{byte:02x}")).collect()
}

impl WebSocketClient {
    /// Opens a WebSocket on a core, with room for everything that is sent.
    ///
    /// # Panics
    /// If the tracker refuses it.
    #[must_use]
    pub fn open(tracker: &mut Simulator, core: usize) -> Self {
        Self::open_at(tracker, core, Client::with_room(usize::MAX), &handshake("/", ""))
    }

    /// Opens a WebSocket over a connection of this client.
    ///
    /// # Panics
    /// If the tracker refuses it.
    #[must_use]
    pub fn open_at(tracker: &mut Simulator, core: usize, client: Client, handshake: &str) -> Self {
        let mut opened = Self::opening(tracker, core, client, handshake);
        tracker.run_until_idle();
        assert_eq!(opened.receive(), [Received::Accepted]);
        opened
    }

    /// Begins to open a WebSocket over a connection of this client.
    #[must_use]
    pub fn opening(tracker: &mut Simulator, core: usize, client: Client, handshake: &str) -> Self {
        let client = tracker.connect(core, client);
        client.send(handshake.as_bytes());
        Self { client, reader: FrameReader::new(Sender::Server), received: Vec::new(), stage: Stage::Opening }
    }

    /// Sends a frame.
    pub fn send_frame(&self, opcode: Opcode, payload: &[u8]) {
        let mut frame = Vec::new();
        append_frame(&mut frame, opcode, Some(MASK), payload);
        self.client.send(&frame);
    }

    /// Sends a message.
    pub fn send(&self, message: &Value) {
        self.send_frame(Opcode::Text, message.to_string().as_bytes());
    }

    /// Returns everything that has come, and makes room for as much.
    ///
    /// # Panics
    /// If it violates RFC 6455, or a message is not JSON.
    pub fn receive(&mut self) -> Vec<Received> {
        self.client.read_to(&mut self.received);
        let mut all = Vec::new();
        if self.stage == Stage::Opening {
            let Some((answer, rest)) = HttpAnswer::read_first(&self.received) else { return all };
            let accepted = answer.header("Sec-WebSocket-Accept") == Some(ACCEPTED);
            assert!(accepted || answer.status != 101, "{answer:?}");
            self.stage = if accepted { Stage::Open } else { Stage::Refused };
            all.push(if accepted { Received::Accepted } else { Received::Refused(answer.status) });
            self.received = rest.to_vec();
        }
        if self.stage == Stage::Refused {
            return all;
        }
        loop {
            let (bytes, incoming) = self.reader.read(&mut self.received);
            all.push(match incoming {
                Incoming::Message(text) => Received::Message(serde_json::from_str(text).expect("JSON")),
                Incoming::Ping(_) => Received::Ping,
                Incoming::Pong => Received::Pong(self.received[2..bytes].to_vec()),
                Incoming::Close => Received::Close(
                    self.received[2..4].iter().fold(0, |code, byte| code << 8 | u16::from(*byte)),
                ),
                Incoming::Incomplete => return all,
                Incoming::Fragment | Incoming::Invalid(_) => {
                    panic!("the tracker sends whole and valid frames")
                }
            });
            self.received.drain(..bytes);
        }
    }

    /// Returns the messages that have come.
    ///
    /// # Panics
    /// If something else has come.
    pub fn messages(&mut self) -> Vec<Value> {
        let all = self.receive().into_iter();
        all.map(
            |received| {
                if let Received::Message(message) = received { message } else { panic!("{received:?}") }
            },
        )
        .collect()
    }

    /// Sends a message, lets the cores serve it, and returns the messages that have come.
    ///
    /// # Panics
    /// As [`Self::messages`].
    pub fn exchange(&mut self, tracker: &mut Simulator, message: &Value) -> Vec<Value> {
        self.send(message);
        tracker.run_until_idle();
        self.messages()
    }
}
