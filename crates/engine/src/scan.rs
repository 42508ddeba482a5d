use crate::Now;
use crate::engine::Engine;
use crate::limits::SCAN_SWARMS;
use crate::torrents::Torrents;
use core::cmp::Reverse;
use primitives::{
    AddressFamily, CompactIpv4, CompactIpv6, FirstTorrents, InfoHash, InfoHashPrefix, PeerAddress, PeerInfo,
    PeerStatus, Reply, TorrentInfo, TorrentOrder, TorrentScan,
};
use std::collections::BinaryHeap;
use swarm::SwarmCounts;

/// A scan of one core's torrents, as far as it has come.
///
/// It goes through the swarms of IPv4 and then through those of IPv6. A torrent that has both is seen with that of IPv4.
#[derive(Debug)]
pub struct RunningScan {
    family: AddressFamily,
    place: u32,
    task: Task,
}

/// What a scan finds out.
#[derive(Debug)]
enum Task {
    /// The first torrents of those seen, the last of them on top.
    First { wanted: FirstTorrents, ranked: BinaryHeap<Reverse<Ranked>>, answer: Reply<Vec<TorrentInfo>> },
    /// How many there are of each branch.
    Count { prefix: InfoHashPrefix, counts: Vec<u32>, answer: Reply<Vec<u32>> },
}

/// Whether a scan is through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScanStep {
    /// There is more to look at.
    More,
    /// It has all that was asked for.
    Done,
}

/// A torrent where its rank puts it: the greatest is the first.
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

/// A swarm that a scan comes by. What else is known of its torrent is looked up only where it is wanted: each look
/// costs more than to come by.
#[derive(Clone, Copy)]
struct Seen<'a> {
    info_hash: InfoHash,
    family: AddressFamily,
    counts: SwarmCounts,
    torrents: Torrents<'a>,
}

impl Seen<'_> {
    /// Whether its torrent was not seen before.
    fn is_new(&self) -> bool {
        match self.family {
            AddressFamily::V4 => true,
            AddressFamily::V6 => self.torrents.swarms.counts::<CompactIpv4>(&self.info_hash).is_none(),
        }
    }

    /// The torrent, both families together.
    fn info(&self) -> TorrentInfo {
        let other = match self.family {
            AddressFamily::V4 => self.torrents.swarms.counts::<CompactIpv6>(&self.info_hash),
            AddressFamily::V6 => None,
        };
        info_of(self.info_hash, other.map_or(self.counts, |other| plus(self.counts, other)))
    }

    /// The torrent with the completed events that are remembered of it.
    fn with_remembered(&self, info: TorrentInfo) -> TorrentInfo {
        let TorrentInfo { info_hash, seeders, leechers, completed } = info;
        let counts = SwarmCounts { seeders, leechers, downloaded: completed };
        info_of(info_hash, self.torrents.with_remembered(&info_hash, counts))
    }
}

impl RunningScan {
    /// A scan that has seen nothing yet.
    #[must_use]
    pub fn new(scan: TorrentScan) -> Self {
        let task = match scan {
            TorrentScan::First(wanted, answer) => Task::First { wanted, ranked: BinaryHeap::new(), answer },
            TorrentScan::Count(prefix, answer) => {
                Task::Count { prefix, counts: vec![0; InfoHashPrefix::BRANCHES], answer }
            }
        };
        Self { family: AddressFamily::V4, place: 0, task }
    }

    /// Answers with what was found. The first torrents are in no order: to sort a hundred thousand takes longer than a
    /// core may be kept from its requests.
    pub fn finish(self) {
        match self.task {
            Task::First { ranked, answer, .. } => {
                answer.send(ranked.into_vec().into_iter().map(|Reverse(ranked)| ranked.info).collect());
            }
            Task::Count { counts, answer, .. } => answer.send(counts),
        }
    }
}

impl Task {
    fn see(&mut self, seen: Seen<'_>) {
        match self {
            Self::First { wanted, ranked, .. } => see_first(*wanted, ranked, seen),
            Self::Count { prefix, counts, .. } => {
                if let Some(branch) = prefix.branch_of(&seen.info_hash)
                    && seen.is_new()
                {
                    counts[usize::from(branch)] += 1;
                }
            }
        }
    }
}

