use super::announced::AnnouncedPeer;
use crate::now::Now;
use crate::shard::Shard;
use primitives::{AnnounceEvent, ConnectionToken, PeerStatus, ShardId, WebRtcPeer};
use swarm::{Announce, Listing};

/// Where a peer that has left goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LeaveStep {
    /// It has been removed.
    Done,
    /// To the owner of its torrent.
    Routed(ShardId),
}

impl Shard {
    /// Removes a peer whose connection has ended, unless another connection holds it.
    pub fn leave(&mut self, now: Now, peer: AnnouncedPeer, connection: ConnectionToken) -> LeaveStep {
        let AnnouncedPeer { info_hash, peer_id } = peer;
        let owner = self.ownership.owner(&info_hash);
        if owner != self.ownership.own {
            return LeaveStep::Routed(owner);
        }
        let stop = Announce {
            info_hash,
            peer: WebRtcPeer::new(peer_id, connection),
            status: PeerStatus::Leecher,
            event: AnnounceEvent::Stopped,
            listing: Listing::Listed,
            peers_wanted: 0,
        };
        // The session of a key stays for its lifetime: the client may come back and report what it has transferred meanwhile.
        self.swarms.announce(now.monotonic, None, &stop, &mut []);
        LeaveStep::Done
    }
}
