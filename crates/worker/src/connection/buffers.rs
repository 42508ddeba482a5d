use super::limits::{READ_BYTES_MAX, UNREAD_BYTES_MAX};
use http_protocol::RESPONSE_BYTES_MAX;

/// The buffers that the connections of a core use one after another. A connection that is not at work has none.
#[derive(Debug)]
pub struct Buffers {
    /// What was received and not served yet, in the clear.
    pub(super) input: Vec<u8>,
    /// What one read brings.
    pub(super) received: Box<[u8]>,
    /// What a TLS session gives.
    pub(super) outgoing: Vec<u8>,
    /// A framed piece of an answer that is streamed.
    pub(super) piece: Vec<u8>,
    /// Room for an answer.
    pub(super) answer: Box<[u8]>,
}

impl Buffers {
    /// Buffers for one core.
    #[must_use]
    pub fn new() -> Self {
        Self {
            input: Vec::with_capacity(UNREAD_BYTES_MAX),
            received: vec![0; READ_BYTES_MAX].into_boxed_slice(),
            outgoing: Vec::with_capacity(RESPONSE_BYTES_MAX),
            piece: Vec::new(),
            answer: vec![0; RESPONSE_BYTES_MAX].into_boxed_slice(),
        }
    }
}

impl Default for Buffers {
    fn default() -> Self {
        Self::new()
    }
}
