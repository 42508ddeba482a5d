use crate::connection_id::ConnectionIdKey;
use crate::limits::{
    BIG_SWARM_PEERS, IPV4_UDP_HEADER_BYTES, IPV6_UDP_HEADER_BYTES, PATH_MTU_BYTES_MIN, PEERS_PER_REPLY_MAX,
    REPLY_BYTES_MAX,
};
use crate::load::Load;
use access::{AccessBounds, AccessPolicy};
use core::fmt;
use primitives::{AddressFamily, ShardCount, ShardId, SteeringKey, TableSeed};
use swarm::{Seeds, SwarmSettings};
use udp_protocol::Numwant;

/// The settings of one core.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EngineSettings {
    pub shards: ShardCount,
    pub shard: ShardId,
    pub announce: AnnouncePolicy,
    /// Bytes of the largest IP packet that is sent, headers included.
    pub path_mtu_bytes: u16,
    /// Seconds for which a connection id is accepted at least. It expires after at most twice this time.
    pub connection_id_lifetime_s: u32,
    pub invalid_connection_id: InvalidConnectionId,
    pub swarms: SwarmSettings,
    pub access: AccessPolicy,
    pub access_bounds: AccessBounds,
    /// `None` if nothing is forwarded.
    pub forwarding: Option<ForwardingBounds>,
}

/// The limits of what one core keeps for forwarding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ForwardingBounds {
    /// Torrents that are announced to upstream trackers.
    pub torrents_max: usize,
    /// External peers of all torrents.
    pub peers_max: usize,
}

/// The intervals and numbers of peers in answers to announces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AnnouncePolicy {
    /// Mean seconds between two announces of a client, while the core is not busy and its swarm is not big.
    pub interval_s: u32,
    /// The longest mean, which the load of the core and the size of the swarm may reach.
    pub interval_s_max: u32,
    /// Each interval is drawn from the mean plus or minus this part of it, so that the clients of a swarm do not announce in
    /// step.
    pub interval_jitter_percent: u8,
    /// Peers for a client that leaves the number to the tracker.
    pub numwant_default: u16,
    /// Peers for a client that asks for more, at most 200.
    pub numwant_max: u16,
}

/// What happens to a request whose connection id is not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InvalidConnectionId {
    /// The reply is an error, which is shorter than the request.
    Error,
    Drop,
}

/// The keys and seeds that must stay secret. They are generated or read once, passed in and never printed.
#[derive(Clone)]
pub struct Secrets {
    pub connection_ids: ConnectionIdKey,
    /// Keys the function from info hash to shard.
    pub steering: SteeringKey,
    /// Different on each core.
    pub swarms: Seeds,
    /// Keys the hash tables of lists and keys. Different on each core.
    pub access: TableSeed,
    /// The seed for drawing announce intervals.
    pub intervals: u64,
}

impl fmt::Debug for Secrets {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Secrets")
    }
}

impl EngineSettings {
    /// Returns the bytes of the longest datagram that is sent to a client of this family.
    #[must_use]
    pub const fn reply_bytes_max(&self, family: AddressFamily) -> usize {
        let headers = match family {
            AddressFamily::V4 => IPV4_UDP_HEADER_BYTES,
            AddressFamily::V6 => IPV6_UDP_HEADER_BYTES,
        };
        let payload = self.path_mtu_bytes.saturating_sub(headers) as usize;
        if payload < REPLY_BYTES_MAX { payload } else { REPLY_BYTES_MAX }
    }

    pub(crate) fn assert_valid(&self) {
        assert!(self.shard.index() < usize::from(self.shards.get()), "the shard is one of the shards");
        assert!(self.path_mtu_bytes >= PATH_MTU_BYTES_MIN, "path_mtu_bytes");
        assert!(self.connection_id_lifetime_s > 0, "connection_id_lifetime_s");
        assert!(self.announce.numwant_max <= PEERS_PER_REPLY_MAX, "numwant_max");
        assert!(self.announce.numwant_default <= self.announce.numwant_max, "numwant_default");
        assert!(self.announce.interval_jitter_percent <= 100, "interval_jitter_percent");
        assert!(self.announce.interval_s <= self.announce.interval_s_max, "interval_s_max");
        assert!(self.swarms.interval_s_min <= self.announce.interval_s, "interval_s_min");
    }
}

impl AnnouncePolicy {
    /// Returns the maximum number of peers in the answer to an announce.
    pub(crate) fn peers_wanted(&self, numwant: Numwant) -> u16 {
        match numwant {
            Numwant::Default => self.numwant_default,
            Numwant::AtMost(wanted) => u16::try_from(wanted).unwrap_or(u16::MAX).min(self.numwant_max),
        }
    }

    /// Returns the mean seconds between two announces of a client of a swarm with this many peers.
    pub(crate) fn interval_s(&self, load: Load, peers: u64) -> u32 {
        let of_size = u64::from(self.interval_s) * size_permille(peers) / 1000;
        let of_size = u32::try_from(of_size).unwrap_or(u32::MAX).min(self.interval_s_max);
        of_size + load.part_of(self.interval_s_max - of_size)
    }

    /// Returns the seconds until a client should announce again, given the mean.
    pub(crate) fn jittered_s(&self, interval_s: u32, rng: &mut fastrand::Rng) -> u32 {
        let jitter_s = interval_s * u32::from(self.interval_jitter_percent) / 100;
        interval_s - jitter_s + rng.u32(0..=2 * jitter_s)
    }
}

/// Returns by how much the size of a swarm stretches its interval: a tenth for each doubling.
fn size_permille(peers: u64) -> u64 {
    let Some(doublings) = (peers / BIG_SWARM_PEERS).checked_ilog2() else { return 1000 };
    let beyond = (peers >> doublings) - BIG_SWARM_PEERS;
    1000 + 100 * u64::from(doublings) + 100 * beyond / BIG_SWARM_PEERS
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: AnnouncePolicy = AnnouncePolicy {
        interval_s: 1800,
        interval_s_max: 2400,
        interval_jitter_percent: 10,
        numwant_default: 50,
        numwant_max: 50,
    };

    #[test]
    fn the_interval_grows_by_a_tenth_for_each_doubling_of_a_big_swarm() {
        for (peers, interval_s) in [
            (0, 1800),
            (1000, 1800),
            (1500, 1890),
            (2000, 1980),
            (3999, 2158),
            (4000, 2160),
            (8000, 2340),
            (10_000, 2385),
            (16_000, 2400),
            (u64::MAX, 2400),
        ] {
            assert_eq!(POLICY.interval_s(Load::NONE, peers), interval_s, "{peers} peers");
        }
    }

    #[test]
    fn an_interval_is_drawn_from_all_around_the_mean() {
        let mut rng = fastrand::Rng::with_seed(1);
        let drawn: Vec<u32> = (0..10_000).map(|_| POLICY.jittered_s(2400, &mut rng)).collect();
        assert_eq!((drawn.iter().min(), drawn.iter().max()), (Some(&2160), Some(&2640)));
    }
}
