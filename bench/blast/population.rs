use crate::cli::Options;
use crate::sources::Sources;
use primitives::{InfoHash, PeerId, PeerStatus};
use std::net::SocketAddr;

/// The peers and torrents of a load. Everything about a peer follows from its number and the seed, so that a fill
/// and a later load announce the same peers, and nothing is stored.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Population {
    seed: u64,
    torrents: u64,
    pub(crate) peers: u64,
    skew: f64,
    seeders: f64,
    sources: u64,
    torrent_run: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Peer {
    pub(crate) info_hash: InfoHash,
    pub(crate) status: PeerStatus,
    /// Number of the source address.
    pub(crate) source: u32,
    /// The announced port.
    pub(crate) port: u16,
}

/// Ports that a peer can announce: all but 0.
const PORTS: u64 = 65_535;

impl Population {
    /// Creates the population of this many source addresses, with at most one peer per address and port.
    pub(crate) fn new(options: &Options, sources: u32) -> Self {
        let sources = u64::from(sources);
        Self {
            seed: options.seed,
            torrents: options.torrents.max(1),
            peers: options.peers().clamp(1, sources * PORTS),
            skew: options.skew,
            seeders: options.seeders_percent / 100.0,
            sources,
            torrent_run: u64::from(options.torrent_run),
        }
    }

    /// Creates the populations of all targets.
    pub(crate) fn of_targets(options: &Options) -> Vec<Self> {
        options.addresses().map(|target| Self::new(options, Sources::new(options, target).count())).collect()
    }

    /// Returns the number of a random peer of this source.
    pub(crate) fn any_peer_of(&self, source: u32, rng: &mut fastrand::Rng) -> u64 {
        let first = u64::from(source);
        let peers = (self.peers.saturating_sub(first)).div_ceil(self.sources).max(1);
        first + rng.u64(0..peers) * self.sources
    }

    /// Returns the numbers of the peers of this source.
    pub(crate) fn peers_of(&self, source: u32) -> impl Iterator<Item = u64> + use<> {
        (u64::from(source)..self.peers).step_by(self.all_sources() as usize)
    }

    /// Returns the peer after `last` in a run of peers of one torrent, or the first of a random run of this source.
    pub(crate) fn next_peer_of(&self, source: u32, last: Option<u64>, rng: &mut fastrand::Rng) -> u64 {
        let next = last.map(|last| last + self.sources);
        next.filter(|&next| next < self.peers && self.first_of_run(next) != next)
            .unwrap_or_else(|| self.first_of_run(self.any_peer_of(source, rng)))
    }

    /// Returns the first peer of a run: `torrent_run` neighbours of one source, all in one torrent.
    const fn first_of_run(&self, number: u64) -> u64 {
        number - number / self.sources % self.torrent_run * self.sources
    }

    /// Number of source addresses.
    #[expect(clippy::cast_possible_truncation, reason = "made of a u32")]
    pub(crate) const fn all_sources(&self) -> u32 {
        self.sources as u32
    }

    /// Number of source addresses that have peers.
    #[expect(clippy::cast_possible_truncation, reason = "made of a u32")]
    pub(crate) fn sources(&self) -> u32 {
        self.sources.min(self.peers) as u32
    }

    /// Returns the peer of this number. Neighbouring numbers have different sources.
    #[expect(clippy::cast_possible_truncation, reason = "the remainders are small")]
    pub(crate) fn peer(&self, number: u64) -> Peer {
        let luck = mix(self.seed ^ number);
        let luck_of_torrent = mix(self.seed ^ self.first_of_run(number));
        Peer {
            info_hash: self.info_hash(self.torrent_of(luck_of_torrent)),
            status: if fraction(mix(luck)) < self.seeders { PeerStatus::Seeder } else { PeerStatus::Leecher },
            source: (number % self.sources) as u32,
            port: (1 + number / self.sources % PORTS) as u16,
        }
    }

    /// Returns whether a peer has this source and announced port.
    pub(crate) fn has(&self, source: u32, port: u16) -> bool {
        let source = u64::from(source);
        let is_member = |before: u64| source < self.sources && source + before * self.sources < self.peers;
        u64::from(port).checked_sub(1).is_some_and(is_member)
    }

    /// Returns the id of a peer. Ids differ, because some trackers identify peers by them.
    pub(crate) fn peer_id(&self, number: u64) -> PeerId {
        let mut bytes = *b"-RB0100-000000000000";
        bytes[12..].copy_from_slice(&mix(self.seed ^ number).to_be_bytes());
        PeerId(bytes)
    }

    /// Returns the info hashes of all torrents.
    pub(crate) fn info_hashes(&self) -> impl Iterator<Item = InfoHash> {
        (0..self.torrents).map(|torrent| self.info_hash(torrent))
    }

