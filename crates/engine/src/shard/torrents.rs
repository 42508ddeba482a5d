use crate::now::Now;
use access::Access;
use primitives::{
    AddressFamily, CompactIpv4, CompactIpv6, InfoHash, PeerAddress, PeerInfo, PeerStatus, TorrentInfo,
};
use swarm::{AddressOfSwarm, SwarmCounts, Swarms};

/// A shard's torrents, for reading.
#[derive(Debug, Clone, Copy)]
pub struct Torrents<'a> {
    pub(crate) swarms: &'a Swarms,
    pub(crate) access: &'a Access,
}

impl Torrents<'_> {
    /// Returns the counts of a torrent in one family, zeros if it is not known. Completed events are those of both
    /// families. Where they are remembered, a torrent without a swarm has them too.
    pub(crate) fn counts<A: AddressOfSwarm>(self, info_hash: &InfoHash) -> SwarmCounts {
        self.with_completed::<A>(info_hash, self.swarms.scrape::<A>(info_hash))
    }

    /// Like [`Self::counts`], for a family known only at run time.
    pub(crate) fn counts_in(self, family: AddressFamily, info_hash: &InfoHash) -> SwarmCounts {
        match family {
            AddressFamily::V4 => self.counts::<CompactIpv4>(info_hash),
            AddressFamily::V6 => self.counts::<CompactIpv6>(info_hash),
        }
    }

    /// Returns the counts of one family with the completed events of both.
    pub(crate) fn with_completed<A: AddressOfSwarm>(
        self,
        info_hash: &InfoHash,
        counts: SwarmCounts,
    ) -> SwarmCounts {
        let others = match A::FAMILY {
            AddressFamily::V4 => self.swarms.scrape::<CompactIpv6>(info_hash),
            AddressFamily::V6 => self.swarms.scrape::<CompactIpv4>(info_hash),
        };
        let downloaded = counts.downloaded.saturating_add(others.downloaded);
        self.with_remembered(info_hash, SwarmCounts { downloaded, ..counts })
    }

    /// Returns the counts of both families with the remembered completed events of the torrent, or those of its swarms
    /// if there was no room to remember them.
    pub(super) fn with_remembered(self, info_hash: &InfoHash, counts: SwarmCounts) -> SwarmCounts {
        let remembered = self.access.completed(info_hash).unwrap_or(0);
        SwarmCounts { downloaded: counts.downloaded.max(remembered), ..counts }
    }

    /// Returns a torrent, both families together, if it has a swarm.
    #[must_use]
    pub fn info(self, info_hash: &InfoHash) -> Option<TorrentInfo> {
        let v4 = self.swarms.counts::<CompactIpv4>(info_hash);
        let v6 = self.swarms.counts::<CompactIpv6>(info_hash);
        let both = [v4, v6].into_iter().flatten().reduce(sum)?;
        Some(info_of(*info_hash, self.with_remembered(info_hash, both)))
    }

    /// Returns peers of a torrent, those of IPv4 first.
    #[must_use]
    pub fn peers(self, now: Now, info_hash: &InfoHash, peers_max: usize) -> Vec<PeerInfo> {
        let mut peers = Vec::new();
        self.add_peers::<CompactIpv4>(now, info_hash, peers_max, &mut peers);
        self.add_peers::<CompactIpv6>(now, info_hash, peers_max, &mut peers);
        peers
    }

    fn add_peers<A: AddressOfSwarm>(
        self,
        now: Now,
        info_hash: &InfoHash,
        peers_max: usize,
        peers: &mut Vec<PeerInfo>,
    ) {
        let room = peers_max - peers.len();
        self.swarms.peers(now.monotonic, info_hash, room, |address: A, status, heard_s_ago| {
            peers.push(self.peer_info(info_hash, address.into(), status, heard_s_ago));
        });
    }

    fn peer_info(
        self,
        info_hash: &InfoHash,
        address: PeerAddress,
        status: PeerStatus,
        heard_s_ago: u32,
    ) -> PeerInfo {
        let details = self.access.details().get(info_hash, address).copied();
        let address = match address {
            PeerAddress::V4(address) => address.socket_address(),
            PeerAddress::V6(address) => address.socket_address(),
        };
        PeerInfo { address, status, heard_s_ago, details }
    }
}

pub(super) const fn sum(one: SwarmCounts, other: SwarmCounts) -> SwarmCounts {
    SwarmCounts {
        seeders: one.seeders.saturating_add(other.seeders),
        leechers: one.leechers.saturating_add(other.leechers),
        downloaded: one.downloaded.saturating_add(other.downloaded),
    }
}

pub(super) const fn info_of(info_hash: InfoHash, counts: SwarmCounts) -> TorrentInfo {
    let SwarmCounts { seeders, leechers, downloaded } = counts;
    TorrentInfo { info_hash, seeders, leechers, completed: downloaded }
}
