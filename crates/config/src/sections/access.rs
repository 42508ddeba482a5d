//! `[access]`: who is served, and which torrents.

use confique::Config;
use ipnet::IpNet;
use primitives::PeerIdPrefix;
use serde::Serialize;

use crate::limits;
use crate::values::choice::{self, Choice};
use crate::values::integer::between;
use crate::values::named_file::NamedFile;
use crate::values::switch::Switch;
use crate::values::{clients, networks, path};

/// Who is served, and which torrents.
#[derive(Debug, Clone, PartialEq, Eq, Config, Serialize)]
pub struct Access {
    /// Who is served, and which torrents.
    ///
    /// Allowed: "public" (everybody, and any torrent), "listed" (everybody, and only torrents that `allow_file` or
    /// the management API lists), "private" (who has a key, and any torrent) or "private-listed" (who has a key, and
    /// only listed torrents).
    ///
    /// A list keeps the tracker from serving what its operator does not know, and made-up torrents out of its
    /// memory. A private tracker accounts what each key uploads and downloads; its users announce with an address of
    /// their own, which holds the key. What is denied below is served in no mode.
    #[config(env = "RINGTRACK_ACCESS_MODE", default = "public", deserialize_with = choice::of)]
    #[serde(serialize_with = "choice::show")]
    pub mode: AccessMode,

    /// A file with the torrents that are served.
    ///
    /// Allowed: the path of a file, or "" for none; only where `mode` is "listed" or "private-listed".
    ///
    /// An info hash of 40 hexadecimal digits a line; what stands behind a `#` is a comment. It is read again on
    /// SIGHUP and when it changes; as long as it cannot be read, the list stays as it was, and at the start that is an
    /// error. Torrents that the
    /// management API lists are served beside these. A line that is no info hash is left out and logged. Put a new file
    /// in its place with `mv`: one that is written where it lies may be read when only a part of it is there.
    #[config(env = "RINGTRACK_ACCESS_ALLOW_FILE", default = "", deserialize_with = path::or_nothing)]
    #[serde(serialize_with = "path::show")]
    pub allow_file: NamedFile,

    /// A file with torrents that are not served.
    ///
    /// Allowed: the path of a file, or "" for none.
    ///
    /// It is written and read as `allow_file`, and comes before it: a torrent on both is not served. The management
    /// API can deny more.
    #[config(env = "RINGTRACK_ACCESS_DENY_FILE", default = "", deserialize_with = path::or_nothing)]
    #[serde(serialize_with = "path::show")]
    pub deny_file: NamedFile,

