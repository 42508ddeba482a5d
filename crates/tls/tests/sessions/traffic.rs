use crate::pair::{Files, connected, connected_by_each_version};
use rustls::version::TLS13;
use tls::{PLAINTEXT_BYTES_MAX, READ_BYTES_MAX};

fn pattern(bytes: usize) -> Vec<u8> {
    (0..=250).cycle().take(bytes).collect()
}

#[test]
fn responses_of_any_length_arrive_complete() {
    for (mut client, mut server) in connected_by_each_version() {
        for bytes in [0, 1, 400, 16_384, 16_385, 100_000] {
            assert_eq!(client.feed(&server.send(&pattern(bytes))).unwrap(), pattern(bytes));
        }
    }
}

#[test]
fn a_response_is_appended_to_the_bytes_still_to_be_sent() {
    let (mut client, mut server) = connected(&Files::new(), &TLS13);
    server.session.send(b"one, ", &mut server.to_send).unwrap();
    assert_eq!(client.feed(&server.send(b"two")).unwrap(), b"one, two");
}

#[test]
fn many_records_at_once_are_all_received_within_the_plaintext_limit() {
    for (mut client, mut server) in connected_by_each_version() {
        let mut sealed = Vec::new();
        for bytes in [1, 16_384, 3, 200, 16_384, 16_384, 5000] {
            sealed.extend(client.write(&pattern(bytes)));
        }
        let mut received = Vec::new();
        for piece in sealed.chunks(READ_BYTES_MAX) {
            server.receive(piece).unwrap();
            assert!(server.plaintext.len() <= PLAINTEXT_BYTES_MAX);
            received.extend(server.read());
        }
        let expected: Vec<u8> =
            [1, 16_384, 3, 200, 16_384, 16_384, 5000].into_iter().flat_map(pattern).collect();
        assert!(received == expected, "{} of {} bytes", received.len(), expected.len());
        assert_eq!(server.session.held_bytes(), 0);
    }
}

#[test]
fn a_session_continues_with_new_keys_after_a_key_update() {
    let (mut client, mut server) = connected(&Files::new(), &TLS13);
    for round in 0..5 {
        client.0.refresh_traffic_keys().unwrap();
        let request = client.write(b"a request");
        server.receive_split(&request, round * 7);
        assert_eq!(server.read(), b"a request");
        assert_eq!(client.feed(&server.send(b"an answer")).unwrap(), b"an answer");
    }
}

#[test]
fn a_response_can_be_sent_while_a_request_is_half_received() {
    for (mut client, mut server) in connected_by_each_version() {
        let request = client.write(b"a request");
        server.receive(&request[..20]).unwrap();
        assert_eq!(client.feed(&server.send(b"an answer")).unwrap(), b"an answer");
        server.receive(&request[20..]).unwrap();
        assert_eq!(server.read(), b"a request");
    }
}
