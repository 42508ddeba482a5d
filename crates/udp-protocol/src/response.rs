use crate::action::Action;
use crate::request::{ConnectionId, TransactionId};
use primitives::CompactAddress;
use zerocopy::byteorder::network_endian::U32;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// The response to a connect, 16 bytes: as long as the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct ConnectResponse {
    action: U32,
    pub transaction_id: TransactionId,
    /// Connection id to send with announces and scrapes.
    pub connection_id: ConnectionId,
}

/// The fixed part of the response to an announce, 20 bytes; compact peers of the client's family follow it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct AnnounceResponse {
    action: U32,
    pub transaction_id: TransactionId,
    /// Seconds after which the client should announce again.
    pub interval_s: U32,
    pub leechers: U32,
    pub seeders: U32,
}

/// The fixed part of the response to a scrape, 8 bytes; entries in the order of the request's hashes follow it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct ScrapeResponse {
    action: U32,
    pub transaction_id: TransactionId,
}

/// The counts of one torrent, 12 bytes.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Default, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned,
)]
#[repr(C)]
pub struct ScrapeEntry {
    pub seeders: U32,
    /// Number of completed downloads of the torrent.
    pub downloaded: U32,
    pub leechers: U32,
}

/// The fixed part of an error response, 8 bytes; a text follows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct ErrorResponse {
    action: U32,
    pub transaction_id: TransactionId,
}

/// A decoded datagram from a tracker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Response<'a, A> {
    Connect(&'a ConnectResponse),
    Announce(&'a AnnounceResponse, &'a [A]),
    Scrape(&'a ScrapeResponse, &'a [ScrapeEntry]),
    /// Error response to any request, with a text that should be UTF-8.
    Error(&'a ErrorResponse, &'a [u8]),
}

/// Why a datagram is not a response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResponseError {
    /// Shorter than the fixed part of the response.
    TooShort,
    /// The bytes after the fixed part are not whole peers or entries.
    CutOff,
    /// An action that BEP 15 does not define.
    UnknownAction,
}

impl ConnectResponse {
    /// Creates the response to the connect with `transaction_id`.
    pub const fn new(transaction_id: TransactionId, connection_id: ConnectionId) -> Self {
        Self { action: Action::Connect.to_wire(), transaction_id, connection_id }
    }
}

impl AnnounceResponse {
    /// Creates the fixed part of the response to the announce with `transaction_id`.
    pub const fn new(transaction_id: TransactionId, interval_s: u32, leechers: u32, seeders: u32) -> Self {
        Self {
            action: Action::Announce.to_wire(),
            transaction_id,
            interval_s: U32::new(interval_s),
            leechers: U32::new(leechers),
            seeders: U32::new(seeders),
        }
    }
}

impl ScrapeResponse {
    /// Creates the fixed part of the response to the scrape with `transaction_id`.
    pub const fn new(transaction_id: TransactionId) -> Self {
        Self { action: Action::Scrape.to_wire(), transaction_id }
    }
}

impl ErrorResponse {
    /// Creates the fixed part of an error response to the request with `transaction_id`.
    pub const fn new(transaction_id: TransactionId) -> Self {
        Self { action: Action::Error.to_wire(), transaction_id }
    }
}

/// Decodes a datagram from a tracker to a client of `A`'s address family.
///
/// # Errors
/// If the datagram is not a response of BEP 15.
pub fn decode_response<A: CompactAddress>(datagram: &[u8]) -> Result<Response<'_, A>, ResponseError> {
    let (head, _) = ErrorResponse::ref_from_prefix(datagram).map_err(|_| ResponseError::TooShort)?;
    match Action::from_wire(head.action).ok_or(ResponseError::UnknownAction)? {
        Action::Connect => split::<ConnectResponse>(datagram).map(|(head, _)| Response::Connect(head)),
        Action::Announce => {
            let (head, peers) = split::<AnnounceResponse>(datagram)?;
            let peers = <[A]>::ref_from_bytes(peers).map_err(|_| ResponseError::CutOff)?;
            Ok(Response::Announce(head, peers))
        }
        Action::Scrape => {
            let (head, entries) = split::<ScrapeResponse>(datagram)?;
            let entries = <[ScrapeEntry]>::ref_from_bytes(entries).map_err(|_| ResponseError::CutOff)?;
            Ok(Response::Scrape(head, entries))
        }
        Action::Error => split::<ErrorResponse>(datagram).map(|(head, text)| Response::Error(head, text)),
    }
}

fn split<T: FromBytes + Immutable + KnownLayout + Unaligned>(
    datagram: &[u8],
) -> Result<(&T, &[u8]), ResponseError> {
    T::ref_from_prefix(datagram).map_err(|_| ResponseError::TooShort)
}

#[cfg(test)]
mod tests {
    use super::*;
    use primitives::{CompactIpv4, CompactIpv6};

    const TRANSACTION: TransactionId = TransactionId([1, 2, 3, 4]);

    #[test]
    fn the_fixed_parts_are_16_20_8_12_and_8_bytes_long() {
        assert_eq!(size_of::<ConnectResponse>(), 16);
        assert_eq!(size_of::<AnnounceResponse>(), 20);
        assert_eq!(size_of::<ScrapeResponse>(), 8);
        assert_eq!(size_of::<ScrapeEntry>(), 12);
        assert_eq!(size_of::<ErrorResponse>(), 8);
    }

    #[test]
    fn an_announce_response_has_leechers_before_seeders() {
        let bytes = AnnounceResponse::new(TRANSACTION, 1800, 2, 1);
        let expected = [0, 0, 0, 1, 1, 2, 3, 4, 0, 0, 7, 8, 0, 0, 0, 2, 0, 0, 0, 1];
        assert_eq!(bytes.as_bytes(), expected);
    }

    #[test]
    fn peers_are_decoded_in_the_clients_family() {
        let head = AnnounceResponse::new(TRANSACTION, 1800, 2, 1);
        let mut bytes = head.as_bytes().to_vec();
        bytes.extend_from_slice(&[4; 18]);
        assert_eq!(decode_response(&bytes), Ok(Response::Announce(&head, &[CompactIpv4([4; 6]); 3])));
        assert_eq!(decode_response(&bytes), Ok(Response::Announce(&head, &[CompactIpv6([4; 18])])));
        bytes.push(4);
        assert_eq!(decode_response::<CompactIpv4>(&bytes), Err(ResponseError::CutOff));
    }

    #[test]
    fn an_error_carries_its_text() {
        let head = ErrorResponse::new(TRANSACTION);
        let mut bytes = head.as_bytes().to_vec();
        bytes.extend_from_slice(b"no");
        assert_eq!(decode_response::<CompactIpv4>(&bytes), Ok(Response::Error(&head, b"no")));
    }

    #[test]
    fn a_short_datagram_or_an_unknown_action_is_an_error() {
        assert_eq!(decode_response::<CompactIpv4>(&[0; 7]), Err(ResponseError::TooShort));
        assert_eq!(decode_response::<CompactIpv4>(&[0; 15]), Err(ResponseError::TooShort));
        assert_eq!(decode_response::<CompactIpv4>(&[9; 16]), Err(ResponseError::UnknownAction));
    }
}
