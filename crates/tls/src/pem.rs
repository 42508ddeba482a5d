use crate::IdentityError;
use crate::limits::{CHAIN_CERTIFICATES_MAX, IDENTITY_FILE_BYTES_MAX};
use rustls::pki_types::pem::{self, PemObject as _};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::fs::File;
use std::io::Read as _;
use std::path::Path;

/// Reads the certificates of a file in their order.
pub(crate) fn read_chain(file: &Path) -> Result<Vec<CertificateDer<'static>>, IdentityError> {
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
pub(crate) fn read_key(file: &Path) -> Result<PrivateKeyDer<'static>, IdentityError> {
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
