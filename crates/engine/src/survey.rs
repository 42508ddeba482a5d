use crate::Now;
use crate::engine::Engine;
use crate::limits::SURVEY_SWARMS;
use crate::torrents::Torrents;
use core::cmp::Reverse;
use primitives::{
    AddressFamily, CompactIpv4, CompactIpv6, InfoHash, PeerAddress, PeerFacts, PeerStatus, Survey,
    SurveyResult, TorrentFacts, TorrentOrder,
};
use std::collections::BinaryHeap;
use swarm::SwarmCounts;

/// A survey of one core's torrents, as far as it has come.
///
/// It goes through the swarms of IPv4, each with those of IPv6 that are the same torrent's, and then through those that
/// IPv6 has alone.
#[derive(Debug)]
pub struct RunningSurvey {
    survey: Survey,
    family: AddressFamily,
    place: u32,
    seen: u64,
    /// In the order of place: those after the ones that were passed over.
    found: Vec<TorrentFacts>,
    /// In an order by a count: the first ones of those seen, the last of them on top.
    ranked: BinaryHeap<Reverse<Ranked>>,
}

/// Whether a survey is through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SurveyStep {
    /// There is more to look at.
    More,
    /// It has all that was asked for.
    Done,
}

/// A torrent where its rank puts it: the greatest is the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Ranked {
    rank: u64,
    facts: TorrentFacts,
}

impl Ord for Ranked {
    fn cmp(&self, other: &Self) -> core::cmp::Ordering {
        let key = |ranked: &Self| (ranked.rank, Reverse(ranked.facts.info_hash));
        key(self).cmp(&key(other))
    }
}

impl PartialOrd for Ranked {
    fn partial_cmp(&self, other: &Self) -> Option<core::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl RunningSurvey {
    /// A survey that has seen nothing yet.
    #[must_use]
    pub const fn new(survey: Survey) -> Self {
        Self {
            survey,
            family: AddressFamily::V4,
            place: 0,
            seen: 0,
            found: Vec::new(),
            ranked: BinaryHeap::new(),
        }
    }

    /// What was found. The first ones by a count are in no order: to sort a hundred thousand takes longer than a core may
    /// be kept from its requests.
    #[must_use]
    pub fn finish(self) -> SurveyResult {
        if self.survey.order == TorrentOrder::Place {
            return SurveyResult { torrents: self.found, seen: self.seen };
        }
        let ranked = self.ranked.into_vec().into_iter().map(|Reverse(ranked)| ranked.facts);
        SurveyResult { torrents: ranked.collect(), seen: self.seen }
    }

    /// Takes a torrent in if it is among those wanted. Only then the completed events that are remembered of it are looked
    /// up, unless the order is by them.
    fn see(&mut self, info_hash: InfoHash, counts: SwarmCounts, torrents: Torrents<'_>) {
        self.seen += 1;
        let Survey { order, skip, torrents_max } = self.survey;
        let told = |counts| facts_of(info_hash, torrents.with_remembered(&info_hash, counts));
        match order {
            TorrentOrder::Place if self.seen > skip => self.found.push(told(counts)),
            TorrentOrder::Place => {}
            TorrentOrder::Completed => {
                let facts = told(counts);
                self.keep(order.rank(&facts), facts, torrents_max, |facts| facts);
            }
            TorrentOrder::Seeders | TorrentOrder::Leechers | TorrentOrder::Peers => {
                let facts = facts_of(info_hash, counts);
                self.keep(order.rank(&facts), facts, torrents_max, |_| told(counts));
            }
        }
    }

    fn keep(
        &mut self,
        rank: u64,
        facts: TorrentFacts,
        torrents_max: usize,
        told: impl FnOnce(TorrentFacts) -> TorrentFacts,
    ) {
        let ranked = Ranked { rank, facts };
        if self.ranked.len() < torrents_max {
            self.ranked.push(Reverse(Ranked { facts: told(facts), ..ranked }));
        } else if let Some(mut last) = self.ranked.peek_mut()
            && last.0 < ranked
        {
            *last = Reverse(Ranked { facts: told(facts), ..ranked });
        }
    }

    /// Swarms that one step may tell of: in the order of place no more than are still wanted.
    fn swarms_max(&self) -> usize {
        let Survey { order, skip, torrents_max } = self.survey;
        if order != TorrentOrder::Place {
            return SURVEY_SWARMS;
        }
        let wanted = skip.saturating_add(torrents_max as u64) - self.seen;
        usize::try_from(wanted).unwrap_or(usize::MAX).min(SURVEY_SWARMS)
    }
}

impl Engine {
    /// Takes a survey a step further, of tens of microseconds.
    pub fn advance_survey(&self, survey: &mut RunningSurvey) -> SurveyStep {
        let swarms_max = survey.swarms_max();
        if swarms_max == 0 {
            return SurveyStep::Done;
        }
        let (family, place) = (survey.family, survey.place);
        let torrents = self.torrents();
        let tell = |info_hash, counts| match family {
            AddressFamily::V4 => {
                let v6 = self.swarms.counts::<CompactIpv6>(&info_hash);
                survey.see(info_hash, v6.map_or(counts, |v6| plus(counts, v6)), torrents);
            }
            // With those of IPv4 it was seen already.
            AddressFamily::V6 if self.swarms.counts::<CompactIpv4>(&info_hash).is_some() => {}
            AddressFamily::V6 => survey.see(info_hash, counts, torrents),
        };
        let next = match family {
            AddressFamily::V4 => self.swarms.page::<CompactIpv4>(place, swarms_max, tell),
            AddressFamily::V6 => self.swarms.page::<CompactIpv6>(place, swarms_max, tell),
        };
        match (next, family) {
            (Some(place), _) => survey.place = place,
            (None, AddressFamily::V4) => (survey.family, survey.place) = (AddressFamily::V6, 0),
            (None, AddressFamily::V6) => return SurveyStep::Done,
        }
        SurveyStep::More
    }

