use primitives::{CompactAddress, CompactIpv4, CompactIpv6, InfoHash, KeyInPath, RequestKind};
use udp_protocol::{
    AnnounceOption, AnnounceOptions, AnnounceRequest, AnnounceResponse, ConnectRequest, ConnectResponse,
    ConnectionId, ErrorResponse, Numwant, Request, RequestError, Response, ResponseError, SCRAPE_HASHES_MAX,
    ScrapeEntry, ScrapeRequest, ScrapeResponse, TransactionId, decode_request, decode_response,
    url_data_options,
};
use zerocopy::IntoBytes;

/// The event of an announce, which has four defined values.
const EVENT_AT: core::ops::Range<usize> = 80..84;
/// The numwant of an announce, of which all negative values mean the same.
const NUMWANT_AT: core::ops::Range<usize> = 92..96;

/// Decodes `datagram` as a request and as a response of either family. A decoded message must encode to the same
/// datagram; an error must be the one that a plain reference finds.
///
/// # Panics
/// If one of these does not hold.
pub fn udp_codec(datagram: &[u8]) {
    match decode_request(datagram) {
        Ok(request) => check_request(datagram, &request),
        Err(error) => assert_eq!(Some(error), fault_of_request(datagram), "{datagram:02x?}"),
    }
    check_response::<CompactIpv4>(datagram);
    check_response::<CompactIpv6>(datagram);
}

fn action_of(datagram: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(*datagram.get(at..)?.first_chunk()?))
}

/// A plain reference for the errors of requests (BEP 15).
fn fault_of_request(datagram: &[u8]) -> Option<RequestError> {
    const PROTOCOL_ID: &[u8] = &[0, 0, 0x04, 0x17, 0x27, 0x10, 0x19, 0x80];
    if datagram.len() < 16 {
        return Some(RequestError::TooShort(RequestKind::Unknown));
    }
    match action_of(datagram, 8) {
        Some(0) if !datagram.starts_with(PROTOCOL_ID) => Some(RequestError::WrongProtocolId),
        Some(1) if datagram.len() < 98 => Some(RequestError::TooShort(RequestKind::Announce)),
        Some(2) if datagram.len() < 36 => Some(RequestError::TooShort(RequestKind::Scrape)),
        Some(0..=2) => None,
        _ => Some(RequestError::UnknownAction {
            connection_id: ConnectionId(*datagram.first_chunk()?),
            transaction_id: TransactionId(*datagram[12..].first_chunk()?),
        }),
    }
}

fn check_request(datagram: &[u8], request: &Request<'_>) {
    assert_eq!(fault_of_request(datagram), None, "a decoded message has no fault");
    match request {
        Request::Connect(connect) => {
            assert_eq!(datagram[..16], *ConnectRequest::new(connect.transaction_id).as_bytes());
        }
        Request::Announce(announce) => {
            check_announce(datagram, announce.request);
            check_options(&datagram[98..], announce.options);
        }
        Request::Scrape(scrape) => {
            let hashes = ((datagram.len() - 16) / InfoHash::BYTES).min(SCRAPE_HASHES_MAX);
            assert_eq!(scrape.info_hashes.len(), hashes);
            let head = ScrapeRequest::new(scrape.request.connection_id, scrape.request.transaction_id);
            assert_eq!(datagram[..16], *head.as_bytes());
            assert_eq!(datagram[16..][..20 * hashes], *scrape.info_hashes.as_bytes());
        }
    }
}

fn check_announce(datagram: &[u8], read: &AnnounceRequest) {
    let mut written = AnnounceRequest::new(read.connection_id, read.transaction_id, read.info_hash)
        .with_port(read.port.get())
        .with_left(read.left.get())
        .with_event(read.event());
    written.peer_id = read.peer_id;
    written.downloaded = read.downloaded;
    written.uploaded = read.uploaded;
    written.ip = read.ip;
    written.key = read.key;
    let mut expected = datagram[..98].to_vec();
    let event = u32::from_be_bytes(expected[EVENT_AT].try_into().expect("four bytes"));
    if event > 3 {
        expected[EVENT_AT].fill(0);
    }
    let numwant = i32::from_be_bytes(expected[NUMWANT_AT].try_into().expect("four bytes"));
    match read.numwant() {
        Numwant::Default => assert!(numwant < 0, "{numwant}"),
        Numwant::AtMost(wanted) => assert_eq!(i64::from(wanted), i64::from(numwant)),
    }
    assert_eq!(expected, written.with_numwant(numwant).as_bytes());
}

