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
    Unreadable {
        /// Path of the file.
        file: PathBuf,
        /// Error of the system.
        source: io::Error,
    },
    /// The file is too large for certificates or a key.
    #[error(
        "{}: has more than {IDENTITY_FILE_BYTES_MAX} bytes; certificate and key files are smaller",
        file.display()
    )]
    TooBig {
        /// Path of the file.
        file: PathBuf,
    },
    /// The PEM is truncated or malformed.
    #[error("{}: is not a whole PEM file: {source:?}", file.display())]
    NotPem {
        /// Path of the file.
        file: PathBuf,
        /// Error of the decoder.
        source: pem::Error,
    },
    /// The certificate file contains no certificate.
    #[error(
        "{}: has no certificate; it needs the server's as \"BEGIN CERTIFICATE\", followed by those of its issuers",
        file.display()
    )]
    NoCertificate {
        /// Path of the file.
        file: PathBuf,
    },
    /// The chain is longer than any client accepts.
    #[error(
        "{}: has more than {CHAIN_CERTIFICATES_MAX} certificates; it needs the server's and those of its issuers only",
        file.display()
    )]
    ChainTooLong {
        /// Path of the file.
        file: PathBuf,
    },
    /// The key file contains no private key.
    #[error(
        "{}: has no private key; it needs one as \"BEGIN PRIVATE KEY\" (or \"RSA\" or \"EC PRIVATE KEY\")",
        file.display()
    )]
    NoKey {
        /// Path of the file.
        file: PathBuf,
    },
    /// The key is encrypted with a passphrase.
    #[error(
        "{}: the private key is encrypted; write it without a passphrase (openssl pkey), readable by the tracker only",
        file.display()
    )]
    EncryptedKey {
        /// Path of the file.
        file: PathBuf,
    },
    /// The kind of key is not supported, or the key is broken.
    #[error("{}: the private key cannot be used: {source}; use RSA, ECDSA (P-256, P-384) or Ed25519", file.display())]
    UnusableKey {
        /// Path of the file.
        file: PathBuf,
        /// Error of rustls.
        source: rustls::Error,
    },
    /// The first certificate is not an X.509 certificate.
    #[error("{}: the first certificate cannot be used: {source}", file.display())]
    UnusableCertificate {
        /// Path of the file.
        file: PathBuf,
        /// Error of rustls.
        source: rustls::Error,
    },
    /// The key belongs to another certificate.
    #[error(
        "{}: the private key does not match the first certificate of {}; the server's certificate must come first",
        key_file.display(),
        certificate_file.display()
    )]
    Mismatch {
        /// Path of the certificate file.
        certificate_file: PathBuf,
        /// Path of the key file.
        key_file: PathBuf,
    },
    /// The system returned no random numbers for the key of the tickets, or the like.
    #[error("TLS cannot be set up: {0}")]
    Setup(#[from] rustls::Error),
}
