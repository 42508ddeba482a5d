//! HTTPS of the running tracker: handshakes, kept connections, and certificates that are replaced.

use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use primitives::InfoHash;
use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustix::process::Signal;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned, SupportedProtocolVersion};
use tempfile::TempDir;

use crate::http_client::{HttpClient, announce_target, connect_from, get_request};
use crate::patience::until;
use crate::tracker::{Launch, Tracker};
use crate::udp_client::Client;

const TORRENT: InfoHash = InfoHash([7; 20]);
const HEALTH: &str = "/health_check";

pub(crate) type TlsStream = StreamOwned<ClientConnection, TcpStream>;

/// A certificate and its key in files, for the tracker and for clients that trust it.
pub(crate) struct Identity {
    directory: TempDir,
    certificate: CertificateDer<'static>,
}

impl Identity {
    pub(crate) fn new() -> Self {
        let directory = tempfile::tempdir().expect("a folder for a certificate");
        let certificate = CertificateDer::from(Vec::new());
        let mut identity = Self { directory, certificate };
        identity.renew();
        identity
    }

    /// Replaces the certificate and the key.
    pub(crate) fn renew(&mut self) {
        let CertifiedKey { cert, signing_key } =
            generate_simple_self_signed(["tracker.test".to_owned()]).expect("a certificate");
        std::fs::write(self.certificate_file(), cert.pem()).expect("a file");
        std::fs::write(self.key_file(), signing_key.serialize_pem()).expect("a file");
        self.certificate = cert.into();
    }

    /// An identity with an RSA key of this size.
    pub(crate) fn rsa(bits: usize) -> Self {
        let mut identity = Self::new();
        identity.renew_with_rsa(bits);
        identity
    }

    fn renew_with_rsa(&mut self, bits: usize) {
        let mut openssl = Command::new("openssl");
        openssl.args(["req", "-x509", "-newkey", &format!("rsa:{bits}"), "-nodes", "-days", "2"]);
        openssl.args(["-subj", "/CN=tracker.test", "-addext", "subjectAltName=DNS:tracker.test"]);
        openssl.arg("-keyout").arg(self.key_file()).arg("-out").arg(self.certificate_file());
        let made = openssl.output().expect("openssl is installed");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let certificate = CertificateDer::from_pem_file(self.certificate_file());
        self.certificate = certificate.expect("what openssl has made");
    }

    /// The TLS client hello of a client.
    pub(crate) fn hello(&self) -> Vec<u8> {
        let mut client = self.connection(&rustls::version::TLS13);
        let mut hello = Vec::new();
        client.write_tls(&mut hello).expect("writing to memory succeeds");
        hello
    }

    pub(crate) fn certificate_file(&self) -> PathBuf {
        self.directory.path().join("certificate.pem")
    }

    pub(crate) fn key_file(&self) -> PathBuf {
        self.directory.path().join("key.pem")
    }

