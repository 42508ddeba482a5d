use allocation_counter::measure;
use http_protocol::{
    Announce, AnnounceResponse, FailureResponse, Framing, HeadSearch, Incoming, ListedPeer, Peers,
    RESPONSE_BYTES_MAX, Retry, Route, Scrape, ScrapeFile, ScrapeResponse, Status, read_proxy_header,
    read_request, write_health, write_status,
};
use primitives::CompactIpv4;

const CONNECTION: &[u8] = b"PROXY TCP4 192.0.2.1 198.51.100.1 56324 80\r\n\
    GET /announce?info_hash=%00aaaaaaaaaaaaaaaaaaa&peer_id=bbbbbbbbbbbbbbbbbbbb&port=1&ip=192.0.2.1&left=0 HTTP/1.1\r\n\
    Host: a\r\nX-Forwarded-For: 192.0.2.1, 192.0.2.2\r\nAccept-Encoding: gzip\r\n\r\n\
    GET /announce?info_hash=short HTTP/1.1\r\nHost: a\r\n\r\n\
    GET /scrape?info_hash=bbbbbbbbbbbbbbbbbbbb&info_hash=aaaaaaaaaaaaaaaaaaaa HTTP/1.1\r\nHost: a\r\n\r\n\
    GET /health_check HTTP/1.0\r\n\r\n\
    GET /nothing HTTP/1.0\r\n\r\n\
    POST / HTTP/1.1\r\n\r\n";

const PEER: CompactIpv4 = CompactIpv4([192, 0, 2, 1, 0x1a, 0xe1]);

/// Answers all requests of a connection and returns the number of answers.
fn serve(connection: &[u8], out: &mut [u8]) -> usize {
    let http_protocol::ProxyHeader::Complete { bytes: mut start, .. } = read_proxy_header(connection) else {
        return 0;
    };
    let mut search = HeadSearch::default();
    let mut answers = 0;
    loop {
        let written = match read_request(&connection[start..], &mut search) {
            Incoming::Request(request) => {
                start += request.bytes;
                let _client = request.headers.forwarded_address_from_right(1);
                match request.route {
                    Route::Announce(_) => announce(out, request.framing, request.query),
                    Route::Scrape(_) => scrape(out, request.framing, request.query),
                    Route::HealthCheck => write_health(out, request.framing).is_ok(),
                    _ => write_status(out, request.framing, Status::NotFound).is_ok(),
                }
            }
            Incoming::Refused(status) => {
                return answers + usize::from(write_status(out, Framing::FINAL, status).is_ok());
            }
            Incoming::Incomplete | Incoming::NotHttp => return answers,
        };
        answers += usize::from(written);
    }
}

fn announce(out: &mut [u8], framing: Framing, query: &[u8]) -> bool {
    let announce = match Announce::from_query(query) {
        Ok(announce) => announce,
        Err(error) => {
            return FailureResponse { reason: &error, retry: Retry::Never }.write(out, framing).is_ok();
        }
    };
    let listed = [ListedPeer { address: PEER.socket_address(), peer_id: Some(announce.peer_id) }; 30];
    let forms = [Peers::Compact { v4: &[PEER; 30], v6: &[] }, Peers::Dictionaries(&listed)];
    forms.into_iter().all(|peers| {
        let response = AnnounceResponse {
            complete: 1,
            incomplete: 2,
            downloaded: 3,
            interval_s: 1800,
            min_interval_s: Some(900),
            external_ip: announce.ip(),
            peers,
            warning: Some("warned"),
        };
        response.write(out, framing).is_ok()
    })
}

fn scrape(out: &mut [u8], framing: Framing, query: &[u8]) -> bool {
    let Ok(scrape) = Scrape::from_query(query) else { return false };
    let mut files = scrape.info_hashes().map(|info_hash| ScrapeFile {
        info_hash,
        complete: 1,
        downloaded: 2,
        incomplete: 3,
    });
    let mut files = [files.next(), files.next()].map(|file| file.expect("two torrents"));
    ScrapeResponse { files: &mut files }.write(out, framing).is_ok()
}

#[test]
fn http_requests_are_read_and_answered_without_an_allocation() {
    let mut out = vec![0; RESPONSE_BYTES_MAX];
    let mut answers = 0;
    let info = measure(|| answers = serve(CONNECTION, &mut out));
    assert_eq!(answers, 6);
    assert_eq!(info.count_total, 0, "{info:?}");
}
