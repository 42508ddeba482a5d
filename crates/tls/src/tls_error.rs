use crate::limits::HELD_BYTES_MAX;
use rustls::{Error, InvalidMessage};

/// Why a session cannot go on.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// Plain HTTP to the port of HTTPS, most often.
    #[error("the peer does not speak TLS")]
    NotTls,
    /// No common version, cipher or protocol, a wrong order, a wrong tag, an alert of the peer's, ...
    #[error("the TLS session failed: {0}")]
    Failed(Error),
    /// More than a session holds for a peer.
    #[error("a TLS handshake message is spread over more than {HELD_BYTES_MAX} bytes")]
    TooLong,
    /// The peer has not yet done its part.
    #[error("the TLS handshake is not done, so nothing can be sent")]
    Handshaking,
    /// These keys have encrypted all that they may.
    #[error("the TLS session's keys are used up")]
    KeysUsedUp,
    /// It failed or was closed before.
    #[error("the TLS session has ended")]
    Ended,
}

impl From<Error> for TlsError {
    fn from(error: Error) -> Self {
        match error {
            Error::InvalidMessage(InvalidMessage::InvalidContentType) => Self::NotTls,
            error => Self::Failed(error),
        }
    }
}
