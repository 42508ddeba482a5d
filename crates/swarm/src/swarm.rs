use crate::announce::{Announce, Completion, PeerChange, SwarmCounts};
use crate::deadline::Deadline;
use crate::hashing::KeyedHasher;
use crate::host_counts::HostCounts;
use crate::limits::{
    EMPTY_SWARM_KEPT_S, INDEX_PEERS_KEPT_MIN, INDEX_PEERS_MIN, INLINE_PEERS, PROOF_S_MIN, SCAN_PEERS_MAX,
};
use crate::peer_index::PeerIndex;
use crate::shard::SwarmSettings;
use crate::storage::Storage;
use prefetch::prefetch_line;
use primitives::{AnnounceEvent, CompactIpv4, InfoHash, PeerReference, PeerStatus, Second, SwarmFamily};

/// The peers of one torrent in one family: seeders first, then leechers.
#[derive(Debug)]
pub(crate) struct Swarm<A> {
    pub(crate) info_hash: InfoHash,
    pub(crate) occupancy: Occupancy,
    /// No peer's deadline is before this. For a swarm without peers, when it is removed.
    pub(crate) earliest: Deadline,
    /// Completed events, little-endian; six bytes so that the entry fits a cache line.
    downloaded: [u8; 6],
    seeders: u32,
    peers: u32,
    pub(crate) storage: Storage<A>,
}

/// What six bytes hold.
const DOWNLOADS_MAX: u64 = (1 << 48) - 1;

/// Most swarms fit one cache line.
const _: () = assert!(size_of::<Swarm<CompactIpv4>>() == 64);

/// Whether a slab entry holds a swarm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Occupancy {
    Occupied,
    /// Vacant, with the next vacant entry of the chunk.
    Vacant {
        next: u16,
    },
}

/// What changes of a swarm need: the keyed hash, and the total memory of blocks and indexes.
#[derive(Debug)]
pub(crate) struct Upkeep<'a> {
    pub(crate) hasher: &'a KeyedHasher,
    pub(crate) heap_bytes: &'a mut usize,
}

/// What an announce did with the peer, and the peer's position afterwards.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Placed {
    pub(crate) change: PeerChange,
    pub(crate) position: Option<usize>,
    pub(crate) completion: Completion,
}

/// When a peer announced, for how long it is kept, and how soon it may announce again.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Heard {
    pub(crate) now: Second,
    lifetime_s: u32,
    /// 0 if it may at any time.
    interval_s_min: u32,
}

impl Heard {
    pub(crate) fn at<A: PeerReference>(now: Second, settings: &SwarmSettings) -> Self {
        let SwarmSettings { peer_lifetime_s: lifetime_s, interval_s_min, .. } = *settings;
        // WebRTC peers have an interval of their own, and need other peers each time, because offers are used once.
        let interval_s_min = if A::SWARM_FAMILY == SwarmFamily::WebRtc { 0 } else { interval_s_min };
        Self { now, lifetime_s, interval_s_min }
    }

    /// Returns the deadline of a peer that announces for the first time.
    pub(crate) fn deadline(self) -> Deadline {
        Deadline::after(self.now, self.lifetime_s)
    }

    /// Whether it is too soon after the sign of life that set this deadline for another announce.
    fn is_early(self, known: Deadline) -> bool {
        known.was_set_within(self.interval_s_min, self.now, self.lifetime_s)
    }

    /// Returns the deadline of a live peer that goes on. It is proven if it was already, or has gone on for some time.
    fn renewed(self, known: Deadline) -> Deadline {
        let deadline = self.deadline().with_flags_of(known);
        let proof_s = self.interval_s_min.max(PROOF_S_MIN);
        if known.was_set_within(proof_s, self.now, self.lifetime_s) {
            deadline
        } else {
            deadline.with_proven()
        }
    }
}

impl Placed {
    pub(crate) const fn without_completion(change: PeerChange, position: Option<usize>) -> Self {
        Self { change, position, completion: Completion::NotCounted }
    }
}

