//! `[access]`: which clients and torrents are served.

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

/// The clients and torrents that are served.
#[derive(Debug, Clone, PartialEq, Eq, Config, Serialize)]
pub struct Access {
    /// Which clients are served, and which torrents.
    ///
    /// Allowed: "public" (all clients, any torrent), "listed" (all clients, only torrents listed in `allow_file` or
    /// through the management API), "private" (clients with a key, any torrent) or "private-listed" (clients with a
    /// key, only listed torrents).
    ///
    /// A list prevents the tracker from serving torrents that its operator does not know, and keeps made-up torrents
    /// out of its memory. A private tracker accounts the uploads and downloads of each key; its users announce to a
    /// personal URL that contains the key. Clients and torrents denied below are not served in any mode.
    #[config(env = "RINGTRACK_ACCESS_MODE", default = "public", deserialize_with = choice::of)]
    #[serde(serialize_with = "choice::show")]
    pub mode: AccessMode,

    /// A file with the torrents that are served.
    ///
    /// Allowed: the path of a file, or "" for none; only if `mode` is "listed" or "private-listed".
    ///
    /// Each line has one info hash of 40 hexadecimal digits; text after a `#` is a comment. An invalid line is skipped
    /// and logged. Torrents listed through the management API are served as well. The file is reloaded on SIGHUP and
    /// when it changes; if it cannot be read, the list stays as it was, but at the start this is an error. Replace the
    /// file with `mv`: one that is overwritten in place may be read half-written.
    #[config(env = "RINGTRACK_ACCESS_ALLOW_FILE", default = "", deserialize_with = path::or_nothing)]
    #[serde(serialize_with = "path::show")]
    pub allow_file: NamedFile,

    /// A file with torrents that are not served.
    ///
    /// Allowed: the path of a file, or "" for none.
    ///
    /// It has the format of `allow_file`, is reloaded in the same way and takes precedence: a torrent on both lists is
    /// not served. More torrents can be denied through the management API.
    #[config(env = "RINGTRACK_ACCESS_DENY_FILE", default = "", deserialize_with = path::or_nothing)]
    #[serde(serialize_with = "path::show")]
    pub deny_file: NamedFile,

    /// The client software that is served, identified by the beginning of its peer ids.
    ///
    /// Allowed: a list of 0 to 256 different beginnings of 1 to 20 printable ASCII characters, such as
    /// `["-qB46", "-TR"]`; [] for all clients.
    ///
    /// It keeps honest users from clients that count transfers wrongly. It does not stop anyone determined to get in: a
    /// client can send any peer id.
    #[config(
        env = "RINGTRACK_ACCESS_ALLOW_CLIENTS",
        default = [],
        deserialize_with = clients::up_to::<{ limits::CLIENTS_MAX }, _>
    )]
    #[serde(serialize_with = "clients::show")]
    pub allow_clients: Vec<PeerIdPrefix>,

    /// The client software that is not served, identified by the beginning of its peer ids.
    ///
    /// Allowed: a list of 0 to 256 different beginnings of 1 to 20 printable ASCII characters, such as
    /// `["-XL", "-SD"]`.
    ///
    /// It takes precedence over `allow_clients`, so that one version of an allowed client can be denied. More clients
    /// can be denied through the management API. The peer id of each announce is compared with all of them.
    #[config(
        env = "RINGTRACK_ACCESS_DENY_CLIENTS",
        default = [],
        deserialize_with = clients::up_to::<{ limits::CLIENTS_MAX }, _>
    )]
    #[serde(serialize_with = "clients::show")]
    pub deny_clients: Vec<PeerIdPrefix>,

    /// The networks that are not served.
    ///
    /// Allowed: a list of 0 to 256 different networks such as `["192.0.2.0/24", "2001:db8::/32"]`, or single addresses.
    ///
    /// More networks can be denied through the management API. Behind a proxy, the client's address is checked, not the
    /// proxy's.
    #[config(
        env = "RINGTRACK_ACCESS_DENY_NETWORKS",
        default = [],
        deserialize_with = networks::up_to::<{ limits::NETWORKS_MAX }, _>
    )]
    #[serde(serialize_with = "networks::show")]
    pub deny_networks: Vec<IpNet>,

    /// The maximum number of torrents on the lists, and of torrents whose completed events are remembered.
    ///
    /// Allowed: 1 to 16000000 torrents.
    ///
    /// A listed torrent takes up to 40 bytes. Torrents beyond the limit are not listed, which is logged, and their
    /// completed events count from zero.
    #[config(
        env = "RINGTRACK_ACCESS_TORRENTS_MAX",
        default = 10_000_000,
        deserialize_with = between::<
            { limits::ACCESS_TORRENTS_MIN }, { limits::ACCESS_TORRENTS_MAX }, _, _
        >
    )]
    pub torrents_max: u32,

    /// The maximum number of keys.
    ///
    /// Allowed: 1 to 10000000 keys.
    ///
    /// Every core has a copy of each key. The management API creates no key beyond the limit.
    #[config(
        env = "RINGTRACK_ACCESS_KEYS_MAX",
        default = 1_000_000,
        deserialize_with = between::<{ limits::ACCESS_KEYS_MIN }, { limits::ACCESS_KEYS_MAX }, _, _>
    )]
    pub keys_max: u32,

    /// The maximum number of sessions that are accounted. A session is one key's client on one torrent.
    ///
    /// Allowed: 1 to 16000000 sessions, over all cores together. Ignored if `mode` needs no keys.
    ///
    /// A session records the figures of the last announce, from which the transfer since then is computed. Announces
    /// beyond the limit are served, but their transfers are not accounted; such announces are counted.
    #[config(
        env = "RINGTRACK_ACCESS_SESSIONS_MAX",
        default = 10_000_000,
        deserialize_with = between::<
            { limits::ACCESS_SESSIONS_MIN }, { limits::ACCESS_SESSIONS_MAX }, _, _
        >
    )]
    pub sessions_max: u32,

    /// Whether the peers' ids and transfer figures are stored and shown by the management API.
    ///
    /// Allowed: "off" or "on".
    ///
    /// With "on", each peer takes about 100 bytes more, lists of peers over HTTP (`compact=0`) contain the ids, and
    /// `stopped` removes a peer only if it comes with that peer's id. With "off", the management API shows only the
    /// peers' addresses and whether they seed; keys are accounted all the same.
    #[config(env = "RINGTRACK_ACCESS_PEER_DETAILS", default = "off", deserialize_with = choice::of)]
    #[serde(serialize_with = "choice::show")]
    pub peer_details: Switch,
}

/// Which clients are served, and which torrents.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccessMode {
    /// All clients, and any torrent.
    Public,
    /// All clients, and only listed torrents.
    Listed,
    /// Clients with a key, and any torrent.
    Private,
    /// Clients with a key, and only listed torrents.
    PrivateListed,
}

impl AccessMode {
    /// Returns whether only clients with a key are served.
    pub fn is_private(self) -> bool {
        matches!(self, Self::Private | Self::PrivateListed)
    }

    /// Returns whether only listed torrents are served.
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
    fn a_mode_decides_whether_clients_need_a_key_and_torrents_must_be_listed() {
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
