use super::limits::{READ_BYTES_MAX, UNREAD_BYTES_MAX};
use http_protocol::RESPONSE_BYTES_MAX;

/// The buffers that the connections of a core use one after another. A connection that is not at work has none.
///
/// As much is read at once as a buffer has room for. So one that grew, for what had to be added to it, does not stay
/// larger than it was made.
#[derive(Debug)]
pub struct Buffers {
    /// What was received and not served yet, in the clear.
    pub(super) input: Vec<u8>,
    /// What a TLS session is given.
    pub(super) ciphertext: Vec<u8>,
    /// What a TLS session gives.
    pub(super) outgoing: Vec<u8>,
    /// Room for an answer.
    pub(super) answer: Box<[u8]>,
}

impl Buffers {
    /// Buffers for one core.
    #[must_use]
    pub fn new() -> Self {
        Self {
            input: Vec::with_capacity(UNREAD_BYTES_MAX),
            ciphertext: Vec::with_capacity(READ_BYTES_MAX),
            outgoing: Vec::with_capacity(RESPONSE_BYTES_MAX),
            answer: vec![0; RESPONSE_BYTES_MAX].into_boxed_slice(),
        }
    }

    /// Empties the input.
    pub(super) fn clear_input(&mut self) {
        self.input.clear();
        self.input.shrink_to(UNREAD_BYTES_MAX);
    }

    /// Empties what a TLS session is given.
    pub(super) fn clear_ciphertext(&mut self) {
        self.ciphertext.clear();
        self.ciphertext.shrink_to(READ_BYTES_MAX);
    }
}

impl Default for Buffers {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_that_grew_is_as_large_as_before_when_it_is_emptied() {
        let mut buffers = Buffers::new();
        buffers.input.extend_from_slice(&[0; 200_000]);
        buffers.ciphertext.extend_from_slice(&[0; 200_000]);
        buffers.clear_input();
        buffers.clear_ciphertext();
        assert_eq!((buffers.input.len(), buffers.input.capacity()), (0, 32_768));
        assert_eq!((buffers.ciphertext.len(), buffers.ciphertext.capacity()), (0, 16_384));
    }
}
