//! Which peers the tracker may have: a reference that knows what clients have announced, but not what the tracker dropped.

use primitives::InfoHash;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::SocketAddr;

/// Seconds for which a peer may stay beyond its lifetime: deadlines are rounded up to four, and times to one.
const LATE_S: u64 = 6;

/// The peers with addresses that clients may have made the tracker store, by when an announce was last carried out.
#[derive(Debug, Default)]
pub(crate) struct Peers {
    by_torrent: HashMap<InfoHash, BTreeMap<SocketAddr, Heard>>,
    /// Those whose announces may not have been carried out.
    pending: Vec<(InfoHash, SocketAddr)>,
    /// Those whose announces were answered.
    answered: HashMap<InfoHash, BTreeSet<SocketAddr>>,
    /// The longest lifetime so far.
    lifetime_s_max: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Heard {
    /// At an unknown time since the tracker was last at rest.
    Pending,
    /// Not after this millisecond.
    Until(u64),
}

impl Peers {
    pub(crate) fn use_lifetime(&mut self, lifetime_s: u32) {
        self.lifetime_s_max = self.lifetime_s_max.max(lifetime_s.into());
    }

    /// Notes that an announce was sent that will be carried out at an unknown time.
    pub(crate) fn note_sent(&mut self, torrent: InfoHash, peer: SocketAddr) {
        self.by_torrent.entry(torrent).or_default().insert(peer, Heard::Pending);
    }

    /// Notes that an announce was carried out since the tracker was last at rest, or will be until it is at rest.
    pub(crate) fn note_announce(&mut self, torrent: InfoHash, peer: SocketAddr) {
        self.note_sent(torrent, peer);
        self.pending.push((torrent, peer));
    }

    /// Notes that an announce was answered.
    pub(crate) fn note_answered(&mut self, torrent: InfoHash, peer: SocketAddr) {
        self.answered.entry(torrent).or_default().insert(peer);
    }

    /// Forgets which announces were answered.
    pub(crate) fn forget_answered(&mut self) {
        self.answered.clear();
    }

    /// Returns the other peers of a peer's family whose announces of a torrent were answered.
    pub(crate) fn answered(&self, torrent: &InfoHash, own: SocketAddr) -> Vec<SocketAddr> {
        let answered = self.answered.get(torrent).into_iter().flatten().copied();
        answered.filter(|peer| peer.is_ipv4() == own.is_ipv4() && *peer != own).collect()
    }

    /// Notes that the tracker is at rest.
    pub(crate) fn note_rest(&mut self, now_ms: u64) {
        for (torrent, peer) in self.pending.drain(..) {
            self.by_torrent.entry(torrent).or_default().insert(peer, Heard::Until(now_ms));
        }
    }

    /// Asserts that the peers in an answer may be alive. The answer was given at this millisecond at the earliest.
    pub(crate) fn assert_may_live(&self, torrent: &InfoHash, peers: &[SocketAddr], asked_ms: u64) {
        let known = self.by_torrent.get(torrent);
        for peer in peers {
            let heard = known.and_then(|known| known.get(peer));
            let lives = match heard {
                None => false,
                Some(Heard::Pending) => true,
                Some(Heard::Until(at_ms)) => asked_ms <= at_ms + 1000 * (self.lifetime_s_max + LATE_S),
            };
            assert!(lives, "{peer} is in an answer about {torrent}: {heard:?}, asked at {asked_ms} ms");
        }
    }
}
