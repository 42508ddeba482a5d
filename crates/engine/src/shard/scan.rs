use super::torrents::{Torrents, info_of, sum};
use crate::limits::SCAN_SWARMS;
use core::cmp::Reverse;
use primitives::{
    CompactIpv4, CompactIpv6, FirstTorrents, InfoHash, InfoHashPrefix, SwarmFamily, TorrentInfo,
    TorrentOrder, WebRtcPeer,
};
use std::collections::BinaryHeap;
use swarm::SwarmCounts;

/// A scan for the first torrents of an order.
#[derive(Debug)]
pub struct FirstTorrentsScan {
    place: Place,
    wanted: FirstTorrents,
    /// The first of the torrents visited; the last of them is on top.
    ranked: BinaryHeap<Reverse<Ranked>>,
}

/// A scan that counts the torrents in each branch of a prefix.
#[derive(Debug)]
pub struct BranchCountScan {
    place: Place,
    prefix: InfoHashPrefix,
    counts: Vec<u32>,
}

/// How far a scan of one core's torrents has come.
///
/// It visits the swarms of one family after the other. A torrent is counted with the first of its swarms.
#[derive(Debug)]
struct Place {
    family: SwarmFamily,
    slot: u32,
}

/// Whether a scan has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScanStep {
    /// It is to be continued.
    More,
    /// Its result can be sent.
    Done,
}

/// A torrent, ordered by its rank: the greatest is the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Ranked {
    rank: u64,
    info: TorrentInfo,
}

impl Ord for Ranked {
    fn cmp(&self, other: &Self) -> core::cmp::Ordering {
        let key = |ranked: &Self| (ranked.rank, Reverse(ranked.info.info_hash));
        key(self).cmp(&key(other))
    }
}

impl PartialOrd for Ranked {
    fn partial_cmp(&self, other: &Self) -> Option<core::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

/// A swarm that a scan visits. The rest of its torrent is looked up only where it is needed: each look-up costs more
/// than the visit.
#[derive(Clone, Copy)]
struct Seen<'a> {
    info_hash: InfoHash,
    family: SwarmFamily,
    counts: SwarmCounts,
    torrents: Torrents<'a>,
}

impl Seen<'_> {
    /// Returns whether the torrent has not been visited yet.
    fn is_new(&self) -> bool {
        let earlier = &SwarmFamily::ALL[..self.family as usize];
        earlier.iter().all(|&family| self.torrents.swarms.counts_in(family, &self.info_hash).is_none())
    }

    /// Returns a torrent that [is new](Self::is_new), all families together.
    fn info(&self) -> TorrentInfo {
        let later = SwarmFamily::ALL[self.family as usize..].iter().skip(1);
        let counts = later.filter_map(|&family| self.torrents.swarms.counts_in(family, &self.info_hash));
        info_of(self.info_hash, counts.fold(self.counts, sum))
    }

    /// Returns the torrent with its remembered completed events.
    fn with_remembered(&self, info: TorrentInfo) -> TorrentInfo {
        let TorrentInfo { info_hash, seeders, leechers, completed } = info;
        let counts = SwarmCounts { seeders, leechers, downloaded: completed };
        info_of(info_hash, self.torrents.with_remembered(&info_hash, counts))
    }
}

impl Place {
    const START: Self = Self { family: SwarmFamily::V4, slot: 0 };

    /// Visits torrents for tens of microseconds.
    fn advance<'a>(&mut self, torrents: Torrents<'a>, mut visit: impl FnMut(Seen<'a>)) -> ScanStep {
        let family = self.family;
        let visit = |info_hash, counts| visit(Seen { info_hash, family, counts, torrents });
        let next = match family {
            SwarmFamily::V4 => torrents.swarms.page::<CompactIpv4>(self.slot, SCAN_SWARMS, visit),
            SwarmFamily::V6 => torrents.swarms.page::<CompactIpv6>(self.slot, SCAN_SWARMS, visit),
            SwarmFamily::WebRtc => torrents.swarms.page::<WebRtcPeer>(self.slot, SCAN_SWARMS, visit),
        };
        match (next, SwarmFamily::ALL.get(family as usize + 1)) {
            (Some(next), _) => self.slot = next,
            (None, Some(&family)) => *self = Self { family, slot: 0 },
            (None, None) => return ScanStep::Done,
        }
        ScanStep::More
    }
}

impl FirstTorrentsScan {
    /// Returns a scan that has visited nothing yet.
    #[must_use]
    pub const fn new(wanted: FirstTorrents) -> Self {
        Self { place: Place::START, wanted, ranked: BinaryHeap::new() }
    }

    /// Continues the scan for tens of microseconds.
    pub fn advance(&mut self, torrents: Torrents<'_>) -> ScanStep {
        self.place.advance(torrents, |seen| visit_first(self.wanted, &mut self.ranked, seen))
    }

    /// Returns the torrents in no particular order: sorting a hundred thousand takes longer than a core may leave its
    /// requests waiting.
    #[must_use]
    pub fn finish(self) -> Vec<TorrentInfo> {
        self.ranked.into_vec().into_iter().map(|Reverse(ranked)| ranked.info).collect()
    }
}

impl BranchCountScan {
    /// Returns a scan that has visited nothing yet.
    #[must_use]
    pub fn new(prefix: InfoHashPrefix) -> Self {
        Self { place: Place::START, prefix, counts: vec![0; InfoHashPrefix::BRANCHES] }
    }

    /// Continues the scan for tens of microseconds.
    pub fn advance(&mut self, torrents: Torrents<'_>) -> ScanStep {
        self.place.advance(torrents, |seen| {
            if let Some(branch) = self.prefix.branch_of(&seen.info_hash)
                && seen.is_new()
            {
                self.counts[usize::from(branch)] += 1;
            }
        })
    }

    /// Returns the number of torrents in each branch.
    #[must_use]
    pub fn finish(self) -> Vec<u32> {
        self.counts
    }
}

/// Adds a torrent that is among the first of those visited.
fn visit_first(wanted: FirstTorrents, ranked: &mut BinaryHeap<Reverse<Ranked>>, seen: Seen<'_>) {
    let FirstTorrents { order, from, torrents_max } = wanted;
    let is_full = ranked.len() >= torrents_max;
    let is_later = |Reverse(last): &Reverse<Ranked>| last.info.info_hash < seen.info_hash;
    let is_late = order == TorrentOrder::InfoHash && is_full && ranked.peek().is_none_or(is_later);
    if seen.info_hash < from || is_late || !seen.is_new() {
        return;
    }
    let info = seen.info();
    let info = if order == TorrentOrder::Completed { seen.with_remembered(info) } else { info };
    let new = Ranked { rank: order.rank(&info), info };
    if !is_full {
        ranked.push(Reverse(Ranked { info: seen.with_remembered(info), ..new }));
    } else if let Some(mut last) = ranked.peek_mut()
        && last.0 < new
    {
        *last = Reverse(Ranked { info: seen.with_remembered(info), ..new });
    }
}
