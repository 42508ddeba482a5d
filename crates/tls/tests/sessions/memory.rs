//! The memory of a session, measured by an allocator that counts for each thread.

use crate::pair::{Client, Files, VERSIONS, client_config};
use allocation_counter::{AllocationInfo, measure};
use rustls::SupportedProtocolVersion;
use tls::{HELD_BYTES_MAX, Received, ServerIdentity, TlsSession};

/// Heap bytes of a session that waits for a request: 3087 with TLS 1.2 and 3191 with 1.3, and 96 more after its first
/// request. The buffered connection of rustls takes 7263 and 7367.
const IDLE_BYTES_MAX: i64 = 3400;

/// Peak heap bytes of a handshake with a real client.
const HANDSHAKE_BYTES_MAX: u64 = 8192;

const REQUEST: [u8; 250] = [b'r'; 250];
const ANSWER: [u8; 400] = [b'a'; 400];

/// A session whose allocations are counted, without those of its client and of the buffers.
struct Counted {
    session: TlsSession,
    heap_bytes: i64,
    heap_bytes_peak: i64,
    plaintext: Vec<u8>,
    to_send: Vec<u8>,
}

impl Counted {
    fn new(identity: &ServerIdentity) -> Self {
        let mut session = None;
        let info = measure(|| session = Some(TlsSession::new(identity).expect("random numbers")));
        let [plaintext, to_send] = [(), ()].map(|()| Vec::with_capacity(65_536));
        let session = session.expect("created above");
        let heap_bytes = info.bytes_current;
        Self { session, heap_bytes, heap_bytes_peak: heap_bytes, plaintext, to_send }
    }

    fn add(&mut self, info: AllocationInfo) -> AllocationInfo {
        self.heap_bytes_peak = self
            .heap_bytes_peak
            .max(self.heap_bytes + i64::try_from(info.bytes_max).expect("memory is smaller"));
        self.heap_bytes += info.bytes_current;
        info
    }

    fn receive(&mut self, mut ciphertext: Vec<u8>) -> AllocationInfo {
        let info = measure(|| {
            let received = self.session.receive(&mut ciphertext, &mut self.plaintext, &mut self.to_send);
            assert_eq!(received, Ok(Received::Open));
        });
        self.add(info)
    }

    fn send(&mut self, plaintext: &[u8]) -> AllocationInfo {
        let info = measure(|| self.session.send(plaintext, &mut self.to_send).expect("an open session"));
        self.add(info)
    }
}

fn connected(
    files: &Files,
    identity: &ServerIdentity,
    version: &'static SupportedProtocolVersion,
) -> (Client, Counted) {
    let mut client = Client::new(&client_config(version, &files.certificate, &[b"http/1.1"]));
    let mut server = Counted::new(identity);
    while client.0.is_handshaking() || server.session.is_handshaking() {
        server.receive(client.flight());
        client.feed(&server.to_send).expect("a valid flight");
        server.to_send.clear();
    }
    (client, server)
}

#[test]
fn an_idle_session_takes_little_memory_and_its_handshake_not_much_more() {
    let files = Files::new();
    let identity = files.load();
    for version in VERSIONS {
        let (_client, server) = connected(&files, &identity, version);
        assert!(server.heap_bytes <= IDLE_BYTES_MAX, "{version:?}: {}", server.heap_bytes);
        assert!(server.heap_bytes_peak.unsigned_abs() <= HANDSHAKE_BYTES_MAX, "{}", server.heap_bytes_peak);
    }
}

#[test]
fn a_request_and_a_response_take_one_allocation_each_and_leave_none() {
    let files = Files::new();
    let identity = files.load();
    for version in VERSIONS {
        let (mut client, mut server) = connected(&files, &identity, version);
        for round in 0..1000 {
            let received = server.receive(client.write(&REQUEST));
            let sent = server.send(&ANSWER);
            assert_eq!(server.plaintext, REQUEST);
            assert_eq!(client.feed(&server.to_send).unwrap(), ANSWER);
            server.plaintext.clear();
            server.to_send.clear();
            assert!(
                round == 0 || (received.count_total, sent.count_total) == (1, 1),
                "{received:?}, {sent:?}"
            );
            assert!(server.heap_bytes <= IDLE_BYTES_MAX, "{version:?}: {}", server.heap_bytes);
        }
    }
}

#[test]
fn an_incomplete_record_takes_memory_only_for_its_bytes_and_until_its_end() {
    let files = Files::new();
    let identity = files.load();
    for version in VERSIONS {
        let (mut client, mut server) = connected(&files, &identity, version);
        let mut begun: i64 = 0;
        for byte in client.write(&[0; 16_384]) {
            server.receive(vec![byte]);
            begun += 1;
            assert!(server.heap_bytes <= IDLE_BYTES_MAX + 2 * begun + 8, "{begun}: {}", server.heap_bytes);
        }
        assert!(server.heap_bytes <= IDLE_BYTES_MAX);
        assert_eq!(server.plaintext.len(), 16_384);
        let bound = i64::try_from(3 * HELD_BYTES_MAX).unwrap() + IDLE_BYTES_MAX;
        assert!(server.heap_bytes_peak <= bound, "{}", server.heap_bytes_peak);
    }
}

#[test]
fn a_failed_session_holds_no_bytes_of_its_peer() {
    let files = Files::new();
    let identity = files.load();
    let mut server = Counted::new(&identity);
    let fresh = server.heap_bytes;
    let info = measure(|| {
        let mut junk = [0; 1000];
        assert!(server.session.receive(&mut junk, &mut server.plaintext, &mut server.to_send).is_err());
    });
    server.add(info);
    assert!(server.heap_bytes <= fresh + 200, "{} after {fresh}", server.heap_bytes);
}
