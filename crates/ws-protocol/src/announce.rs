use crate::json::Elements;
use crate::limits::NAME_BYTES_MAX;
use crate::value::{Text, twenty_bytes};
use primitives::{AnnounceEvent, InfoHash, PeerId, PeerStatus};

/// The name that a client chose for one of its offers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct OfferId(pub [u8; 20]);

/// An announce of a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Announce<'a> {
    pub info_hash: InfoHash,
    pub peer_id: PeerId,
    pub event: AnnounceEvent,
    pub status: PeerStatus,
    /// Bytes uploaded since `started`, if given.
    pub uploaded: Option<u64>,
    /// Bytes downloaded since `started`, if given.
    pub downloaded: Option<u64>,
    /// Bytes left to download, if given: a client without the metadata cannot know them.
    pub left: Option<u64>,
    pub key: Option<Text<'a>>,
    pub offers: Offers<'a>,
}

/// The answer to an offer that the client received.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answer<'a> {
    pub info_hash: InfoHash,
    pub peer_id: PeerId,
    /// The peer that made the offer.
    pub to_peer_id: PeerId,
    pub offer_id: OfferId,
    /// The JSON object with the description of the session, as received.
    pub answer: &'a str,
    pub key: Option<Text<'a>>,
}

/// An offer in an announce.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Offer<'a> {
    pub offer_id: OfferId,
    /// The JSON object with the description of the session, as received.
    pub offer: &'a str,
}

/// The offers of an announce, in order. Elements that are not offers are skipped, and a value that is not an array has
/// none.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Offers<'a>(Elements<'a>);

impl<'a> Offers<'a> {
    /// Returns the offers in a value of a message that was read.
    pub fn of_value(value: &'a str) -> Self {
        Self(Elements::of_value(value))
    }

    /// Returns the value with all offers, as received.
    pub const fn as_str(&self) -> &'a str {
        self.0.text()
    }
}

impl<'a> Iterator for Offers<'a> {
    type Item = Offer<'a>;

    fn next(&mut self) -> Option<Offer<'a>> {
        loop {
            let (mut offer_id, mut offer) = (None, None);
            self.0.next_and_visit(|name, value| match name.decode(&mut [0; NAME_BYTES_MAX]) {
                Some("offer_id") => offer_id = twenty_bytes(value).map(OfferId),
                Some("offer") => offer = Some(value).filter(|offer| offer.starts_with('{')),
                _ => {}
            })?;
            if let Some((offer_id, offer)) = offer_id.zip(offer) {
                return Some(Offer { offer_id, offer });
            }
        }
    }
}
