use crate::pem::{read_chain, read_key};
use crate::server_config::server_config;
use crate::{Fingerprint, IdentityError};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use rustls::{Error, InconsistentKeys, ServerConfig, SignatureScheme};
use std::fmt;
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
    #[must_use]
    pub const fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    /// Returns the length of an RSA key in bits. The time for a signature, of which each full handshake takes one,
    /// grows with its third power.
    #[must_use]
    pub const fn rsa_bits(&self) -> Option<usize> {
        self.rsa_bits
    }

    /// Returns the configuration, for servers that do not use this crate's sessions.
    #[must_use]
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
