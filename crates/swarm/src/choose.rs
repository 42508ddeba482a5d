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
        let filter = if self.earliest.is_expired(now) { Filter::SkipExpired(now) } else { Filter::AllLive };
        let mut sides =
            [0..self.seeders(), self.seeders()..self.peers()].map(|side| Ring::open(side, own, rng));
        let shares = shares(requester.status, wanted, [sides[0].candidates, sides[1].candidates]);
        let peers = LivePeers { columns: self.storage.columns(), filter };
        let mut taken = 0;
        for (side, share) in sides.iter_mut().zip(shares) {
            taken += side.take(&peers, share, &mut out[taken * A::BYTES..]);
        }
        if taken < wanted && requester.status == PeerStatus::Leecher {
            // What one side was short of because its peers had expired, the other may have.
            for side in &mut sides {
                taken += side.take(&peers, wanted - taken, &mut out[taken * A::BYTES..]);
            }
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
            let place = (self.first + self.offset) % self.side.len();
            let wanted = (count - taken).min(self.unseen).min(looks);
            let length = wanted.min(self.candidates - self.offset).min(self.side.len() - place);
            let start = self.side.start + place;
            taken += peers.copy(start..start + length, &mut out[taken * A::BYTES..]);
            self.unseen -= length;
            looks -= length;
            self.offset = (self.offset + length) % self.candidates;
        }
        taken
    }
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
