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
    /// The counts of a torrent in one family, zeros if it is not known. Where completed events are remembered, they are
    /// those of both families, whether the torrent has a swarm or not.
    pub(crate) fn counts<A: AddressOfSwarm>(self, info_hash: &InfoHash) -> SwarmCounts {
        self.with_remembered(info_hash, self.swarms.scrape::<A>(info_hash))
    }

    /// The counts with the completed events that are remembered of the torrent, where they are. A torrent that found no
    /// place there has those of its swarm.
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
