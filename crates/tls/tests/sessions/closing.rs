use crate::pair::{Client, Files, Server, VERSIONS, client_config, connected};
use tls::{Received, TlsError};

#[test]
fn a_client_that_closes_still_gets_its_answer_and_then_the_end() {
    let files = Files::new();
    for version in VERSIONS {
        let (mut client, mut server) = connected(&files, version);
        let mut last = client.write(b"a request");
        client.0.send_close_notify();
        last.extend(client.flight());
        last.extend(b"what is behind the end");
        assert_eq!(server.receive(&last), Ok(Received::ClosedByPeer));
        assert_eq!(server.read(), b"a request");
        assert_eq!(server.session.held_bytes(), 0);
        assert_eq!(server.receive(b"more behind the end"), Ok(Received::ClosedByPeer));
        server.session.send(b"an answer", &mut server.to_send).unwrap();
        server.session.close(&mut server.to_send);
        assert_eq!(client.feed(&server.sent()).unwrap(), b"an answer");
        assert!(client.0.process_new_packets().unwrap().peer_has_closed());
    }
}

#[test]
fn a_client_is_told_of_the_end_once() {
    let files = Files::new();
    for version in VERSIONS {
        let (mut client, mut server) = connected(&files, version);
        server.session.close(&mut server.to_send);
        client.feed(&server.sent()).unwrap();
        assert!(client.0.process_new_packets().unwrap().peer_has_closed());
        server.session.close(&mut server.to_send);
        assert_eq!(server.sent(), b"");
    }
}

#[test]
fn behind_its_end_a_session_does_nothing_more() {
    let files = Files::new();
    for version in VERSIONS {
        let (mut client, mut server) = connected(&files, version);
        server.session.close(&mut server.to_send);
        server.sent();
        assert_eq!(server.receive(&client.write(b"a request")), Err(TlsError::Ended));
        assert_eq!(server.session.send(b"an answer", &mut server.to_send), Err(TlsError::Ended));
        assert_eq!((server.read(), server.sent()), (vec![], vec![]));
    }
}

#[test]
fn in_a_handshake_nothing_can_be_sent_and_there_is_no_end_to_tell() {
    let files = Files::new();
    for version in VERSIONS {
        let mut client = Client::new(&client_config(version, &files.certificate, &[]));
        let mut server = Server::new(&files.load());
        assert!(server.session.is_handshaking());
        server.receive(&client.flight()[..50]).unwrap();
        assert_eq!(server.session.send(b"an answer", &mut server.to_send), Err(TlsError::Handshaking));
        server.session.close(&mut server.to_send);
        assert_eq!(server.sent(), b"");
    }
}
