use core::ops::Range;
use primitives::ConnectionToken;

/// Offers and answers for the connections of other peers, as finished frames in the order in which they are to be sent.
#[derive(Debug, Default)]
pub struct Signals {
    frames: Vec<u8>,
    list: Vec<(ConnectionToken, Range<usize>)>,
}

/// A frame for the connection of a peer.
#[derive(Debug, Clone, Copy)]
pub struct SignalFrame<'a> {
    /// The connection.
    pub to: ConnectionToken,
    pub frame: &'a [u8],
}

impl Signals {
    /// Returns whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Returns the signals in their order.
    pub fn iter(&self) -> impl Iterator<Item = SignalFrame<'_>> {
        self.list.iter().map(|(to, part)| SignalFrame { to: *to, frame: &self.frames[part.clone()] })
    }

    /// Removes all signals, and keeps their memory.
    pub fn clear(&mut self) {
        self.frames.clear();
        self.list.clear();
    }

    pub(super) fn push(&mut self, to: ConnectionToken, write: impl FnOnce(&mut Vec<u8>)) {
        let start = self.frames.len();
        write(&mut self.frames);
        self.list.push((to, start..self.frames.len()));
    }
}
