use super::json::{Members, binary, string};
use primitives::{InfoHash, PeerId};
use ws_protocol::{Action, OfferId, Signal, SignalKind};

/// A message of a tracker.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Message<'a> {
    Announced {
        info_hash: InfoHash,
        seeders: u64,
        leechers: u64,
    },
    /// The object with the counts of each torrent.
    Scraped(&'a str),
    /// An offer or an answer of another peer.
    Passed(Signal<'a>),
    Failed {
        action: Option<Action>,
        info_hash: Option<InfoHash>,
        reason: &'a str,
    },
}

/// The counts of a torrent.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Counts {
    pub(crate) seeders: Option<u64>,
    pub(crate) leechers: Option<u64>,
    pub(crate) downloaded: Option<u64>,
}

/// The members of a message that matter, in any order.
#[derive(Debug, Default)]
struct Parts<'a> {
    action: Option<Action>,
    info_hash: Option<InfoHash>,
    peer_id: Option<PeerId>,
    offer_id: Option<OfferId>,
    offer: Option<&'a str>,
    answer: Option<&'a str>,
    files: Option<&'a str>,
    failure: Option<&'a str>,
    interval_s: Option<u64>,
    counts: Counts,
}

impl<'a> Message<'a> {
    /// Reads a message of a kind that a tracker sends. Returns its fault if it is none.
    pub(crate) fn read(text: &'a str) -> Result<Self, &'static str> {
        let parts = Parts::read(text)?;
        if let Some(reason) = parts.failure {
            return Ok(Self::Failed { action: parts.action, info_hash: parts.info_hash, reason });
        }
        match parts.action.ok_or("neither an announce nor a scrape")? {
            Action::Scrape => parts.files.map(Self::Scraped).ok_or("no files"),
            Action::Announce => parts.announce(),
        }
    }
}

impl<'a> Parts<'a> {
    fn read(text: &'a str) -> Result<Self, &'static str> {
        let mut members = Members::of(text).ok_or("a message that is no JSON object")?;
        let mut parts = Self::default();
        let bytes = |value| string(value).and_then(binary);
        while let Some((name, value)) = members.next()? {
            match name {
                "action" => parts.action = action(value),
                "info_hash" => parts.info_hash = bytes(value).map(InfoHash),
                "peer_id" => parts.peer_id = bytes(value).map(PeerId),
                "offer_id" => parts.offer_id = bytes(value).map(OfferId),
                "offer" => parts.offer = object(value),
                "answer" => parts.answer = object(value),
                "files" => parts.files = object(value),
                "failure reason" => parts.failure = Some(string(value).unwrap_or(value)),
                "interval" => parts.interval_s = value.parse().ok(),
                _ => parts.counts.note(name, value),
            }
        }
        Ok(parts)
    }

    fn announce(&self) -> Result<Message<'a>, &'static str> {
        let info_hash = self.info_hash.ok_or("no info hash of 20 bytes")?;
        let (kind, description) = match (self.offer, self.answer) {
            (Some(offer), None) => (SignalKind::Offer, offer),
            (None, Some(answer)) => (SignalKind::Answer, answer),
            _ => return self.announced(info_hash),
        };
        let peer_id = self.peer_id.ok_or("an offer or answer without a peer id of 20 bytes")?;
        let offer_id = self.offer_id.ok_or("an offer or answer without an offer id of 20 bytes")?;
        Ok(Message::Passed(Signal { kind, info_hash, peer_id, offer_id, description }))
    }

    fn announced(&self, info_hash: InfoHash) -> Result<Message<'a>, &'static str> {
        self.interval_s.ok_or("no interval")?;
        let (seeders, leechers) = self.counts.seeders.zip(self.counts.leechers).ok_or("no counts")?;
        Ok(Message::Announced { info_hash, seeders, leechers })
    }
}

impl Counts {
    /// Notes a member of an object, if it is a count.
    pub(crate) fn note(&mut self, name: &str, value: &str) {
        match name {
            "complete" => self.seeders = value.parse().ok(),
            "incomplete" => self.leechers = value.parse().ok(),
            "downloaded" => self.downloaded = value.parse().ok(),
            _ => {}
        }
    }
}

fn action(value: &str) -> Option<Action> {
    match value {
        r#""announce""# => Some(Action::Announce),
        r#""scrape""# => Some(Action::Scrape),
        _ => None,
    }
}

fn object(value: &str) -> Option<&str> {
    value.starts_with('{').then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HASH: &str = "aaaaaaaaaaaaaaaaaaaa";

    #[test]
    fn messages_are_read_whatever_their_order() {
        let info_hash = InfoHash([b'a'; 20]);
        let announced = Message::Announced { info_hash, seeders: 1, leechers: 2 };
        let passed = |kind, description| {
            let (peer_id, offer_id) = (PeerId([b'b'; 20]), OfferId([0xff; 20]));
            Message::Passed(Signal { kind, info_hash, peer_id, offer_id, description })
        };
        let ids = format!(r#""peer_id":"{}","info_hash":"{HASH}""#, "b".repeat(20));
        let (raw, escaped) = ("\u{ff}".repeat(20), r"\u00ff".repeat(20));
        let failed = |action, info_hash| Message::Failed { action, info_hash, reason: "no" };
        for (text, expected) in [
            (
                format!(
                    r#"{{"action":"announce","info_hash":"{HASH}","complete":1,"incomplete":2,"interval":9}}"#
                ),
                announced,
            ),
            (
                format!(r#"{{"action":"announce","offer":{{"sdp":"\"}}"}},"offer_id":"{raw}",{ids}}}"#),
                passed(SignalKind::Offer, r#"{"sdp":"\"}"}"#),
            ),
            (
                format!(r#"{{{ids},"offer_id":"{escaped}","answer":{{}},"offer":null,"action":"announce"}}"#),
                passed(SignalKind::Answer, "{}"),
            ),
            (
                r#"{"files":{},"action":"scrape","flags":{"min_request_interval":600}}"#.to_owned(),
                Message::Scraped("{}"),
            ),
            (r#"{"failure reason":"no"}"#.to_owned(), failed(None, None)),
            (
                format!(r#"{{"action":"announce","failure reason":"no","info_hash":"{HASH}"}}"#),
                failed(Some(Action::Announce), Some(info_hash)),
            ),
        ] {
            assert_eq!(Message::read(&text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_lacks_a_part_is_wrong() {
        let ids = format!(r#""info_hash":"{HASH}","peer_id":"{HASH}""#);
        for text in [
            "[]".to_owned(),
            r#"{"action":"connect"}"#.to_owned(),
            r#"{"action":"scrape","files":[]}"#.to_owned(),
            r#"{"action":"announce","complete":1,"incomplete":2,"interval":9}"#.to_owned(),
            format!(r#"{{"action":"announce",{ids},"complete":1,"incomplete":2}}"#),
            format!(r#"{{"action":"announce",{ids},"complete":1,"interval":9}}"#),
            format!(r#"{{"action":"announce",{ids},"offer":{{}}}}"#),
            format!(r#"{{"action":"announce",{ids},"offer":{{}},"offer_id":"short"}}"#),
            format!(r#"{{"action":"announce",{ids},"offer":"v=0","offer_id":"{HASH}"}}"#),
            format!(r#"{{"action":"announce","info_hash":"{HASH}","offer":{{}},"offer_id":"{HASH}"}}"#),
        ] {
            assert!(Message::read(&text).is_err(), "{text}");
        }
    }
}