/// Takes a torrent in if it is among the first of those seen.
fn see_first(wanted: FirstTorrents, ranked: &mut BinaryHeap<Reverse<Ranked>>, seen: Seen<'_>) {
    let FirstTorrents { order, from, torrents_max } = wanted;
    let is_full = ranked.len() >= torrents_max;
    let is_behind = |Reverse(last): &Reverse<Ranked>| last.info.info_hash < seen.info_hash;
    let is_late = order == TorrentOrder::InfoHash && is_full && ranked.peek().is_none_or(is_behind);
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

impl Engine {
    /// Takes a scan a step further, of tens of microseconds.
    pub fn advance_scan(&self, scan: &mut RunningScan) -> ScanStep {
        let RunningScan { family, place, task } = scan;
        let torrents = self.torrents();
        let tell = |info_hash, counts| task.see(Seen { info_hash, family: *family, counts, torrents });
        let next = match family {
            AddressFamily::V4 => self.swarms.page::<CompactIpv4>(*place, SCAN_SWARMS, tell),
            AddressFamily::V6 => self.swarms.page::<CompactIpv6>(*place, SCAN_SWARMS, tell),
        };
        match (next, *family) {
            (Some(next), _) => *place = next,
            (None, AddressFamily::V4) => (*family, *place) = (AddressFamily::V6, 0),
            (None, AddressFamily::V6) => return ScanStep::Done,
        }
        ScanStep::More
    }

    /// Peers of a torrent, those of IPv4 first.
    #[must_use]
    pub fn peers(&self, now: Now, info_hash: &InfoHash, peers_max: usize) -> Vec<PeerInfo> {
        let mut peers = Vec::new();
        self.swarms.peers(
            now.monotonic,
            info_hash,
            peers_max,
            |address: CompactIpv4, status, heard_s_ago| {
                peers.push(self.peer_info(info_hash, address.into(), status, heard_s_ago));
            },
        );
        let left = peers_max - peers.len();
        self.swarms.peers(now.monotonic, info_hash, left, |address: CompactIpv6, status, heard_s_ago| {
            peers.push(self.peer_info(info_hash, address.into(), status, heard_s_ago));
        });
        peers
    }

    fn peer_info(
        &self,
        info_hash: &InfoHash,
        address: PeerAddress,
        status: PeerStatus,
        heard_s_ago: u32,
    ) -> PeerInfo {
        let details = self.access.details().get(info_hash, address).map(|heard| heard.details);
        let address = match address {
            PeerAddress::V4(address) => address.socket_address(),
            PeerAddress::V6(address) => address.socket_address(),
        };
        PeerInfo { address, status, heard_s_ago, details }
    }

    /// Forgets a torrent's peers. Says whether it had a swarm.
    pub fn drop_torrent(&mut self, info_hash: &InfoHash) -> bool {
        self.swarms.drop_torrent(info_hash).is_some()
    }

    /// What is known of a torrent, both families together, if it has a swarm.
    #[must_use]
    pub fn torrent(&self, info_hash: &InfoHash) -> Option<TorrentInfo> {
        let v4 = self.swarms.counts::<CompactIpv4>(info_hash);
        let v6 = self.swarms.counts::<CompactIpv6>(info_hash);
        let both = [v4, v6].into_iter().flatten().reduce(plus)?;
        Some(info_of(*info_hash, self.torrents().with_remembered(info_hash, both)))
    }
}

const fn plus(one: SwarmCounts, other: SwarmCounts) -> SwarmCounts {
    SwarmCounts {
        seeders: one.seeders.saturating_add(other.seeders),
        leechers: one.leechers.saturating_add(other.leechers),
        downloaded: one.downloaded.saturating_add(other.downloaded),
    }
}

const fn info_of(info_hash: InfoHash, counts: SwarmCounts) -> TorrentInfo {
    let SwarmCounts { seeders, leechers, downloaded } = counts;
    TorrentInfo { info_hash, seeders, leechers, completed: downloaded }
}
