use crate::pair::{Client, Files, Server, VERSIONS, client_config, connected, shake_hands};

#[test]
fn after_a_reload_new_sessions_have_the_new_certificate_and_old_ones_continue() {
    for version in VERSIONS {
        let mut files = Files::new();
        let (mut old_client, mut old_server) = connected(&files, version);
        let before = (files.load().fingerprint(), files.certificate.clone());
        files.renew();
        let identity = files.load();
        assert_ne!((identity.fingerprint(), files.certificate.clone()), before);

        let mut client = Client::new(&client_config(version, &files.certificate, &[]));
        shake_hands(&mut client, &mut Server::new(&identity));
        assert_eq!(client.0.peer_certificates().unwrap(), [files.certificate.clone()]);

        let request = old_client.write(b"a request");
        old_server.receive(&request).unwrap();
        assert_eq!(old_server.read(), b"a request");
        assert_eq!(old_client.feed(&old_server.send(b"an answer")).unwrap(), b"an answer");
    }
}

#[test]
fn the_same_files_have_the_same_fingerprint() {
    let files = Files::new();
    assert_eq!(files.load().fingerprint(), files.load().fingerprint());
}
