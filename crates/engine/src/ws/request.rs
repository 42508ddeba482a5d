use super::announced::AnnouncedPeer;
use super::failure::MessageFailure;
use super::signals::Signals;
use crate::limits::{OFFERS_MAX, SIGNAL_BYTES_MAX, USUAL_SIGNAL_BYTES};
use crate::now::Now;
use crate::shard::{PendingAnnounce, Shard};
use access::TorrentRefusal;
use metrics::{Counter, MessageOutcome};
use primitives::{AnnounceEvent, ConnectionToken, InfoHash, PeerId, PeerReference, WebRtcPeer};
use ws_protocol::{
    Action, AnnounceAnswer, OfferId, Offers, Signal, SignalKind, append_announce_answer, append_failure,
    append_signal,
};
use zerocopy::FromBytes;

/// A request about WebRTC peers, for the owner of its torrent. The offers or the answer of the client accompany it as
/// they were received.
#[derive(Debug, Clone, Copy)]
pub(crate) enum WebRtcRequest {
    /// As many offers are passed on as peers are wanted.
    Announce {
        pending: PendingAnnounce<WebRtcPeer>,
        interval_s: u32,
    },
    Answer {
        info_hash: InfoHash,
        from: WebRtcPeer,
        to_peer_id: PeerId,
        offer_id: OfferId,
    },
}

/// The number of offers that were passed on, or the reason why the torrent is not served, which has been appended as a
/// failure.
pub(crate) type CarriedOut = Result<u32, TorrentRefusal>;

/// Where the results of a request go.
pub(crate) struct Replies<'a> {
    /// Frames for the connection that the request came over.
    pub(crate) own: &'a mut Vec<u8>,
    pub(crate) others: &'a mut Signals,
}

impl WebRtcRequest {
    pub(crate) const fn info_hash(&self) -> &InfoHash {
        match self {
            Self::Announce { pending, .. } => &pending.announce.info_hash,
            Self::Answer { info_hash, .. } => info_hash,
        }
    }

    /// Returns the peer that has sent it.
    pub(super) const fn peer(&self) -> AnnouncedPeer {
        let peer = match self {
            Self::Announce { pending, .. } => &pending.announce.peer,
            Self::Answer { from, .. } => from,
        };
        AnnouncedPeer { info_hash: *self.info_hash(), peer_id: peer.peer_id() }
    }

    /// Returns the torrent that a failure names, unless the client expects no reply.
    pub(crate) const fn replies_for(&self) -> Option<InfoHash> {
        match self {
            Self::Announce { pending, .. } => Some(pending.announce.info_hash),
            Self::Answer { .. } => None,
        }
    }

    pub(super) fn is_stop(&self) -> bool {
        matches!(self, Self::Announce { pending, .. } if pending.announce.event == AnnounceEvent::Stopped)
    }

    /// Returns how many offers are passed on at most.
    pub(super) fn offers(&self) -> u32 {
        match self {
            Self::Announce { pending, .. } => {
                u32::try_from(pending.announce.peers_wanted).unwrap_or(u32::MAX)
            }
            Self::Answer { .. } => 0,
        }
    }

    /// Returns what is taken from the budget of its connection. A long answer counts as several.
    pub(super) fn signals(&self, received: &str) -> u32 {
        match self {
            Self::Announce { .. } => self.offers(),
            Self::Answer { .. } => {
                1 + u32::try_from(received.len() / USUAL_SIGNAL_BYTES).unwrap_or(u32::MAX - 1)
            }
        }
    }

