use crate::deadline::any_expired;
use crate::limits::DEAD_PEERS_SKIPPED_MAX;
use crate::storage::Columns;
use crate::swarm::Swarm;
use core::ops::Range;
use primitives::{PeerReference, PeerStatus, Second};

/// The client that the peers are chosen for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Requester {
    pub(crate) status: PeerStatus,
    /// Its own position, if it is in the swarm.
    pub(crate) position: Option<usize>,
}

/// Whether expired peers may have to be skipped.
#[derive(Debug, Clone, Copy)]
enum Filter {
    AllLive,
    SkipExpired(Second),
}

impl<A: PeerReference> Swarm<A> {
    /// Writes up to `wanted` peers into `out`, as far as there is room, and returns how many.
    ///
    /// A seeder receives leechers only. A leecher receives both, half and half if there are enough, so that leechers
    /// find each other in swarms full of seeders too. The peers of each side are a run of neighbours that starts at a
    /// random position and wraps around, so that all are equally likely.
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
        // If one side fell short because of expired peers, the other may have more.
        for side in [&mut seeders, &mut leechers] {
            taken += side.take(&peers, wanted - taken, &mut out[taken * A::BYTES..]);
        }
        taken
    }
}

/// Returns how many of the `wanted` peers of a leecher are to be leechers, given the candidates of each side.
fn share_of_leechers(wanted: usize, seeders: usize, leechers: usize) -> usize {
    (wanted / 2).max(wanted.saturating_sub(seeders)).min(leechers)
}

/// The peers of one side of the border without the requester, as a ring that starts at a random position. Positions
/// are counted from the one after the requester, so that the candidates are neighbours all the way round.
struct Ring {
    side: Range<usize>,
    /// Position after the requester, relative to the side.
    first: usize,
    candidates: usize,
    /// Next candidate, relative to `first`.
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

    /// Copies up to `count` of the next live peers and returns how many.
    fn take<A: PeerReference>(&mut self, peers: &LivePeers<'_, A>, count: usize, out: &mut [u8]) -> usize {
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

/// Reduces a position that is less than one round past the end of a ring. A division would be the most expensive part
/// of the choice.
const fn wrapped(place: usize, length: usize) -> usize {
    if place >= length { place - length } else { place }
}

/// Copies peers into a reply, without the expired ones.
struct LivePeers<'a, A> {
    columns: Columns<'a, A>,
    filter: Filter,
}

impl<A: PeerReference> LivePeers<'_, A> {
    /// Copies the peers at neighbouring positions and returns how many.
    fn copy(&self, positions: Range<usize>, out: &mut [u8]) -> usize {
        match self.filter {
            Filter::SkipExpired(now) if any_expired(&self.columns.deadlines[positions.clone()], now) => {
                let mut taken = 0;
                for position in positions {
                    if !self.columns.deadlines[position].is_expired(now) {
                        let peer = self.columns.references[position].as_bytes();
                        out[taken * A::BYTES..][..A::BYTES].copy_from_slice(peer);
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
