use crate::target::HttpPlace;
use primitives::{InfoHash, PeerId, PeerStatus};
use ws_protocol::{OfferId, Opcode, Signal, append_frame};

/// The key of all connections: 16 bytes in Base64.
pub(crate) const KEY: &str = "cmluZ3RyYWNrLWJsYXN0MQ==";

/// Returns the request that begins a connection.
pub(crate) fn upgrade_request(place: &HttpPlace) -> Vec<u8> {
    let HttpPlace { path, authority, .. } = place;
    format!(
        "GET {path} HTTP/1.1\r\nHost: {authority}\r\nUser-Agent: ringtrack-blast/{}\r\nConnection: Upgrade\r\n\
         Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {KEY}\r\n\r\n",
        env!("CARGO_PKG_VERSION"),
    )
    .into_bytes()
}

/// An announce without its offers.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Announce {
    pub(crate) info_hash: InfoHash,
    pub(crate) peer_id: PeerId,
    pub(crate) status: PeerStatus,
    pub(crate) event: Event,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Event {
    Started,
    /// An announce at its time.
    None,
}

/// Writes masked frames with the messages of clients, in the order that browsers use.
#[derive(Debug)]
pub(crate) struct Writer {
    json: String,
    /// Each byte as it is written in a string.
    characters: Vec<String>,
    masks: fastrand::Rng,
}

/// Returns the character of a byte, escaped as JavaScript does.
fn character(byte: u8) -> String {
    match byte {
        b'"' | b'\\' => format!(r"\{}", char::from(byte)),
        8 => r"\b".to_owned(),
        9 => r"\t".to_owned(),
        10 => r"\n".to_owned(),
        12 => r"\f".to_owned(),
        13 => r"\r".to_owned(),
        ..0x20 => format!(r"\u{byte:04x}"),
        _ => char::from(byte).to_string(),
    }
}

impl Writer {
    pub(crate) fn new(seed: u64) -> Self {
        let characters = (0..=255).map(character).collect();
        Self { json: String::new(), characters, masks: fastrand::Rng::with_seed(seed) }
    }

