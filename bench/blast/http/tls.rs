use super::stream::{Flushed, Received, is_for_later, received};
use crate::connection_tally::Handshakes;
use anyhow::Context;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    ClientConfig, ClientConnection, ConfigBuilder, DigitallySignedStruct, HandshakeKind, RootCertStore,
    SignatureScheme, WantsVerifier,
};
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::sync::Arc;

/// A stream with TLS. It resumes a session of an earlier connection of the same thread, if there is one.
#[derive(Debug)]
pub(crate) struct TlsStream {
    tcp: TcpStream,
    session: ClientConnection,
}

impl TlsStream {
    /// Begins a handshake over a connection, which need not be established yet.
    pub(crate) fn begin(
        tcp: TcpStream,
        config: Arc<ClientConfig>,
        server: ServerName<'static>,
    ) -> io::Result<Self> {
        let mut session = ClientConnection::new(config, server).map_err(io::Error::other)?;
        // What the tracker does not take yet waits here.
        session.set_buffer_limit(None);
        Ok(Self { tcp, session })
    }

    pub(crate) const fn tcp(&self) -> &TcpStream {
        &self.tcp
    }

    pub(crate) fn into_tcp(self) -> TcpStream {
        self.tcp
    }

    /// Counts its handshake, if it got that far.
    pub(crate) fn note_handshake(&self, handshakes: &mut Handshakes) {
        match self.session.handshake_kind() {
            Some(HandshakeKind::Resumed) => handshakes.resumed += 1,
            Some(HandshakeKind::Full | HandshakeKind::FullWithHelloRetryRequest) => handshakes.full += 1,
            None => {}
        }
    }

    pub(crate) fn has_shaken_hands(&self) -> bool {
        !self.session.is_handshaking()
    }

    pub(crate) fn send(&mut self, bytes: &[u8]) -> io::Result<Flushed> {
        self.session.writer().write_all(bytes)?;
        self.flush()
    }

    pub(crate) fn flush(&mut self) -> io::Result<Flushed> {
        while self.session.wants_write() {
            match self.session.write_tls(&mut self.tcp) {
                Ok(_) => {}
                Err(error) if is_for_later(&error) => return Ok(Flushed::Waits),
                Err(error) => return Err(error),
            }
        }
        Ok(Flushed::All)
    }

    pub(crate) fn receive(&mut self, buffer: &mut [u8]) -> io::Result<Received> {
        loop {
            match received(self.session.reader().read(buffer))? {
                Received::Nothing => {}
                other => return Ok(other),
            }
            match received(self.session.read_tls(&mut self.tcp))? {
                Received::Bytes(_) => {
                    self.session.process_new_packets().map_err(io::Error::other)?;
                    self.flush()?;
                }
                other => return Ok(other),
            }
        }
    }
}

/// Returns a configuration for TLS 1.2 and 1.3 with the default suites. Without a file of authorities every
/// certificate is accepted, because a tracker under test has a self-signed one.
pub(crate) fn client_config(authorities: Option<&Path>) -> anyhow::Result<Arc<ClientConfig>> {
    let provider = Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .context("TLS cannot be set up")?;
    let mut config = match authorities {
        Some(file) => trusting(builder, file)?,
        None => builder
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(AnyCertificate { provider }))
            .with_no_client_auth(),
    };
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

fn trusting(
    builder: ConfigBuilder<ClientConfig, WantsVerifier>,
    file: &Path,
) -> anyhow::Result<ClientConfig> {
    let unreadable = || format!("{} (--ca) cannot be read", file.display());
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(file).with_context(unreadable)? {
        roots.add(certificate.with_context(unreadable)?).with_context(unreadable)?;
    }
    anyhow::ensure!(!roots.is_empty(), "{} (--ca) has no certificate", file.display());
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}

/// A verifier that accepts every certificate.
#[derive(Debug)]
struct AnyCertificate {
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
