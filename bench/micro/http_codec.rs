//! Cost of the codec of the HTTP tracker protocol: reading requests, writing responses.
#![forbid(unsafe_code)]

use criterion::{Criterion, Throughput};
use http_protocol::{
    Announce, AnnounceResponse, Connection, Content, FailureResponse, Framing, HeadSearch, ListedPeer,
    Parameter, Peers, QueryError, RESPONSE_BYTES_MAX, Retry, Scrape, ScrapeFile, ScrapeResponse, Version,
    read_request,
};
use primitives::{CompactIpv4, InfoHash, PeerId};
use std::hint::black_box;

/// An announce as libtorrent sends it.
const ANNOUNCE: &str = "info_hash=%00%9b%db%bbI%f0%2b%20%25%26%3d~-_.!*A9%ff&peer_id=-qB4650-a(.8*~_!Kx0Z\
    &port=51413&uploaded=0&downloaded=0&left=1474560&corrupt=0&key=8F2C4B1E&event=started&numwant=200\
    &compact=1&no_peer_id=1&supportcrypto=1&redundant=0";
const HEADERS: &str = "Host: tracker.example:6969\r\nUser-Agent: qBittorrent/4.6.5\r\n\
    Accept-Encoding: gzip\r\nConnection: close\r\n";

const PEER: CompactIpv4 = CompactIpv4([192, 0, 2, 1, 0x1a, 0xe1]);
const FRAMING: Framing =
    Framing { version: Version::Http11, connection: Connection::KeepAlive, content: Content::Sent };

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    decode(&mut criterion);
    encode(&mut criterion);
    criterion.final_summary();
}

fn decode(criterion: &mut Criterion) {
    let head = format!("GET /announce?{ANNOUNCE} HTTP/1.1\r\n{HEADERS}\r\n");
    let scrape = ["info_hash=%00%9b%db%bbI%f0%2b%20%25%26%3d~-_.!*A9%ff"; 74].join("&");
    let mut group = criterion.benchmark_group("http_codec/decode");
    group.throughput(Throughput::Bytes(head.len() as u64));
    group.bench_function("request", |bencher| {
        bencher.iter(|| {
            let incoming = read_request(black_box(head.as_bytes()), &mut HeadSearch::default());
            black_box(incoming);
        });
    });
    group.throughput(Throughput::Bytes(ANNOUNCE.len() as u64));
    group.bench_function("query of an announce", |bencher| {
        bencher.iter(|| Announce::from_query(black_box(ANNOUNCE.as_bytes())).is_ok());
    });
    group.throughput(Throughput::Bytes(scrape.len() as u64));
    group.bench_function("query of a scrape of 74", |bencher| {
        bencher.iter(|| {
            let scrape = Scrape::from_query(black_box(scrape.as_bytes())).expect("74 info hashes");
            scrape.info_hashes().map(black_box).count()
        });
    });
    group.finish();
}

fn encode(criterion: &mut Criterion) {
    let mut out = vec![0; RESPONSE_BYTES_MAX];
    let listed = ListedPeer { address: PEER.socket_address(), peer_id: Some(PeerId([b'a'; 20])) };
    let forms = [
        ("announce with 30 compact peers", Peers::Compact { v4: &[PEER; 30], v6: &[] }),
        ("announce with 30 dictionaries", Peers::Dictionaries(&[listed; 30])),
    ];
    let mut group = criterion.benchmark_group("http_codec/encode");
    for (name, peers) in forms {
        group.bench_function(name, |bencher| {
            bencher.iter(|| announce_response(black_box(peers)).write(black_box(&mut out), FRAMING).is_ok());
        });
    }
    group.bench_function("scrape of 74", |bencher| {
        bencher.iter(|| {
            let mut files: [ScrapeFile; 74] = std::array::from_fn(scrape_file);
            let mut response = ScrapeResponse { files: &mut files };
            response.write(black_box(&mut out), FRAMING).is_ok()
        });
    });
    group.bench_function("failure", |bencher| {
        let failure = FailureResponse { reason: &QueryError::Missing(Parameter::Port), retry: Retry::Never };
        bencher.iter(|| failure.write(black_box(&mut out), FRAMING).is_ok());
    });
    group.finish();
}

const fn announce_response(peers: Peers<'_>) -> AnnounceResponse<'_> {
    AnnounceResponse {
        complete: 12,
        incomplete: 34,
        downloaded: 5678,
        interval_s: 1800,
        min_interval_s: None,
        external_ip: None,
        peers,
        warning: None,
    }
}

/// Returns files whose info hashes are not sorted yet.
fn scrape_file(index: usize) -> ScrapeFile {
    let mut info_hash = InfoHash([7; InfoHash::BYTES]);
    info_hash.0[0] = u8::try_from(index * 37 % 74).unwrap_or_default();
    ScrapeFile { info_hash, complete: 12, downloaded: 5678, incomplete: 34 }
}
