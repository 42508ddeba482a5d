use std::fmt::Debug;
use std::io;

/// The two directions of a connection. Neither blocks: [`io::ErrorKind::WouldBlock`] means that there is nothing to
/// read, or no room. An interrupted call is retried, because no event would follow.
pub trait Wire: Debug {
    /// Reads into the front of `into` and returns the number of bytes; 0 is the end.
    ///
    /// # Errors
    /// When nothing has arrived, or the connection has failed.
    fn receive(&mut self, into: &mut [u8]) -> io::Result<usize>;

    /// Sends bytes from the front of `bytes` and returns their number.
    ///
    /// # Errors
    /// When there is no room, or the connection has failed.
    fn send(&mut self, bytes: &[u8]) -> io::Result<usize>;

    /// Signals the end of the sent bytes to the other end.
    fn end_sending(&mut self);

    /// Discards the bytes that the other end has not received, when the connection is closed.
    fn discard_unsent(&mut self);

    /// Changes how many bytes there is room for that the other end has not received.
    fn use_send_room(&mut self, room: SendRoom);
}

/// For what a connection has room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SendRoom {
    Answers,
    FullScrape,
}

/// The security layer of a listener's connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Security {
    Plain,
    Tls,
}

/// A connection's slot, and its number among the connections that have had the slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SlotKey {
    pub(crate) slot: u32,
    pub(crate) generation: u32,
}

impl SlotKey {
    /// Returns the key as a number whose highest bit is zero.
    #[must_use]
    pub const fn to_bits(self) -> u64 {
        (self.generation as u64) << 32 | self.slot as u64
    }

    /// Returns the key of a number from [`Self::to_bits`].
    #[must_use]
    #[expect(clippy::cast_possible_truncation, reason = "the halves are the parts")]
    pub const fn from_bits(bits: u64) -> Self {
        Self { slot: bits as u32, generation: (bits >> 32) as u32 }
    }
}
