use super::limits::{READ_BYTES_MAX, UNREAD_BYTES_MAX};
use engine::Signals;
use http_protocol::RESPONSE_BYTES_MAX;

/// The buffers that the connections of a core use one after another. An idle connection has none.
#[derive(Debug)]
pub(super) struct Buffers {
    /// Plaintext that has been received and not served yet.
    pub(super) input: Vec<u8>,
    /// The bytes of one read.
    pub(super) received: Box<[u8]>,
    /// TLS records to be sent.
    pub(super) outgoing: Vec<u8>,
    /// A framed piece of a streamed answer.
    pub(super) piece: Vec<u8>,
    pub(super) answer: Box<[u8]>,
    /// Offers and answers of the last turn for other connections.
    pub(super) signals: Signals,
}

impl Buffers {
    /// Returns the buffers for one core.
    #[must_use]
    pub(super) fn new() -> Self {
        Self {
            input: Vec::with_capacity(UNREAD_BYTES_MAX),
            received: vec![0; READ_BYTES_MAX].into_boxed_slice(),
            outgoing: Vec::with_capacity(RESPONSE_BYTES_MAX),
            piece: Vec::new(),
            answer: vec![0; RESPONSE_BYTES_MAX].into_boxed_slice(),
            signals: Signals::default(),
        }
    }
}
