use core::fmt;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// The 20 bytes that a client calls itself by (BEP 3, BEP 20). Anyone can send any value: it identifies
/// software, never a peer.
#[derive(Clone, Copy, PartialEq, Eq, Hash, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(transparent)]
pub struct PeerId(pub [u8; PeerId::BYTES]);

impl PeerId {
    /// Bytes of a peer id on the wire.
    pub const BYTES: usize = 20;
}

impl fmt::Debug for PeerId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "PeerId({})", self.0.escape_ascii())
    }
}