impl<A: PeerReference> Swarm<A> {
    pub(crate) const fn new(info_hash: InfoHash) -> Self {
        Self {
            info_hash,
            occupancy: Occupancy::Occupied,
            earliest: Deadline::UNSET,
            downloaded: [0; 6],
            seeders: 0,
            peers: 0,
            storage: Storage::EMPTY,
        }
    }

    /// A vacant entry; `next` is the next one in the list of its chunk.
    pub(crate) fn vacant(next: u16) -> Self {
        Self { occupancy: Occupancy::Vacant { next }, ..Self::new(InfoHash([0; InfoHash::BYTES])) }
    }

    pub(crate) fn counts(&self) -> SwarmCounts {
        SwarmCounts {
            seeders: self.seeders,
            leechers: self.peers - self.seeders,
            downloaded: self.downloaded(),
        }
    }

    pub(crate) fn seeders(&self) -> usize {
        self.seeders as usize
    }

    pub(crate) fn peers(&self) -> usize {
        self.peers as usize
    }

    /// Prefetches the start of the columns that [`Self::find`] scans.
    pub(crate) fn prefetch_peers(&self) {
        let Storage::Block(block) = &self.storage else { return };
        let columns = block.columns();
        prefetch_line(columns.references);
        prefetch_line(columns.deadlines);
        if self.peers() > SCAN_PEERS_MAX {
            prefetch_line(columns.tags);
        }
    }

    /// Returns the position of the peer that has the identity of `peer`.
    pub(crate) fn find(&self, hasher: &KeyedHasher, peer: &A) -> Option<usize> {
        let columns = self.storage.columns();
        if self.peers() <= SCAN_PEERS_MAX {
            return columns.references[..self.peers()].iter().position(|other| is_same(other, peer));
        }
        let hash = hasher.peer(peer);
        if let Some(index) = self.storage.index() {
            let found = index.find(hash, |position| is_same(&columns.references[position as usize], peer));
            return found.map(|position| position as usize);
        }
        memchr::memchr_iter(hash.tag(), &columns.tags[..self.peers()])
            .find(|&position| is_same(&columns.references[position], peer))
    }

    /// Returns the peer with the identity of `peer` as it announced last, unless its lifetime has passed.
    pub(crate) fn live(&self, hasher: &KeyedHasher, now: Second, peer: &A) -> Option<A> {
        self.find_live(hasher, now, peer).map(|position| self.storage.columns().references[position])
    }

    fn find_live(&self, hasher: &KeyedHasher, now: Second, peer: &A) -> Option<usize> {
        let deadlines = self.storage.columns().deadlines;
        self.find(hasher, peer).filter(|&position| !deadlines[position].is_expired(now))
    }

    /// Returns whether the peer at `position` is held by the connection that `peer` names.
    pub(crate) fn is_held(&self, position: usize, peer: &A) -> bool {
        A::IDENTITY_BYTES == A::BYTES || self.storage.columns().references[position].is_held_by_same(peer)
    }

    /// Returns what chooses peers for a peer in the same way until its deadline changes.
    pub(crate) fn repeated_choice(&self, hasher: &KeyedHasher, position: Option<usize>) -> fastrand::Rng {
        let columns = self.storage.columns();
        let seed = position.map_or(0, |position| {
            hasher.peer(&columns.references[position]).0 ^ columns.deadlines[position].bits()
        });
        fastrand::Rng::with_seed(seed)
    }

    /// Sets the deadline of a live peer, if it is held by the same connection, as if it had announced. Returns whether it is.
    pub(crate) fn prolong(&mut self, hasher: &KeyedHasher, heard: Heard, peer: &A) -> bool {
        let found = self.find_live(hasher, heard.now, peer);
        let Some(position) = found.filter(|&position| self.is_held(position, peer)) else { return false };
        let known = self.storage.columns().deadlines[position];
        self.keep_until(heard.now, position, heard.renewed(known));
        true
    }

