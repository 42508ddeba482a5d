use super::failure::MessageFailure;
use super::policy::WebSocketPolicy;
use super::request::WebRtcRequest;
use crate::limits::PEER_IDS_PER_TORRENT_MAX;
use core::net::IpAddr;
use primitives::{AnnounceEvent, InfoHash, KeyId, KeyInPath, PeerId, Second};

/// The client at the other end of a WebSocket, and the peers that it has announced.
#[derive(Debug)]
pub struct WebSocketClient {
    pub(super) source: IpAddr,
    /// The key in the path of the handshake.
    pub(super) key: KeyInPath,
    announced: Vec<AnnouncedPeer>,
    signals: SignalBudget,
}

/// A peer that a connection has announced. It leaves the swarm with the connection.
#[derive(Debug, Clone, Copy)]
pub struct AnnouncedPeer {
    pub info_hash: InfoHash,
    pub peer_id: PeerId,
    /// The number of its key, where keys are required.
    pub key: Option<KeyId>,
}

/// The offers and answers that have been passed on in a second.
#[derive(Debug, Clone, Copy)]
struct SignalBudget {
    second: Second,
    passed_on: u32,
}

impl AnnouncedPeer {
    fn is(&self, info_hash: &InfoHash, peer_id: &PeerId) -> bool {
        self.info_hash == *info_hash && self.peer_id == *peer_id
    }
}

impl WebSocketClient {
    /// Returns a client at `source` that has announced nothing yet.
    pub(crate) const fn new(source: IpAddr, key: KeyInPath) -> Self {
        let signals = SignalBudget { second: Second(0), passed_on: 0 };
        Self { source, key, announced: Vec::new(), signals }
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
        let mut ids = 0;
        for other in &mut self.announced {
            if other.is(&peer.info_hash, &peer.peer_id) {
                other.key = peer.key;
                return Ok(());
            }
            ids += usize::from(other.info_hash == peer.info_hash);
        }
        if self.announced.len() >= policy.peers_per_connection_max || ids >= PEER_IDS_PER_TORRENT_MAX {
            return Err(MessageFailure::TooManyPeers);
        }
        self.announced.push(peer);
        Ok(())
    }

    /// Forgets a peer that is in no swarm.
    pub(crate) fn forget(&mut self, info_hash: &InfoHash, peer_id: &PeerId) {
        self.announced.retain(|peer| !peer.is(info_hash, peer_id));
        if self.announced.is_empty() {
            self.announced = Vec::new();
        }
    }

    /// Returns how many offers or answers may be passed on in the present second.
    pub(super) const fn signals_left(&self, now: Second, policy: &WebSocketPolicy) -> u32 {
        let passed_on = if self.signals.second.0 == now.0 { self.signals.passed_on } else { 0 };
        policy.signals_per_s_max.saturating_sub(passed_on)
    }

    /// Notes that a request is on its way to the owner of its torrent, or has been carried out.
    pub(crate) fn note_sent(&mut self, now: Second, request: &WebRtcRequest) {
        if self.signals.second != now {
            self.signals = SignalBudget { second: now, passed_on: 0 };
        }
        self.signals.passed_on += request.signals();
        if let WebRtcRequest::Announce { pending, .. } = request
            && pending.announce.event == AnnounceEvent::Stopped
        {
            self.forget(&pending.announce.info_hash, &pending.announce.peer.peer_id());
        }
    }
}
