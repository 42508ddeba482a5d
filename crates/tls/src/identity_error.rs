use crate::limits::{CHAIN_CERTIFICATES_MAX, IDENTITY_FILE_BYTES_MAX};
use rustls::pki_types::pem;
use std::{io, path::PathBuf};
use thiserror::Error;

/// Why a certificate and its key cannot be used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum IdentityError {
    /// Not there, no right to read it, ...
    #[error("{}: cannot be read: {source}", file.display())]
    Unreadable {
        /// Which file.
        file: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// Another file than was meant.
    #[error(
        "{}: has more than {IDENTITY_FILE_BYTES_MAX} bytes; certificates and keys are smaller, so this is another file",
        file.display()
    )]
    TooBig {
        /// Which file.
        file: PathBuf,
    },
    /// Its PEM is cut off or garbled.
    #[error("{}: is not a whole PEM file: {source:?}", file.display())]
    NotPem {
        /// Which file.
        file: PathBuf,
        /// What the decoder says.
        source: pem::Error,
    },
    /// A file of certificates without one.
    #[error(
        "{}: has no certificate; it needs the server's as \"BEGIN CERTIFICATE\", and then those of its issuers",
        file.display()
    )]
    NoCertificate {
        /// Which file.
        file: PathBuf,
    },
    /// Longer than any client follows.
    #[error(
        "{}: has more than {CHAIN_CERTIFICATES_MAX} certificates; it needs the server's and those of its issuers only",
        file.display()
    )]
    ChainTooLong {
        /// Which file.
        file: PathBuf,
    },
    /// A file of a key without one.
    #[error(
        "{}: has no private key; it needs one as \"BEGIN PRIVATE KEY\" (or \"RSA\" or \"EC PRIVATE KEY\")",
        file.display()
    )]
    NoKey {
        /// Which file.
        file: PathBuf,
    },
    /// A key with a passphrase.
    #[error(
        "{}: the private key is encrypted; write it without a passphrase (openssl pkey), readable by the tracker only",
        file.display()
    )]
    EncryptedKey {
        /// Which file.
        file: PathBuf,
    },
    /// Not a kind of key that can be used, or broken.
    #[error("{}: the private key cannot be used: {source}; RSA, ECDSA (P-256, P-384) and Ed25519 can", file.display())]
    UnusableKey {
        /// Which file.
        file: PathBuf,
        /// What rustls says.
        source: rustls::Error,
    },
    /// Not an X.509 certificate.
    #[error("{}: the first certificate cannot be used: {source}", file.display())]
    UnusableCertificate {
        /// Which file.
        file: PathBuf,
        /// What rustls says.
        source: rustls::Error,
    },
    /// The key is another certificate's.
    #[error(
        "{}: the private key does not fit the first certificate of {}; the server's certificate has to come first",
        key_file.display(),
        certificate_file.display()
    )]
    Mismatch {
        /// Where the certificate is.
        certificate_file: PathBuf,
        /// Where the key is.
        key_file: PathBuf,
    },
    /// The system gave no random numbers for the tickets' key, or the like.
    #[error("TLS cannot be set up: {0}")]
    Setup(#[from] rustls::Error),
}
