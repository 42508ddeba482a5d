use crate::limits::TICKETS_PER_HANDSHAKE;
use rustls::crypto::{CryptoProvider, ring};
use rustls::server::NoServerSessionStorage;
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::version::{TLS12, TLS13};
use rustls::{Error, ServerConfig};
use std::sync::Arc;

/// The only ALPN protocol. HTTP/1.1 includes the WebSocket upgrade; HTTP/2 is not supported.
const PROTOCOL: &[u8] = b"http/1.1";

/// Sessions are resumed by tickets, which the clients store: the server stores nothing, and every core accepts the
/// tickets of all others.
pub(crate) fn server_config(
    provider: CryptoProvider,
    certified: CertifiedKey,
) -> Result<ServerConfig, Error> {
    let mut config = ServerConfig::builder_with_provider(Arc::new(provider))
        .with_protocol_versions(&[&TLS13, &TLS12])?
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(SingleCertAndKey::from(certified)));
    config.alpn_protocols = vec![PROTOCOL.to_vec()];
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.ticketer = ring::Ticketer::new()?;
    config.send_tls13_tickets = TICKETS_PER_HANDSHAKE;
    Ok(config)
}
