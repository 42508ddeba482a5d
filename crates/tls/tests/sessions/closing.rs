use crate::pair::{Client, Files, Server, VERSIONS, client_config, connected_by_each_version};
use tls::{Received, TlsError};

#[test]
fn a_client_that_closes_still_gets_its_response_and_then_the_close() {
    for (mut client, mut server) in connected_by_each_version() {
        let mut last = client.write(b"a request");
        client.0.send_close_notify();
        last.extend(client.flight());
        last.extend(b"bytes after the close");
        assert_eq!(server.receive(&last), Ok(Received::ClosedByPeer));
        assert_eq!(server.read(), b"a request");
        assert_eq!(server.session.held_bytes(), 0);
        assert_eq!(server.receive(b"more after the close"), Ok(Received::ClosedByPeer));
        server.session.send(b"an answer", &mut server.to_send).unwrap();
        server.session.close(&mut server.to_send);
        assert_eq!(client.feed(&server.sent()).unwrap(), b"an answer");
        assert!(client.0.process_new_packets().unwrap().peer_has_closed());
    }
}

#[test]
fn a_client_is_notified_of_the_close_once() {
    for (mut client, mut server) in connected_by_each_version() {
        server.session.close(&mut server.to_send);
        client.feed(&server.sent()).unwrap();
        assert!(client.0.process_new_packets().unwrap().peer_has_closed());
        server.session.close(&mut server.to_send);
        assert_eq!(server.sent(), b"");
    }
}

#[test]
fn an_ended_session_does_nothing_more() {
    for (mut client, mut server) in connected_by_each_version() {
        server.session.close(&mut server.to_send);
        server.sent();
        assert_eq!(server.receive(&client.write(b"a request")), Err(TlsError::Ended));
        assert_eq!(server.session.send(b"an answer", &mut server.to_send), Err(TlsError::Ended));
        assert_eq!((server.read(), server.sent()), (vec![], vec![]));
    }
}

#[test]
fn during_a_handshake_no_data_and_no_close_can_be_sent() {
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
