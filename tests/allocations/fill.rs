//! Filled swarms, and the bytes that the allocator counts for them.

use allocation_counter::measure;
use primitives::{
    AnnounceEvent, CompactIpv4, CompactIpv6, InfoHash, PeerStatus, Second, SwarmFamily, TableSeed,
};
use swarm::{AddressOfSwarm, Announce, Listing, Seeds, SwarmLimits, SwarmSettings, Swarms};

pub(crate) const LIFETIME_S: u32 = 2700;

/// Swarms, with the net bytes allocated since their creation.
pub(crate) struct Weighed {
    pub(crate) swarms: Swarms,
    allocated: i64,
}

/// Addresses derived from numbers, scattered like those of real clients.
pub(crate) trait Numbered: AddressOfSwarm {
    fn numbered(number: u32) -> Self;
}

impl Numbered for CompactIpv4 {
    fn numbered(number: u32) -> Self {
        let [a, b, c, d] = number.wrapping_mul(0x9e37_79b1).to_be_bytes();
        Self([a, b, c, d, 0x1a, 0xe1])
    }
}

impl Numbered for CompactIpv6 {
    fn numbered(number: u32) -> Self {
        let mut bytes = [0x20; 18];
        bytes[4..8].copy_from_slice(&number.wrapping_mul(0x9e37_79b1).to_be_bytes());
        Self(bytes)
    }
}

impl Weighed {
    pub(crate) fn new() -> Self {
        Self::with_swarms_max(10_000_000)
    }

    pub(crate) fn with_swarms_max(swarms_max: u64) -> Self {
        let limits = SwarmLimits {
            swarms_max,
            peers_max: 10_000_000,
            swarm_peers_max: 1_000_000,
            peers_per_host_max: 0,
            bytes_max: u64::MAX,
        };
        let settings = SwarmSettings { limits, peer_lifetime_s: LIFETIME_S, interval_s_min: 0 };
        let mut made = None;
        let info =
            measure(|| made = Some(Swarms::new(settings, Seeds { tables: TableSeed([1; 16]), choice: 2 })));
        Self { swarms: made.expect("it was made"), allocated: info.bytes_current }
    }

    /// Changes the swarms and counts the bytes that this allocates or frees.
    pub(crate) fn change(&mut self, change: impl FnOnce(&mut Swarms)) {
        self.allocated += measure(|| change(&mut self.swarms)).bytes_current;
    }

    pub(crate) fn allocated(&self) -> u64 {
        u64::try_from(self.allocated).expect("more is allocated than freed")
    }

    /// Asserts that the swarms report as many bytes as the allocator.
    pub(crate) fn assert_account_is_right(&self) {
        assert_eq!(self.reported(), self.allocated(), "reported, and allocated");
    }

    /// Bytes that the swarms report.
    pub(crate) fn reported(&self) -> u64 {
        SwarmFamily::ALL.map(|family| self.swarms.totals(family).bytes).iter().sum()
    }

    pub(crate) fn peers(&self) -> u64 {
        SwarmFamily::ALL.map(|family| self.swarms.totals(family).peers()).iter().sum()
    }
}

/// Announces one peer; one in eight is a seeder.
pub(crate) fn announce<A: Numbered>(swarms: &mut Swarms, now: Second, torrent: u32, peer: u32) {
    let mut info_hash = InfoHash([0x77; 20]);
    info_hash.0[..4].copy_from_slice(&torrent.to_be_bytes());
    let status = if peer.is_multiple_of(8) { PeerStatus::Seeder } else { PeerStatus::Leecher };
    let announce = Announce {
        info_hash,
        peer: A::numbered(peer),
        status,
        event: AnnounceEvent::None,
        listing: Listing::Listed,
        peers_wanted: 0,
    };
    swarms.announce(now, None, &announce, &mut []);
}
