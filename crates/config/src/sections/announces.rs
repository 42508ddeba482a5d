//! `[announce]` and `[access]`: which announces are accepted, and what their replies contain.

use std::path::PathBuf;

use ipnet::IpNet;
use primitives::PeerIdPrefix;

use crate::declare::section;
use crate::limits::{CLIENTS_MAX, NETWORKS_MAX};
use crate::values::choice::{Switch, choice, one_of};
use crate::values::integer::integer;
use crate::values::list::list;
use crate::values::path::{FILE, path};

section! {
    /// Replies to announces.
    pub struct Announce;

    /// How long a client is asked to wait before its next announce, while the tracker is not busy and the swarm is not
    /// big.
    ///
    /// Allowed: 60 to 14400 seconds.
    ///
    /// The load is the number of peers divided by the interval: half the interval means twice the requests. A short
    /// interval keeps peer lists fresh; with a long one, peers that have left stay in them for longer. Public tracker
    /// lists require 300 to 10800.
    // Minimum: more than one announce per minute from every peer is load without use.
    // Maximum: four hours: with the largest jitter, the longest lifetime still outlasts the interval.
    interval_s: u32 = 1800, integer(60..=14_400);

    /// How long a client is asked to wait at most. The interval of `interval_s` grows by a tenth for each doubling of a
    /// swarm above 1000 peers, and to this value while a core is busy for 70 to 100 percent of the time.
    ///
    /// Allowed: 60 to 14400 seconds. With a value up to `interval_s`, the interval does not grow.
    /// It grows at most so far that `peer_lifetime_s` still outlasts it by 60 seconds.
    ///
    /// An overload then ends by itself: clients return later, within one interval. The interval of one core may differ
    /// from that of another.
    // Minimum: that of `interval_s`: the interval does not grow.
    // Maximum: that of `interval_s`.
    interval_s_max: u32 = 2400, integer(60..=14_400);

    /// How long a client has to wait before its next announce.
    ///
    /// Allowed: 0 to 3600 seconds, and at most `interval_s`. With 0 there is no minimum.
    ///
    /// A peer that announces again before this time receives the same peers each time, is kept no longer for it, and is
    /// counted. Announces with the events `completed` and `stopped`, and those over WebSockets, may come at any time.
    /// HTTP replies contain it as `min interval`, or half of the interval if that is more.
    // Minimum: each announce of a client is a new one.
    // Maximum: an hour: a client that has lost its peers finds no others for this long.
    interval_s_min: u32 = 60, integer(0..=3600);

    /// The largest deviation of a reply's interval from the mean: each reply's interval is drawn uniformly from the mean
    /// plus or minus this percentage.
    ///
    /// Allowed: 0 to 50 percent.
    ///
    /// Jitter spreads out clients that announced at the same moment (after a restart or a network failure), so that
    /// they do not return as one wave. With 0, every client gets the same interval.
    // Minimum: no jitter: every client gets the same interval.
    // Maximum: at half of the interval, announces are already spread evenly; more only delays some clients.
    interval_jitter_percent: u8 = 10, integer(0..=50);

    /// The number of peers returned to a client that does not ask for a number.
    ///
    /// Allowed: 0 to 200 peers, and at most `numwant_max`.
    ///
    /// Clients need about 30 to 50 peers to get started. More peers make longer replies, which cost bandwidth.
    // Minimum: a tracker may return no peers to clients that do not ask for a number.
    numwant_default: u16 = 50, integer(0..=200);

    /// The maximum number of peers returned, however many a client asks for.
    ///
    /// Allowed: 1 to 200 peers.
    ///
    /// A reply with 50 IPv4 peers has 320 bytes, one with 200 has 1220. More peers help clients of large swarms that
    /// lose many connections, and let a scraper list a swarm in fewer requests. A reply carries fewer if they do not
    /// fit in `udp.path_mtu_bytes`.
    // Minimum: a tracker that never returns a peer has no use.
    // Maximum: a reply with 200 IPv4 peers has 1220 bytes, and its packet fits a path of 1280 bytes.
    numwant_max: u16 = 50, integer(1..=200);

    /// How long a peer is kept after its last announce.
    ///
    /// Allowed: 120 to 32000 seconds, and at least 60 seconds more than the longest interval that the jitter can
    /// produce: `interval_s` + `interval_jitter_percent` of it + 60.
    ///
    /// A peer that vanishes without `stopped` is returned to other clients, and uses memory, for this long. A shorter
    /// lifetime removes such peers earlier, but also removes live peers whose announces are lost.
    // Minimum: the shortest interval plus the slack: no interval allows a shorter lifetime.
    // Maximum: a peer's expiry is a 16-bit count of seconds, half of whose range distinguishes the past from the
    // future.
    peer_lifetime_s: u32 = 2700, integer(120..=32_000);
}

