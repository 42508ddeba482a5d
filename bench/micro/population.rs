//! Populated swarms, and announces of their peers.

use primitives::{AnnounceEvent, CompactIpv4, InfoHash, PeerStatus, Second, TableSeed};
use std::net::Ipv4Addr;
use swarm::{Announce, Listing, Seeds, SwarmLimits, SwarmSettings, Swarms};

/// Time of all announces, long before the peers expire.
pub(crate) const NOW: Second = Second(0);

/// Peers per response.
pub(crate) const PEERS_WANTED: usize = 30;

/// Seconds until a peer expires: the longest that can be set.
pub(crate) const PEER_LIFETIME_S: u32 = swarm::PEER_LIFETIME_S_MAX;

/// Limit of announces that a measurement cycles through. With their peers, they are far larger than caches.
const ANNOUNCES_MAX: u32 = 1 << 20;

/// Number of the first newcomer, above those of all settled peers.
const NEWCOMERS_FROM: u32 = 0x8000_0000;

/// The distribution of peers over torrents.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Spread {
    /// The same number in each.
    Even,
    /// As on a public tracker: almost half of the peers in a tenth of the torrents.
    Skewed,
}

/// A set of peers. Everything about a peer follows from its number.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Population {
    pub(crate) torrents: u32,
    pub(crate) peers: u32,
    pub(crate) spread: Spread,
}

impl Population {
    /// Returns swarms with all peers.
    pub(crate) fn settle(&self) -> Swarms {
        let mut swarms = Swarms::new(settings(u64::MAX), Seeds { tables: TableSeed([1; 16]), choice: 2 });
        for number in 0..self.peers {
            swarms.announce(NOW, None, &self.announce(number), &mut []);
        }
        swarms
    }

    /// Returns announces of settled peers in random order.
    pub(crate) fn announces(&self) -> Vec<Announce<CompactIpv4>> {
        let announces = self.peers.min(ANNOUNCES_MAX);
        let mut rng = fastrand::Rng::with_seed(3);
        (0..announces).map(|_| self.announce(rng.u32(0..self.peers))).collect()
    }

    /// Returns announces of `count` new peers of the same torrents.
    pub(crate) fn newcomers(&self, count: u32) -> Vec<Announce<CompactIpv4>> {
        (NEWCOMERS_FROM..NEWCOMERS_FROM + count).map(|number| self.announce(number)).collect()
    }

    /// Returns the announce of a made-up torrent.
    pub(crate) fn made_up(&self, number: u32) -> Announce<CompactIpv4> {
        let info_hash = info_hash(self.torrents.wrapping_add(number));
        Announce { info_hash, ..self.announce(NEWCOMERS_FROM + number % NEWCOMERS_FROM) }
    }

    fn announce(&self, number: u32) -> Announce<CompactIpv4> {
        let luck = mix(u64::from(number));
        Announce {
            info_hash: info_hash(self.torrent_of(number, luck)),
            peer: CompactIpv4::new(Ipv4Addr::from_bits(number), 6881),
            // Four of five are seeders, as public trackers report.
            status: if mix(luck).is_multiple_of(5) { PeerStatus::Leecher } else { PeerStatus::Seeder },
            event: AnnounceEvent::None,
            listing: Listing::Listed,
            peers_wanted: PEERS_WANTED,
        }
    }

    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to below the torrents")]
    fn torrent_of(&self, number: u32, luck: u64) -> u32 {
        match self.spread {
            Spread::Even => number % self.torrents,
            Spread::Skewed => {
                let fraction = (luck >> 11) as f64 / (1_u64 << 53) as f64;
                (fraction.powi(3) * f64::from(self.torrents)) as u32
            }
        }
    }
}

/// Returns settings with a limit on swarms and no other.
pub(crate) const fn settings(swarms_max: u64) -> SwarmSettings {
    let limits = SwarmLimits {
        swarms_max,
        peers_max: u64::MAX,
        swarm_peers_max: swarm::SWARM_PEERS_MAX,
        peers_per_host_max: 0,
        bytes_max: u64::MAX,
    };
    SwarmSettings { limits, peer_lifetime_s: PEER_LIFETIME_S, interval_s_min: 0 }
}

fn info_hash(torrent: u32) -> InfoHash {
    let mut bytes = [0; InfoHash::BYTES];
    let mut state = u64::from(torrent);
    for chunk in bytes.chunks_mut(8) {
        state = mix(state);
        chunk.copy_from_slice(&state.to_le_bytes()[..chunk.len()]);
    }
    InfoHash(bytes)
}

/// `SplitMix64`'s finalizer: neighbouring numbers become unrelated ones.
const fn mix(number: u64) -> u64 {
    let number = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}
