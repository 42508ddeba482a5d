//! `[https]`: announces and scrapes over HTTPS.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use confique::Config;
use serde::Serialize;

use crate::limits;
use crate::values::addresses;
use crate::values::path::{self, PathOrNothing};

/// The addresses and the certificate of HTTPS.
#[derive(Debug, Clone, PartialEq, Eq, Config, Serialize)]
pub struct Https {
    /// The addresses and TCP ports on which HTTPS is served.
    ///
    /// Allowed: a list of 0 to 16 different socket addresses, IPv6 in brackets; [] disables HTTPS. An IPv6 address
    /// accepts IPv6 only, so `0.0.0.0` and `[::]` can be listed together. Port 0 picks any free port. No address may
    /// conflict with one in `http.listen`; a wildcard address conflicts with every address of its family and port. If
    /// the list is not empty, `certificate_file` and `key_file` are required.
    ///
    /// TLS hides requests and keys from everyone on the network path. A handshake costs far more than an announce: see
    /// `http.idle_s`.
    #[config(
        env = "RINGTRACK_HTTPS_LISTEN",
        default = [],
        deserialize_with = addresses::listen::<{ limits::HTTP_LISTEN_MIN }, { limits::HTTP_LISTEN_MAX }, _>
    )]
    pub listen: Vec<SocketAddr>,

    /// The PEM file with the certificate chain: the server's own certificate first, then the intermediate certificates.
    ///
    /// Allowed: the path of a file, or "" if `listen` is empty.
    ///
    /// It is reloaded on SIGHUP and when it changes, together with the key. New connections use the new certificate;
    /// existing connections are kept.
    #[config(
        env = "RINGTRACK_HTTPS_CERTIFICATE_FILE",
        default = "",
        deserialize_with = path::or_nothing
    )]
    #[serde(serialize_with = "path::show")]
    pub certificate_file: PemFile,

    /// The PEM file with the certificate's private key.
    ///
    /// Allowed: the path of a file, or "" if `listen` is empty.
    ///
    /// It is reloaded on SIGHUP and when it changes, together with the certificate; existing connections are kept.
    /// Anyone who can read it can impersonate the tracker: make it readable by the tracker's user only.
    #[config(env = "RINGTRACK_HTTPS_KEY_FILE", default = "", deserialize_with = path::or_nothing)]
    #[serde(serialize_with = "path::show")]
    pub key_file: PemFile,
}

/// An optional PEM file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PemFile {
    /// No file is configured.
    Unset,
    /// The path of the file.
    Path(PathBuf),
}

impl PemFile {
    /// Returns the path, if a file is configured.
    pub fn path(&self) -> Option<&Path> {
        match self {
            Self::Unset => None,
            Self::Path(path) => Some(path),
        }
    }
}

impl PathOrNothing for PemFile {
    const EXPECTED: &'static str = "the path of a file in PEM, or \"\" for none";
    const NOTHING: Self = Self::Unset;

    fn path(path: PathBuf) -> Self {
        Self::Path(path)
    }

    fn named(&self) -> Option<&Path> {
        Self::path(self)
    }
}
