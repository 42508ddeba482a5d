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
        let own = requester.position;
        let sides = [0..self.seeders(), self.seeders()..self.peers()];
        let shares = shares(requester.status, wanted, sides.clone().map(|side| candidates(&side, own)));
        let filter = if self.earliest.is_expired(now) { Filter::SkipExpired(now) } else { Filter::AllLive };
        let mut run = PeerRun { columns: self.storage.columns(), filter, rng };
        let mut taken = 0;
        for (side, share) in sides.into_iter().zip(shares) {
            taken += run.copy(side, own, share, &mut out[taken * A::BYTES..]);
        }
        taken
    }
}

/// How many seeders and how many leechers a requester is given, of so many of each.
fn shares(status: PeerStatus, wanted: usize, [seeders, leechers]: [usize; 2]) -> [usize; 2] {
    match status {
        PeerStatus::Seeder => [0, wanted.min(leechers)],
        PeerStatus::Leecher => {
            let from_leechers = (wanted / 2).max(wanted.saturating_sub(seeders)).min(leechers);
            [(wanted - from_leechers).min(seeders), from_leechers]
        }
    }
}

/// Peers of `side` without the one at `own`.
fn candidates(side: &Range<usize>, own: Option<usize>) -> usize {
    side.len() - usize::from(own.is_some_and(|own| side.contains(&own)))
}

/// Copies runs of neighbours out of the columns.
struct PeerRun<'a, A> {
    columns: Columns<'a, A>,
    filter: Filter,
    rng: &'a mut fastrand::Rng,
}

impl<A: CompactAddress> PeerRun<'_, A> {
    /// Copies up to `count` of the peers at `side` but the one at `own`, beginning anywhere.
    ///
    /// The candidates are the ring of positions of `side`, opened behind `own` so that it is not among them.
    fn copy(&mut self, side: Range<usize>, own: Option<usize>, count: usize, out: &mut [u8]) -> usize {
        let candidates = candidates(&side, own);
        if count == 0 || candidates == 0 {
            return 0;
        }
        let first = own.filter(|own| side.contains(own)).map_or(0, |own| own + 1 - side.start);
        let mut offset = self.rng.usize(0..candidates);
        let mut unseen = candidates.min(count + DEAD_PEERS_SKIPPED_MAX);
        let mut taken = 0;
        while taken < count && unseen > 0 {
            let place = (first + offset) % side.len();
            let length = (count - taken).min(unseen).min(candidates - offset).min(side.len() - place);
            let start = side.start + place;
            taken += self.copy_live(start..start + length, &mut out[taken * A::BYTES..]);
            unseen -= length;
            offset = (offset + length) % candidates;
        }
        taken
    }

    fn copy_live(&self, positions: Range<usize>, out: &mut [u8]) -> usize {
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
