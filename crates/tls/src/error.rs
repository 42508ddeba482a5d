use crate::limits::{CHAIN_CERTIFICATES_MAX, HELD_BYTES_MAX, IDENTITY_FILE_BYTES_MAX};
use rustls::pki_types::pem;
use rustls::{Error, InvalidMessage};
use std::{io, path::PathBuf};

/// Why a certificate and its key cannot be used.
#[derive(Debug, thiserror::Error)]
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
    UnusableKey { file: PathBuf, source: Error },
    /// The first certificate is not an X.509 certificate.
    #[error("{}: the first certificate cannot be used: {source}", file.display())]
    UnusableCertificate { file: PathBuf, source: Error },
    #[error(
        "{}: the private key does not match the first certificate of {}; the server's certificate must come first",
        key_file.display(),
        certificate_file.display()
    )]
    Mismatch { certificate_file: PathBuf, key_file: PathBuf },
    #[error("TLS cannot be set up: {0}")]
    Setup(#[from] Error),
}

/// Why a session cannot continue.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// The peer speaks another protocol, most often plain HTTP on the HTTPS port.
    #[error("the peer does not speak TLS")]
    NotTls,
    /// No common version, cipher or protocol, a wrong order, a wrong tag, an alert of the peer, or the like.
    #[error("the TLS session failed: {0}")]
    Failed(Error),
    /// A message is longer than a session holds.
    #[error("a TLS handshake message is spread over more than {HELD_BYTES_MAX} bytes")]
    TooLong,
    #[error("the TLS handshake is not complete, so nothing can be sent")]
    Handshaking,
    /// The keys of the session have encrypted all that they may.
    #[error("the TLS session's keys are used up")]
    KeysUsedUp,
    /// The session failed or was closed before.
    #[error("the TLS session has ended")]
    Ended,
}

impl From<Error> for TlsError {
    fn from(error: Error) -> Self {
        match error {
            Error::InvalidMessage(InvalidMessage::InvalidContentType) => Self::NotTls,
            error => Self::Failed(error),
        }
    }
}
