use crate::pair::{Client, Files, Server, VERSIONS, client_config, shake_hands};
use rustls::HandshakeKind;

#[test]
fn a_returning_client_resumes_its_session_with_any_clone_of_an_identity() {
    let files = Files::new();
    let identity = files.load();
    for version in VERSIONS {
        let config = client_config(version, &files.certificate, &[b"http/1.1"]);
        for expected in [HandshakeKind::Full, HandshakeKind::Resumed, HandshakeKind::Resumed] {
            let mut client = Client::new(&config);
            let mut server = Server::new(&identity.clone());
            shake_hands(&mut client, &mut server);
            assert_eq!(client.0.handshake_kind(), Some(expected));
            let request = client.write(b"a request");
            server.receive(&request).unwrap();
            assert_eq!(server.read(), b"a request");
        }
    }
}

#[test]
fn a_ticket_of_an_older_identity_leads_to_a_full_handshake() {
    let files = Files::new();
    for version in VERSIONS {
        let config = client_config(version, &files.certificate, &[b"http/1.1"]);
        for _ in 0..2 {
            let mut client = Client::new(&config);
            shake_hands(&mut client, &mut Server::new(&files.load()));
            assert_eq!(client.0.handshake_kind(), Some(HandshakeKind::Full));
        }
    }
}
