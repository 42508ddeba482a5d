//! Cost of the BEP 15 codec: reading requests, writing responses.
#![forbid(unsafe_code)]

use criterion::{Criterion, Throughput};
use primitives::{CompactIpv4, InfoHash};
use std::hint::black_box;
use udp_protocol::{
    AnnounceRequest, AnnounceResponse, ConnectRequest, ConnectResponse, ConnectionId, ErrorResponse,
    ScrapeRequest, TransactionId, decode_request,
};
use zerocopy::IntoBytes;

const CONNECTION_ID: ConnectionId = ConnectionId([7; 8]);
const TRANSACTION_ID: TransactionId = TransactionId([1, 2, 3, 4]);
const PEERS: [CompactIpv4; 30] = [CompactIpv4([192, 0, 2, 1, 0x1a, 0xe1]); 30];
const ERROR_TEXT: &[u8] = b"expired";

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    decode(&mut criterion);
    encode(&mut criterion);
    criterion.final_summary();
}

fn decode(criterion: &mut Criterion) {
    let connect = ConnectRequest::new(TRANSACTION_ID).as_bytes().to_vec();
    let announce = AnnounceRequest::new(CONNECTION_ID, TRANSACTION_ID, InfoHash([9; 20])).as_bytes().to_vec();
    let requests = [
        ("connect", connect),
        ("announce", announce),
        ("scrape of 1", scrape_of(1)),
        ("scrape of 74", scrape_of(74)),
    ];
    let mut group = criterion.benchmark_group("codec/decode");
    for (name, datagram) in &requests {
        group.throughput(Throughput::Bytes(datagram.len() as u64));
        group.bench_function(*name, |bencher| bencher.iter(|| decode_request(black_box(datagram)).is_ok()));
    }
    group.finish();
}

fn scrape_of(hashes: usize) -> Vec<u8> {
    let head = ScrapeRequest::new(CONNECTION_ID, TRANSACTION_ID);
    [head.as_bytes(), &[3].repeat(hashes * InfoHash::BYTES)].concat()
}

fn encode(criterion: &mut Criterion) {
    let mut out = [0_u8; 2048];
    let mut group = criterion.benchmark_group("codec/encode");
    group.bench_function("connect", |bencher| {
        bencher.iter(|| {
            let response = ConnectResponse::new(black_box(TRANSACTION_ID), black_box(CONNECTION_ID));
            append(black_box(&mut out), 0, response.as_bytes())
        });
    });
    group.bench_function("announce with 30 peers", |bencher| {
        bencher.iter(|| {
            let response = AnnounceResponse::new(black_box(TRANSACTION_ID), 1800, black_box(2), black_box(1));
            let length = append(black_box(&mut out), 0, response.as_bytes());
            append(black_box(&mut out), length, black_box(&PEERS).as_bytes())
        });
    });
    group.bench_function("error", |bencher| {
        bencher.iter(|| {
            let response = ErrorResponse::new(black_box(TRANSACTION_ID));
            let length = append(black_box(&mut out), 0, response.as_bytes());
            append(black_box(&mut out), length, black_box(ERROR_TEXT))
        });
    });
    group.finish();
}

/// Writes `bytes` at `length` and returns the new length.
fn append(out: &mut [u8], length: usize, bytes: &[u8]) -> usize {
    out[length..length + bytes.len()].copy_from_slice(bytes);
    length + bytes.len()
}
