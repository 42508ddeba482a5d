use crate::action::Action;
use crate::limits::SCRAPE_HASHES_MAX;
use crate::options::AnnounceOptions;
use primitives::{AnnounceEvent, InfoHash, Numwant, PeerId, PeerStatus, RequestKind};
use zerocopy::byteorder::network_endian::{I32, U16, U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// The constant at the start of each connect (BEP 15).
const PROTOCOL_ID: u64 = 0x0417_2710_1980;

/// A number that the client chooses for a request and that the response repeats. Opaque to the tracker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(transparent)]
pub struct TransactionId(pub [u8; 4]);

/// A number that the tracker returns to a connect, so that the client can prove that it receives at its address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(transparent)]
pub struct ConnectionId(pub [u8; 8]);

/// A connect request, 16 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct ConnectRequest {
    protocol_id: U64,
    action: U32,
    pub transaction_id: TransactionId,
}

/// The fixed part of an announce, 98 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct AnnounceRequest {
    pub connection_id: ConnectionId,
    action: U32,
    pub transaction_id: TransactionId,
    pub info_hash: InfoHash,
    pub peer_id: PeerId,
    /// Bytes downloaded since `started`.
    pub downloaded: U64,
    /// Bytes left to download.
    pub left: U64,
    /// Bytes uploaded since `started`.
    pub uploaded: U64,
    event: U32,
    /// Address that the client wants to be listed with. The tracker uses the source of the datagram instead.
    pub ip: U32,
    /// Number by which a client can prove its identity after a change of address.
    pub key: U32,
    numwant: I32,
    /// TCP or uTP port where the client listens, or 0 if it does not.
    pub port: U16,
}

/// The fixed part of a scrape, 16 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct ScrapeRequest {
    pub connection_id: ConnectionId,
    action: U32,
    pub transaction_id: TransactionId,
}

/// An announce with its options.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Announce<'a> {
    pub request: &'a AnnounceRequest,
    pub options: AnnounceOptions<'a>,
}

/// A scrape with its 1 to [`SCRAPE_HASHES_MAX`] info hashes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scrape<'a> {
    pub request: &'a ScrapeRequest,
    /// Torrents; only the first ones of a longer list.
    pub info_hashes: &'a [InfoHash],
}