    /// Returns a random torrent, weighted by popularity.
    pub(crate) fn any_torrent(&self, rng: &mut fastrand::Rng) -> InfoHash {
        self.info_hash(self.torrent_of(rng.u64(..)))
    }

    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "below the number of torrents"
    )]
    fn torrent_of(&self, luck: u64) -> u64 {
        let place = fraction(luck).powf(self.skew);
        ((place * self.torrents as f64) as u64).min(self.torrents - 1)
    }

    fn info_hash(&self, torrent: u64) -> InfoHash {
        let mut bytes = [0; InfoHash::BYTES];
        let mut state = mix(self.seed.rotate_left(32) ^ torrent);
        for chunk in bytes.chunks_mut(8) {
            state = mix(state);
            chunk.copy_from_slice(&state.to_le_bytes()[..chunk.len()]);
        }
        InfoHash(bytes)
    }
}

/// Returns a warning for each target that cannot have the requested number of peers.
pub(crate) fn warnings(options: &Options) -> Vec<String> {
    let warning = |target: SocketAddr| {
        let Population { peers, sources, .. } =
            Population::new(options, Sources::new(options, target).count());
        let asked = options.peers();
        (peers < asked).then(|| {
            format!("warning: {target} gets {peers} of {asked} peers: {sources} source address(es) have no more ports")
        })
    };
    options.addresses().filter_map(warning).collect()
}

/// `SplitMix64`'s finalizer: neighbouring numbers become unrelated ones.
pub(crate) const fn mix(number: u64) -> u64 {
    let number = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

/// 0 to 1, from the upper 53 bits.
fn fraction(number: u64) -> f64 {
    (number >> 11) as f64 / (1_u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;
    use std::collections::HashSet;

    fn population(arguments: &[&str]) -> Population {
        let fixed = ["ringtrack-blast", "--target", "127.0.0.1:1"];
        let options = Options::parse_from(fixed.iter().chain(arguments));
        Population::new(&options, options.sources)
    }

    #[test]
    fn each_number_is_a_different_peer() {
        let population = population(&["--sources", "7"]);
        let peers: HashSet<_> =
            (0..10_000).map(|number| population.peer(number)).map(|peer| (peer.source, peer.port)).collect();
        assert_eq!(peers.len(), 10_000);
    }

    #[test]
    fn exactly_the_peers_of_the_population_are_its_members() {
        let population = population(&["--sources", "7", "--peers", "100"]);
        for number in 0..200 {
            let peer = population.peer(number);
            assert_eq!(population.has(peer.source, peer.port), number < 100, "{number}");
        }
        assert!(!population.has(0, 0) && !population.has(7, 1));
    }

    #[test]
    fn a_load_with_fewer_peers_than_requested_warns() {
        let arguments = ["ringtrack-blast", "--target", "127.0.0.1:1", "[::1]:1", "--peers", "65536"];
        let said = warnings(&Options::parse_from(arguments));
        assert_eq!(said.len(), 1);
        assert!(said[0].contains("[::1]:1 gets 65535 of 65536 peers"), "{said:?}");
    }

    #[test]
    fn a_run_of_peers_is_in_one_torrent_and_comes_from_one_source() {
        let population = population(&["--sources", "7", "--torrent-run", "4", "--peers", "1000"]);
        let mut rng = fastrand::Rng::with_seed(1);
        let first = population.next_peer_of(3, None, &mut rng);
        let run: Vec<_> = std::iter::successors(Some(first), |&last| {
            Some(population.next_peer_of(3, Some(last), &mut rng))
        })
        .take(4)
        .map(|number| population.peer(number))
        .collect();
        assert!(run.iter().all(|peer| peer.info_hash == run[0].info_hash && peer.source == 3));
        assert_eq!(run.iter().map(|peer| peer.port).collect::<HashSet<_>>().len(), 4);
    }

    #[test]
    fn a_skew_of_three_puts_almost_half_of_the_peers_into_a_tenth_of_the_torrents() {
        let population = population(&["--torrents", "1000"]);
        let tenth: HashSet<_> = (0..100).map(|torrent| population.info_hash(torrent).0).collect();
        let peers =
            (0..10_000).filter(|&number| tenth.contains(&population.peer(number).info_hash.0)).count();
        assert!((4_400..4_900).contains(&peers), "{peers}");
    }

    #[test]
    fn the_share_of_seeders_is_as_requested() {
        let population = population(&["--seeders-percent", "80"]);
        let seeders =
            (0..10_000).filter(|&number| population.peer(number).status == PeerStatus::Seeder).count();
        assert!((7_800..8_200).contains(&seeders), "{seeders}");
    }
}
