//! `[connection_ids]`: how a UDP client proves that it owns its address.

use std::path::{Path, PathBuf};

use confique::Config;
use serde::Serialize;

use crate::limits;
use crate::values::choice::{self, Choice};
use crate::values::integer::between;
use crate::values::path::{self, PathOrNothing};

/// Connection ids: how a UDP client proves that it owns its address.
#[derive(Debug, Clone, PartialEq, Eq, Config, Serialize)]
pub struct ConnectionIds {
    /// How long a connection id is good for: it is accepted for at least one and at most two lifetimes.
    ///
    /// Allowed: 10 to 3600 seconds.
    ///
    /// Many clients keep an id for longer than the protocol's two minutes: a longer lifetime spares them an
    /// error and both sides a round trip. It also gives somebody who overheard an id longer to announce in
    /// the name of its address.
    #[config(
        env = "RINGTRACK_CONNECTION_IDS_LIFETIME_S",
        default = 120,
        deserialize_with = between::<
            { limits::CONNECTION_ID_LIFETIME_S_MIN }, { limits::CONNECTION_ID_LIFETIME_S_MAX }, _, _
        >
    )]
    pub lifetime_s: u32,

    /// A file with the secret key that connection ids are made with.
    ///
    /// Allowed: the path of a file of at least 16 bytes, or "" for a random key at each start.
    ///
    /// With a file, a restart does not turn the ids that clients hold into errors, and several nodes with
    /// the same file accept each other's ids. Whoever reads the file can announce in the name of any
    /// address: make it with `head -c 32 /dev/urandom` and let nobody but the tracker's user read it.
    #[config(
        env = "RINGTRACK_CONNECTION_IDS_KEY_FILE",
        default = "",
        deserialize_with = path::or_nothing
    )]
    #[serde(serialize_with = "path::show")]
    pub key_file: ConnectionIdKey,

    /// What a request with a wrong or expired connection id is answered.
    ///
    /// Allowed: "error" (an error no longer than the request) or "drop" (nothing).
    ///
    /// An error sends an honest client back for a new id at once; silence lets it wait for its own time-out
    /// of 15 seconds and more. Silence halves the work of a flood with forged sources, and sends nothing to
    /// those whose addresses were forged.
    #[config(env = "RINGTRACK_CONNECTION_IDS_INVALID", default = "error", deserialize_with = choice::of)]
    #[serde(serialize_with = "choice::show")]
    pub invalid: InvalidConnectionId,
}

/// Where the key of the connection ids comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ConnectionIdKey {
    /// A new random key at each start.
    Random,
    /// The bytes of this file, at least
    /// [`CONNECTION_ID_KEY_BYTES_MIN`](crate::limits::CONNECTION_ID_KEY_BYTES_MIN) of them.
    File(PathBuf),
}

impl PathOrNothing for ConnectionIdKey {
    const EXPECTED: &'static str = "the path of a file, or \"\" for a random key";
    const NOTHING: Self = Self::Random;

    fn path(path: PathBuf) -> Self {
        Self::File(path)
    }

    fn named(&self) -> Option<&Path> {
        match self {
            Self::Random => None,
            Self::File(path) => Some(path),
        }
    }
}

/// What a request with a wrong or expired connection id is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InvalidConnectionId {
    /// An error that is no longer than the request.
    Error,
    /// Nothing.
    Drop,
}

impl Choice for InvalidConnectionId {
    const CHOICES: &'static [(&'static str, Self)] = &[("error", Self::Error), ("drop", Self::Drop)];
}
