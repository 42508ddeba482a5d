use super::failure::MessageFailure;
use super::signals::Signals;
use crate::now::Now;
use crate::shard::{PendingAnnounce, Shard};
use metrics::{Counter, MessageOutcome};
use primitives::{ConnectionToken, InfoHash, PeerId, PeerReference, WebRtcPeer};
use swarm::Announced;
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

/// Where the results of a request go.
pub(crate) struct Replies<'a> {
    /// Frames for the connection that the request came over.
    pub(crate) own: &'a mut Vec<u8>,
    pub(crate) others: &'a mut Signals,
}

/// Peers that may be wanted for one announce: more than any limit on its offers that can be configured.
pub(crate) const OFFERS_MAX: usize = 64;

impl WebRtcRequest {
    pub(crate) const fn info_hash(&self) -> &InfoHash {
        match self {
            Self::Announce { pending, .. } => &pending.announce.info_hash,
            Self::Answer { info_hash, .. } => info_hash,
        }
    }

    /// Carries out a request whose torrent this shard owns, and counts its outcome.
    pub(crate) fn carry_out(&self, received: &str, shard: &mut Shard, now: Now, replies: &mut Replies<'_>) {
        let outcome = match self {
            Self::Announce { pending, interval_s } => {
                let mut peers = [0; OFFERS_MAX * WebRtcPeer::BYTES];
                match shard.announce(now, None, pending, &mut peers) {
                    Ok(announced) => {
                        replies.answer(pending.announce.info_hash, &announced, *interval_s);
                        let peers = &peers[..announced.peers * WebRtcPeer::BYTES];
                        let passed_on = replies.pass_on_offers(pending, received, peers);
                        shard.statistics_mut().add(Counter::WsOffersPassedOn, passed_on);
                        MessageOutcome::AnnounceAnswered
                    }
                    Err(refusal) => {
                        let failure = MessageFailure::from(refusal);
                        failure.count(shard.statistics_mut());
                        append_failure(replies.own, Action::Announce, self.info_hash(), &failure);
                        MessageOutcome::AnnounceRefused
                    }
                }
            }
            Self::Answer { info_hash, from, to_peer_id, offer_id } => {
                shard.swarms.refresh_web_rtc_peer(now.monotonic, info_hash, from);
                let signal = Signal {
                    kind: SignalKind::Answer,
                    info_hash: *info_hash,
                    peer_id: from.peer_id(),
                    offer_id: *offer_id,
                    description: received,
                };
                match shard.swarms.web_rtc_peer(now.monotonic, info_hash, to_peer_id) {
                    Some(to) => {
                        replies.pass_on(to.connection(), from.connection(), &signal);
                        MessageOutcome::AnswerPassedOn
                    }
                    None => MessageOutcome::AnswerTooLate,
                }
            }
        };
        shard.statistics_mut().count_message(outcome);
    }
}

impl Replies<'_> {
    fn answer(&mut self, info_hash: InfoHash, announced: &Announced, interval_s: u32) {
        let (complete, incomplete) = (announced.counts.seeders, announced.counts.leechers);
        append_announce_answer(self.own, &AnnounceAnswer { info_hash, complete, incomplete, interval_s });
    }

    /// Passes the first offer on to the first peer, the second to the second, and so on. Returns
    /// their number.
    fn pass_on_offers(&mut self, pending: &PendingAnnounce<WebRtcPeer>, offers: &str, peers: &[u8]) -> u64 {
        let from = pending.announce.peer;
        let (peers, _) = <[WebRtcPeer]>::ref_from_prefix(peers).unwrap_or_default();
        let mut passed_on = 0;
        for (offer, peer) in Offers::of_value(offers).zip(peers) {
            let signal = Signal {
                kind: SignalKind::Offer,
                info_hash: pending.announce.info_hash,
                peer_id: from.peer_id(),
                offer_id: offer.offer_id,
                description: offer.offer,
            };
            self.pass_on(peer.connection(), from.connection(), &signal);
            passed_on += 1;
        }
        passed_on
    }

    fn pass_on(&mut self, to: ConnectionToken, from: ConnectionToken, signal: &Signal<'_>) {
        if to == from {
            append_signal(self.own, signal);
        } else {
            self.others.push(to, |frames| append_signal(frames, signal));
        }
    }
}