/// Checks that the options and the key in them match a plain reference, and stay the same when encoded and decoded again.
fn check_options(bytes: &[u8], options: AnnounceOptions<'_>) {
    let url: Vec<u8> = options.filter_map(url_data).flatten().copied().collect();
    assert_eq!(options.key(), key_of(&url), "{bytes:02x?}");
    let written: Vec<u8> = url_data_options(&url).collect();
    let read: Vec<u8> = AnnounceOptions::new(&written).filter_map(url_data).flatten().copied().collect();
    assert_eq!(read, url);
    let options: Vec<AnnounceOption<'_>> = options.collect();
    assert_eq!(options, options_of(bytes), "{bytes:02x?}");
    let mut written = Vec::new();
    for option in &options {
        let (kind, data) = match *option {
            AnnounceOption::UrlData(data) => (2, data),
            AnnounceOption::Unknown { kind, data } => (kind, data),
        };
        written.push(kind);
        written.push(u8::try_from(data.len()).expect("an option's length is one byte"));
        written.extend_from_slice(data);
    }
    assert_eq!(AnnounceOptions::new(&written).collect::<Vec<_>>(), options);
}

fn url_data(option: AnnounceOption<'_>) -> Option<&[u8]> {
    match option {
        AnnounceOption::UrlData(data) => Some(data),
        AnnounceOption::Unknown { .. } => None,
    }
}

/// A plain reference for the key in `/announce/{key}`, of which the first 64 bytes are read.
fn key_of(url: &[u8]) -> KeyInPath {
    let read = &url[..url.len().min(64)];
    let path = read.split(|&byte| byte == b'?').next().expect("a part before any query");
    let segments: Vec<&[u8]> = path.split(|&byte| byte == b'/').filter(|part| !part.is_empty()).collect();
    match segments[..] {
        [b"announce", key] => KeyInPath::of(key),
        [b"announce", _, _, ..] => KeyInPath::Malformed,
        _ => KeyInPath::Absent,
    }
}

/// A plain reference decoder of BEP 41 options.
fn options_of(bytes: &[u8]) -> Vec<AnnounceOption<'_>> {
    let mut options = Vec::new();
    let mut at = 0;
    while let Some(&kind) = bytes.get(at).filter(|&&kind| kind != 0) {
        at += 1;
        if kind == 1 {
            continue;
        }
        let Some(&length) = bytes.get(at) else { break };
        let Some(data) = bytes.get(at + 1..at + 1 + usize::from(length)) else { break };
        at += 1 + data.len();
        options.push(if kind == 2 {
            AnnounceOption::UrlData(data)
        } else {
            AnnounceOption::Unknown { kind, data }
        });
    }
    options
}

fn check_response<A: CompactAddress>(datagram: &[u8]) {
    match decode_response::<A>(datagram) {
        Ok(response) => check_read_response(datagram, &response),
        Err(error) => assert_eq!(Some(error), fault_of_response::<A>(datagram), "{datagram:02x?}"),
    }
}

fn check_read_response<A: CompactAddress>(datagram: &[u8], response: &Response<'_, A>) {
    assert_eq!(fault_of_response::<A>(datagram), None, "a decoded message has no fault");
    match response {
        Response::Connect(head) => {
            let written = ConnectResponse::new(head.transaction_id, head.connection_id);
            assert_eq!(datagram[..16], *written.as_bytes());
        }
        Response::Announce(head, peers) => {
            let (interval_s, leechers) = (head.interval_s.get(), head.leechers.get());
            let written =
                AnnounceResponse::new(head.transaction_id, interval_s, leechers, head.seeders.get());
            assert_eq!(datagram, [written.as_bytes(), peers.as_bytes()].concat());
        }
        Response::Scrape(head, entries) => {
            let written = ScrapeResponse::new(head.transaction_id);
            assert_eq!(datagram, [written.as_bytes(), entries.as_bytes()].concat());
        }
        Response::Error(head, text) => {
            assert_eq!(datagram, [ErrorResponse::new(head.transaction_id).as_bytes(), text].concat());
        }
    }
}

fn fault_of_response<A: CompactAddress>(datagram: &[u8]) -> Option<ResponseError> {
    let length = datagram.len();
    if length < 8 {
        return Some(ResponseError::TooShort);
    }
    match action_of(datagram, 0) {
        Some(0) if length < 16 => Some(ResponseError::TooShort),
        Some(1) if length < 20 => Some(ResponseError::TooShort),
        Some(1) if !(length - 20).is_multiple_of(A::BYTES) => Some(ResponseError::CutOff),
        Some(2) if !(length - 8).is_multiple_of(size_of::<ScrapeEntry>()) => Some(ResponseError::CutOff),
        Some(0..=3) => None,
        _ => Some(ResponseError::UnknownAction),
    }
}
