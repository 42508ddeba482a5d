use crate::limits::{EXTERNAL_PEERS_PER_PLACE_MAX, EXTERNAL_PEERS_PER_TORRENT_MAX};
use core::cmp::Reverse;
use primitives::{
    CompactAddress, CompactIpv4, CompactIpv6, ExternalCounts, ExternalPeers, PeerAddress, Second,
};
use swarm::SwarmCounts;
use zerocopy::{Immutable, IntoBytes};

/// What upstream trackers returned for one torrent.
#[derive(Debug, Default)]
pub(super) struct ExternalSwarm {
    v4: Vec<ExternalPeer<CompactIpv4>>,
    v6: Vec<ExternalPeer<CompactIpv6>>,
    counts: ExternalCounts,
    counts_expire: Second,
}

#[derive(Debug, Clone, Copy)]
struct ExternalPeer<A> {
    address: A,
    /// The upstream tracker that returned it first.
    upstream: u16,
    expires: Second,
}

/// The place for external peers in an answer.
#[derive(Debug)]
pub(super) struct Room<'a> {
    /// The peers of the answer, in compact form. The first ones are there.
    pub(super) peers: &'a mut [u8],
    /// Number of the torrent's own peers, which come first.
    pub(super) own: usize,
    pub(super) client: PeerAddress,
}

impl ExternalSwarm {
    /// Adds the peers of an answer, at most `room` more than before, and replaces the counts. Returns the number of peers that
    /// were dropped for want of room.
    pub(super) fn merge(&mut self, now: Second, answer: &ExternalPeers, room: usize) -> usize {
        self.expire(now);
        (self.counts, self.counts_expire) = (answer.counts, answer.counts_expire);
        let before = self.v4.len();
        let dropped = merge(&mut self.v4, &answer.v4, answer, room);
        let room = room.saturating_sub(self.v4.len().saturating_sub(before));
        dropped + merge(&mut self.v6, &answer.v6, answer, room)
    }

    /// Removes what has expired. Returns whether something is left.
    pub(super) fn expire(&mut self, now: Second) -> bool {
        expire(&mut self.v4, now);
        expire(&mut self.v6, now);
        if self.counts_expire <= now {
            self.counts = ExternalCounts::default();
        }
        self.peers() > 0 || self.counts_expire > now
    }

    pub(super) const fn peers(&self) -> usize {
        self.v4.len() + self.v6.len()
    }

    /// Adds the counts of upstream trackers to those of the torrent's own peers.
    pub(super) const fn combined(&self, own: SwarmCounts) -> SwarmCounts {
        SwarmCounts {
            seeders: own.seeders.saturating_add(self.counts.seeders),
            leechers: own.leechers.saturating_add(self.counts.leechers),
            downloaded: own.downloaded,
        }
    }

    /// Writes peers of the client's family that are not there yet and returns their number. It begins at a random one.
    pub(super) fn fill(&self, now: Second, rng: &mut fastrand::Rng, room: &mut Room<'_>) -> usize {
        match room.client {
            PeerAddress::V4(client) => fill(&self.v4, now, rng, room, client),
            PeerAddress::V6(client) => fill(&self.v6, now, rng, room, client),
        }
    }
}

fn expire<A>(peers: &mut Vec<ExternalPeer<A>>, now: Second) {
    peers.retain(|peer| peer.expires > now);
    if peers.capacity() > 2 * peers.len() {
        peers.shrink_to_fit();
    }
}

fn merge<A: CompactAddress>(
    peers: &mut Vec<ExternalPeer<A>>,
    addresses: &[A],
    answer: &ExternalPeers,
    room: usize,
) -> usize {
    let (known, &ExternalPeers { upstream, expires, .. }) = (peers.len(), answer);
    for &address in addresses {
        match peers.iter_mut().find(|peer| peer.address == address) {
            // It stays in the share that it is in, so that repeating the peers of others pushes none of them out.
            Some(peer) => peer.expires = peer.expires.max(expires),
            None => peers.push(ExternalPeer { address, upstream, expires }),
        }
    }
    let wanted = peers.len().min(EXTERNAL_PEERS_PER_TORRENT_MAX);
    let peers_max = wanted.min(known + room);
    if peers.len() > peers_max {
        drop_fairly(peers, peers_max);
        peers.shrink_to_fit();
    }
    wanted - peers_max
}

/// Drops peers until there are `peers_max`: always of the upstream tracker that has most, the one that expires first. So none
/// pushes out the peers of others.
fn drop_fairly<A>(peers: &mut Vec<ExternalPeer<A>>, peers_max: usize) {
    peers.sort_unstable_by_key(|peer| (peer.upstream, Reverse(peer.expires)));
    let of_one = peers.chunk_by(|one, other| one.upstream == other.upstream);
    let shares: Vec<usize> = of_one.map(<[_]>::len).collect();
    let mut kept = shares.clone();
    for _ in peers_max..peers.len() {
        if let Some(most) = kept.iter_mut().max() {
            *most -= 1;
        }
    }
    let mut is_kept =
        shares.iter().zip(&kept).flat_map(|(&share, &kept)| (0..share).map(move |at| at < kept));
    peers.retain(|_| is_kept.next().unwrap_or(true));
}

