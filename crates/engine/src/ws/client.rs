use super::announced::AnnouncedPeer;
use super::failure::MessageFailure;
use super::policy::WebSocketPolicy;
use super::request::{CarriedOut, WebRtcRequest};
use crate::admission::{AdmittedSource, RefusedRequests, admit_source};
use crate::limits::PEER_IDS_PER_TORRENT_MAX;
use crate::now::Now;
use crate::refusal::Refusal;
use crate::shard::Shard;
use core::net::IpAddr;
use guard::Source;
use primitives::{AddressFamily, KeyInPath, Second};

/// The client at the other end of a WebSocket, and the peers that it has announced.
#[derive(Debug)]
pub struct WebSocketClient {
    pub(super) source: IpAddr,
    /// The key in the path of the handshake.
    pub(super) key: KeyInPath,
    announced: Vec<AnnouncedPeer>,
    signals: SignalBudget,
    /// Of the message that waits for its owner, if there is one.
    pub(crate) admitted: Option<AdmittedSource>,
    refused: RefusedRequests,
}

/// The offers and answers that have been passed on in a second.
#[derive(Debug, Clone, Copy)]
struct SignalBudget {
    second: Second,
    passed_on: u32,
}

impl WebSocketClient {
    /// Returns a client at `source` that has announced nothing yet.
    pub(crate) const fn new(source: IpAddr, key: KeyInPath) -> Self {
        let signals = SignalBudget { second: Second(0), passed_on: 0 };
        let refused = RefusedRequests::NONE;
        Self { source, key, announced: Vec::new(), signals, admitted: None, refused }
    }

    /// Admits the source of a message, which takes a token only once.
    pub(crate) fn admit(&mut self, shard: &mut Shard, now: Now) -> Result<AdmittedSource, Refusal> {
        if let Some(admitted) = self.admitted.take() {
            return Ok(admitted);
        }
        let admitted = admit_source(shard, now, Source::of(self.source), || Ok(()));
        self.refused.note(admitted);
        admitted
    }

    /// Returns whether the connection is to be closed because messages were refused for their source.
    pub(crate) const fn is_refused_too_often(&self) -> bool {
        self.refused.are_too_many()
    }

    /// Returns the family of the address that the client connected from.
    #[must_use]
    pub const fn family(&self) -> AddressFamily {
        AddressFamily::of(self.source)
    }

    /// Returns the peers that the connection has announced.
    #[must_use]
    pub fn announced(&self) -> &[AnnouncedPeer] {
        &self.announced
    }

    /// Returns the size of the list of these peers.
    #[must_use]
    pub const fn announced_bytes(&self) -> usize {
        self.announced.capacity() * size_of::<AnnouncedPeer>()
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
        let ids = self.announced.iter().filter(|other| other.info_hash == peer.info_hash).count();
        if self.announced.len() >= policy.peers_per_connection_max || ids >= PEER_IDS_PER_TORRENT_MAX {
            return Err(MessageFailure::TooManyPeers);
        }
        self.announced.push(peer);
        Ok(())
    }

    fn forget(&mut self, peer: AnnouncedPeer) {
        self.announced.retain(|other| *other != peer);
        if self.announced.is_empty() {
            self.announced = Vec::new();
        }
    }

    /// Returns how many offers or answers may be passed on in the present second.
    pub(super) const fn signals_left(&self, now: Second, policy: &WebSocketPolicy) -> u32 {
        let passed_on = if self.signals.second.0 == now.0 { self.signals.passed_on } else { 0 };
        policy.signals_per_s_max.saturating_sub(passed_on)
    }

    /// Notes that a request is on its way to the owner of its torrent. What it may pass on is taken from the budget.
    pub(crate) fn note_sent(&mut self, now: Second, request: &WebRtcRequest, received: &str) {
        if self.signals.second != now {
            self.signals = SignalBudget { second: now, passed_on: 0 };
        }
        self.signals.passed_on += request.signals(received);
        if request.is_stop() {
            self.forget(request.peer());
        }
    }

    /// Notes the result of a request. What it has not passed on is returned to the budget of its second.
    pub(crate) fn note_carried_out(&mut self, now: Second, request: &WebRtcRequest, carried_out: CarriedOut) {
        match carried_out {
            Ok(passed_on) if self.signals.second == now => {
                let unused = request.offers().saturating_sub(passed_on);
                self.signals.passed_on = self.signals.passed_on.saturating_sub(unused);
            }
            Ok(_) => {}
            // The peer is in no swarm.
            Err(_) => self.forget(request.peer()),
        }
    }
}