    /// The client software that is served, by what its peer ids begin with.
    ///
    /// Allowed: a list of 0 to 256 different beginnings of 1 to 20 printable ASCII characters, such as
    /// `["-qB46", "-TR"]`; [] for all clients.
    ///
    /// It keeps honest users from clients that do not count right. It keeps nobody out who wants to get in: a client
    /// can call itself what it likes.
    #[config(
        env = "RINGTRACK_ACCESS_ALLOW_CLIENTS",
        default = [],
        deserialize_with = clients::up_to::<{ limits::CLIENTS_MAX }, _>
    )]
    #[serde(serialize_with = "clients::show")]
    pub allow_clients: Vec<PeerIdPrefix>,

    /// The client software that is not served, by what its peer ids begin with.
    ///
    /// Allowed: a list of 0 to 256 different beginnings of 1 to 20 printable ASCII characters, such as
    /// `["-XL", "-SD"]`.
    ///
    /// It comes before `allow_clients`, so that one version of an allowed client can be denied. The management API
    /// can deny more. Each announce's peer id is compared with all of them.
    #[config(
        env = "RINGTRACK_ACCESS_DENY_CLIENTS",
        default = [],
        deserialize_with = clients::up_to::<{ limits::CLIENTS_MAX }, _>
    )]
    #[serde(serialize_with = "clients::show")]
    pub deny_clients: Vec<PeerIdPrefix>,

    /// The networks that are not served.
    ///
    /// Allowed: a list of 0 to 256 different networks such as `["192.0.2.0/24", "2001:db8::/32"]`, or single
    /// addresses.
    ///
    /// The management API can deny more. Behind a proxy it is the client's address that counts, not the proxy's.
    #[config(
        env = "RINGTRACK_ACCESS_DENY_NETWORKS",
        default = [],
        deserialize_with = networks::up_to::<{ limits::NETWORKS_MAX }, _>
    )]
    #[serde(serialize_with = "networks::show")]
    pub deny_networks: Vec<IpNet>,

    /// How many torrents the lists may hold, and of how many the completed events are remembered.
    ///
    /// Allowed: 1 to 16000000 torrents.
    ///
    /// A listed torrent takes up to 40 bytes. What comes beyond is not listed, and logged; a torrent of which nothing
    /// is remembered counts from zero.
    #[config(
        env = "RINGTRACK_ACCESS_TORRENTS_MAX",
        default = 10_000_000,
        deserialize_with = between::<
            { limits::ACCESS_TORRENTS_MIN }, { limits::ACCESS_TORRENTS_MAX }, _, _
        >
    )]
    pub torrents_max: u32,

    /// How many keys there may be.
    ///
    /// Allowed: 1 to 10000000 keys.
    ///
    /// Every core has a copy of each. The management API makes no key beyond it.
    #[config(
        env = "RINGTRACK_ACCESS_KEYS_MAX",
        default = 1_000_000,
        deserialize_with = between::<{ limits::ACCESS_KEYS_MIN }, { limits::ACCESS_KEYS_MAX }, _, _>
    )]
    pub keys_max: u32,

    /// How many sessions are accounted: a session is one key's client on one torrent.
    ///
    /// Allowed: 1 to 16000000 sessions, over all cores together. It says nothing where `mode` has no keys.
    ///
    /// A session is what tells how much was uploaded and downloaded since the announce before. What comes beyond is
    /// served, but not accounted, and counted.
    #[config(
        env = "RINGTRACK_ACCESS_SESSIONS_MAX",
        default = 10_000_000,
        deserialize_with = between::<
            { limits::ACCESS_SESSIONS_MIN }, { limits::ACCESS_SESSIONS_MAX }, _, _
        >
    )]
    pub sessions_max: u32,

    /// Whether the peers' ids and transfer figures are kept, and shown by the management API.
    ///
    /// Allowed: "off" or "on".
    ///
    /// Each peer takes about 100 bytes more with "on". Lists of peers over HTTP (`compact=0`) then have the ids, and
    /// only the peer itself can leave with `stopped`. With "off", the management API knows the peers' addresses and
    /// whether they seed, and keys are accounted all the same.
    #[config(env = "RINGTRACK_ACCESS_PEER_DETAILS", default = "off", deserialize_with = choice::of)]
    #[serde(serialize_with = "choice::show")]
    pub peer_details: Switch,
}

/// Who is served, and which torrents.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccessMode {
    /// Everybody, and any torrent.
    Public,
    /// Everybody, and only listed torrents.
    Listed,
    /// Who has a key, and any torrent.
    Private,
    /// Who has a key, and only listed torrents.
    PrivateListed,
}

impl AccessMode {
    /// Whether only those are served who have a key.
    pub fn is_private(self) -> bool {
        matches!(self, Self::Private | Self::PrivateListed)
    }

    /// Whether only torrents are served that are listed.
    pub fn is_listed(self) -> bool {
        matches!(self, Self::Listed | Self::PrivateListed)
    }
}

impl Choice for AccessMode {
    const CHOICES: &'static [(&'static str, Self)] = &[
        ("public", Self::Public),
        ("listed", Self::Listed),
        ("private", Self::Private),
        ("private-listed", Self::PrivateListed),
    ];
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mode_says_who_needs_a_key_and_which_torrents_have_to_be_listed() {
        let info =
            AccessMode::CHOICES.iter().map(|(word, mode)| (*word, mode.is_private(), mode.is_listed()));
        let expected = [
            ("public", false, false),
            ("listed", false, true),
            ("private", true, false),
            ("private-listed", true, true),
        ];
        assert_eq!(info.collect::<Vec<_>>(), expected);
    }
}
