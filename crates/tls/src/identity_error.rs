use crate::limits::{CHAIN_CERTIFICATES_MAX, IDENTITY_FILE_BYTES_MAX};
use rustls::pki_types::pem;
use std::{io, path::PathBuf};
use thiserror::Error;

/// Why a certificate and its key cannot be used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum IdentityError {
    /// The file is missing, may not be read, or the like.
    #[error("{}: cannot be read: {source}", file.display())]
    Unreadable { file: PathBuf, source: io::Error },
    #[error(
        "{}: has more than {IDENTITY_FILE_BYTES_MAX} bytes; certificate and key files are smaller",
        file.display()
    )]
    TooBig { file: PathBuf },
    /// The PEM is truncated or malformed.
    #[error("{}: is not a whole PEM file: {source:?}", file.display())]
    NotPem { file: PathBuf, source: pem::Error },
    #[error(
        "{}: has no certificate; it needs the server's as \"BEGIN CERTIFICATE\", followed by those of its issuers",
        file.display()
    )]
    NoCertificate { file: PathBuf },
    #[error(
        "{}: has more than {CHAIN_CERTIFICATES_MAX} certificates; it needs the server's and those of its issuers only",
        file.display()
    )]
    ChainTooLong { file: PathBuf },
    #[error(
        "{}: has no private key; it needs one as \"BEGIN PRIVATE KEY\" (or \"RSA\" or \"EC PRIVATE KEY\")",
        file.display()
    )]
    NoKey { file: PathBuf },
    #[error(
        "{}: the private key is encrypted; write it without a passphrase (openssl pkey), readable by the tracker only",
        file.display()
    )]
    EncryptedKey { file: PathBuf },
    /// The kind of key is not supported, or the key is broken.
    #[error("{}: the private key cannot be used: {source}; use RSA, ECDSA (P-256, P-384) or Ed25519", file.display())]
    UnusableKey { file: PathBuf, source: rustls::Error },
    /// The first certificate is not an X.509 certificate.
    #[error("{}: the first certificate cannot be used: {source}", file.display())]
    UnusableCertificate { file: PathBuf, source: rustls::Error },
    #[error(
        "{}: the private key does not match the first certificate of {}; the server's certificate must come first",
        key_file.display(),
        certificate_file.display()
    )]
    Mismatch { certificate_file: PathBuf, key_file: PathBuf },
    #[error("TLS cannot be set up: {0}")]
    Setup(#[from] rustls::Error),
}
