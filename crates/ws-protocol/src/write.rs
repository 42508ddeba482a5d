use crate::announce::OfferId;
use crate::frame::append_text;
use crate::limits::SCRAPE_INTERVAL_S;
use crate::message::Action;
use core::fmt::{self, Display, Write as _};
use primitives::{InfoHash, PeerId};

/// The answer to an announce.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AnnounceAnswer {
    pub info_hash: InfoHash,
    /// Seeders in the swarm.
    pub complete: u32,
    /// Leechers in the swarm, partial seeds included.
    pub incomplete: u32,
    pub interval_s: u32,
}

/// An offer or an answer for another peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Signal<'a> {
    pub kind: SignalKind,
    pub info_hash: InfoHash,
    /// The peer that sent it.
    pub peer_id: PeerId,
    pub offer_id: OfferId,
    /// The JSON object with the description of the session, as received.
    pub description: &'a str,
}

/// What a [`Signal`] carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignalKind {
    Offer,
    Answer,
}

/// The counts of one torrent in the answer to a scrape.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ScrapedTorrent {
    pub info_hash: InfoHash,
    /// Seeders in the swarm.
    pub complete: u32,
    /// Leechers in the swarm, partial seeds included.
    pub incomplete: u32,
    /// Number of completed downloads of the torrent.
    pub downloaded: u64,
}

/// Appends the frame of the answer to an announce.
pub fn append_announce_answer(out: &mut Vec<u8>, answer: &AnnounceAnswer) {
    append_text(out, |out| {
        let mut json = Json(out);
        json.raw(r#"{"action":"announce","info_hash":"#);
        json.binary(&answer.info_hash.0);
        json.number(r#","complete":"#, answer.complete);
        json.number(r#","incomplete":"#, answer.incomplete);
        json.number(r#","interval":"#, answer.interval_s);
        json.raw("}");
    });
}

/// Appends the frame that brings an offer or an answer to the peer that it is for.
pub fn append_signal(out: &mut Vec<u8>, signal: &Signal<'_>) {
    append_text(out, |out| {
        let mut json = Json(out);
        json.raw(r#"{"action":"announce","info_hash":"#);
        json.binary(&signal.info_hash.0);
        json.raw(r#","offer_id":"#);
        json.binary(&signal.offer_id.0);
        json.raw(r#","peer_id":"#);
        json.binary(&signal.peer_id.0);
        json.raw(match signal.kind {
            SignalKind::Offer => r#","offer":"#,
            SignalKind::Answer => r#","answer":"#,
        });
        json.raw(signal.description);
        json.raw("}");
    });
}

/// Appends the frame of the answer to a scrape.
pub fn append_scrape(out: &mut Vec<u8>, files: impl Iterator<Item = ScrapedTorrent>) {
    append_text(out, |out| {
        let mut json = Json(out);
        json.raw(r#"{"action":"scrape","files":{"#);
        for (index, file) in files.enumerate() {
            json.raw(if index == 0 { "" } else { "," });
            json.binary(&file.info_hash.0);
            json.number(r#":{"complete":"#, file.complete);
            json.number(r#","incomplete":"#, file.incomplete);
            json.number(r#","downloaded":"#, file.downloaded);
            json.raw("}");
        }
        json.number(r#"},"flags":{"min_request_interval":"#, SCRAPE_INTERVAL_S);
        json.raw("}}");
    });
}

/// Appends the frame that says why a message cannot be served.
pub fn append_failure(out: &mut Vec<u8>, action: Action, info_hash: &InfoHash, reason: &dyn Display) {
    append_text(out, |out| {
        let mut json = Json(out);
        json.raw(match action {
            Action::Announce => r#"{"action":"announce","info_hash":"#,
            Action::Scrape => r#"{"action":"scrape","info_hash":"#,
        });
        json.binary(&info_hash.0);
        json.raw(r#","failure reason":""#);
        json.display(reason);
        json.raw(r#""}"#);
    });
}

/// Appends JSON to a buffer. As a formatter it escapes what is formatted.
struct Json<'a>(&'a mut Vec<u8>);

impl Json<'_> {
    fn raw(&mut self, text: &str) {
        self.0.extend_from_slice(text.as_bytes());
    }

    fn number(&mut self, before: &str, number: impl Into<u64>) {
        self.raw(before);
        self.display(&number.into());
    }

    fn display(&mut self, value: &dyn Display) {
        // Only `value` itself could fail; what it has written up to there remains valid.
        let _formatted = write!(self, "{value}");
    }

    /// Writes a string of one character for each byte.
    fn binary(&mut self, bytes: &[u8; 20]) {
        self.raw("\"");
        for &byte in bytes {
            if byte.is_ascii() {
                self.ascii(byte);
            } else {
                self.0.extend([0xc0 | byte >> 6, 0x80 | byte & 0x3f]);
            }
        }
        self.raw("\"");
    }

    fn ascii(&mut self, byte: u8) {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        match byte {
            b'"' | b'\\' => self.0.extend([b'\\', byte]),
            0..0x20 => {
                let digit = DIGITS.get(usize::from(byte & 0xf)).copied().unwrap_or_default();
                self.0.extend([b'\\', b'u', b'0', b'0', b'0' | byte >> 4, digit]);
            }
            _ => self.0.push(byte),
        }
    }
}

impl fmt::Write for Json<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for byte in text.bytes() {
            if byte.is_ascii() {
                self.ascii(byte);
            } else {
                self.0.push(byte);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
