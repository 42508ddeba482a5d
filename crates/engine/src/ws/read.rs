use super::announced::AnnouncedPeer;
use super::client::WebSocketClient;
use super::failure::MessageFailure;
use super::policy::WebSocketPolicy;
use super::request::WebRtcRequest;
use crate::admission::{Admission, AdmittedSource, Credentials};
use crate::now::Now;
use crate::refusal::Refusal;
use crate::shard::{AnnounceIn, Shard};
use access::UserAdmission;
use guard::Source;
use metrics::MessageOutcome;
use primitives::{
    AnnounceEvent, AuthenticationKey, ConnectionToken, InfoHash, KeyId, KeyInPath, Numwant, PeerDetails,
    PeerId, WebRtcPeer,
};
use swarm::Listing;
use ws_protocol::{
    Action, Announce, Answer, ClientMessage, InfoHashes, Scrape, Text, append_failure, read_message,
};

/// A message of an admitted client.
pub(crate) enum Asked<'a> {
    /// For the owner of one torrent, with the offers or the answer as received.
    WebRtc(WebRtcRequest, &'a str),
    /// For the owners of these torrents.
    Scrape(InfoHashes<'a>),
    /// An answer beyond the limit of its connection. Clients expect no reply to answers.
    Dropped,
}

/// A message that is not served.
pub(crate) struct Rejected {
    pub(crate) action: Action,
    /// Without one nothing can be said that the client would understand.
    pub(crate) info_hash: Option<InfoHash>,
    pub(crate) failure: MessageFailure,
}

impl Rejected {
    /// Returns the rejection of a message that is not served, whatever it asks for.
    pub(crate) fn unread(text: &str, failure: MessageFailure) -> Self {
        let (action, info_hash) = match read_message(text) {
            Ok(ClientMessage::Announce(announce)) => (Action::Announce, Some(announce.info_hash)),
            Ok(ClientMessage::Answer(answer)) => (Action::Announce, Some(answer.info_hash)),
            Ok(ClientMessage::Scrape(scrape)) => (Action::Scrape, scrape.info_hashes.clone().next()),
            Err(error) => (error.action, error.info_hash),
        };
        Self { action, info_hash, failure }
    }

    /// Counts the failure, and appends the reply to it, if there can be one.
    pub(crate) fn reply(&self, shard: &mut Shard, replies: &mut Vec<u8>) {
        let statistics = shard.statistics_mut();
        statistics.count_message(match (&self.failure, &self.info_hash, self.action) {
            (MessageFailure::Busy, ..) => MessageOutcome::Busy,
            (MessageFailure::Refused(Refusal::OverLimit(_)), ..) => MessageOutcome::OverLimit,
            (_, None, _) => MessageOutcome::Ignored,
            (_, Some(_), Action::Announce) => MessageOutcome::AnnounceRefused,
            (_, Some(_), Action::Scrape) => MessageOutcome::ScrapeRefused,
        });
        if let Some(info_hash) = &self.info_hash {
            self.failure.count(statistics);
            append_failure(replies, self.action, info_hash, &self.failure);
        }
    }
}

/// The connection that a message came over.
pub(crate) struct MessageReader<'a> {
    pub(crate) client: &'a mut WebSocketClient,
    pub(crate) connection: ConnectionToken,
    pub(crate) policy: &'a WebSocketPolicy,
    pub(crate) shard: &'a Shard,
    pub(crate) now: Now,
    pub(crate) admitted: AdmittedSource,
}