    /// Adds a peer that is within the limits.
    pub(crate) fn add(&mut self, heard: Heard, announce: &Announce<A>, upkeep: &mut Upkeep<'_>) -> Placed {
        let position = self.push(announce.peer, announce.status, upkeep);
        self.keep_until(heard.now, position, heard.deadline());
        Placed::without_completion(PeerChange::Added, Some(position))
    }

    /// Updates the peer at `position`. Its completed event counts if it was a leecher before and none was counted
    /// yet: some clients send the event whenever they begin to seed. An early announce does not prolong its life, unless
    /// its completed event counts.
    pub(crate) fn refresh(
        &mut self,
        heard: Heard,
        position: usize,
        announce: &Announce<A>,
        upkeep: &Upkeep<'_>,
    ) -> Placed {
        let known = self.storage.columns().deadlines[position];
        // An expired peer that has not been swept yet counts as new.
        let (is_known, was_leecher) = (!known.is_expired(heard.now), position >= self.seeders());
        let completes =
            announce.event == AnnounceEvent::Completed && is_known && was_leecher && !known.is_completed();
        let is_early = is_known && !completes && heard.is_early(known);
        let position = self.set_status(position, announce.status, upkeep);
        if !is_early {
            let deadline = if is_known { heard.renewed(known) } else { heard.deadline() };
            let deadline = if completes { deadline.with_completed() } else { deadline };
            self.keep_until(heard.now, position, deadline);
        }
        if A::IDENTITY_BYTES < A::BYTES {
            // The newest connection of a peer holds it.
            self.storage.columns_mut().references[position] = announce.peer;
        }
        let completion = if completes { self.count_download() } else { Completion::NotCounted };
        let change = if is_early { PeerChange::Early } else { PeerChange::Refreshed };
        Placed { change, position: Some(position), completion }
    }

    /// Removes the peer at `position` and frees excess memory.
    pub(crate) fn take_out(&mut self, position: usize, upkeep: &mut Upkeep<'_>) {
        self.remove(position, upkeep);
        self.shrink(upkeep);
    }

    /// Drops all peers and their memory, without updating the memory total.
    pub(crate) fn clear(&mut self) {
        (self.seeders, self.peers, self.storage) = (0, 0, Storage::EMPTY);
    }

    /// Reports the first `peers_max` peers: what names them, status, and seconds since the last announce.
    pub(crate) fn for_each_peer(
        &self,
        now: Second,
        lifetime_s: u32,
        peers_max: usize,
        mut tell: impl FnMut(A, PeerStatus, u32),
    ) {
        let columns = self.storage.columns();
        let peers = columns.references.iter().zip(columns.deadlines).take(self.peers());
        for (position, (&peer, deadline)) in peers.enumerate().take(peers_max) {
            let status = if position < self.seeders() { PeerStatus::Seeder } else { PeerStatus::Leecher };
            tell(peer, status, deadline.heard_s_ago(now, lifetime_s));
        }
    }

    /// Sets the time until which the swarm is kept for its count of downloads.
    pub(crate) fn keep_empty(&mut self, now: Second) {
        debug_assert_eq!(self.peers, 0);
        self.earliest = Deadline::after(now, EMPTY_SWARM_KEPT_S);
    }

    fn downloaded(&self) -> u64 {
        let [a, b, c, d, e, f] = self.downloaded;
        u64::from_le_bytes([a, b, c, d, e, f, 0, 0])
    }

    pub(crate) fn count_download(&mut self) -> Completion {
        self.raise_downloads(self.downloaded() + 1);
        Completion::Counted
    }

    /// Sets the downloads, unless there are more.
    pub(crate) fn raise_downloads(&mut self, downloaded: u64) {
        let downloaded = downloaded.clamp(self.downloaded(), DOWNLOADS_MAX);
        let [a, b, c, d, e, f, ..] = downloaded.to_le_bytes();
        self.downloaded = [a, b, c, d, e, f];
    }

