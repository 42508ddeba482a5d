use super::failure::MessageFailure;
use super::policy::WebSocketPolicy;
use super::request::WebRtcRequest;
use core::net::IpAddr;
use primitives::{AnnounceEvent, InfoHash, KeyInPath, PeerId, Second};

/// The client at the other end of a WebSocket, and the peers that it has announced.
#[derive(Debug)]
pub struct WebSocketClient {
    pub(super) source: IpAddr,
    /// The key in the path of the handshake.
    pub(super) key: KeyInPath,
    announced: Vec<AnnouncedPeer>,
    offers: OfferBudget,
}

/// A peer that a connection has announced. It leaves the swarm with the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AnnouncedPeer {
    pub info_hash: InfoHash,
    pub peer_id: PeerId,
}

/// The offers that have been passed on in the present second.
#[derive(Debug, Clone, Copy)]
struct OfferBudget {
    second: Second,
    passed_on: u32,
}

impl WebSocketClient {
    /// Returns a client at `source` that has announced nothing yet.
    pub(crate) const fn new(source: IpAddr, key: KeyInPath) -> Self {
        let offers = OfferBudget { second: Second(0), passed_on: 0 };
        Self { source, key, announced: Vec::new(), offers }
    }

    /// Returns the peers that the connection has announced.
    #[must_use]
    pub fn announced(&self) -> &[AnnouncedPeer] {
        &self.announced
    }

    /// Records a peer, unless the connection has announced as many as it may.
    pub(super) fn join(
        &mut self,
        peer: AnnouncedPeer,
        policy: &WebSocketPolicy,
    ) -> Result<(), MessageFailure> {
        if self.announced.contains(&peer) {
            return Ok(());
        }
        if self.announced.len() >= policy.peers_per_connection_max {
            return Err(MessageFailure::TooManyPeers);
        }
        self.announced.push(peer);
        Ok(())
    }

    /// Forgets a peer whose stop is on its way to the owner of the torrent.
    pub(crate) fn note_sent(&mut self, request: &WebRtcRequest) {
        if let WebRtcRequest::Announce { pending, .. } = request
            && pending.announce.event == AnnounceEvent::Stopped
        {
            let (info_hash, peer_id) = (pending.announce.info_hash, pending.announce.peer.peer_id());
            self.announced.retain(|other| *other != AnnouncedPeer { info_hash, peer_id });
        }
    }

    /// Takes the offers of an announce from the budget. Returns how many may be passed on.
    pub(super) fn take_offers(&mut self, now: Second, offers: usize, policy: &WebSocketPolicy) -> u16 {
        if self.offers.second != now {
            self.offers = OfferBudget { second: now, passed_on: 0 };
        }
        let left = policy.offers_per_s_max.saturating_sub(self.offers.passed_on);
        let wanted = u16::try_from(offers).unwrap_or(u16::MAX).min(policy.offers_per_announce_max);
        let taken = wanted.min(u16::try_from(left).unwrap_or(u16::MAX));
        self.offers.passed_on += u32::from(taken);
        taken
    }
}