    /// Serves HTTPS on a free port of the IPv4 loopback address.
    pub(crate) fn serve(&self, launch: Launch) -> Launch {
        let text = |path: PathBuf| path.to_str().expect("a path of plain text").to_owned();
        launch
            .set("https.listen", r#"["127.0.0.1:0"]"#)
            .set("https.certificate_file", &text(self.certificate_file()))
            .set("https.key_file", &text(self.key_file()))
    }

    /// A client that trusts only this certificate, over a connection on which other bytes may precede TLS.
    pub(crate) fn over(
        &self,
        version: &'static SupportedProtocolVersion,
        stream: TcpStream,
    ) -> HttpClient<TlsStream> {
        HttpClient::over(StreamOwned::new(self.connection(version), stream))
    }

    fn connection(&self, version: &'static SupportedProtocolVersion) -> ClientConnection {
        let mut roots = RootCertStore::empty();
        roots.add(self.certificate.clone()).expect("a root");
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_protocol_versions(&[version])
            .expect("a version")
            .with_root_certificates(roots)
            .with_no_client_auth();
        let name = ServerName::try_from("tracker.test").expect("a name");
        ClientConnection::new(Arc::new(config), name).expect("a client")
    }

    fn client(&self, tracker: &Tracker) -> HttpClient<TlsStream> {
        self.over(&rustls::version::TLS13, connect(tracker))
    }

    /// Whether a new connection gets this certificate.
    fn is_shown(&self, tracker: &Tracker) -> bool {
        let mut client = self.client(tracker);
        let TlsStream { conn, sock } = client.stream();
        conn.complete_io(sock).is_ok()
    }
}

fn connect(tracker: &Tracker) -> TcpStream {
    connect_from(Ipv4Addr::LOCALHOST.into(), tracker.https_v4())
}

fn assert_accounted_for(tracker: Tracker) {
    let ended = tracker.stop();
    assert_eq!(ended.code, Some(0), "{:#?}", ended.log);
    assert_eq!(ended.figures().get("http_connections"), ended.figures().http_closed());
}

#[test]
fn a_peer_that_announced_over_udp_is_found_over_https_with_either_version_of_tls() {
    let identity = Identity::new();
    let tracker = identity.serve(Launch::on_loopback()).start();
    let udp = Client::new(tracker.v4());
    udp.announce(udp.leecher(TORRENT, 1001));
    let peer = |port: u16| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let mut client = identity.over(version, connect(&tracker));
        assert_eq!(client.get(&announce_target(TORRENT, 1002, 0)).peers(), [peer(1001)]);
        // Over the same connection, for torrents of all cores.
        for number in 0..32 {
            let target = announce_target(InfoHash([number + 100; 20]), 1002, 0);
            assert_eq!(client.get(&target).peers(), []);
        }
    }
    let found = udp.announce(udp.leecher(TORRENT, 1001));
    assert_eq!(found.peers, [peer(1002)]);
    assert_eq!(tracker.stop().figures().get("http_connections"), 2);
}

#[test]
fn pipelined_requests_are_answered_over_tls() {
    let identity = Identity::new();
    let tracker = identity.serve(Launch::on_loopback()).start();
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let mut client = identity.over(version, connect(&tracker));
        let request =
            |number: u16| get_request(&announce_target(InfoHash([number.to_be_bytes()[1]; 20]), 1001, 1));
        client.send((0..500).map(request).collect::<String>().as_bytes());
        for _ in 0..500 {
            assert_eq!(client.answer().status, 200);
        }
        assert_eq!(client.get(HEALTH).status, 200);
    }
    assert_accounted_for(tracker);
}

#[test]
fn a_closed_connection_ends_with_a_tls_close_notify() {
    let identity = Identity::new();
    let tracker = identity.serve(Launch::on_loopback()).start();
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let mut client = identity.over(version, connect(&tracker));
        client.send(b"GET /health_check HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n");
        assert_eq!(client.answer().header("connection"), Some("close"));
        // rustls treats an end without `close_notify` as an error.
        assert_eq!(client.rest(), b"");
        let mut client = identity.over(version, connect(&tracker));
        client.send(b"POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 100000\r\n\r\n");
        client.send(&[b'x'; 100_000]);
        assert_eq!(client.answer().status, 405);
        assert_eq!(client.rest(), b"");
    }
    tracker.wait_for_figures(&[("http_closed_after_answer", 4), ("http_connections_open", 0)]);
    assert_accounted_for(tracker);
}

#[test]
fn a_connection_to_the_https_port_that_does_not_speak_tls_is_closed_and_counted() {
    let identity = Identity::new();
    let tracker = identity.serve(Launch::on_loopback()).start();
    for junk in [get_request(HEALTH).as_bytes(), &[0x16, 3, 1, 0xff, 0xff, 0, 0, 0], &[0; 100]] {
        let mut client = HttpClient::over(connect(&tracker));
        client.send(junk);
        let said = client.rest();
        assert!(!said.starts_with(b"HTTP"), "an unencrypted answer");
    }
    tracker.wait_for_figures(&[("http_closed_tls", 3), ("http_connections_open", 0)]);
    assert_eq!(identity.client(&tracker).get(HEALTH).status, 200);
    assert_accounted_for(tracker);
}

#[test]
fn an_unfinished_handshake_or_a_missing_first_request_is_closed_in_time() {
    let identity = Identity::new();
    let tracker = identity.serve(Launch::on_loopback().set("http.first_request_s", "1")).start();
    let silent = HttpClient::over(connect(&tracker));
    let mut begun = HttpClient::over(connect(&tracker));
    begun.send(&[0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc]);
    let mut shaken = identity.client(&tracker);
    let TlsStream { conn, sock } = shaken.stream();
    conn.complete_io(sock).expect("a handshake");
    silent.assert_closed();
    begun.assert_closed();
    tracker.wait_for_figures(&[("http_closed_first_request", 3), ("http_connections_open", 0)]);
    assert_accounted_for(tracker);
}

