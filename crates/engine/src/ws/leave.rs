use super::client::AnnouncedPeer;
use crate::now::Now;
use crate::shard::Shard;
use primitives::{AnnounceEvent, ConnectionToken, PeerStatus, ShardId, WebRtcPeer};
use swarm::{Announce, Listing, PeerChange};

/// Where a peer that has left goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LeaveStep {
    /// It has been removed.
    Done,
    /// To the owner of its torrent.
    Routed(ShardId),
}

impl Shard {
    /// Removes a peer whose connection has ended, and ends its session, unless another connection holds it.
    pub fn leave(&mut self, now: Now, peer: AnnouncedPeer, connection: ConnectionToken) -> LeaveStep {
        let AnnouncedPeer { info_hash, peer_id, key } = peer;
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
        let left = self.swarms.announce(now.monotonic, None, &stop, &mut []);
        if let (PeerChange::Removed, Some(key)) = (left.change, key) {
            self.access.end_session(now.monotonic, key, info_hash, peer_id);
        }
        LeaveStep::Done
    }
}
