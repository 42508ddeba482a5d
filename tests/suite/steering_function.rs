//! The kernel steers by the same function as `SteeringKey::shard_of`, whatever the key.

use std::net::{SocketAddr, UdpSocket};

use primitives::{InfoHash, ShardCount, ShardId, SteeringKey};
use proptest::prelude::*;
use udp_protocol::{AnnounceRequest, ConnectionId, ScrapeRequest, TransactionId, decode_request};
use udp_socket::{DestinationInfo, ReceiveBatch};
use worker::{
    BoundListeners, InheritedSockets, ListenerOptions, SteeringOutcome, SteeringRequest, bind_listeners,
};
use zerocopy::IntoBytes;

use crate::patience::wait_for;

const SHARD_COUNTS: [usize; 5] = [1, 2, 3, 4, 8];

fn bind(key: &SteeringKey, shards: ShardCount) -> BoundListeners {
    let options = ListenerOptions {
        receive_buffer_bytes: 1 << 18,
        send_buffer_bytes: 1 << 18,
        wildcard_destination: DestinationInfo::Ignore,
        steering: SteeringRequest::Auto,
    };
    let addresses = ["127.0.0.1:0", "[::1]:0"].map(|address| address.parse().expect("an address"));
    let listeners = bind_listeners(&addresses, shards, key, &options, &mut InheritedSockets::default())
        .expect("free ports");
    match listeners.steering {
        SteeringOutcome::On => {}
        SteeringOutcome::NotNeeded if shards.get() == 1 => {}
        other => panic!("this kernel does not steer {} shards: {other:?}", shards.get()),
    }
    listeners
}

/// An announce, or a scrape with a second torrent after it, for each info hash.
fn requests(info_hashes: &[[u8; 20]]) -> Vec<Vec<u8>> {
    let (connection_id, transaction_id) = (ConnectionId([1; 8]), TransactionId([2; 4]));
    let announce = |info_hash| {
        AnnounceRequest::new(connection_id, transaction_id, InfoHash(info_hash)).as_bytes().to_vec()
    };
    let scrape = |info_hash: [u8; 20]| {
        [ScrapeRequest::new(connection_id, transaction_id).as_bytes(), &info_hash, &[3; 20]].concat()
    };
    let both = |(index, &info_hash)| if index % 2 == 0 { announce(info_hash) } else { scrape(info_hash) };
    info_hashes.iter().enumerate().map(both).collect()
}

fn info_hash_of(datagram: &[u8]) -> InfoHash {
    match decode_request(datagram).expect("a request") {
        udp_protocol::Request::Announce(announce) => announce.request.info_hash,
        udp_protocol::Request::Scrape(scrape) => scrape.info_hashes[0],
        udp_protocol::Request::Connect(_) => panic!("no connect was sent"),
    }
}

fn send(requests: &[Vec<u8>], to: SocketAddr) {
    let from = if to.is_ipv4() { "127.0.0.1:0" } else { "[::1]:0" };
    let socket = UdpSocket::bind(from).expect("a free port");
    for request in requests {
        socket.send_to(request, to).expect("the kernel takes a datagram");
    }
}

/// Receives as many datagrams as were sent. Returns each with the shard whose socket received it.
fn arrivals(listeners: &BoundListeners, shards: ShardCount, sent: usize) -> Vec<(ShardId, InfoHash)> {
    let (mut arrivals, mut batch) = (Vec::new(), ReceiveBatch::new(64, 2048));
    wait_for(|| {
        for (shard, sockets) in shards.shards().zip(&listeners.sockets_by_shard) {
            for socket in sockets {
                socket.receive(&mut batch).expect("the socket works");
                arrivals.extend(batch.iter().map(|received| (shard, info_hash_of(received.bytes))));
            }
        }
        let missing = sent.saturating_sub(arrivals.len());
        if missing == 0 { Ok(()) } else { Err(format!("{missing} of {sent} requests do not arrive")) }
    });
    arrivals
}

fn info_hashes() -> impl Strategy<Value = Vec<[u8; 20]>> {
    prop::collection::vec(any::<[u8; 20]>(), 1..48)
}

fn random_key() -> impl Strategy<Value = SteeringKey> {
    prop::collection::vec(any::<u8>(), SteeringKey::RANDOM_BYTES).prop_map(|bytes| {
        SteeringKey::from_random(&bytes.try_into().expect("as many bytes as a key is made of"))
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_request_arrives_at_the_socket_of_its_owner(key in random_key(), info_hashes in info_hashes()) {
        let requests = requests(&info_hashes);
        for shards in SHARD_COUNTS.map(|count| ShardCount::new(count).expect("a number of shards")) {
            let listeners = bind(&key, shards);
            for &address in &listeners.addresses {
                send(&requests, address);
            }
            let arrivals = arrivals(&listeners, shards, requests.len() * listeners.addresses.len());
            for (shard, info_hash) in arrivals {
                prop_assert_eq!(shard, key.shard_of(&info_hash, shards), "{} of {}", info_hash, shards.get());
            }
        }
    }
}
