//! `[announce]`: replies to announces.

use confique::Config;
use serde::Serialize;

use crate::limits;
use crate::values::integer::between;

/// The contents of replies to announces, and the lifetime of peers.
#[derive(Debug, Clone, PartialEq, Eq, Config, Serialize)]
pub struct Announce {
    /// How long a client is asked to wait before its next announce.
    ///
    /// Allowed: 60 to 14400 seconds.
    ///
    /// The load is the number of peers divided by the interval: half the interval means twice the requests. A short
    /// interval keeps peer lists fresh; with a long one, peers that have left stay in them for longer. Public tracker
    /// lists require 300 to 10800.
    #[config(
        env = "RINGTRACK_ANNOUNCE_INTERVAL_S",
        default = 1800,
        deserialize_with = between::<
            { limits::ANNOUNCE_INTERVAL_S_MIN }, { limits::ANNOUNCE_INTERVAL_S_MAX }, _, _
        >
    )]
    pub interval_s: u32,

    /// The largest deviation of a reply's interval from `interval_s`: each reply's interval is drawn uniformly from
    /// `interval_s` plus or minus this percentage.
    ///
    /// Allowed: 0 to 50 percent.
    ///
    /// Jitter spreads out clients that announced at the same moment (after a restart or a network failure), so that
    /// they do not return as one wave. With 0, every client gets the same interval.
    #[config(
        env = "RINGTRACK_ANNOUNCE_INTERVAL_JITTER_PERCENT",
        default = 10,
        deserialize_with = between::<
            { limits::ANNOUNCE_INTERVAL_JITTER_PERCENT_MIN },
            { limits::ANNOUNCE_INTERVAL_JITTER_PERCENT_MAX }, _, _
        >
    )]
    pub interval_jitter_percent: u8,

    /// The number of peers returned to a client that does not ask for a number.
    ///
    /// Allowed: 0 to 200 peers, and at most `numwant_max`.
    ///
    /// Clients need about 30 to 50 peers to get started. More peers make longer replies, which cost bandwidth.
    #[config(
        env = "RINGTRACK_ANNOUNCE_NUMWANT_DEFAULT",
        default = 50,
        deserialize_with = between::<
            { limits::ANNOUNCE_NUMWANT_DEFAULT_MIN }, { limits::ANNOUNCE_NUMWANT_MAX }, _, _
        >
    )]
    pub numwant_default: u16,

    /// The maximum number of peers returned, however many a client asks for.
    ///
    /// Allowed: 1 to 200 peers.
    ///
    /// A reply with 50 IPv4 peers has 320 bytes, one with 200 has 1220. More peers help clients of large swarms that
    /// lose many connections, and let a scraper list a swarm in fewer requests. A reply carries fewer if they do not
    /// fit in `udp.path_mtu_bytes`.
    #[config(
        env = "RINGTRACK_ANNOUNCE_NUMWANT_MAX",
        default = 50,
        deserialize_with = between::<
            { limits::ANNOUNCE_NUMWANT_MAX_MIN }, { limits::ANNOUNCE_NUMWANT_MAX }, _, _
        >
    )]
    pub numwant_max: u16,

    /// How long a peer is kept after its last announce.
    ///
    /// Allowed: 120 to 32000 seconds, and at least 60 seconds more than the longest interval that the jitter can
    /// produce: `interval_s` + `interval_jitter_percent` of it + 60.
    ///
    /// A peer that vanishes without `stopped` is returned to other clients, and uses memory, for this long. A shorter
    /// lifetime removes such peers earlier, but also removes live peers whose announces are lost.
    #[config(
        env = "RINGTRACK_ANNOUNCE_PEER_LIFETIME_S",
        default = 2700,
        deserialize_with = between::<
            { limits::ANNOUNCE_PEER_LIFETIME_S_MIN }, { limits::ANNOUNCE_PEER_LIFETIME_S_MAX }, _, _
        >
    )]
    pub peer_lifetime_s: u32,
}