section! {
    /// Which clients and torrents are served.
    pub struct Access;

    /// Which clients are served, and which torrents.
    ///
    /// Allowed: "public" (all clients, any torrent), "listed" (all clients, only torrents listed in `allow_file` or
    /// through the management API), "private" (clients with a key, any torrent) or "private-listed" (clients with a
    /// key, only listed torrents).
    ///
    /// A list prevents the tracker from serving torrents that its operator does not know, and keeps made-up torrents
    /// out of its memory. A private tracker accounts the uploads and downloads of each key; its users announce to a
    /// personal URL that contains the key. Clients and torrents denied below are not served in any mode.
    mode: AccessMode = AccessMode::Public, one_of;

    /// A file with the torrents that are served.
    ///
    /// Allowed: the path of a file, or "" for none; only if `mode` is "listed" or "private-listed".
    ///
    /// Each line has one info hash of 40 hexadecimal digits; text after a `#` is a comment. An invalid line is skipped
    /// and logged. Torrents listed through the management API are served as well. The file is reloaded on SIGHUP and
    /// when it changes; if it cannot be read, the list stays as it was, but at the start this is an error. Replace the
    /// file with `mv`: one that is overwritten in place may be read half-written.
    allow_file: Option<PathBuf> = None, path(FILE);

    /// A file with torrents that are not served.
    ///
    /// Allowed: the path of a file, or "" for none.
    ///
    /// It has the format of `allow_file`, is reloaded in the same way and takes precedence: a torrent on both lists is
    /// not served. More torrents can be denied through the management API.
    deny_file: Option<PathBuf> = None, path(FILE);

    /// The client software that is served, identified by the beginning of its peer ids.
    ///
    /// Allowed: a list of 0 to 256 different beginnings of 1 to 20 printable ASCII characters, such as
    /// `["-qB46", "-TR"]`; [] for all clients.
    ///
    /// It keeps honest users from clients that count transfers wrongly. It does not stop anyone determined to get in: a
    /// client can send any peer id.
    allow_clients: Vec<PeerIdPrefix> = Vec::new(), list(0..=CLIENTS_MAX);

    /// The client software that is not served, identified by the beginning of its peer ids.
    ///
    /// Allowed: a list of 0 to 256 different beginnings of 1 to 20 printable ASCII characters, such as
    /// `["-XL", "-SD"]`.
    ///
    /// It takes precedence over `allow_clients`, so that one version of an allowed client can be denied. More clients
    /// can be denied through the management API. The peer id of each announce is compared with all of them.
    deny_clients: Vec<PeerIdPrefix> = Vec::new(), list(0..=CLIENTS_MAX);

    /// The networks that are not served.
    ///
    /// Allowed: a list of 0 to 256 different networks such as `["192.0.2.0/24", "2001:db8::/32"]`, or single addresses.
    ///
    /// More networks can be denied through the management API. Behind a proxy, the client's address is checked, not the
    /// proxy's.
    deny_networks: Vec<IpNet> = Vec::new(), list(0..=NETWORKS_MAX);

    /// The maximum number of torrents on the lists, and of torrents whose completed events are remembered.
    ///
    /// Allowed: 1 to 16000000 torrents.
    ///
    /// A listed torrent takes up to 40 bytes. Torrents beyond the limit are not listed, which is logged, and their
    /// completed events count from zero.
    // Minimum: a list without torrents has no use.
    // Maximum: the capacity of one core, so that the limit also holds with one core. Lists have at most a few million
    // torrents.
    torrents_max: u32 = 10_000_000, integer(1..=16_000_000);

    /// The maximum number of keys.
    ///
    /// Allowed: 1 to 10000000 keys.
    ///
    /// Every core has a copy of each key. The management API creates no key beyond the limit.
    // Minimum: a private tracker without a key serves no clients.
    // Maximum: every core has a copy of each key; no private tracker has more users.
    keys_max: u32 = 1_000_000, integer(1..=10_000_000);

    /// The maximum number of sessions that are accounted. A session is one key's client on one torrent.
    ///
    /// Allowed: 1 to 16000000 sessions, over all cores together. Ignored if `mode` needs no keys.
    ///
    /// A session records the figures of the last announce, from which the transfer since then is computed. Announces
    /// beyond the limit are served, but their transfers are not accounted; such announces are counted.
    // Minimum: one session is the least that can be accounted.
    // Maximum: the capacity of one core, so that the limit also holds with one core: about 3 GB.
    sessions_max: u32 = 10_000_000, integer(1..=16_000_000);

    /// Whether the peers' ids and transfer figures are stored and shown by the management API.
    ///
    /// Allowed: "off" or "on".
    ///
    /// With "on", each peer takes about 100 bytes more, lists of peers over HTTP (`compact=0`) contain the ids, and
    /// `stopped` removes a peer only if it comes with that peer's id. With "off", the management API shows only the
    /// peers' addresses and whether they seed; keys are accounted all the same.
    peer_details: Switch = Switch::Off, one_of;
}

choice! {
    /// Which clients are served, and which torrents.
    pub enum AccessMode {
        Public = "public",
        Listed = "listed",
        Private = "private",
        PrivateListed = "private-listed",
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::values::choice::Choice;

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
