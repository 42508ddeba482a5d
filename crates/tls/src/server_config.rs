use crate::limits::TICKETS_PER_HANDSHAKE;
use rustls::crypto::{CryptoProvider, ring};
use rustls::server::NoServerSessionStorage;
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::version::{TLS12, TLS13};
use rustls::{Error, ServerConfig};
use std::sync::Arc;

/// HTTP/1.1 has the WebSocket upgrade too; HTTP/2 would be another protocol.
const PROTOCOL: &[u8] = b"http/1.1";

/// Sessions are remembered by tickets, which the clients keep: nothing grows here, and every core takes what any
/// other gave.
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