    /// Carries out a request whose torrent this shard owns, and counts its outcome.
    pub(crate) fn carry_out(
        &self,
        received: &str,
        shard: &mut Shard,
        now: Now,
        replies: &mut Replies<'_>,
    ) -> CarriedOut {
        let (outcome, result) = match self {
            Self::Announce { pending, interval_s } => {
                match replies.announce(shard, now, pending, received, *interval_s) {
                    Ok(passed_on) => (MessageOutcome::AnnounceAnswered, Ok(passed_on)),
                    Err(refusal) => (MessageOutcome::AnnounceRefused, Err(refusal)),
                }
            }
            Self::Answer { info_hash, from, to_peer_id, offer_id } => {
                let signal = Signal {
                    kind: SignalKind::Answer,
                    info_hash: *info_hash,
                    peer_id: from.peer_id(),
                    offer_id: *offer_id,
                    description: received,
                };
                (replies.pass_on_answer(shard, now, from, to_peer_id, &signal), Ok(0))
            }
        };
        shard.statistics_mut().count_message(outcome);
        result
    }
}

impl Replies<'_> {
    /// Announces a peer, answers, and passes the offers on.
    fn announce(
        &mut self,
        shard: &mut Shard,
        now: Now,
        pending: &PendingAnnounce<WebRtcPeer>,
        offers: &str,
        interval_s: u32,
    ) -> CarriedOut {
        let info_hash = pending.announce.info_hash;
        let mut peers = [0; OFFERS_MAX * WebRtcPeer::BYTES];
        let announced = shard.announce(now, None, pending, &mut peers).inspect_err(|refusal| {
            let failure = MessageFailure::from(*refusal);
            failure.count(&mut shard.statistics);
            append_failure(self.own, Action::Announce, &info_hash, &failure);
        })?;
        let (complete, incomplete) = (announced.counts.seeders, announced.counts.leechers);
        append_announce_answer(self.own, &AnnounceAnswer { info_hash, complete, incomplete, interval_s });
        Ok(self.pass_on_offers(shard, pending, offers, &peers[..announced.peers * WebRtcPeer::BYTES]))
    }

    /// Passes the first offer on to the first peer, the second to the second, and so on. Returns how many there were.
    fn pass_on_offers(
        &mut self,
        shard: &mut Shard,
        pending: &PendingAnnounce<WebRtcPeer>,
        offers: &str,
        peers: &[u8],
    ) -> u32 {
        let mut passed_on = 0;
        let from = pending.announce.peer;
        let (peers, _) = <[WebRtcPeer]>::ref_from_prefix(peers).unwrap_or_default();
        for (offer, peer) in Offers::of_value(offers).zip(peers) {
            let signal = Signal {
                kind: SignalKind::Offer,
                info_hash: pending.announce.info_hash,
                peer_id: from.peer_id(),
                offer_id: offer.offer_id,
                description: offer.offer,
            };
            let is_passed_on = self.pass_on(peer.connection(), from.connection(), &signal);
            let counter = if is_passed_on { Counter::WsOffersPassedOn } else { Counter::WsSignalsDropped };
            shard.statistics_mut().add(counter, 1);
            passed_on += 1;
        }
        passed_on
    }

    /// Passes an answer on, if its peer and its client are in the swarm. It is a sign of life of the client.
    fn pass_on_answer(
        &mut self,
        shard: &mut Shard,
        now: Now,
        from: &WebRtcPeer,
        to: &PeerId,
        answer: &Signal<'_>,
    ) -> MessageOutcome {
        let (swarms, info_hash) = (&mut shard.swarms, &answer.info_hash);
        let to = swarms
            .refresh_web_rtc_peer(now.monotonic, info_hash, from)
            .then(|| swarms.web_rtc_peer(now.monotonic, info_hash, to))
            .flatten();
        match to {
            Some(to) if self.pass_on(to.connection(), from.connection(), answer) => {
                MessageOutcome::AnswerPassedOn
            }
            _ => MessageOutcome::AnswerDropped,
        }
    }

    /// Returns whether the description is short enough to be passed on.
    fn pass_on(&mut self, to: ConnectionToken, from: ConnectionToken, signal: &Signal<'_>) -> bool {
        if signal.description.len() > SIGNAL_BYTES_MAX {
            return false;
        }
        if to == from {
            append_signal(self.own, signal);
        } else {
            self.others.push(to, |frames| append_signal(frames, signal));
        }
        true
    }
}
