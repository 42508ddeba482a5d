use crate::pair::{Client, Files, Server, VERSIONS, client_config, shake_hands};
use rustls::SupportedProtocolVersion;

const REQUEST: &[u8] = b"GET /announce HTTP/1.1\r\nHost: tracker.example\r\n\r\n";
const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\n\r\n";

/// Runs a session that passes each flight of the client to `give`, and returns the length of the longest flight.
fn session(
    files: &Files,
    version: &'static SupportedProtocolVersion,
    mut give: impl FnMut(&mut Server, &[u8]),
) -> usize {
    let mut client = Client::new(&client_config(version, &files.certificate, &[b"http/1.1"]));
    let mut server = Server::new(&files.load());
    let mut longest = 0;
    while client.0.is_handshaking() || server.session.is_handshaking() {
        let flight = client.flight();
        longest = longest.max(flight.len());
        give(&mut server, &flight);
        client.feed(&server.sent()).expect("a valid flight");
    }
    let request = client.write(REQUEST);
    give(&mut server, &request);
    assert_eq!(server.read(), REQUEST);
    assert_eq!(server.session.held_bytes(), 0);
    assert_eq!(client.feed(&server.send(ANSWER)), Ok(ANSWER.to_vec()));
    longest.max(request.len())
}

#[test]
fn a_session_is_the_same_wherever_its_flights_are_split() {
    let files = Files::new();
    for version in VERSIONS {
        let longest = session(&files, version, |server, flight| server.receive_split(flight, flight.len()));
        for at in 0..longest {
            session(&files, version, |server, flight| server.receive_split(flight, at));
        }
    }
}

#[test]
fn a_session_may_arrive_byte_by_byte() {
    let files = Files::new();
    for version in VERSIONS {
        session(&files, version, |server, flight| {
            for byte in flight {
                server.receive(&[*byte]).unwrap();
            }
        });
    }
}

#[test]
fn a_handshake_message_may_be_spread_over_small_records() {
    let files = Files::new();
    for version in VERSIONS {
        let mut is_first = true;
        session(&files, version, |server, flight| {
            if std::mem::take(&mut is_first) {
                for byte in &flight[5..] {
                    server.receive(&[flight[0], flight[1], flight[2], 0, 1, *byte]).unwrap();
                }
            } else {
                server.receive(flight).unwrap();
            }
        });
    }
}

#[test]
fn data_right_after_the_handshake_is_received_with_it() {
    let files = Files::new();
    for version in VERSIONS {
        let mut client = Client::new(&client_config(version, &files.certificate, &[]));
        let mut server = Server::new(&files.load());
        server.receive(&client.flight()).unwrap();
        client.feed(&server.sent()).unwrap();
        let last = client.write(REQUEST);
        server.receive(&last).unwrap();
        client.feed(&server.sent()).unwrap();
        shake_hands(&mut client, &mut server);
        assert_eq!(server.read(), REQUEST);
    }
}
