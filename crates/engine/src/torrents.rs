use access::Access;
use primitives::{AddressFamily, CompactIpv4, CompactIpv6, InfoHash};
use swarm::{AddressOfSwarm, SwarmCounts, Swarms};

/// What a shard tells of its torrents.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Torrents<'a> {
    pub(crate) swarms: &'a Swarms,
    pub(crate) access: &'a Access,
}

impl Torrents<'_> {
    /// The counts of a torrent in one family, zeros if it is not known. The completed events are those of both families,
    /// and where they are remembered, whether the torrent has a swarm or not.
    pub(crate) fn counts<A: AddressOfSwarm>(self, info_hash: &InfoHash) -> SwarmCounts {
        self.with_completed::<A>(info_hash, self.swarms.scrape::<A>(info_hash))
    }

    /// The counts of one family with the completed events of both.
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

    /// The counts of both families with the completed events that are remembered of the torrent, where they are. A torrent
    /// that found no place there has those of its swarms.
    pub(crate) fn with_remembered(self, info_hash: &InfoHash, counts: SwarmCounts) -> SwarmCounts {
        let remembered = self.access.completed(info_hash).unwrap_or(0);
        SwarmCounts { downloaded: counts.downloaded.max(remembered), ..counts }
    }

    pub(crate) fn counts_in(self, family: AddressFamily, info_hash: &InfoHash) -> SwarmCounts {
        match family {
            AddressFamily::V4 => self.counts::<CompactIpv4>(info_hash),
            AddressFamily::V6 => self.counts::<CompactIpv6>(info_hash),
        }
    }
}