    /// Peers of a torrent, those of IPv4 first.
    #[must_use]
    pub fn peers(&self, now: Now, info_hash: &InfoHash, peers_max: usize) -> Vec<PeerFacts> {
        let mut peers = Vec::new();
        self.swarms.peers(
            now.monotonic,
            info_hash,
            peers_max,
            |address: CompactIpv4, status, heard_s_ago| {
                peers.push(self.peer_facts(info_hash, address.into(), status, heard_s_ago));
            },
        );
        let left = peers_max - peers.len();
        self.swarms.peers(now.monotonic, info_hash, left, |address: CompactIpv6, status, heard_s_ago| {
            peers.push(self.peer_facts(info_hash, address.into(), status, heard_s_ago));
        });
        peers
    }

    fn peer_facts(
        &self,
        info_hash: &InfoHash,
        address: PeerAddress,
        status: PeerStatus,
        heard_s_ago: u32,
    ) -> PeerFacts {
        let details = self.access.details().get(info_hash, address).map(|heard| heard.details);
        let address = match address {
            PeerAddress::V4(address) => address.socket_address(),
            PeerAddress::V6(address) => address.socket_address(),
        };
        PeerFacts { address, status, heard_s_ago, details }
    }

    /// Forgets a torrent's peers. Says whether it had a swarm.
    pub fn drop_torrent(&mut self, info_hash: &InfoHash) -> bool {
        self.swarms.drop_torrent(info_hash).is_some()
    }

    /// What is known of a torrent, both families together, if it has a swarm.
    #[must_use]
    pub fn torrent(&self, info_hash: &InfoHash) -> Option<TorrentFacts> {
        let v4 = self.swarms.counts::<CompactIpv4>(info_hash);
        let v6 = self.swarms.counts::<CompactIpv6>(info_hash);
        let both = [v4, v6].into_iter().flatten().reduce(plus)?;
        Some(facts_of(*info_hash, self.torrents().with_remembered(info_hash, both)))
    }
}

const fn plus(one: SwarmCounts, other: SwarmCounts) -> SwarmCounts {
    SwarmCounts {
        seeders: one.seeders.saturating_add(other.seeders),
        leechers: one.leechers.saturating_add(other.leechers),
        downloaded: one.downloaded.saturating_add(other.downloaded),
    }
}

const fn facts_of(info_hash: InfoHash, counts: SwarmCounts) -> TorrentFacts {
    let SwarmCounts { seeders, leechers, downloaded } = counts;
    TorrentFacts { info_hash, seeders, leechers, completed: downloaded }
}