fn fill<A: CompactAddress + IntoBytes + Immutable>(
    peers: &[ExternalPeer<A>],
    now: Second,
    rng: &mut fastrand::Rng,
    room: &mut Room<'_>,
    client: A,
) -> usize {
    let (own, free) = room.peers.split_at_mut(room.own * A::BYTES);
    let places = free.len() / A::BYTES;
    let (before, after) = peers.split_at(rng.usize(0..=peers.len()));
    let is_own = |address: &A| own.chunks_exact(A::BYTES).any(|own| own == address.as_bytes());
    let looked_at = after.iter().chain(before).take(EXTERNAL_PEERS_PER_PLACE_MAX * places);
    let fresh =
        looked_at.filter(|peer| peer.expires > now && peer.address != client && !is_own(&peer.address));
    let mut written = 0;
    for (place, peer) in free.chunks_exact_mut(A::BYTES).zip(fresh) {
        place.copy_from_slice(peer.address.as_bytes());
        written += 1;
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;
    use primitives::InfoHash;

    fn peer(number: u16) -> CompactIpv4 {
        CompactIpv4::new([192, 0, 2, 1].into(), number)
    }

    fn answer(ports: impl IntoIterator<Item = u16>, expires: u32) -> ExternalPeers {
        ExternalPeers {
            info_hash: InfoHash([1; 20]),
            upstream: 1,
            v4: ports.into_iter().map(peer).collect(),
            v6: vec![CompactIpv6([7; 18])],
            counts: ExternalCounts { seeders: 3, leechers: 2 },
            expires: Second(expires),
            counts_expire: Second(expires),
        }
    }

    /// Returns the ports of an answer to the client at port 1, to which the torrent's own peer at port 2 is returned.
    fn filled(swarm: &ExternalSwarm, now: u32, peers_max: usize) -> Vec<u16> {
        let mut peers = vec![0; peers_max * 6];
        peers[..6].copy_from_slice(&peer(2).0);
        let mut room = Room { peers: &mut peers, own: 1, client: PeerAddress::V4(peer(1)) };
        let written = swarm.fill(Second(now), &mut fastrand::Rng::with_seed(1), &mut room);
        let port = |peer: &[u8]| u16::from_be_bytes([peer[4], peer[5]]);
        let mut ports: Vec<_> = peers.chunks(6).take(1 + written).map(port).collect();
        ports[1..].sort_unstable();
        ports
    }

    fn has(swarm: &ExternalSwarm, port: u16) -> bool {
        swarm.v4.iter().any(|known| known.address == peer(port))
    }

    #[test]
    fn external_peers_follow_the_own_ones_without_duplicates_and_without_the_client() {
        let mut swarm = ExternalSwarm::default();
        assert_eq!(swarm.merge(Second(5), &answer([1, 2, 3, 4], 100), 10), 0);
        assert_eq!(swarm.merge(Second(5), &answer([4, 5], 200), 10), 0);
        assert_eq!(swarm.peers(), 6);
        assert_eq!(filled(&swarm, 99, 10), [2, 3, 4, 5]);
        assert_eq!(filled(&swarm, 99, 3).len(), 3, "cut to the wanted number");
        assert_eq!(filled(&swarm, 100, 10), [2, 4, 5], "those that only the first answer had have expired");
        assert!(swarm.expire(Second(199)));
        assert_eq!(swarm.peers(), 3);
        let own = SwarmCounts { seeders: 1, leechers: 0, downloaded: 9 };
        assert_eq!(swarm.combined(own), SwarmCounts { seeders: 4, leechers: 2, downloaded: 9 });
        assert!(!swarm.expire(Second(200)));
        assert_eq!(swarm.combined(own), own);
    }

    #[test]
    fn a_torrent_keeps_200_peers_of_each_family_and_no_more_than_there_is_room_for() {
        let mut swarm = ExternalSwarm::default();
        swarm.merge(Second(5), &answer(1..=200, 100), 1000);
        swarm.merge(Second(5), &answer(201..=300, 200), 1000);
        assert_eq!((swarm.v4.len(), swarm.v6.len()), (200, 1));
        assert!((201..=300).all(|port| has(&swarm, port)), "those that expire last");
        assert_eq!(swarm.merge(Second(5), &answer(301..=310, 300), 0), 0);
        assert!(swarm.v4.len() == 200 && (301..=310).all(|port| has(&swarm, port)));
        let mut other = ExternalSwarm::default();
        assert_eq!(other.merge(Second(5), &answer(1..=20, 100), 7), 14);
        assert_eq!((other.v4.len(), other.v6.len()), (7, 0));
        assert_eq!(other.v4.capacity(), 7, "no memory is kept for dropped peers");
    }

    #[test]
    fn an_upstream_tracker_with_many_lasting_peers_does_not_push_out_those_of_others() {
        let mut swarm = ExternalSwarm::default();
        let other = |ports, expires| ExternalPeers { upstream: 2, ..answer(ports, expires) };
        swarm.merge(Second(5), &other(1..=30, 100), 1000);
        swarm.merge(Second(5), &answer(1001..=1200, 9999), 1000);
        swarm.merge(Second(5), &answer(2001..=2200, 9999), 1000);
        assert_eq!(swarm.v4.len(), 200);
        assert!((1..=30).all(|port| has(&swarm, port)));
        swarm.merge(Second(5), &other(301..=500, 100), 1000);
        let of_other = swarm.v4.iter().filter(|peer| peer.upstream == 2).count();
        assert_eq!((swarm.v4.len(), of_other), (200, 100));
    }
}