    pub(crate) fn keep_until(&mut self, now: Second, position: usize, deadline: Deadline) {
        // An earliest deadline that has passed may be too old to compare with a future one.
        self.earliest = if self.peers == 1 {
            deadline
        } else if self.earliest.is_expired(now) {
            Deadline::passed(now)
        } else {
            self.earliest.earlier(deadline)
        };
        self.storage.columns_mut().deadlines[position] = deadline;
    }

    /// Appends a peer and moves it to the side of its status. Returns its position.
    pub(crate) fn push(&mut self, peer: A, status: PeerStatus, upkeep: &mut Upkeep<'_>) -> usize {
        let position = self.peers();
        if position == self.storage.capacity() {
            self.resize(position + 1, upkeep);
        }
        let columns = self.storage.columns_mut();
        columns.references[position] = peer;
        columns.deadlines[position] = Deadline::UNSET;
        if let Some(tag) = columns.tags.get_mut(position) {
            let hash = upkeep.hasher.peer(&peer);
            *tag = hash.tag();
            if let Some(index) = columns.index {
                let (references, hasher) = (&*columns.references, upkeep.hasher);
                let before = index.segment_bytes(hash);
                index.insert(hash, self.peers, |other| hasher.peer(&references[other as usize]));
                *upkeep.heap_bytes += index.segment_bytes(hash) - before;
                if A::HOST_BYTES > 0 {
                    index.hosts.add(hasher.host(&peer));
                }
            }
        }
        self.peers += 1;
        if self.peers >= INDEX_PEERS_MIN {
            self.fit_index(upkeep);
        }
        match status {
            PeerStatus::Leecher => position,
            PeerStatus::Seeder => self.set_status(position, status, upkeep),
        }
    }

    /// Moves the peer at `position` to the side of its status. Returns its new position.
    pub(crate) fn set_status(&mut self, position: usize, status: PeerStatus, upkeep: &Upkeep<'_>) -> usize {
        let was_seeder = position < self.seeders();
        match status {
            PeerStatus::Seeder if !was_seeder => {
                let border = self.seeders();
                self.swap(position, border, upkeep.hasher);
                self.seeders += 1;
                border
            }
            PeerStatus::Leecher if was_seeder => {
                self.seeders -= 1;
                let border = self.seeders();
                self.swap(position, border, upkeep.hasher);
                border
            }
            PeerStatus::Seeder | PeerStatus::Leecher => position,
        }
    }

    /// Removes a peer; the last seeder and the last leecher fill the gap.
    pub(crate) fn remove(&mut self, position: usize, upkeep: &Upkeep<'_>) {
        let columns = self.storage.columns_mut();
        if let Some(index) = columns.index {
            let peer = &columns.references[position];
            index.remove(upkeep.hasher.peer(peer), to_u32(position));
            if A::HOST_BYTES > 0 {
                index.hosts.remove(upkeep.hasher.host(peer));
            }
        }
        let mut gap = position;
        if position < self.seeders() {
            self.seeders -= 1;
            self.relocate(self.seeders(), gap, upkeep.hasher);
            gap = self.seeders();
        }
        self.peers -= 1;
        self.relocate(self.peers(), gap, upkeep.hasher);
    }

    fn relocate(&mut self, from: usize, to: usize, hasher: &KeyedHasher) {
        if from == to {
            return;
        }
        let columns = self.storage.columns_mut();
        if let Some(index) = columns.index {
            index.relocate(hasher.peer(&columns.references[from]), to_u32(from), to_u32(to));
        }
        columns.references[to] = columns.references[from];
        columns.deadlines[to] = columns.deadlines[from];
        if !columns.tags.is_empty() {
            columns.tags[to] = columns.tags[from];
        }
    }