impl MessageReader<'_> {
    /// Reads a message and admits its client.
    pub(crate) fn read<'a>(&mut self, text: &'a str) -> Result<Asked<'a>, Rejected> {
        let message = read_message(text).map_err(|error| Rejected {
            action: error.action,
            info_hash: error.info_hash,
            failure: error.reason.into(),
        })?;
        match message {
            ClientMessage::Announce(announce) => {
                let offers = announce.offers.as_str();
                let asked = self.announce(&announce).map(|request| Asked::WebRtc(request, offers));
                asked.map_err(rejected(Action::Announce, Some(announce.info_hash)))
            }
            ClientMessage::Answer(answer) => {
                let left = self.client.signals_left(self.now.monotonic, self.policy);
                let asked = self.answer(&answer).map(|request| match left {
                    0 => Asked::Dropped,
                    _ => Asked::WebRtc(request, answer.answer),
                });
                asked.map_err(rejected(Action::Announce, Some(answer.info_hash)))
            }
            ClientMessage::Scrape(scrape) => self.scrape(scrape),
        }
    }

    fn announce(&mut self, announce: &Announce<'_>) -> Result<WebRtcRequest, MessageFailure> {
        let Announce { info_hash, peer_id, event, status, .. } = *announce;
        let key = self.admit(Some(&peer_id), announce.key)?;
        if event != AnnounceEvent::Stopped {
            self.client.join(AnnouncedPeer { info_hash, peer_id }, self.policy)?;
        }
        let announced = AnnounceIn {
            info_hash,
            listing: Listing::Listed,
            status,
            numwant: Numwant::AtMost(0),
            details: PeerDetails {
                peer_id,
                uploaded: announce.uploaded.unwrap_or(0),
                downloaded: announce.downloaded.unwrap_or(0),
                left: announce.left.unwrap_or(u64::MAX),
                event,
            },
        };
        let mut pending = self.shard.pending(WebRtcPeer::new(peer_id, self.connection), key, &announced);
        pending.announce.peers_wanted = self.offers_passed_on(announce);
        pending.source = Some(Source::of(self.client.source));
        Ok(WebRtcRequest::Announce { pending, interval_s: self.policy.interval_s })
    }

    /// Returns how many offers of an announce are passed on at most.
    fn offers_passed_on(&self, announce: &Announce<'_>) -> usize {
        if announce.event == AnnounceEvent::Stopped {
            return 0;
        }
        let left = self.client.signals_left(self.now.monotonic, self.policy) as usize;
        let most = usize::from(self.policy.offers_per_announce_max).min(left);
        announce.offers.clone().take(most).count()
    }

    fn answer(&self, answer: &Answer<'_>) -> Result<WebRtcRequest, MessageFailure> {
        let Answer { info_hash, peer_id, to_peer_id, offer_id, .. } = *answer;
        self.admit(Some(&peer_id), answer.key)?;
        let from = WebRtcPeer::new(peer_id, self.connection);
        Ok(WebRtcRequest::Answer { info_hash, from, to_peer_id, offer_id })
    }

    fn scrape<'a>(&self, scrape: Scrape<'a>) -> Result<Asked<'a>, Rejected> {
        let first = scrape.info_hashes.clone().next();
        let admitted = self.admit(None, scrape.key).map_err(rejected(Action::Scrape, first));
        admitted.map(|_| Asked::Scrape(scrape.info_hashes))
    }

    /// Checks software and key, as for every protocol. The key may come with the handshake or the message.
    fn admit(
        &self,
        peer_id: Option<&PeerId>,
        key: Option<Text<'_>>,
    ) -> Result<Option<KeyId>, MessageFailure> {
        let admission = Admission::of(self.shard, self.now, self.admitted);
        // Many clients send a key of their own in each message, which is none of a tracker's (BEP 7).
        let key = |users| match (users, self.client.key) {
            (UserAdmission::Public, _) => Ok(KeyInPath::Absent),
            (UserAdmission::Private, KeyInPath::Absent) => Ok(key.map_or(KeyInPath::Absent, key_in_message)),
            (UserAdmission::Private, in_path) => Ok(in_path),
        };
        Ok(admission.check(Credentials { peer_id, key })?)
    }
}

/// Returns the key of a message, if it has the form of one.
fn key_in_message(text: Text<'_>) -> KeyInPath {
    let mut room = [0; AuthenticationKey::BYTES];
    let key = text.decode(&mut room).and_then(|key| AuthenticationKey::parse(key.as_bytes()));
    key.map_or(KeyInPath::Absent, KeyInPath::Present)
}

fn rejected(action: Action, info_hash: Option<InfoHash>) -> impl FnOnce(MessageFailure) -> Rejected {
    move |failure| Rejected { action, info_hash, failure }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_that_is_not_served_is_rejected_by_its_action_and_torrent() {
        let torrent = Some(InfoHash([b'a'; 20]));
        let members = r#""info_hash": "aaaaaaaaaaaaaaaaaaaa", "peer_id": "bbbbbbbbbbbbbbbbbbbb""#;
        for (text, action, info_hash) in [
            (format!(r#"{{"action": "announce", {members}}}"#), Action::Announce, torrent),
            (format!(r#"{{"action": "scrape", {members}}}"#), Action::Scrape, torrent),
            (format!(r#"{{"action": "dance", {members}}}"#), Action::Announce, torrent),
            ("nonsense".to_owned(), Action::Announce, None),
        ] {
            let rejected = Rejected::unread(&text, MessageFailure::SwitchedOff);
            assert_eq!((rejected.action, rejected.info_hash), (action, info_hash), "{text}");
        }
    }
}