/// Waits until sixteen new connections in a row get this certificate, so that most likely all cores use it.
#[track_caller]
fn wait_until_shown(identity: &Identity, tracker: &Tracker) {
    until("the certificate is shown", || (0..16).all(|_| identity.is_shown(tracker)));
}

/// Makes the tracker read its files again, and waits until it logs that they cannot be used.
fn wait_for_trouble(tracker: &Tracker, file: &Path, part: &str) {
    let file = file.to_str().expect("a path of plain text");
    tracker.signal(Signal::HUP);
    tracker.wait_for_log(part, |lines| {
        let is_reported = |line: &&String| {
            let parts = ["ERROR", "the configuration stays as it was: ", file, part];
            parts.iter().all(|part| line.contains(part))
        };
        lines.iter().find(is_reported).map(drop)
    });
}

#[test]
fn new_connections_get_a_new_certificate_and_old_ones_continue() {
    let mut identity = Identity::new();
    let tracker = identity.serve(Launch::on_loopback()).start();
    let mut old = identity.client(&tracker);
    assert_eq!(old.get(HEALTH).status, 200);
    assert!(identity.is_shown(&tracker));
    identity.renew();
    tracker.signal(Signal::HUP);
    wait_until_shown(&identity, &tracker);
    assert_eq!(old.get(&announce_target(TORRENT, 1001, 1)).peers(), []);
    let mut new = identity.client(&tracker);
    assert_eq!(new.get(&announce_target(TORRENT, 1002, 1)).peers().len(), 1);
    let said = tracker.log().iter().filter(|line| line.contains("shown the new certificate")).count();
    assert_eq!(said, 1, "{:#?}", tracker.log());
}

#[test]
fn a_slow_key_causes_a_warning_at_the_start_and_on_a_reload() {
    let is_warned_of = |line: &String| {
        ["WARN", "the certificate has a slow key", "rsa_bits=3072"].iter().all(|part| line.contains(part))
    };
    let mut identity = Identity::rsa(2048);
    let tracker = identity.serve(Launch::on_loopback()).start();
    assert!(!tracker.log().iter().any(|line| line.contains("slow key")), "{:#?}", tracker.log());
    identity.renew_with_rsa(3072);
    tracker.signal(Signal::HUP);
    tracker.wait_for_log("a warning", |lines| lines.iter().any(is_warned_of).then_some(()));
    let tracker = identity.serve(Launch::on_loopback()).start();
    assert!(tracker.log().iter().any(is_warned_of), "{:#?}", tracker.log());
}

#[test]
fn an_unusable_certificate_is_logged_and_the_old_one_stays() {
    let identity = Identity::new();
    let tracker = identity.serve(Launch::on_loopback()).start();
    let file = identity.certificate_file();
    let broken =
        [("junk", "has no certificate"), ("-----BEGIN CERTIFICATE-----\nAAAA\n", "is not a whole PEM file")];
    for (contents, part) in broken {
        std::fs::write(&file, contents).expect("a file");
        wait_for_trouble(&tracker, &file, part);
        assert!(identity.is_shown(&tracker));
    }
    std::fs::remove_file(&file).expect("a file");
    wait_for_trouble(&tracker, &file, "cannot be read");
    let other = Identity::new();
    std::fs::copy(other.certificate_file(), &file).expect("a file");
    wait_for_trouble(&tracker, &file, "does not match");
    assert!(identity.is_shown(&tracker) && !other.is_shown(&tracker));
    // With its own key, the other certificate is accepted.
    std::fs::copy(other.key_file(), identity.key_file()).expect("a file");
    tracker.signal(Signal::HUP);
    wait_until_shown(&other, &tracker);
    assert_accounted_for(tracker);
}

#[test]
fn a_hang_up_signal_without_https_changes_nothing() {
    let tracker = Launch::on_loopback().start();
    let mut client = HttpClient::new(tracker.http_v4());
    for _ in 0..3 {
        tracker.signal(Signal::HUP);
        assert_eq!(client.get(HEALTH).status, 200);
        tracker.figures();
    }
    assert_accounted_for(tracker);
}
