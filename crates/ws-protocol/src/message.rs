use crate::announce::{Announce, Answer, OfferId, Offers};
use crate::json::read_object;
use crate::limits::{DEPTH_MAX, NAME_BYTES_MAX};
use crate::scrape::{InfoHashes, Scrape};
use crate::value::{Text, decoded, number, twenty_bytes};
use primitives::{AnnounceEvent, InfoHash, PeerId, PeerStatus};
use thiserror::Error;

/// What a message asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    Announce,
    Scrape,
}

/// A message of a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClientMessage<'a> {
    Announce(Announce<'a>),
    /// The answer to an offer, which clients send as an announce.
    Answer(Answer<'a>),
    Scrape(Scrape<'a>),
}

/// A message that cannot be served, and what its failure has to name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("{reason}")]
pub struct MessageError {
    pub action: Action,
    /// The torrent, if the message names one. Without it nothing must be sent: clients fail on such messages.
    pub info_hash: Option<InfoHash>,
    pub reason: MessageFault,
}

/// Why a message cannot be served. The text is sent as a failure reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum MessageFault {
    #[error("the message is not a JSON object of at most {DEPTH_MAX} levels")]
    NotAnObject,
    #[error("the action is neither announce nor scrape")]
    UnknownAction,
    #[error("missing {0}")]
    Missing(&'static str),
    /// The value is not a string of 20 characters from U+0000 to U+00FF.
    #[error("invalid {0}: it is not 20 bytes, each as one character")]
    NotTwentyBytes(&'static str),
    #[error("invalid answer: it is not an object")]
    InvalidAnswer,
}

/// The values of the known members of a message. Those that are `null` count as absent.
#[derive(Debug, Default)]
struct Values<'a> {
    action: Option<&'a str>,
    info_hash: Option<&'a str>,
    peer_id: Option<&'a str>,
    to_peer_id: Option<&'a str>,
    offer_id: Option<&'a str>,
    event: Option<&'a str>,
    uploaded: Option<&'a str>,
    downloaded: Option<&'a str>,
    left: Option<&'a str>,
    offers: Option<&'a str>,
    answer: Option<&'a str>,
    key: Option<&'a str>,
}

/// Reads a message of a client.
///
/// The order of the members does not matter, unknown ones are ignored, and of several with the same name the last
/// counts. Only what the tracker needs is a reason to refuse a message; other wrong values count as absent.
///
/// # Errors
/// If it is not a JSON object, or its action, or a binary string that its action needs, is missing or wrong.
pub fn read_message(text: &str) -> Result<ClientMessage<'_>, MessageError> {
    let mut values = Values::default();
    let read = read_object(text, |name, value| {
        if let Some(place) = values.place(name) {
            *place = (value != "null").then_some(value);
        }
    });
    if read.is_none() {
        let reason = MessageFault::NotAnObject;
        return Err(MessageError { action: Action::Announce, info_hash: None, reason });
    }
    match decoded(values.action, &mut [0; NAME_BYTES_MAX]) {
        Some("announce") => values.announce(),
        Some("scrape") => values.scrape(),
        _ => Err(values.error(Action::Announce, MessageFault::UnknownAction)),
    }
}

impl<'a> Values<'a> {
    fn place(&mut self, name: Text<'a>) -> Option<&mut Option<&'a str>> {
        match name.decode(&mut [0; NAME_BYTES_MAX])? {
            "action" => Some(&mut self.action),
            "info_hash" => Some(&mut self.info_hash),
            "peer_id" => Some(&mut self.peer_id),
            "to_peer_id" => Some(&mut self.to_peer_id),
            "offer_id" => Some(&mut self.offer_id),
            "event" => Some(&mut self.event),
            "uploaded" => Some(&mut self.uploaded),
            "downloaded" => Some(&mut self.downloaded),
            "left" => Some(&mut self.left),
            "offers" => Some(&mut self.offers),
            "answer" => Some(&mut self.answer),
            "key" => Some(&mut self.key),
            _ => None,
        }
    }

    fn error(&self, action: Action, reason: MessageFault) -> MessageError {
        let info_hash = self.info_hash.and_then(twenty_bytes).map(InfoHash);
        MessageError { action, info_hash, reason }
    }

    /// Returns the binary string that an announce has in this member.
    fn required(&self, name: &'static str, value: Option<&str>) -> Result<[u8; 20], MessageError> {
        let bytes = match value {
            None => Err(MessageFault::Missing(name)),
            Some(value) => twenty_bytes(value).ok_or(MessageFault::NotTwentyBytes(name)),
        };
        bytes.map_err(|reason| self.error(Action::Announce, reason))
    }

    fn announce(&self) -> Result<ClientMessage<'a>, MessageError> {
        let info_hash = InfoHash(self.required("info_hash", self.info_hash)?);
        let peer_id = PeerId(self.required("peer_id", self.peer_id)?);
        let key = self.key.and_then(Text::from_value);
        let answer = self.answer.filter(|answer| answer.starts_with('{'));
        // One that is incomplete is not an announce either: it has no bytes left, and would make its seeder a leecher.
        if answer.is_some() || self.to_peer_id.and_then(twenty_bytes).is_some() {
            let to_peer_id = PeerId(self.required("to_peer_id", self.to_peer_id)?);
            let offer_id = OfferId(self.required("offer_id", self.offer_id)?);
            let answer = answer.ok_or_else(|| self.error(Action::Announce, MessageFault::InvalidAnswer))?;
            return Ok(ClientMessage::Answer(Answer {
                info_hash,
                peer_id,
                to_peer_id,
                offer_id,
                answer,
                key,
            }));
        }
        let left = self.left.and_then(number);
        let (event, status) = self.event_and_status(left);
        Ok(ClientMessage::Announce(Announce {
            info_hash,
            peer_id,
            event,
            status,
            uploaded: self.uploaded.and_then(number),
            downloaded: self.downloaded.and_then(number),
            left,
            key,
            offers: Offers::of_value(self.offers.unwrap_or_default()),
        }))
    }

    /// An unknown event is none. A partial seed announces regularly and is incomplete (BEP 21), as is a peer that does
    /// not report the bytes left.
    fn event_and_status(&self, left: Option<u64>) -> (AnnounceEvent, PeerStatus) {
        let status = left.map_or(PeerStatus::Leecher, PeerStatus::from_bytes_left);
        match decoded(self.event, &mut [0; NAME_BYTES_MAX]) {
            Some("started") => (AnnounceEvent::Started, status),
            Some("completed") => (AnnounceEvent::Completed, status),
            Some("stopped") => (AnnounceEvent::Stopped, status),
            Some("paused") => (AnnounceEvent::None, PeerStatus::Leecher),
            _ => (AnnounceEvent::None, status),
        }
    }

    fn scrape(&self) -> Result<ClientMessage<'a>, MessageError> {
        let info_hashes = match self.info_hash {
            None => Some(InfoHashes::default()),
            Some(value) => InfoHashes::of_value(value),
        };
        let fault = MessageFault::NotTwentyBytes("info_hash");
        let info_hashes = info_hashes.ok_or_else(|| self.error(Action::Scrape, fault))?;
        Ok(ClientMessage::Scrape(Scrape { info_hashes, key: self.key.and_then(Text::from_value) }))
    }
}

#[cfg(test)]
mod tests;
