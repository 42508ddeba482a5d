use crate::IdentityError;
use crate::limits::{CHAIN_CERTIFICATES_MAX, IDENTITY_FILE_BYTES_MAX, TICKETS_PER_HANDSHAKE};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::{self, PemObject as _};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::NoServerSessionStorage;
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::version::{TLS12, TLS13};
use rustls::{Error, InconsistentKeys, ServerConfig, SignatureScheme};
use sha2::{Digest, Sha256};
use std::fmt;
use std::fs::File;
use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;

/// A certificate with its key, used by all listeners. A clone is the same identity.
///
/// It includes the key of the session tickets: those that an identity issues are accepted by all its clones, and by no
/// identity that is loaded later.
#[derive(Clone)]
pub struct ServerIdentity {
    config: Arc<ServerConfig>,
    fingerprint: Fingerprint,
    rsa_bits: Option<usize>,
}

impl ServerIdentity {
    /// Reads PEM files: the certificates, the server's first and then those of its issuers, and the key.
    ///
    /// # Errors
    /// If a file cannot be read or used; the error contains its name and the reason.
    pub fn load(certificate_file: &Path, key_file: &Path) -> Result<Self, IdentityError> {
        let provider = ring::default_provider();
        let chain = read_chain(certificate_file)?;
        let fingerprint = Fingerprint::of(&chain);
        let certified = certify(&provider, chain, read_key(key_file)?, certificate_file, key_file)?;
        let rsa_bits = rsa_bits(&certified)?;
        let config = server_config(provider, certified)?;
        Ok(Self { config: Arc::new(config), fingerprint, rsa_bits })
    }

    /// Returns the fingerprint of the certificates. A reloaded identity with the same one need not be applied.
    pub const fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    /// Returns the length of an RSA key in bits. The time for a signature, of which each full handshake takes one,
    /// grows with its third power.
    pub const fn rsa_bits(&self) -> Option<usize> {
        self.rsa_bits
    }

    /// Returns the configuration, for servers that do not use this crate's sessions.
    pub fn config(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.config)
    }
}

/// Written by hand, because the configuration contains secrets.
impl fmt::Debug for ServerIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerIdentity").field("fingerprint", &self.fingerprint).finish_non_exhaustive()
    }
}

/// An RSA signature is as long as the key.
fn rsa_bits(certified: &CertifiedKey) -> Result<Option<usize>, Error> {
    let signer = certified.key.choose_scheme(&[SignatureScheme::RSA_PSS_SHA256]);
    let signature = signer.map(|signer| signer.sign(&[])).transpose()?;
    Ok(signature.map(|signature| signature.len().saturating_mul(8)))
}

fn certify(
    provider: &CryptoProvider,
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
    certificate_file: &Path,
    key_file: &Path,
) -> Result<CertifiedKey, IdentityError> {
    let key = provider
        .key_provider
        .load_private_key(key)
        .map_err(|source| IdentityError::UnusableKey { file: key_file.into(), source })?;
    let certified = CertifiedKey::new(chain, key);
    match certified.keys_match() {
        Ok(()) | Err(Error::InconsistentKeys(InconsistentKeys::Unknown)) => Ok(certified),
        Err(Error::InconsistentKeys(_)) => Err(IdentityError::Mismatch {
            certificate_file: certificate_file.into(),
            key_file: key_file.into(),
        }),
        Err(source) => Err(IdentityError::UnusableCertificate { file: certificate_file.into(), source }),
    }
}

/// The fingerprint of a certificate chain: the SHA-256 of its concatenated certificates.
///
/// It need not include the key, because another key has another certificate. For a chain of one certificate it is the
/// one that `openssl x509 -fingerprint -sha256` prints.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint([u8; 32]);

impl Fingerprint {
    pub(crate) fn of(chain: &[CertificateDer<'_>]) -> Self {
        let hash = chain.iter().fold(Sha256::new(), Sha256::chain_update);
        Self(hash.finalize().into())
    }
}

/// Reads the certificates of a file in their order.
fn read_chain(file: &Path) -> Result<Vec<CertificateDer<'static>>, IdentityError> {
    let text = read(file)?;
    let chain: Vec<_> = CertificateDer::pem_slice_iter(&text)
        .take(CHAIN_CERTIFICATES_MAX.saturating_add(1))
        .collect::<Result<_, _>>()
        .map_err(|source| IdentityError::NotPem { file: file.into(), source })?;
    match chain.len() {
        0 => Err(IdentityError::NoCertificate { file: file.into() }),
        1..=CHAIN_CERTIFICATES_MAX => Ok(chain),
        _ => Err(IdentityError::ChainTooLong { file: file.into() }),
    }
}

/// Reads the first private key of a file.
fn read_key(file: &Path) -> Result<PrivateKeyDer<'static>, IdentityError> {
    let text = read(file)?;
    PrivateKeyDer::from_pem_slice(&text).map_err(|source| match source {
        pem::Error::NoItemsFound if is_encrypted(&text) => IdentityError::EncryptedKey { file: file.into() },
        pem::Error::NoItemsFound => IdentityError::NoKey { file: file.into() },
        source => IdentityError::NotPem { file: file.into(), source },
    })
}

fn is_encrypted(text: &[u8]) -> bool {
    text.split(|&byte| byte == b'\n').any(|line| line.starts_with(b"-----BEGIN ENCRYPTED PRIVATE KEY-----"))
}

fn read(file: &Path) -> Result<Vec<u8>, IdentityError> {
    let mut text = Vec::new();
    File::open(file)
        .and_then(|opened| opened.take(IDENTITY_FILE_BYTES_MAX.saturating_add(1)).read_to_end(&mut text))
        .map_err(|source| IdentityError::Unreadable { file: file.into(), source })?;
    if u64::try_from(text.len()).is_ok_and(|bytes| bytes <= IDENTITY_FILE_BYTES_MAX) {
        Ok(text)
    } else {
        Err(IdentityError::TooBig { file: file.into() })
    }
}

/// The only ALPN protocol. HTTP/1.1 includes the WebSocket upgrade; HTTP/2 is not supported.
const PROTOCOL: &[u8] = b"http/1.1";

/// Sessions are resumed by tickets, which the clients store: the server stores nothing, and every core accepts the
/// tickets of all others.
fn server_config(provider: CryptoProvider, certified: CertifiedKey) -> Result<ServerConfig, Error> {
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
