use primitives::{InfoHash, PeerId};

/// A peer that a connection has announced. It leaves the swarm with the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AnnouncedPeer {
    pub info_hash: InfoHash,
    pub peer_id: PeerId,
}