/// A decoded datagram from a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Request<'a> {
    Connect(&'a ConnectRequest),
    Announce(Announce<'a>),
    Scrape(Scrape<'a>),
}

/// Why a datagram is not a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RequestError {
    /// Shorter than the fixed part of a request of this kind, or too short to contain an action.
    TooShort(RequestKind),
    /// A connect without the constant of BEP 15.
    WrongProtocolId,
    /// Neither connect nor announce nor scrape.
    UnknownAction {
        /// Bytes at the place of the connection id in an announce or scrape.
        connection_id: ConnectionId,
        /// Bytes at the place of the transaction id in every request.
        transaction_id: TransactionId,
    },
}

impl ConnectRequest {
    /// Creates a connect.
    pub const fn new(transaction_id: TransactionId) -> Self {
        Self { protocol_id: U64::new(PROTOCOL_ID), action: Action::Connect.to_wire(), transaction_id }
    }
}

impl AnnounceRequest {
    /// Creates a regular announce with all numbers 0, port included, that leaves the number of peers to the tracker.
    pub const fn new(
        connection_id: ConnectionId,
        transaction_id: TransactionId,
        info_hash: InfoHash,
    ) -> Self {
        Self {
            connection_id,
            action: Action::Announce.to_wire(),
            transaction_id,
            info_hash,
            peer_id: PeerId([0; PeerId::BYTES]),
            downloaded: U64::ZERO,
            left: U64::ZERO,
            uploaded: U64::ZERO,
            event: U32::ZERO,
            ip: U32::ZERO,
            key: U32::ZERO,
            numwant: I32::new(-1),
            port: U16::ZERO,
        }
    }

    /// Returns the same announce with another port.
    #[must_use]
    pub const fn with_port(mut self, port: u16) -> Self {
        self.port = U16::new(port);
        self
    }

    /// Returns the same announce with this many bytes left.
    #[must_use]
    pub const fn with_left(mut self, bytes_left: u64) -> Self {
        self.left = U64::new(bytes_left);
        self
    }

    /// Returns the same announce with this event.
    #[must_use]
    pub const fn with_event(mut self, event: AnnounceEvent) -> Self {
        self.event = U32::new(match event {
            AnnounceEvent::None => 0,
            AnnounceEvent::Completed => 1,
            AnnounceEvent::Started => 2,
            AnnounceEvent::Stopped => 3,
        });
        self
    }

    /// Returns the same announce with this number on the wire.
    #[must_use]
    pub const fn with_numwant(mut self, numwant: i32) -> Self {
        self.numwant = I32::new(numwant);
        self
    }

    /// Returns the event. An undefined number is a regular announce.
    pub const fn event(&self) -> AnnounceEvent {
        match self.event.get() {
            1 => AnnounceEvent::Completed,
            2 => AnnounceEvent::Started,
            3 => AnnounceEvent::Stopped,
            _ => AnnounceEvent::None,
        }
    }

    /// Returns whether the peer counts as a seeder or a leecher.
    pub const fn status(&self) -> PeerStatus {
        PeerStatus::from_bytes_left(self.left.get())
    }

    /// Returns how many peers the client asks for. A negative number (-1 in BEP 15) leaves it to the tracker.
    pub fn numwant(&self) -> Numwant {
        u32::try_from(self.numwant.get()).map_or(Numwant::Default, Numwant::AtMost)
    }
}

impl ScrapeRequest {
    /// Creates the fixed part of a scrape; the info hashes follow it.
    pub const fn new(connection_id: ConnectionId, transaction_id: TransactionId) -> Self {
        Self { connection_id, action: Action::Scrape.to_wire(), transaction_id }
    }
}

/// Decodes a datagram from a client. Bytes after a request are tolerated.
///
/// # Errors
/// If the datagram is not a request of BEP 15.
pub fn decode_request(datagram: &[u8]) -> Result<Request<'_>, RequestError> {
    // Every request is at least as long as a connect and has the action at the same place.
    let (head, _) = ConnectRequest::ref_from_prefix(datagram)
        .map_err(|_| RequestError::TooShort(RequestKind::Unknown))?;
    match Action::from_wire(head.action) {
        Some(Action::Connect) if head.protocol_id.get() == PROTOCOL_ID => Ok(Request::Connect(head)),
        Some(Action::Connect) => Err(RequestError::WrongProtocolId),
        Some(Action::Announce) => decode_announce(datagram),
        Some(Action::Scrape) => decode_scrape(datagram),
        Some(Action::Error) | None => Err(RequestError::UnknownAction {
            connection_id: ConnectionId(head.protocol_id.to_bytes()),
            transaction_id: head.transaction_id,
        }),
    }
}

fn decode_announce(datagram: &[u8]) -> Result<Request<'_>, RequestError> {
    let (request, rest) = AnnounceRequest::ref_from_prefix(datagram)
        .map_err(|_| RequestError::TooShort(RequestKind::Announce))?;
    Ok(Request::Announce(Announce { request, options: AnnounceOptions::new(rest) }))
}

