use rustls::pki_types::CertificateDer;
use sha2::{Digest, Sha256};
use std::fmt;

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

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}
