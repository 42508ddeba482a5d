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
    /// The lifetime of a connection id. An id is accepted for at least one and at most two lifetimes.
    ///
    /// Allowed: 10 to 3600 seconds.
    ///
    /// Many clients keep an id longer than the protocol's two minutes: a longer lifetime saves them an error and both
    /// sides a round trip. It also gives someone who intercepts an id more time to announce in the name of its address.
    #[config(
        env = "RINGTRACK_CONNECTION_IDS_LIFETIME_S",
        default = 120,
        deserialize_with = between::<
            { limits::CONNECTION_ID_LIFETIME_S_MIN }, { limits::CONNECTION_ID_LIFETIME_S_MAX }, _, _
        >
    )]
    pub lifetime_s: u32,

    /// A file with the secret key from which connection ids are made.
    ///
    /// Allowed: the path of a file of at least 16 bytes, or "" for a random key at each start.
    ///
    /// With a file, the ids that clients hold stay valid across a restart, and several nodes with the same file accept
    /// each other's ids. Anyone who can read the file can announce in the name of any address: create it with
    /// `head -c 32 /dev/urandom` and make it readable by the tracker's user only.
    #[config(
        env = "RINGTRACK_CONNECTION_IDS_KEY_FILE",
        default = "",
        deserialize_with = path::or_nothing
    )]
    #[serde(serialize_with = "path::show")]
    pub key_file: ConnectionIdKey,

    /// How a request with an invalid or expired connection id is answered.
    ///
    /// Allowed: "error" (an error no longer than the request) or "drop" (no reply).
    ///
    /// After an error, an honest client requests a new id at once; without a reply it waits for its own timeout of 15
    /// seconds or more. "drop" halves the work that a flood with forged source addresses causes, and sends nothing to
    /// the owners of those addresses.
    #[config(env = "RINGTRACK_CONNECTION_IDS_INVALID", default = "error", deserialize_with = choice::of)]
    #[serde(serialize_with = "choice::show")]
    pub invalid: InvalidConnectionId,
}

/// The source of the key of the connection ids.
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

/// How a request with an invalid or expired connection id is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InvalidConnectionId {
    /// An error that is no longer than the request.
    Error,
    /// No reply.
    Drop,
}

impl Choice for InvalidConnectionId {
    const CHOICES: &'static [(&'static str, Self)] = &[("error", Self::Error), ("drop", Self::Drop)];
}