    /// Appends an announce with the objects of these offers.
    pub(crate) fn announce<'a>(
        &mut self,
        announce: &Announce,
        offers: impl ExactSizeIterator<Item = (OfferId, &'a str)>,
        out: &mut Vec<u8>,
    ) {
        self.json = format!(r#"{{"numwant":{},"uploaded":0,"downloaded":0,"left":"#, offers.len());
        self.json += if announce.status == PeerStatus::Seeder { "0" } else { "1073741824" };
        self.json += if announce.event == Event::Started { r#","event":"started""# } else { "" };
        self.json += r#","action":"announce","info_hash":"#;
        self.binary(&announce.info_hash.0);
        self.json += r#","peer_id":"#;
        self.binary(&announce.peer_id.0);
        self.json += r#","offers":["#;
        for (number, (offer_id, offer)) in offers.enumerate() {
            self.json += if number == 0 { r#"{"offer":"# } else { r#",{"offer":"# };
            self.json += offer;
            self.json += r#","offer_id":"#;
            self.binary(&offer_id.0);
            self.json += "}";
        }
        self.json += "]}";
        self.finish(out);
    }

    /// Appends the answer of a peer to an offer.
    pub(crate) fn answer(&mut self, peer_id: PeerId, offer: &Signal<'_>, answer: &str, out: &mut Vec<u8>) {
        self.json.clear();
        self.json += r#"{"action":"announce","info_hash":"#;
        self.binary(&offer.info_hash.0);
        self.json += r#","peer_id":"#;
        self.binary(&peer_id.0);
        self.json += r#","to_peer_id":"#;
        self.binary(&offer.peer_id.0);
        self.json += r#","answer":"#;
        self.json += answer;
        self.json += r#","offer_id":"#;
        self.binary(&offer.offer_id.0);
        self.json += "}";
        self.finish(out);
    }

    /// Appends a scrape of these torrents.
    pub(crate) fn scrape(&mut self, torrents: impl Iterator<Item = InfoHash>, out: &mut Vec<u8>) {
        self.json.clear();
        self.json += r#"{"action":"scrape","info_hash":["#;
        for (number, torrent) in torrents.enumerate() {
            self.json += if number == 0 { "" } else { "," };
            self.binary(&torrent.0);
        }
        self.json += "]}";
        self.finish(out);
    }

    /// Appends bytes as a string with a character for each.
    fn binary(&mut self, bytes: &[u8]) {
        self.json.push('"');
        for &byte in bytes {
            self.json += &self.characters[usize::from(byte)];
        }
        self.json.push('"');
    }

    fn finish(&mut self, out: &mut Vec<u8>) {
        let mask = self.masks.u32(..).to_be_bytes();
        append_frame(out, Opcode::Text, Some(mask), self.json.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ws_protocol::{ClientMessage, FrameReader, Incoming, Sender, SignalKind, read_message};

    /// Calls `check` with the message that a tracker reads from a frame.
    fn read(frame: &mut [u8], check: impl FnOnce(ClientMessage<'_>)) {
        match FrameReader::new(Sender::Client).read(frame) {
            (_, Incoming::Message(text)) => check(read_message(text).expect(text)),
            other => panic!("{other:?}"),
        }
    }

    /// Every byte.
    fn ids() -> impl Iterator<Item = [u8; 20]> {
        let bytes: Vec<u8> = (0..=255).chain(0..4).collect();
        (0..13).map(move |place| std::array::from_fn(|index| bytes[place * 20 + index]))
    }

    #[test]
    fn an_announce_describes_its_peer_and_brings_its_offers() {
        let offer = r#"{"type":"offer","sdp":"v=0\r\n"}"#;
        for (id, status) in ids().zip([PeerStatus::Seeder, PeerStatus::Leecher].into_iter().cycle()) {
            let (info_hash, peer_id) = (InfoHash(id), PeerId(id));
            let announce = Announce { info_hash, peer_id, status, event: Event::Started };
            let mut out = Vec::new();
            Writer::new(1).announce(&announce, [(OfferId(id), offer); 3].into_iter(), &mut out);
            read(&mut out, |message| {
                let ClientMessage::Announce(read) = message else { panic!("{message:?}") };
                assert_eq!((read.info_hash, read.peer_id, read.status), (info_hash, peer_id, status));
                let offers: Vec<_> = read.offers.map(|offer| (offer.offer_id, offer.offer)).collect();
                assert_eq!(offers, [(OfferId(id), offer); 3]);
            });
        }
    }

    #[test]
    fn an_answer_goes_to_the_peer_of_its_offer() {
        let (offer_id, info_hash) = (OfferId([3; 20]), InfoHash([1; 20]));
        let offer = Signal {
            kind: SignalKind::Offer,
            info_hash,
            peer_id: PeerId([2; 20]),
            offer_id,
            description: "{}",
        };
        let mut out = Vec::new();
        Writer::new(1).answer(PeerId([4; 20]), &offer, r#"{"type":"answer"}"#, &mut out);
        read(&mut out, |message| {
            let ClientMessage::Answer(answer) = message else { panic!("{message:?}") };
            assert_eq!((answer.info_hash, answer.peer_id), (info_hash, PeerId([4; 20])));
            assert_eq!((answer.to_peer_id, answer.offer_id), (PeerId([2; 20]), offer_id));
            assert_eq!(answer.answer, r#"{"type":"answer"}"#);
        });
    }

    #[test]
    fn a_scrape_names_its_torrents() {
        let torrents: Vec<_> = ids().map(InfoHash).collect();
        let mut out = Vec::new();
        Writer::new(1).scrape(torrents.iter().copied(), &mut out);
        read(&mut out, |message| {
            let ClientMessage::Scrape(scrape) = message else { panic!("{message:?}") };
            assert!(scrape.info_hashes.eq(torrents.iter().copied()));
        });
    }
}