fn decode_scrape(datagram: &[u8]) -> Result<Request<'_>, RequestError> {
    const TOO_SHORT: RequestError = RequestError::TooShort(RequestKind::Scrape);
    let (request, rest) = ScrapeRequest::ref_from_prefix(datagram).map_err(|_| TOO_SHORT)?;
    let hashes = rest.len().wrapping_div(InfoHash::BYTES).min(SCRAPE_HASHES_MAX);
    if hashes == 0 {
        return Err(TOO_SHORT);
    }
    let (info_hashes, _) = <[InfoHash]>::ref_from_prefix_with_elems(rest, hashes).map_err(|_| TOO_SHORT)?;
    Ok(Request::Scrape(Scrape { request, info_hashes }))
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONNECTION: ConnectionId = ConnectionId([7; 8]);
    const TRANSACTION: TransactionId = TransactionId([1, 2, 3, 4]);

    fn announce() -> AnnounceRequest {
        AnnounceRequest::new(CONNECTION, TRANSACTION, InfoHash([9; 20]))
    }

    #[test]
    fn a_connect_is_the_16_bytes_of_bep_15() {
        let bytes = [0, 0, 4, 0x17, 0x27, 0x10, 0x19, 0x80, 0, 0, 0, 0, 1, 2, 3, 4];
        let expected = ConnectRequest::new(TRANSACTION);
        assert_eq!(expected.as_bytes(), bytes);
        assert_eq!(decode_request(&bytes), Ok(Request::Connect(&expected)));
    }

    #[test]
    fn an_announce_has_its_fields_at_the_offsets_of_bep_15() {
        let mut bytes = [0_u8; 98];
        bytes[11] = 1;
        bytes[16..36].fill(9);
        bytes[71] = 5;
        bytes[83] = 2;
        bytes[92..96].copy_from_slice(&30_i32.to_be_bytes());
        bytes[96..98].copy_from_slice(&6881_u16.to_be_bytes());
        let Ok(Request::Announce(Announce { request, .. })) = decode_request(&bytes) else {
            panic!("not an announce")
        };
        assert_eq!(request.info_hash, InfoHash([9; 20]));
        assert_eq!(request.left.get(), 5);
        assert_eq!(request.status(), PeerStatus::Leecher);
        assert_eq!(request.event(), AnnounceEvent::Started);
        assert_eq!(request.numwant(), Numwant::AtMost(30));
        assert_eq!(request.port.get(), 6881);
    }

    #[test]
    fn a_negative_numwant_is_the_default_and_zero_is_none() {
        assert_eq!(announce().numwant(), Numwant::Default);
        assert_eq!(announce().with_numwant(-7).numwant(), Numwant::Default);
        assert_eq!(announce().with_numwant(0).numwant(), Numwant::AtMost(0));
    }

    #[test]
    fn events_round_trip_and_an_unknown_one_is_a_regular_announce() {
        for event in
            [AnnounceEvent::None, AnnounceEvent::Completed, AnnounceEvent::Started, AnnounceEvent::Stopped]
        {
            assert_eq!(announce().with_event(event).event(), event);
        }
        let mut unknown = announce();
        unknown.event = U32::new(77);
        assert_eq!(unknown.event(), AnnounceEvent::None);
    }

    #[test]
    fn bytes_after_a_request_are_tolerated() {
        let mut connect = ConnectRequest::new(TRANSACTION).as_bytes().to_vec();
        connect.push(0xff);
        assert!(matches!(decode_request(&connect), Ok(Request::Connect(_))));
        let mut with_tail = announce().as_bytes().to_vec();
        with_tail.extend_from_slice(b"\xff\xff\xff");
        assert!(matches!(decode_request(&with_tail), Ok(Request::Announce(_))));
    }

    #[test]
    fn a_request_truncated_at_any_byte_is_too_short() {
        let announce = announce();
        for length in 0..98 {
            let kind = if length < 16 { RequestKind::Unknown } else { RequestKind::Announce };
            assert_eq!(decode_request(&announce.as_bytes()[..length]), Err(RequestError::TooShort(kind)));
        }
    }

    fn scrape_of(hashes: usize, tail: usize) -> Vec<u8> {
        let mut bytes = ScrapeRequest::new(CONNECTION, TRANSACTION).as_bytes().to_vec();
        bytes.resize(16 + 20 * hashes + tail, 3);
        bytes
    }

    #[test]
    fn a_scrape_has_1_to_74_hashes_and_more_are_ignored() {
        for (hashes, tail, answered) in [(1, 0, 1), (74, 0, 74), (75, 0, 74), (2, 19, 2)] {
            let bytes = scrape_of(hashes, tail);
            let Ok(Request::Scrape(scrape)) = decode_request(&bytes) else { panic!("not a scrape") };
            assert_eq!(scrape.info_hashes.len(), answered);
        }
        for tail in [0, 19] {
            let bytes = scrape_of(0, tail);
            assert_eq!(decode_request(&bytes), Err(RequestError::TooShort(RequestKind::Scrape)));
        }
    }

    #[test]
    fn a_wrong_protocol_id_or_action_is_an_error() {
        let mut connect = ConnectRequest::new(TRANSACTION);
        connect.protocol_id = U64::new(1);
        assert_eq!(decode_request(connect.as_bytes()), Err(RequestError::WrongProtocolId));
        for action in [3, 4, u32::MAX] {
            connect.action = U32::new(action);
            let connection_id = ConnectionId([0, 0, 0, 0, 0, 0, 0, 1]);
            let expected = RequestError::UnknownAction { connection_id, transaction_id: TRANSACTION };
            assert_eq!(decode_request(connect.as_bytes()), Err(expected));
        }
    }
}
