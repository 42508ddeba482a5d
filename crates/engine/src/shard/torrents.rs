use super::forwarding::Forwarding;
use crate::now::Now;
use access::Access;
use primitives::{
    AddressFamily, CompactIpv4, CompactIpv6, InfoHash, PeerAddress, PeerInfo, PeerStatus, SwarmFamily,
    TorrentInfo,
};
use swarm::{AddressOfSwarm, PeerOfSwarm, SwarmCounts, Swarms};

/// A shard's torrents, for reading.
#[derive(Debug, Clone, Copy)]
pub struct Torrents<'a> {
    pub(crate) swarms: &'a Swarms,
    pub(crate) access: &'a Access,
    pub(super) forwarding: Option<&'a Forwarding>,
}

impl Torrents<'_> {
    /// Returns the counts of a torrent in one family with those of upstream trackers, zeros if it is not known. Completed
    /// events are those of all families. Where they are remembered, a torrent without a swarm has them too.
    pub(crate) fn counts<A: AddressOfSwarm>(self, info_hash: &InfoHash) -> SwarmCounts {
        let own = self.with_completed::<A>(info_hash, self.swarms.scrape::<A>(info_hash));
        let external = self.forwarding.and_then(|forwarding| forwarding.external(info_hash));
        external.map_or(own, |external| external.combined(own))
    }

    /// Like [`Self::counts`], for a family known only at run time.
    pub(crate) fn counts_in(self, family: AddressFamily, info_hash: &InfoHash) -> SwarmCounts {
        match family {
            AddressFamily::V4 => self.counts::<CompactIpv4>(info_hash),
            AddressFamily::V6 => self.counts::<CompactIpv6>(info_hash),
        }
    }

    /// Returns the counts of one family with the completed events of all.
    pub(crate) fn with_completed<A: PeerOfSwarm>(
        self,
        info_hash: &InfoHash,
        counts: SwarmCounts,
    ) -> SwarmCounts {
        let others = SwarmFamily::ALL.into_iter().filter(|&family| family != A::SWARM_FAMILY);
        let others = others.filter_map(|family| self.swarms.counts_in(family, info_hash));
        let SwarmCounts { downloaded, .. } = others.fold(counts, sum);
        self.with_remembered(info_hash, SwarmCounts { downloaded, ..counts })
    }

    /// Returns the counts of all families with the remembered completed events of the torrent, or those of its swarms
    /// if there was no room to remember them.
    pub(super) fn with_remembered(self, info_hash: &InfoHash, counts: SwarmCounts) -> SwarmCounts {
        let remembered = self.access.completed(info_hash).unwrap_or(0);
        SwarmCounts { downloaded: counts.downloaded.max(remembered), ..counts }
    }

    /// Returns a torrent, all families together, if it has a swarm.
    #[must_use]
    pub fn info(self, info_hash: &InfoHash) -> Option<TorrentInfo> {
        let counts = self.counts_of_swarms(info_hash)?;
        Some(info_of(*info_hash, self.with_remembered(info_hash, counts)))
    }

    /// Returns the counts of a torrent, all families together, zeros if it is not known.
    #[must_use]
    pub fn all_counts(self, info_hash: &InfoHash) -> SwarmCounts {
        self.with_remembered(info_hash, self.counts_of_swarms(info_hash).unwrap_or_default())
    }

    fn counts_of_swarms(self, info_hash: &InfoHash) -> Option<SwarmCounts> {
        SwarmFamily::ALL.into_iter().filter_map(|family| self.swarms.counts_in(family, info_hash)).reduce(sum)
    }

    /// Returns peers of a torrent that have an address, those of IPv4 first.
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
        PeerInfo { address: address.socket_address(), status, heard_s_ago, details }
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

#[cfg(test)]
mod tests {
    use super::super::{BranchCountScan, FirstTorrentsScan, ScanStep};
    use super::*;
    use access::{AccessBounds, AccessPolicy, AccountBounds, DetailsBounds, TorrentTableBounds};
    use primitives::{
        AnnounceEvent, FirstTorrents, InfoHashPrefix, Second, TableSeed, TorrentOrder, WebRtcPeer,
    };
    use swarm::{Announce, Listing, Seeds, SwarmLimits, SwarmSettings};

    fn access() -> Access {
        let bounds = AccessBounds {
            torrent_table: TorrentTableBounds { entries_max: 10, counted_max: 10 },
            keys_max: 10,
            accounts: AccountBounds { sessions_max: 10, changed_max: 10, lifetime_s: 120 },
            details: DetailsBounds { peers_max: 10, lifetime_s: 120 },
        };
        Access::new(AccessPolicy::PUBLIC, &bounds, TableSeed([1; 16]))
    }

    /// Lets one peer of the family download a torrent.
    fn complete<A: PeerOfSwarm>(swarms: &mut Swarms, torrent: u8) {
        for (status, event) in
            [(PeerStatus::Leecher, AnnounceEvent::Started), (PeerStatus::Seeder, AnnounceEvent::Completed)]
        {
            let (info_hash, listing) = (InfoHash([torrent; 20]), Listing::Listed);
            let announce =
                Announce { info_hash, peer: A::UNSPECIFIED, status, event, listing, peers_wanted: 0 };
            swarms.announce(Second(1), None, &announce, &mut []);
        }
    }

    fn finished<S>(mut scan: S, mut advance: impl FnMut(&mut S) -> ScanStep) -> S {
        while advance(&mut scan) == ScanStep::More {}
        scan
    }

    #[test]
    fn a_torrent_is_listed_once_with_the_peers_of_all_families() {
        let limits = SwarmLimits {
            swarms_max: 10,
            peers_max: 10,
            swarm_peers_max: 10,
            peers_per_host_max: 0,
            bytes_max: 1 << 20,
        };
        let settings = SwarmSettings { limits, peer_lifetime_s: 120, interval_s_min: 0 };
        let mut swarms = Swarms::new(settings, Seeds { tables: TableSeed([1; 16]), choice: 2 });
        complete::<CompactIpv4>(&mut swarms, 1);
        complete::<CompactIpv6>(&mut swarms, 1);
        complete::<WebRtcPeer>(&mut swarms, 1);
        complete::<WebRtcPeer>(&mut swarms, 2);
        let torrents = Torrents { swarms: &swarms, access: &access(), forwarding: None };
        let expected = [(1, 3), (2, 1)].map(|(torrent, peers)| {
            let counts = SwarmCounts { seeders: peers, leechers: 0, downloaded: peers.into() };
            info_of(InfoHash([torrent; 20]), counts)
        });
        for info in &expected {
            assert_eq!(torrents.info(&info.info_hash).as_ref(), Some(info));
            let SwarmCounts { seeders, downloaded, .. } = torrents.all_counts(&info.info_hash);
            assert_eq!((seeders, downloaded), (info.seeders, info.completed));
            assert_eq!(torrents.counts::<CompactIpv4>(&info.info_hash).downloaded, info.completed);
        }
        let wanted = FirstTorrents { order: TorrentOrder::Peers, from: InfoHash([0; 20]), torrents_max: 10 };
        let first = finished(FirstTorrentsScan::new(wanted), |scan| scan.advance(torrents));
        let mut first = first.finish();
        first.sort_unstable_by_key(|info| info.info_hash);
        assert_eq!(first, expected);
        let scan = BranchCountScan::new(InfoHashPrefix::default());
        let counted = finished(scan, |scan| scan.advance(torrents)).finish();
        assert_eq!(counted.iter().sum::<u32>(), 2);
        assert_eq!(torrents.all_counts(&InfoHash([3; 20])), SwarmCounts::default());
    }
}
