//! A client and a server that exchange bytes in memory.

use rcgen::{CertifiedKey, KeyPair, generate_simple_self_signed};
use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, SupportedProtocolVersion};
use std::io::{Read as _, Write as _};
use std::sync::Arc;
use tempfile::TempDir;
use tls::{Received, ServerIdentity, TlsError, TlsSession};

pub(crate) const VERSIONS: [&SupportedProtocolVersion; 2] =
    [&rustls::version::TLS12, &rustls::version::TLS13];

/// Certificate and key as files.
pub(crate) struct Files {
    dir: TempDir,
    pub(crate) certificate: CertificateDer<'static>,
}

impl Files {
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().expect("a folder");
        let certificate = write_pair(&dir);
        Self { dir, certificate }
    }

    /// Replaces the files with another certificate and key.
    pub(crate) fn renew(&mut self) {
        self.certificate = write_pair(&self.dir);
    }

    pub(crate) fn load(&self) -> ServerIdentity {
        ServerIdentity::load(&self.dir.path().join("certificate.pem"), &self.dir.path().join("key.pem"))
            .expect("a valid pair")
    }
}

fn write_pair(dir: &TempDir) -> CertificateDer<'static> {
    let CertifiedKey { cert, signing_key } = certified();
    std::fs::write(dir.path().join("certificate.pem"), cert.pem()).expect("a file");
    std::fs::write(dir.path().join("key.pem"), signing_key.serialize_pem()).expect("a file");
    cert.into()
}

pub(crate) fn certified() -> CertifiedKey<KeyPair> {
    generate_simple_self_signed(["tracker.example".to_owned()]).expect("a certificate")
}

/// A client of `version` that trusts `certificate` and offers `protocols`.
pub(crate) fn client_config(
    version: &'static SupportedProtocolVersion,
    certificate: &CertificateDer<'static>,
    protocols: &[&[u8]],
) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add(certificate.clone()).expect("a root");
    let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(&[version])
        .expect("a version")
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
    Arc::new(config)
}

pub(crate) struct Client(pub(crate) ClientConnection);

impl Client {
    pub(crate) fn new(config: &Arc<ClientConfig>) -> Self {
        let name = ServerName::try_from("tracker.example").expect("a name");
        Self(ClientConnection::new(Arc::clone(config), name).expect("a client"))
    }

    /// Returns the bytes to be sent.
    pub(crate) fn flight(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        while self.0.wants_write() {
            self.0.write_tls(&mut bytes).expect("writing to memory cannot fail");
        }
        bytes
    }

    pub(crate) fn write(&mut self, plaintext: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for piece in plaintext.chunks(16_384) {
            self.0.writer().write_all(piece).expect("a piece fits");
            bytes.extend(self.flight());
        }
        bytes
    }

    /// Receives bytes of the server and returns their plaintext.
    pub(crate) fn feed(&mut self, mut bytes: &[u8]) -> Result<Vec<u8>, rustls::Error> {
        let mut plaintext = Vec::new();
        while !bytes.is_empty() {
            self.0.read_tls(&mut bytes).expect("reading from memory cannot fail");
            self.0.process_new_packets()?;
            // Fails with `WouldBlock` after the received plaintext.
            let _would_block = self.0.reader().read_to_end(&mut plaintext);
        }
        Ok(plaintext)
    }
}

/// A session with its output.
pub(crate) struct Server {
    pub(crate) session: TlsSession,
    pub(crate) plaintext: Vec<u8>,
    pub(crate) to_send: Vec<u8>,
}

impl Server {
    pub(crate) fn new(identity: &ServerIdentity) -> Self {
        let session = TlsSession::new(identity).expect("random numbers");
        Self { session, plaintext: Vec::new(), to_send: Vec::new() }
    }

    pub(crate) fn receive(&mut self, bytes: &[u8]) -> Result<Received, TlsError> {
        self.session.receive(&mut bytes.to_vec(), &mut self.plaintext, &mut self.to_send)
    }

    /// Receives `bytes` in two pieces.
    pub(crate) fn receive_split(&mut self, bytes: &[u8], at: usize) {
        let (front, back) = bytes.split_at(at.min(bytes.len()));
        assert_eq!(self.receive(front), Ok(Received::Open));
        assert_eq!(self.receive(back), Ok(Received::Open));
    }

    pub(crate) fn send(&mut self, plaintext: &[u8]) -> Vec<u8> {
        self.session.send(plaintext, &mut self.to_send).expect("an open session");
        self.sent()
    }

    pub(crate) fn sent(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.to_send)
    }

    pub(crate) fn read(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.plaintext)
    }
}

/// Exchanges flights until neither side has anything to send.
pub(crate) fn shake_hands(client: &mut Client, server: &mut Server) {
    loop {
        let flight = client.flight();
        if flight.is_empty() {
            break;
        }
        assert_eq!(server.receive(&flight), Ok(Received::Open));
        client.feed(&server.sent()).expect("a valid flight");
    }
    assert!(!client.0.is_handshaking() && !server.session.is_handshaking());
    assert_eq!(server.session.held_bytes(), 0);
}

/// Returns both ends of a session of each version after its handshake.
pub(crate) fn connected_by_each_version() -> impl Iterator<Item = (Client, Server)> {
    let files = Files::new();
    VERSIONS.into_iter().map(move |version| connected(&files, version))
}

/// Returns both ends of a session after its handshake.
pub(crate) fn connected(files: &Files, version: &'static SupportedProtocolVersion) -> (Client, Server) {
    let mut client = Client::new(&client_config(version, &files.certificate, &[b"http/1.1"]));
    let mut server = Server::new(&files.load());
    shake_hands(&mut client, &mut server);
    (client, server)
}
