//! `[https]`: announces and scrapes over HTTP in TLS.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use confique::Config;
use serde::Serialize;

use crate::limits;
use crate::values::addresses;
use crate::values::path::{self, PathOrNothing};

/// HTTPS.
#[derive(Debug, Clone, PartialEq, Eq, Config, Serialize)]
pub struct Https {
    /// The addresses and TCP ports that HTTPS is served on.
    ///
    /// Allowed: a list of 0 to 16 different socket addresses, IPv6 in brackets; [] switches HTTPS off. An IPv6
    /// address takes IPv6 only, so that `0.0.0.0` and `[::]` stand side by side. Port 0 takes any free port.
    /// None of them may stand in `http.listen` too, or share its port with a wildcard address there, and both
    /// files below have to be set.
    ///
    /// TLS hides what is asked for, and keys, from those on the way. A handshake costs far more than an
    /// announce: see `http.idle_s`.
    #[config(
        env = "RINGTRACK_HTTPS_LISTEN",
        default = [],
        deserialize_with = addresses::listen::<{ limits::HTTP_LISTEN_MIN }, { limits::HTTP_LISTEN_MAX }, _>
    )]
    pub listen: Vec<SocketAddr>,

    /// The file with the certificate, in PEM: the tracker's own first, then those in between it and the root.
    ///
    /// Allowed: the path of a file, or "" where `listen` is empty.
    ///
    /// It is read again on SIGHUP and when it changes, together with the key. New connections get the new
    /// certificate, and those that stand are not dropped.
    #[config(
        env = "RINGTRACK_HTTPS_CERTIFICATE_FILE",
        default = "",
        deserialize_with = path::or_nothing
    )]
    #[serde(serialize_with = "path::show")]
    pub certificate_file: PemFile,

    /// The file with the certificate's private key, in PEM.
    ///
    /// Allowed: the path of a file, or "" where `listen` is empty.
    ///
    /// It is read again on SIGHUP and when it changes, together with the certificate, and no connection is
    /// dropped. Whoever reads it can pass for the tracker: let nobody but the tracker's user read it.
    #[config(env = "RINGTRACK_HTTPS_KEY_FILE", default = "", deserialize_with = path::or_nothing)]
    #[serde(serialize_with = "path::show")]
    pub key_file: PemFile,
}

/// A file in the form PEM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PemFile {
    /// None is named.
    Unset,
    /// This one.
    Path(PathBuf),
}

impl PemFile {
    /// Where the file is, if one is named.
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
