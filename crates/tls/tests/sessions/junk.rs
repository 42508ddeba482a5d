use crate::pair::{Client, Files, Server, VERSIONS, client_config, connected, connected_by_each_version};
use rustls::version::{TLS12, TLS13};
use tls::{HELD_BYTES_MAX, TlsError};

const ALERT: u8 = 21;

/// An unencrypted fatal alert.
fn alert(description: u8) -> [u8; 7] {
    [ALERT, 3, 3, 0, 2, 2, description]
}

const DECODE_ERROR: u8 = 50;

#[test]
fn plain_http_is_detected_and_gets_an_alert() {
    let files = Files::new();
    for request in ["GET /announce HTTP/1.1\r\n", "HEAD / HTTP/1.0\r\n\r\n", "POST ", "PRI * HTTP/2.0"] {
        for at in 0..request.len() {
            let mut server = Server::new(&files.load());
            let (front, back) = request.as_bytes().split_at(at);
            let refused = server.receive(front).and_then(|_| server.receive(back));
            assert_eq!(refused, Err(TlsError::NotTls));
            assert_eq!(server.sent(), alert(DECODE_ERROR));
            assert_eq!(server.receive(b"more"), Err(TlsError::Ended));
        }
    }
}

#[test]
fn garbage_ends_a_session_at_any_byte_of_a_hello() {
    let files = Files::new();
    let identity = files.load();
    let hello = Client::new(&client_config(&TLS13, &files.certificate, &[b"http/1.1"])).flight();
    for at in 0..hello.len() {
        for flip in [0x01, 0x80, 0xff] {
            let mut garbled = hello.clone();
            garbled[at] ^= flip;
            let mut server = Server::new(&identity);
            // Many bytes of a hello may have any value.
            let is_refused = server.receive(&garbled).is_err();
            assert!(server.session.held_bytes() <= HELD_BYTES_MAX);
            assert_eq!(is_refused, server.receive(&[]) == Err(TlsError::Ended));
        }
    }
}

#[test]
fn a_garbled_record_ends_a_session_and_nothing_of_it_is_received() {
    let files = Files::new();
    for version in VERSIONS {
        let length = connected(&files, version).0.write(b"a request").len();
        for at in 5..length {
            let (mut client, mut server) = connected(&files, version);
            let mut record = client.write(b"a request");
            record[at] ^= 1;
            assert!(matches!(server.receive(&record), Err(TlsError::Failed(_))));
            assert_eq!(server.read(), b"");
            let told = client.feed(&server.sent());
            let bad_record = rustls::Error::AlertReceived(rustls::AlertDescription::BadRecordMac);
            assert_eq!(told, Err(bad_record));
        }
    }
}

#[test]
fn a_record_with_an_impossible_length_is_refused_by_its_header() {
    let mut server = Server::new(&Files::new().load());
    assert!(matches!(server.receive(&[22, 3, 1, 0x48, 0]), Err(TlsError::Failed(_))));
    assert_eq!(server.sent(), alert(DECODE_ERROR));
    for (mut client, mut server) in connected_by_each_version() {
        assert!(matches!(server.receive(&[23, 3, 3, 0xff, 0xff]), Err(TlsError::Failed(_))));
        assert!(client.feed(&server.sent()).is_err(), "the client gets an alert");
    }
}

#[test]
fn the_longest_record_is_held_until_it_is_complete_and_then_refused_as_forged() {
    let (_client, mut server) = connected(&Files::new(), &TLS12);
    let length = 16_384 + 2047;
    let [high, low] = u16::try_from(length).unwrap().to_be_bytes();
    let record = [vec![23, 3, 3, high, low], vec![0; length]].concat();
    let (last, rest) = record.split_last().unwrap();
    for byte in rest {
        server.receive(&[*byte]).unwrap();
    }
    assert_eq!(server.session.held_bytes(), rest.len());
    assert!(rest.len() <= HELD_BYTES_MAX);
    assert!(server.receive(&[*last]).is_err());
    assert_eq!(server.session.held_bytes(), 0);
}

#[test]
fn a_handshake_message_that_never_ends_is_held_only_up_to_the_limit() {
    let files = Files::new();
    let mut server = Server::new(&files.load());
    // A hello of 65,535 bytes, 100 bytes a record.
    let mut piece = [vec![22, 3, 1, 0, 100, 1, 0, 0xff, 0xff], vec![0; 96]].concat();
    let mut sent = 0;
    let refused = loop {
        match server.receive(&piece) {
            Ok(_) => assert!(server.session.held_bytes() <= HELD_BYTES_MAX),
            Err(error) => break error,
        }
        sent += piece.len();
        piece[5..9].fill(0);
    };
    assert_eq!(refused, TlsError::TooLong);
    assert!((HELD_BYTES_MAX - 105..=HELD_BYTES_MAX).contains(&sent), "{sent}");
    assert_eq!(server.session.held_bytes(), 0);
}

#[test]
fn endless_records_without_content_are_refused() {
    let mut server = Server::new(&Files::new().load());
    let empty = [22, 3, 1, 0, 0].repeat(100);
    assert!(matches!(server.receive(&empty), Err(TlsError::Failed(_))));
}
