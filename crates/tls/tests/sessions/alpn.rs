use crate::pair::{Client, Files, Server, VERSIONS, client_config, shake_hands};
use rustls::{AlertDescription, Error};
use tls::TlsError;

#[test]
fn http_1_1_is_agreed_on_with_a_client_that_offers_it_and_nothing_with_one_that_offers_nothing() {
    let files = Files::new();
    let offers: [(&[&[u8]], _); 2] = [(&[b"h2", b"http/1.1"], Some(&b"http/1.1"[..])), (&[], None)];
    for (version, (offered, agreed)) in VERSIONS.into_iter().flat_map(|v| offers.map(|offer| (v, offer))) {
        let mut client = Client::new(&client_config(version, &files.certificate, offered));
        shake_hands(&mut client, &mut Server::new(&files.load()));
        assert_eq!(client.0.alpn_protocol(), agreed);
    }
}

#[test]
fn a_client_that_offers_only_http_2_gets_an_alert() {
    let files = Files::new();
    for version in VERSIONS {
        let mut client = Client::new(&client_config(version, &files.certificate, &[b"h2"]));
        let mut server = Server::new(&files.load());
        let refused = server.receive(&client.flight());
        assert_eq!(refused, Err(TlsError::Failed(Error::NoApplicationProtocol)));
        let told = client.feed(&server.sent());
        assert_eq!(told, Err(Error::AlertReceived(AlertDescription::NoApplicationProtocol)));
    }
}