    fn swap(&mut self, one: usize, two: usize, hasher: &KeyedHasher) {
        if one == two {
            return;
        }
        let columns = self.storage.columns_mut();
        if let Some(index) = columns.index {
            let place = |position: usize| (hasher.peer(&columns.references[position]), to_u32(position));
            index.swap(place(one), place(two));
        }
        columns.references.swap(one, two);
        columns.deadlines.swap(one, two);
        if !columns.tags.is_empty() {
            columns.tags.swap(one, two);
        }
    }

    /// Shrinks the block if at most half of it is used.
    pub(crate) fn shrink(&mut self, upkeep: &mut Upkeep<'_>) {
        if self.peers < INDEX_PEERS_KEPT_MIN {
            self.drop_index(upkeep);
        } else {
            self.fit_hosts(upkeep);
        }
        let capacity = self.storage.capacity();
        if capacity > INLINE_PEERS && self.peers() * 2 <= capacity {
            self.resize(self.peers() + self.peers() / 4, upkeep);
        }
    }

    /// Makes room for this many peers.
    pub(crate) fn reserve(&mut self, peers: usize, upkeep: &mut Upkeep<'_>) {
        if peers > self.storage.capacity() {
            self.resize(peers, upkeep);
        }
    }

    fn resize(&mut self, capacity: usize, upkeep: &mut Upkeep<'_>) {
        let index_bytes = self.storage.index().map_or(0, PeerIndex::heap_bytes);
        let before = self.storage.heap_bytes() - index_bytes;
        let hasher = upkeep.hasher;
        self.storage.resize(self.peers(), capacity, |peer| hasher.peer(peer).tag());
        let after = self.storage.heap_bytes() - index_bytes;
        *upkeep.heap_bytes = *upkeep.heap_bytes + after - before;
    }

    /// Gives the swarm an index if it has none, and the index as many counters of hosts as it needs.
    fn fit_index(&mut self, upkeep: &mut Upkeep<'_>) {
        if self.storage.index().is_none() {
            self.build_index(upkeep);
        }
        self.fit_hosts(upkeep);
    }

    fn build_index(&mut self, upkeep: &mut Upkeep<'_>) {
        let Storage::Block(block) = &mut self.storage else {
            return;
        };
        let references = &block.columns().references[..self.peers as usize];
        let mut index = Box::new(PeerIndex::new(count_hosts(references, upkeep.hasher)));
        let hash_at = |position: u32| upkeep.hasher.peer(&references[position as usize]);
        for position in 0..self.peers {
            index.insert(hash_at(position), position, hash_at);
        }
        *upkeep.heap_bytes += index.heap_bytes();
        block.index = Some(index);
    }

    fn fit_hosts(&mut self, upkeep: &mut Upkeep<'_>) {
        let peers = self.peers();
        let columns = self.storage.columns_mut();
        if let Some(index) = columns.index.filter(|index| index.hosts.is_unfit_for(peers)) {
            *upkeep.heap_bytes -= index.hosts.heap_bytes();
            index.hosts = count_hosts(&columns.references[..peers], upkeep.hasher);
            *upkeep.heap_bytes += index.hosts.heap_bytes();
        }
    }

    fn drop_index(&mut self, upkeep: &mut Upkeep<'_>) {
        if let Storage::Block(block) = &mut self.storage
            && let Some(index) = block.index.take()
        {
            *upkeep.heap_bytes -= index.heap_bytes();
        }
    }
}

fn count_hosts<A: PeerReference>(peers: &[A], hasher: &KeyedHasher) -> HostCounts {
    if A::HOST_BYTES == 0 {
        return HostCounts::default();
    }
    HostCounts::of(peers.len(), peers.iter().map(|peer| hasher.host(peer)))
}

fn is_same<A: PeerReference>(one: &A, other: &A) -> bool {
    one.identity() == other.identity()
}

#[expect(clippy::cast_possible_truncation, reason = "positions are below SWARM_PEERS_MAX")]
fn to_u32(position: usize) -> u32 {
    position as u32
}
