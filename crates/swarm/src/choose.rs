use crate::deadline::any_expired;
use crate::limits::DEAD_PEERS_SKIPPED_MAX;
use crate::storage::Columns;
use crate::swarm::Swarm;
use core::ops::Range;
use primitives::{CompactAddress, PeerStatus, Second};

/// Who asks for peers.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Requester {
    pub(crate) status: PeerStatus,
    /// Where it stands in the swarm itself.
    pub(crate) position: Option<usize>,
}

/// Whether peers may have to be passed over because their time has passed.
#[derive(Debug, Clone, Copy)]
enum Filter {
    AllLive,
    SkipExpired(Second),
}

impl<A: CompactAddress> Swarm<A> {
    /// Writes up to `wanted` peers into `out`, as many as it has room for; gives their number.
    ///
    /// A seeder is given leechers only. A leecher is given both: half and half where there are enough, so that
    /// leechers meet in swarms full of seeders too. From each side it gets a run of neighbours that begins
    /// anywhere and goes round the end, so that each peer is as likely as the next.
    pub(crate) fn choose(
        &self,
        now: Second,
        requester: Requester,
        wanted: usize,
        rng: &mut fastrand::Rng,
        out: &mut [u8],
    ) -> usize {
        let wanted = wanted.min(out.len() / A::BYTES);
        if wanted == 0 || self.peers() == 0 {
            return 0;
        }
        let filter = if self.earliest.is_expired(now) { Filter::SkipExpired(now) } else { Filter::AllLive };
        let peers = LivePeers { columns: self.storage.columns(), filter };
        let mut leechers = Ring::open(self.seeders()..self.peers(), requester.position, rng);
        if requester.status == PeerStatus::Seeder {
            return leechers.take(&peers, wanted, out);
        }
        let mut seeders = Ring::open(0..self.seeders(), requester.position, rng);
        let from_leechers = share_of_leechers(wanted, seeders.candidates, leechers.candidates);
        let mut taken = seeders.take(&peers, wanted - from_leechers, out);
        taken += leechers.take(&peers, from_leechers, &mut out[taken * A::BYTES..]);
        // What one side was short of because its peers had expired, the other may have.
        for side in [&mut seeders, &mut leechers] {
            taken += side.take(&peers, wanted - taken, &mut out[taken * A::BYTES..]);
        }
        taken
    }
}

/// How many of the `wanted` peers of a leecher are leechers, of so many candidates.
fn share_of_leechers(wanted: usize, seeders: usize, leechers: usize) -> usize {
    (wanted / 2).max(wanted.saturating_sub(seeders)).min(leechers)
}

/// The peers of one side of the border, but the requester, as a ring that begins anywhere. It is opened behind
/// the requester, so that they are neighbours all the way round.
struct Ring {
    side: Range<usize>,
    /// The first behind the requester, within the side.
    first: usize,
    candidates: usize,
    /// The next candidate, counted from the first.
    offset: usize,
    /// Candidates not looked at yet.
    unseen: usize,
}

impl Ring {
    fn open(side: Range<usize>, own: Option<usize>, rng: &mut fastrand::Rng) -> Self {
        let own = own.filter(|own| side.contains(own));
        let candidates = side.len() - usize::from(own.is_some());
        let offset = if candidates == 0 { 0 } else { rng.usize(0..candidates) };
        let first = own.map_or(0, |own| own + 1 - side.start);
        Self { side, first, candidates, offset, unseen: candidates }
    }

    /// Copies up to `count` of the live peers that come next.
    fn take<A: CompactAddress>(&mut self, peers: &LivePeers<'_, A>, count: usize, out: &mut [u8]) -> usize {
        let mut taken = 0;
        let mut looks = count + DEAD_PEERS_SKIPPED_MAX;
        while taken < count && self.unseen > 0 && looks > 0 {
            let place = wrapped(self.first + self.offset, self.side.len());
            let wanted = (count - taken).min(self.unseen).min(looks);
            let length = wanted.min(self.candidates - self.offset).min(self.side.len() - place);
            let start = self.side.start + place;
            taken += peers.copy(start..start + length, &mut out[taken * A::BYTES..]);
            self.unseen -= length;
            looks -= length;
            self.offset = wrapped(self.offset + length, self.candidates);
        }
        taken
    }
}

/// A place in a ring of `length`, from one that is less than one round too far. A division would be the dearest part
/// of a choice.
const fn wrapped(place: usize, length: usize) -> usize {
    if place >= length { place - length } else { place }
}

/// Peers that are given out.
struct LivePeers<'a, A> {
    columns: Columns<'a, A>,
    filter: Filter,
}

impl<A: CompactAddress> LivePeers<'_, A> {
    /// Copies those of a run of neighbours; gives their number.
    fn copy(&self, positions: Range<usize>, out: &mut [u8]) -> usize {
        match self.filter {
            Filter::SkipExpired(now) if any_expired(&self.columns.deadlines[positions.clone()], now) => {
                let mut taken = 0;
                for position in positions {
                    if !self.columns.deadlines[position].is_expired(now) {
                        let address = self.columns.addresses[position].as_bytes();
                        out[taken * A::BYTES..][..A::BYTES].copy_from_slice(address);
                        taken += 1;
                    }
                }
                taken
            }
            Filter::AllLive | Filter::SkipExpired(_) => {
                let compact = self.columns.compact(positions.clone());
                out[..compact.len()].copy_from_slice(compact);
                positions.len()
            }
        }
    }
}
