use crate::connection_id::ConnectionIdError;
use access::{ClientRefused, KeyRefusal, NetworkRefused};
use guard::OverLimit;
use metrics::{Counter, ErrorReason, Statistics};
use primitives::UnreachableAddress;
use thiserror::Error;

/// Why a well-formed request is refused, whatever its torrent. Clients show the text to their user. The type is small,
/// because a batch has one for each datagram.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Refusal {
    /// The client has not proved its address (BEP 15).
    #[error(transparent)]
    ConnectionId(#[from] ConnectionIdError),
    /// BEP 15 does not define the action.
    #[error("unknown action")]
    UnknownAction,
    #[error(transparent)]
    Key(#[from] KeyRefusal),
    #[error("Authentication error: the key in the announce URL is malformed")]
    MalformedKey,
    /// UDP scrapes have no place for a key (BEP 15, BEP 41).
    #[error("Authentication error: scrapes need a key, which only HTTP has a place for")]
    ScrapeWithoutKey,
    #[error(transparent)]
    Client(#[from] ClientRefused),
    #[error(transparent)]
    Network(#[from] NetworkRefused),
    /// The source has sent more than it may.
    #[error(transparent)]
    OverLimit(#[from] OverLimit),
    #[error(transparent)]
    Address(#[from] UnreachableAddress),
}

impl Refusal {
    /// Returns the reason under which the error to a datagram is counted.
    pub(crate) const fn reason(self) -> ErrorReason {
        match self {
            Self::ConnectionId(ConnectionIdError::Expired) => ErrorReason::ConnectionIdExpired,
            Self::ConnectionId(ConnectionIdError::Wrong) => ErrorReason::ConnectionIdWrong,
            Self::UnknownAction => ErrorReason::UnknownAction,
            _ => ErrorReason::Refused,
        }
    }

    /// Counts the refusal by its kind, in addition to the outcome of the request.
    pub(crate) fn count(self, statistics: &mut Statistics) {
        let counter = match self {
            Self::ConnectionId(_) | Self::UnknownAction | Self::OverLimit(_) => return,
            Self::Key(_) | Self::MalformedKey | Self::ScrapeWithoutKey => Counter::RefusedKeys,
            Self::Client(_) => Counter::RefusedClients,
            Self::Network(_) => Counter::RefusedNetworks,
            Self::Address(_) => Counter::RefusedAddresses,
        };
        statistics.add(counter, 1);
    }
}
