//! TLS clients, and the identity of the server that they trust.

use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::crypto::ring;
use rustls::pki_types::ServerName;
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, ClientConnection, RootCertStore};
use std::sync::{Arc, OnceLock};
use tls::ServerIdentity;

const NAME: &str = "tracker.example";

/// The identity that all tests share, because generating a key is slow.
struct Shared {
    identity: Arc<ServerIdentity>,
    roots: RootCertStore,
}

fn shared() -> &'static Shared {
    static SHARED: OnceLock<Shared> = OnceLock::new();
    SHARED.get_or_init(make)
}

fn make() -> Shared {
    let CertifiedKey { cert, signing_key } =
        generate_simple_self_signed([NAME.to_owned()]).expect("a certificate");
    let dir = tempfile::tempdir().expect("a folder");
    let file = dir.path().join("both.pem");
    std::fs::write(&file, [cert.pem(), signing_key.serialize_pem()].concat()).expect("a file");
    let identity = Arc::new(ServerIdentity::load(&file, &file).expect("a sound pair"));
    let mut roots = RootCertStore::empty();
    roots.add(cert.into()).expect("a root");
    Shared { identity, roots }
}

/// Returns the identity of the server.
#[must_use]
pub fn identity() -> &'static Arc<ServerIdentity> {
    &shared().identity
}

/// Creates a client without a session ticket. It speaks TLS 1.3 if the lowest bit of `choice` is set, otherwise 1.2.
///
/// # Panics
/// If rustls cannot create one.
#[must_use]
pub fn client(choice: u8) -> ClientConnection {
    let version = if choice & 1 == 0 { &TLS12 } else { &TLS13 };
    let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(&[version])
        .expect("a version")
        .with_root_certificates(shared().roots.clone())
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    let name = ServerName::try_from(NAME).expect("a name");
    ClientConnection::new(Arc::new(config), name).expect("a client")
}

/// Returns all bytes that a client has to send.
///
/// # Panics
/// Never, because writing to memory succeeds.
pub fn flight(client: &mut ClientConnection) -> Vec<u8> {
    let mut flight = Vec::new();
    while client.wants_write() {
        client.write_tls(&mut flight).expect("writing to memory succeeds");
    }
    flight
}
