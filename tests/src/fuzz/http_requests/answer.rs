use crate::http_client::Value;
use core::ops::Range;
use http_protocol::{
    Announce, AnnounceResponse, Connection, Content, ContentType, FailureResponse, Framing, ListedPeer,
    OutOfRoom, PageResponse, PeerForm, Peers, QueryError, RESPONSE_BYTES_MAX, Request, Retry, Route, Scrape,
    ScrapeFile, ScrapeResponse, Status, Version, write_health, write_status,
};
use primitives::{CompactIpv4, CompactIpv6};
use std::fmt::Display;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// Responds to the request as a tracker might, and parses the response.
pub(super) fn check(request: &Request<'_>) {
    let framing = request.framing;
    match request.route {
        Route::Announce(_) => match Announce::from_query(request.query) {
            Ok(announce) => check_announce(framing, &announce),
            Err(error) => check_failure(framing, error),
        },
        Route::Scrape(_) => match Scrape::from_query(request.query) {
            Ok(scrape) => check_scrape(framing, &scrape),
            Err(error) => check_failure(framing, error),
        },
        Route::HealthCheck => {
            let body = body(framing, |out| write_health(out, framing));
            assert!(framing.content == Content::Withheld || body == br#"{"status":"Ok"}"#);
        }
        Route::Site(_) => check_page(request),
        Route::Options => check_status(framing, Status::NoContent),
        Route::NotFound => check_status(framing, Status::NotFound),
    }
}

pub(super) fn check_status(framing: Framing, status: Status) {
    let body = body(framing, |out| write_status(out, framing, status));
    assert_eq!(body.is_empty(), framing.content == Content::Withheld || status == Status::NoContent);
}

fn check_page(request: &Request<'_>) {
    let is_json = request.headers.prefers_json();
    let response = PageResponse {
        framing: request.framing,
        content_type: if is_json { ContentType::Json } else { ContentType::Html },
        coding: request.accepted_coding,
        max_age_s: 1,
        security_policy: "default-src 'none'",
        body: b"page",
    };
    let body = body(request.framing, |out| response.write(out).map(|(written, _)| written));
    assert_eq!(body.is_empty(), request.framing.content == Content::Withheld);
}

fn check_announce(framing: Framing, announce: &Announce<'_>) {
    let peer = ListedPeer {
        address: SocketAddr::new(announce.ip().unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST)), announce.port),
        peer_id: (announce.form == PeerForm::Dictionaries).then_some(announce.peer_id),
    };
    let (v4, v6) = ([CompactIpv4([1; 6]); 3], [CompactIpv6([2; 18]); 2]);
    let response = AnnounceResponse {
        complete: u32::from(announce.port),
        incomplete: announce.info_hash.0[0].into(),
        downloaded: announce.peer_id.0[0].into(),
        interval_s: 1800,
        min_interval_s: announce.left.and_then(|left| u32::try_from(left).ok()),
        external_ip: announce.ipv6().or_else(|| announce.ipv4()),
        peers: match announce.form {
            PeerForm::Compact => Peers::Compact { v4: &v4, v6: &v6 },
            _ => Peers::Dictionaries(&[peer]),
        },
        warning: announce.uploaded.map(|_| "warned"),
    };
    check_bencoded(&body(framing, |out| response.write(out, framing)));
}

fn check_scrape(framing: Framing, scrape: &Scrape<'_>) {
    let file = |info_hash| ScrapeFile { info_hash, complete: 1, downloaded: 2, incomplete: 3 };
    let mut files: Vec<ScrapeFile> = scrape.info_hashes().map(file).collect();
    assert_eq!(files.len(), scrape.info_hashes().count());
    let mut response = ScrapeResponse { files: &mut files };
    check_bencoded(&body(framing, |out| response.write(out, framing)));
}

fn check_failure(framing: Framing, error: QueryError<'_>) {
    let response = FailureResponse { reason: &error as &dyn Display, retry: Retry::Never };
    check_bencoded(&body(framing, |out| response.write(out, framing)));
}

/// Checks the head of a response and returns its body.
fn body(framing: Framing, write: impl FnOnce(&mut [u8]) -> Result<Range<usize>, OutOfRoom>) -> Vec<u8> {
    let mut out = vec![0; RESPONSE_BYTES_MAX];
    let written = write(&mut out).expect("room for every response");
    let answer = &out[written];
    let end = answer.windows(4).position(|window| window == b"\r\n\r\n").expect("a head") + 4;
    let (head, body) = answer.split_at(end);
    let head = str::from_utf8(head).expect("a head is ASCII");
    assert!(head.starts_with("HTTP/1.1 "));
    assert_eq!(head.contains("Connection: close\r\n"), framing.connection == Connection::Close);
    let is_kept_aloud = framing.connection == Connection::KeepAlive && framing.version == Version::Http10;
    assert_eq!(head.contains("Connection: keep-alive\r\n"), is_kept_aloud);
    let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: "));
    match (framing.content, length) {
        (Content::Sent, Some(length)) => assert_eq!(length.parse(), Ok(body.len())),
        _ => assert_eq!(body, b""),
    }
    body.to_vec()
}

/// Checks for one value with nothing after it, or for an empty body if only the head was requested.
fn check_bencoded(body: &[u8]) {
    if !body.is_empty() {
        drop(Value::read(body));
    }
}
