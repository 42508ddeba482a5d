use crate::connection_id::ConnectionIdKey;
use crate::limits::{
    IPV4_UDP_HEADER_BYTES, IPV6_UDP_HEADER_BYTES, PATH_MTU_BYTES_MIN, PEERS_PER_REPLY_MAX, REPLY_BYTES_MAX,
};
use access::{AccessBounds, AccessPolicy};
use core::fmt;
use primitives::{AddressFamily, ShardCount, ShardId, SteeringKey, TableSeed};
use swarm::{Seeds, SwarmSettings};
use udp_protocol::Numwant;

/// How a core answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EngineSettings {
    /// Shards of the tracker.
    pub shards: ShardCount,
    /// The core's own.
    pub shard: ShardId,
    /// Answers to announces.
    pub announce: AnnouncePolicy,
    /// Bytes of an IP packet, headers included, that no reply exceeds.
    pub path_mtu_bytes: u16,
    /// Seconds for which a connection id is accepted at least; at most it is twice as long.
    pub connection_id_lifetime_s: u32,
    /// What happens to requests with a connection id that is not accepted.
    pub invalid_connection_id: InvalidConnectionId,
    /// How swarms are kept.
    pub swarms: SwarmSettings,
    /// Who is served.
    pub access: AccessPolicy,
    /// How much is known of who is served.
    pub access_bounds: AccessBounds,
}

/// What an answer to an announce holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AnnouncePolicy {
    /// Mean seconds between two announces of a client.
    pub interval_s: u32,
    /// Each interval is drawn from the mean minus this to the mean plus this, so that the clients of a swarm
    /// do not come back in step.
    pub interval_jitter_s: u32,
    /// Peers for a client that leaves the number to the tracker.
    pub numwant_default: u16,
    /// Peers for a client that asks for more, at most 200.
    pub numwant_max: u16,
}

/// What happens to a request whose connection id is not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InvalidConnectionId {
    /// It is answered with an error, shorter than the request.
    Error,
    /// It is dropped.
    Drop,
}

/// What nobody outside may know. Made or read once, passed in, never printed.
#[derive(Clone)]
pub struct Secrets {
    /// Keys the connection ids.
    pub connection_ids: ConnectionIdKey,
    /// Keys the function from info hash to shard.
    pub steering: SteeringKey,
    /// The randomness of the swarms; another for each core.
    pub swarms: Seeds,
    /// Keys the tables of lists and keys; another for each core.
    pub access: TableSeed,
    /// Begins the draw of intervals.
    pub intervals: u64,
}

impl fmt::Debug for Secrets {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Secrets")
    }
}

impl EngineSettings {
    /// Bytes of the longest datagram that is sent to a client of this family.
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
        assert!(self.announce.interval_jitter_s <= self.announce.interval_s, "interval_jitter_s");
    }
}

impl AnnouncePolicy {
    /// Peers that an announce is answered with at most.
    pub(crate) fn peers_wanted(&self, numwant: Numwant) -> u16 {
        match numwant {
            Numwant::Default => self.numwant_default,
            Numwant::AtMost(wanted) => u16::try_from(wanted).unwrap_or(u16::MAX).min(self.numwant_max),
        }
    }

    /// Seconds until the client should come back.
    pub(crate) fn draw_interval_s(&self, rng: &mut fastrand::Rng) -> u32 {
        self.interval_s - self.interval_jitter_s + rng.u32(0..=2 * self.interval_jitter_s)
    }
}
