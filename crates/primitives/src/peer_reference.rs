use crate::{PeerAddress, PeerId, ShardId, SwarmFamily};
use core::fmt::Debug;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// What names a peer in a swarm. The types are plain bytes, so that a list of peers is copied as a whole.
///
/// The identity of the peer comes first. The bytes after it, if there are any, name the connection that holds the peer
/// at present.
pub trait PeerReference:
    Copy + Debug + FromBytes + IntoBytes + Immutable + KnownLayout + Unaligned + 'static
{
    /// Size of one peer in a list, in bytes.
    const BYTES: usize;
    /// Size of the identity, in bytes.
    const IDENTITY_BYTES: usize = Self::BYTES;
    /// Size of the leading part of the identity that the peers of one host share, in bytes: an IPv4 address, or the /64
    /// prefix of an IPv6 address. 0 where nothing tells hosts apart.
    const HOST_BYTES: usize;
    /// Family of the swarms that have such peers.
    const SWARM_FAMILY: SwarmFamily;
    /// Placeholder for unused space; not a peer.
    const UNSPECIFIED: Self;

    /// Returns the address of the peer, if it is known.
    fn address(&self) -> Option<PeerAddress>;

    /// Returns the bytes that all references to this peer share.
    fn identity(&self) -> &[u8] {
        &self.as_bytes()[..Self::IDENTITY_BYTES]
    }

    /// Returns the bytes that all peers of its host share.
    fn host(&self) -> &[u8] {
        &self.as_bytes()[..Self::HOST_BYTES]
    }

    /// Returns whether both references to one peer name the same connection.
    fn is_held_by_same(&self, other: &Self) -> bool {
        self.as_bytes()[Self::IDENTITY_BYTES..] == other.as_bytes()[Self::IDENTITY_BYTES..]
    }
}

/// A connection of the tracker. Its slot may have been reused meanwhile, which the generation shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ConnectionToken {
    /// The core that holds the connection.
    pub home: ShardId,
    pub slot: u32,
    /// The number of connections that had this slot before.
    pub generation: u32,
}

/// A WebRTC peer: its peer id, which identifies it, and the connection over which the tracker reaches it.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned,
)]
#[repr(C)]
pub struct WebRtcPeer {
    peer_id: PeerId,
    home: [u8; 2],
    slot: [u8; 4],
    generation: [u8; 4],
}

impl PeerReference for WebRtcPeer {
    const BYTES: usize = 30;
    const IDENTITY_BYTES: usize = PeerId::BYTES;
    const HOST_BYTES: usize = 0;
    const SWARM_FAMILY: SwarmFamily = SwarmFamily::WebRtc;
    const UNSPECIFIED: Self =
        Self { peer_id: PeerId([0; PeerId::BYTES]), home: [0; 2], slot: [0; 4], generation: [0; 4] };

    fn address(&self) -> Option<PeerAddress> {
        None
    }
}

impl WebRtcPeer {
    /// Creates the reference to a peer that announced over `connection`.
    pub const fn new(peer_id: PeerId, connection: ConnectionToken) -> Self {
        let ConnectionToken { home, slot, generation } = connection;
        Self {
            peer_id,
            home: home.0.to_ne_bytes(),
            slot: slot.to_ne_bytes(),
            generation: generation.to_ne_bytes(),
        }
    }

    /// Returns the identity of the peer.
    pub const fn peer_id(&self) -> PeerId {
        self.peer_id
    }

    /// Returns the connection over which the peer announced last.
    pub const fn connection(&self) -> ConnectionToken {
        ConnectionToken {
            home: ShardId(u16::from_ne_bytes(self.home)),
            slot: u32::from_ne_bytes(self.slot),
            generation: u32::from_ne_bytes(self.generation),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ShardCount;

    #[test]
    fn references_to_one_peer_share_its_identity_whichever_connection_holds_it() {
        let home = ShardId::new(255, ShardCount::new(256).unwrap()).unwrap();
        let connection = ConnectionToken { home, slot: 0x0102_0304, generation: 0xffff_fffe };
        let peer = WebRtcPeer::new(PeerId([7; 20]), connection);
        assert_eq!((peer.peer_id(), peer.connection()), (PeerId([7; 20]), connection));
        assert_eq!((peer.as_bytes().len(), peer.identity()), (WebRtcPeer::BYTES, &[7; 20][..]));
        for other in [
            ConnectionToken { home: ShardId::FIRST, ..connection },
            ConnectionToken { slot: 0, ..connection },
            ConnectionToken { generation: 0, ..connection },
        ] {
            let later = WebRtcPeer::new(PeerId([7; 20]), other);
            assert_eq!(later.identity(), peer.identity());
            assert!(!later.is_held_by_same(&peer), "{other:?}");
        }
    }
}
