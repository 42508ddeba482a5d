use crate::limits::HELD_BYTES_MAX;
use rustls::{Error, InvalidMessage};

/// Why a session cannot continue.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// The peer speaks another protocol, most often plain HTTP on the HTTPS port.
    #[error("the peer does not speak TLS")]
    NotTls,
    /// No common version, cipher or protocol, a wrong order, a wrong tag, an alert of the peer, or the like.
    #[error("the TLS session failed: {0}")]
    Failed(Error),
    /// A message is longer than a session holds.
    #[error("a TLS handshake message is spread over more than {HELD_BYTES_MAX} bytes")]
    TooLong,
    #[error("the TLS handshake is not complete, so nothing can be sent")]
    Handshaking,
    /// The keys of the session have encrypted all that they may.
    #[error("the TLS session's keys are used up")]
    KeysUsedUp,
    /// The session failed or was closed before.
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
