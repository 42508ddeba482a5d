use crate::connection_id::ConnectionIdError;
use access::{ClientRefused, KeyRefusal, NetworkRefused};
use primitives::{Counter, ErrorReason, Statistics, UnreachableAddress};
use thiserror::Error;

/// Why somebody is not served who asked in good form, whatever the torrent. Its text is told to the client's user. It is
/// small: a batch has one for each datagram.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Refusal {
    /// No proof of the address (BEP 15).
    #[error(transparent)]
    ConnectionId(#[from] ConnectionIdError),
    /// Something that BEP 15 does not have.
    #[error("unknown action")]
    UnknownAction,
    /// No key that lets in.
    #[error(transparent)]
    Key(#[from] KeyRefusal),
    /// A key's place in the URL holds something else.
    #[error("Authentication error: the key in the announce URL is malformed")]
    MalformedKey,
    /// A UDP scrape has no place for a key (BEP 15, BEP 41).
    #[error("Authentication error: scrapes need a key, which only HTTP has a place for")]
    ScrapeWithoutKey,
    /// Software that is not let in.
    #[error(transparent)]
    Client(#[from] ClientRefused),
    /// An address that is not let in.
    #[error(transparent)]
    Network(#[from] NetworkRefused),
    /// An address that cannot be a peer's.
    #[error(transparent)]
    Address(#[from] UnreachableAddress),
}

impl Refusal {
    /// As what a datagram's error is counted.
    pub(crate) const fn reason(self) -> ErrorReason {
        match self {
            Self::ConnectionId(ConnectionIdError::Expired) => ErrorReason::ConnectionIdExpired,
            Self::ConnectionId(ConnectionIdError::Wrong) => ErrorReason::ConnectionIdWrong,
            Self::UnknownAction => ErrorReason::UnknownAction,
            _ => ErrorReason::Refused,
        }
    }

    /// Counts it by what was refused, beside the outcome of its request.
    pub(crate) fn count(self, statistics: &mut Statistics) {
        let counter = match self {
            Self::ConnectionId(_) | Self::UnknownAction => return,
            Self::Key(_) | Self::MalformedKey | Self::ScrapeWithoutKey => Counter::RefusedKeys,
            Self::Client(_) => Counter::RefusedClients,
            Self::Network(_) => Counter::RefusedNetworks,
            Self::Address(_) => Counter::RefusedAddresses,
        };
        statistics.add(counter, 1);
    }
}
