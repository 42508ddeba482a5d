use crate::limits::DETAILS_MAX;
use crate::parted_map::{PartedMap, Sweep};
use crate::policy::Full;
use primitives::{InfoHash, PeerAddress, PeerDetails, Second, TableSeed};

/// The details that peers reported in their last announces.
#[derive(Debug)]
pub struct PeerDetailsTable {
    bounds: DetailsBounds,
    peers: PartedMap<(InfoHash, PeerAddress), HeardPeer>,
}

/// The limits of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DetailsBounds {
    /// Peers, at most [`crate::DETAILS_MAX`].
    pub peers_max: usize,
    /// Seconds without an announce after which a peer is removed.
    pub lifetime_s: u32,
}

#[derive(Debug, Clone, Copy)]
struct HeardPeer {
    details: PeerDetails,
    heard: Second,
}

impl PeerDetailsTable {
    pub(crate) fn new(bounds: DetailsBounds, seed: TableSeed) -> Self {
        assert!(bounds.peers_max <= DETAILS_MAX, "peers_max");
        Self { bounds, peers: PartedMap::new(seed) }
    }

    pub(crate) fn use_bounds(&mut self, bounds: DetailsBounds) {
        assert!(bounds.peers_max <= DETAILS_MAX, "peers_max");
        self.bounds = bounds;
    }

    /// Records the details of a peer in place of earlier ones.
    pub(crate) fn note(
        &mut self,
        now: Second,
        info_hash: &InfoHash,
        address: PeerAddress,
        details: &PeerDetails,
    ) -> Result<(), Full> {
        let heard = HeardPeer { details: *details, heard: now };
        if let Some(known) = self.peers.get_mut(&(*info_hash, address)) {
            *known = heard;
            return Ok(());
        }
        if self.peers.len() >= self.bounds.peers_max {
            return Err(Full);
        }
        self.peers.insert_new((*info_hash, address), heard);
        Ok(())
    }

    /// Returns what a peer of a torrent reported last.
    pub fn get(&self, info_hash: &InfoHash, address: PeerAddress) -> Option<&PeerDetails> {
        self.peers.get(&(*info_hash, address)).map(|peer| &peer.details)
    }

    pub(crate) fn remove(&mut self, info_hash: &InfoHash, address: PeerAddress) {
        self.peers.remove(&(*info_hash, address));
    }

    /// Removes peers that did not announce for their lifetime, in the next `parts_max` parts.
    pub(crate) fn sweep(&mut self, now: Second, parts_max: usize) -> Sweep {
        if self.peers.is_empty() {
            return Sweep::Done;
        }
        let lifetime_s = self.bounds.lifetime_s;
        self.peers.sweep(parts_max, |_, peer| now.0.saturating_sub(peer.heard.0) < lifetime_s)
    }

    #[cfg(test)]
    pub(crate) const fn len(&self) -> usize {
        self.peers.len()
    }

    /// Whether the table has no peers.
    pub const fn is_empty(&self) -> bool {
        self.peers.is_empty()
    }

    pub(crate) fn heap_bytes(&self) -> usize {
        self.peers.heap_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use primitives::{AnnounceEvent, PeerId};

    const BOUNDS: DetailsBounds = DetailsBounds { peers_max: 100, lifetime_s: 60 };
    const TORRENT: InfoHash = InfoHash([7; 20]);

    fn address(port: u16) -> PeerAddress {
        PeerAddress::new([192, 0, 2, 1].into(), port).unwrap()
    }

    fn details(uploaded: u64) -> PeerDetails {
        let peer_id = PeerId(*b"-qB4650-abcdefghijkl");
        PeerDetails { peer_id, uploaded, downloaded: 2, left: 3, event: AnnounceEvent::None }
    }

    fn sweep_all(table: &mut PeerDetailsTable, now: Second) {
        while table.sweep(now, 100) == Sweep::More {}
    }

    #[test]
    fn the_last_report_of_a_peer_is_kept_for_its_lifetime() {
        let mut table = PeerDetailsTable::new(BOUNDS, TableSeed([3; 16]));
        table.note(Second(100), &TORRENT, address(1), &details(5)).unwrap();
        table.note(Second(110), &TORRENT, address(1), &details(6)).unwrap();
        table.note(Second(100), &TORRENT, address(2), &details(7)).unwrap();
        assert_eq!(table.len(), 2);
        sweep_all(&mut table, Second(159));
        assert_eq!(table.len(), 2);
        sweep_all(&mut table, Second(160));
        assert_eq!(table.get(&TORRENT, address(1)), Some(&details(6)));
        assert_eq!(table.get(&TORRENT, address(2)), None);
        assert_eq!(table.get(&InfoHash([8; 20]), address(1)), None);
        table.remove(&TORRENT, address(1));
        assert!(table.is_empty());
    }

    #[test]
    fn a_full_table_refuses_new_peers_and_updates_known_ones() {
        let mut table = PeerDetailsTable::new(DetailsBounds { peers_max: 1, ..BOUNDS }, TableSeed([3; 16]));
        assert_eq!(table.note(Second(1), &TORRENT, address(1), &details(1)), Ok(()));
        assert_eq!(table.note(Second(1), &TORRENT, address(2), &details(1)), Err(Full));
        assert_eq!(table.note(Second(1), &TORRENT, address(1), &details(2)), Ok(()));
        assert_eq!(table.len(), 1);
    }

    #[test]
    fn a_hundred_thousand_peers_take_at_most_240_bytes_each() {
        let mut table =
            PeerDetailsTable::new(DetailsBounds { peers_max: 100_000, ..BOUNDS }, TableSeed([3; 16]));
        for number in 0..100_000_u32 {
            let mut info_hash = TORRENT;
            info_hash.0[..4].copy_from_slice(&number.to_be_bytes());
            table.note(Second(1), &info_hash, address(1), &details(1)).unwrap();
        }
        assert!(table.heap_bytes() <= 240 * 100_000, "{}", table.heap_bytes());
    }
}
