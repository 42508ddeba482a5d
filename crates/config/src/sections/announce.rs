//! `[announce]`: what an announce is answered.

use confique::Config;
use serde::Serialize;

use crate::limits;
use crate::values::integer::between;

/// What an announce is answered.
#[derive(Debug, Clone, PartialEq, Eq, Config, Serialize)]
pub struct Announce {
    /// How long a client is asked to wait until its next announce.
    ///
    /// Allowed: 60 to 14400 seconds.
    ///
    /// The load is the number of peers divided by this: half the interval is twice the requests. A short one
    /// keeps the lists of peers fresh; a long one leaves peers that are gone in them for longer. Lists of
    /// public trackers ask for 300 to 10800.
    #[config(
        env = "RINGTRACK_ANNOUNCE_INTERVAL_S",
        default = 1800,
        deserialize_with = between::<
            { limits::ANNOUNCE_INTERVAL_S_MIN }, { limits::ANNOUNCE_INTERVAL_S_MAX }, _, _
        >
    )]
    pub interval_s: u32,

    /// How far the interval of a single reply may be from the configured one: each is drawn evenly from the
    /// interval plus or minus this share of it.
    ///
    /// Allowed: 0 to 50 percent.
    ///
    /// Jitter pulls apart clients that came at the same moment (after a restart or a network failure), so
    /// that they do not come back as one wave. 0 gives every client the same interval.
    #[config(
        env = "RINGTRACK_ANNOUNCE_INTERVAL_JITTER_PERCENT",
        default = 10,
        deserialize_with = between::<
            { limits::ANNOUNCE_INTERVAL_JITTER_PERCENT_MIN },
            { limits::ANNOUNCE_INTERVAL_JITTER_PERCENT_MAX }, _, _
        >
    )]
    pub interval_jitter_percent: u8,

    /// How many peers a client is given that does not say how many it wants.
    ///
    /// Allowed: 0 to 200 peers, and not more than `numwant_max`.
    ///
    /// Clients need about 30 to 50 to get going. More peers make longer replies, which cost bandwidth.
    #[config(
        env = "RINGTRACK_ANNOUNCE_NUMWANT_DEFAULT",
        default = 50,
        deserialize_with = between::<
            { limits::ANNOUNCE_NUMWANT_DEFAULT_MIN }, { limits::ANNOUNCE_NUMWANT_MAX }, _, _
        >
    )]
    pub numwant_default: u16,

    /// How many peers a client is given at most, however many it wants.
    ///
    /// Allowed: 1 to 200 peers.
    ///
    /// A reply of 50 IPv4 peers has 320 bytes, one of 200 has 1220. More peers help clients of large swarms
    /// that lose many connections, and let a scraper list a swarm in fewer requests. A reply carries fewer
    /// where `udp.path_mtu_bytes` leaves no room.
    #[config(
        env = "RINGTRACK_ANNOUNCE_NUMWANT_MAX",
        default = 50,
        deserialize_with = between::<
            { limits::ANNOUNCE_NUMWANT_MAX_MIN }, { limits::ANNOUNCE_NUMWANT_MAX }, _, _
        >
    )]
    pub numwant_max: u16,

    /// After how long without an announce a peer is forgotten.
    ///
    /// Allowed: 120 to 32000 seconds, and at least 60 seconds more than the longest interval that the
    /// jitter can make: `interval_s` + `interval_jitter_percent` of it + 60.
    ///
    /// A peer that vanishes without saying so is given to others, and fills memory, for this long. A shorter
    /// lifetime clears them earlier, but forgets live peers whose announces get lost.
    #[config(
        env = "RINGTRACK_ANNOUNCE_PEER_LIFETIME_S",
        default = 2700,
        deserialize_with = between::<
            { limits::ANNOUNCE_PEER_LIFETIME_S_MIN }, { limits::ANNOUNCE_PEER_LIFETIME_S_MAX }, _, _
        >
    )]
    pub peer_lifetime_s: u32,
}
