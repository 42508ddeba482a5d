//! Compares the swarms with a model: a `BTreeMap` with the status and deadline of every peer.
//!
//! The runs are short random ones that proptest can shrink, long seeded ones with swarms above the index threshold,
//! and all runs of a small alphabet up to a length.

#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the numbers in the tests are small"
)]

use primitives::{
    AnnounceEvent, CompactIpv4, CompactIpv6, ConnectionToken, InfoHash, PeerId, PeerStatus, Second, ShardId,
    SwarmFamily, TableSeed, WebRtcPeer,
};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use swarm::{
    Announce, Announced, Bound, Listing, PeerChange, PeerOfSwarm, Seeds, SwarmCounts, SwarmLimits,
    SwarmSettings, Swarms,
};

const LIFETIME_S: u32 = 120;

/// Units of work per turn of expiry.
const EXPIRY_WORK: u32 = 131_072;

const SETTINGS: SwarmSettings = SwarmSettings {
    limits: SwarmLimits {
        swarms_max: 1_000_000,
        peers_max: 1_000_000,
        swarm_peers_max: 1_000_000,
        peers_per_host_max: 0,
        bytes_max: 1 << 30,
    },
    peer_lifetime_s: LIFETIME_S,
    interval_s_min: 0,
};

const fn seeds(seed: u64) -> Seeds {
    Seeds { tables: TableSeed((seed as u128).to_le_bytes()), choice: !seed }
}

#[derive(Debug, Clone, Copy)]
enum Step {
    Announce {
        torrent: u8,
        peer: u16,
        status: PeerStatus,
        event: AnnounceEvent,
        wanted: usize,
    },
    AnnounceUnlisted {
        torrent: u8,
        peer: u16,
        status: PeerStatus,
        wanted: usize,
    },
    /// Peers that announce over connections do so over this one from here on.
    Connect {
        connection: u32,
    },
    /// A sign of life, of which only WebRTC peers have some.
    Refresh {
        torrent: u8,
        peer: u16,
    },
    Pass {
        seconds: u32,
    },
    ExpireOnce,
    SweepAll,
}

trait TestPeer: PeerOfSwarm + PartialEq {
    fn numbered(peer: u16, connection: u32) -> Self;

    /// Sends a sign of life, and returns the peer that the swarms know.
    fn refresh(&self, _: &mut Swarms, _: Second, _: &InfoHash) -> Option<Self> {
        None
    }
}

impl TestPeer for CompactIpv4 {
    fn numbered(peer: u16, _: u32) -> Self {
        let [high, low] = peer.to_be_bytes();
        Self([10, 0, 0, high, 0x1a, low])
    }
}

impl TestPeer for CompactIpv6 {
    fn numbered(peer: u16, _: u32) -> Self {
        let mut bytes = [0x20; 18];
        bytes[14..16].copy_from_slice(&peer.to_be_bytes());
        Self(bytes)
    }
}

impl TestPeer for WebRtcPeer {
    fn numbered(peer: u16, connection: u32) -> Self {
        let mut peer_id = PeerId([b'-'; PeerId::BYTES]);
        peer_id.0[18..].copy_from_slice(&peer.to_be_bytes());
        Self::new(peer_id, ConnectionToken { home: ShardId::FIRST, slot: 1, generation: connection })
    }

    fn refresh(&self, swarms: &mut Swarms, now: Second, info_hash: &InfoHash) -> Option<Self> {
        swarms.refresh_web_rtc_peer(now, info_hash, self);
        swarms.web_rtc_peer(now, info_hash, &self.peer_id())
    }
}

#[derive(Debug, Clone, Copy)]
struct ModelPeer<A> {
    /// As it announced last.
    peer: A,
    status: PeerStatus,
    deadline_s: u32,
    completed: bool,
}

struct Run<A> {
    swarms: Swarms,
    now: Second,
    connection: u32,
    /// Peers by torrent and identity. Expired ones stay until a complete sweep has run.
    peers: BTreeMap<u8, BTreeMap<Vec<u8>, ModelPeer<A>>>,
    downloaded: BTreeMap<u8, u64>,
}

fn info_hash(torrent: u8) -> InfoHash {
    InfoHash([torrent; 20])
}

impl<A: TestPeer> Run<A> {
    fn new(seed: u64) -> Self {
        Self {
            swarms: Swarms::new(SETTINGS, seeds(seed)),
            now: Second(65_000),
            connection: 0,
            peers: BTreeMap::new(),
            downloaded: BTreeMap::new(),
        }
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Announce { torrent, peer, status, event, wanted } => {
                self.announce(torrent, peer, wanted, (status, event, Listing::Listed));
            }
            Step::AnnounceUnlisted { torrent, peer, status, wanted } => {
                self.announce(torrent, peer, wanted, (status, AnnounceEvent::None, Listing::Unlisted));
            }
            Step::Connect { connection } => self.connection = connection,
            Step::Refresh { torrent, peer } => self.refresh(torrent, peer),
            Step::Pass { seconds } => self.now = self.now.after(seconds),
            Step::ExpireOnce => {
                self.swarms.expire(self.now, EXPIRY_WORK);
            }
            Step::SweepAll => self.sweep_all(),
        }
    }

    fn announce(
        &mut self,
        torrent: u8,
        peer: u16,
        wanted: usize,
        (status, event, listing): (PeerStatus, AnnounceEvent, Listing),
    ) {
        let announce = Announce {
            info_hash: info_hash(torrent),
            peer: A::numbered(peer, self.connection),
            status,
            event,
            listing,
            peers_wanted: wanted,
        };
        let mut out = vec![0xee; A::BYTES * 80];
        let hint = self.swarms.find::<A>(self.swarms.key(&announce.info_hash));
        let hint = if peer.is_multiple_of(2) { hint } else { None };
        let announced = self.swarms.announce(self.now, hint, &announce, &mut out);
        self.note(torrent, &announce);
        self.check_peers(torrent, &announce, announced, &out);
        self.check_counts(torrent, announced.counts, "after an announce");
        assert!(out[announced.peers * A::BYTES..].iter().all(|&byte| byte == 0xee), "wrote beyond the peers");
    }

    fn refresh(&mut self, torrent: u8, peer: u16) {
        if A::SWARM_FAMILY != SwarmFamily::WebRtc {
            return;
        }
        let (now, peer) = (self.now, A::numbered(peer, self.connection));
        let found = peer.refresh(&mut self.swarms, now, &info_hash(torrent));
        let known = self.peers.get_mut(&torrent).and_then(|peers| peers.get_mut(peer.identity()));
        let mut live = known.filter(|known| now.0 < known.deadline_s);
        let expected = live.as_ref().map(|known| known.peer);
        assert_eq!(found, expected, "exactly the live peers are found, as they announced last");
        if let Some(known) = live.take_if(|known| known.peer == peer) {
            known.deadline_s = deadline_s(now);
        }
    }

    /// Applies the announce to the model.
    fn note(&mut self, torrent: u8, announce: &Announce<A>) {
        let peers = self.peers.entry(torrent).or_default();
        let (peer, key) = (announce.peer, announce.peer.identity().to_vec());
        if announce.event == AnnounceEvent::Stopped {
            if peers.get(&key).is_some_and(|known| known.peer == peer) {
                peers.remove(&key);
            }
            return;
        }
        if announce.listing == Listing::Unlisted {
            return;
        }
        let before = peers.get(&key).filter(|peer| self.now.0 < peer.deadline_s);
        let was_completed = before.is_some_and(|peer| peer.completed);
        let was_leecher = before.is_some_and(|peer| peer.status == PeerStatus::Leecher);
        let completes = announce.event == AnnounceEvent::Completed && was_leecher;
        if completes && !was_completed {
            *self.downloaded.entry(torrent).or_default() += 1;
        }
        let (status, deadline_s) = (announce.status, deadline_s(self.now));
        peers.insert(key, ModelPeer { peer, status, deadline_s, completed: was_completed || completes });
    }

    fn check_peers(&self, torrent: u8, announce: &Announce<A>, announced: Announced, out: &[u8]) {
        let given: Vec<Vec<u8>> =
            out[..announced.peers * A::BYTES].chunks_exact(A::BYTES).map(<[u8]>::to_vec).collect();
        assert!(given.len() <= announce.peers_wanted, "at most the wanted peers are returned");
        assert_eq!(given.iter().collect::<BTreeSet<_>>().len(), given.len(), "no peer is returned twice");
        for peer in &given {
            let identity = &peer[..A::IDENTITY_BYTES];
            assert_ne!(identity, announce.peer.identity(), "the requester is not returned to itself");
            let known = self.peers[&torrent].get(identity).expect("every returned peer is in the swarm");
            assert_eq!(peer, known.peer.as_bytes(), "a peer is returned as it announced last");
            assert!(self.now.0 < known.deadline_s, "no expired peer is returned");
            let both_seed = known.status == PeerStatus::Seeder && announce.status == PeerStatus::Seeder;
            assert!(!both_seed, "no seeder is returned to a seeder");
        }
        let others = self.eligible(torrent, announce);
        if announce.event == AnnounceEvent::Stopped {
            assert!(given.is_empty(), "a stopped peer receives no peers");
        } else if !self.has_expired(torrent) {
            assert_eq!(given.len(), others.min(announce.peers_wanted), "a peer is missing");
        }
    }

    fn eligible(&self, torrent: u8, announce: &Announce<A>) -> usize {
        let others = self.peers[&torrent].iter().filter(|(key, _)| **key != announce.peer.identity());
        others
            .filter(|(_, peer)| announce.status == PeerStatus::Leecher || peer.status == PeerStatus::Leecher)
            .count()
    }

    fn has_expired(&self, torrent: u8) -> bool {
        self.peers[&torrent].values().any(|peer| self.now.0 >= peer.deadline_s)
    }

    fn count(&self, torrent: u8, status: PeerStatus) -> (usize, usize) {
        let Some(peers) = self.peers.get(&torrent) else {
            return (0, 0);
        };
        let of_status = peers.values().filter(|peer| peer.status == status);
        let live = of_status.clone().filter(|peer| self.now.0 < peer.deadline_s).count();
        (live, of_status.count())
    }

    /// Live peers are counted; expired ones may be until they are swept.
    fn check_counts(&self, torrent: u8, counts: SwarmCounts, when: &str) {
        for (status, counted) in
            [(PeerStatus::Seeder, counts.seeders), (PeerStatus::Leecher, counts.leechers)]
        {
            let (live, with_expired) = self.count(torrent, status);
            let counted = counted as usize;
            assert!((live..=with_expired).contains(&counted), "{when}: {status:?} {counted}, live {live}");
        }
        let downloaded = self.downloaded.get(&torrent).copied().unwrap_or_default();
        assert_eq!(counts.downloaded, downloaded, "{when}: downloaded");
    }

    fn sweep_all(&mut self) {
        for _ in 0..2 {
            for _ in 0..64 {
                self.swarms.expire(self.now, EXPIRY_WORK);
            }
            self.now = self.now.after(10);
        }
        for _ in 0..64 {
            self.swarms.expire(self.now, EXPIRY_WORK);
        }
        let now = self.now.0;
        for peers in self.peers.values_mut() {
            peers.retain(|_, peer| now < peer.deadline_s);
        }
        for torrent in self.peers.keys().copied().collect::<Vec<_>>() {
            self.check_counts(torrent, self.swarms.scrape::<A>(&info_hash(torrent)), "after a sweep");
        }
        self.check_totals();
    }

    fn check_totals(&self) {
        let totals = self.swarms.totals(A::SWARM_FAMILY);
        let all =
            |status| self.peers.values().flat_map(BTreeMap::values).filter(|p| p.status == status).count();
        assert_eq!(totals.seeders as usize, all(PeerStatus::Seeder));
        assert_eq!(totals.leechers as usize, all(PeerStatus::Leecher));
        let kept = self.peers.iter().filter(|(torrent, peers)| {
            !peers.is_empty() || self.downloaded.get(torrent).is_some_and(|&count| count > 0)
        });
        assert_eq!(totals.swarms as usize, kept.count(), "swarms kept");
        assert!(totals.bytes <= SETTINGS.limits.bytes_max);
    }
}

fn deadline_s(now: Second) -> u32 {
    (now.0 + LIFETIME_S).next_multiple_of(4)
}

fn run<A: TestPeer>(seed: u64, steps: impl IntoIterator<Item = Step>) {
    let mut run = Run::<A>::new(seed);
    for step in steps {
        run.step(step);
    }
    run.sweep_all();
}

fn any_status() -> impl Strategy<Value = PeerStatus> {
    prop_oneof![Just(PeerStatus::Seeder), Just(PeerStatus::Leecher)]
}

fn any_event() -> impl Strategy<Value = AnnounceEvent> {
    prop_oneof![
        4 => Just(AnnounceEvent::None),
        4 => Just(AnnounceEvent::Started),
        2 => Just(AnnounceEvent::Completed),
        3 => Just(AnnounceEvent::Stopped),
    ]
}

fn any_step(peers: u16) -> impl Strategy<Value = Step> {
    prop_oneof![
        20 => (0..3_u8, 0..peers, any_status(), any_event(), 0..80_usize).prop_map(
            |(torrent, peer, status, event, wanted)| Step::Announce { torrent, peer, status, event, wanted }
        ),
        1 => (0..3_u8, 0..peers, any_status(), 0..80_usize).prop_map(
            |(torrent, peer, status, wanted)| Step::AnnounceUnlisted { torrent, peer, status, wanted }
        ),
        2 => (0..3_u32).prop_map(|connection| Step::Connect { connection }),
        3 => (0..3_u8, 0..peers).prop_map(|(torrent, peer)| Step::Refresh { torrent, peer }),
        2 => (0..90_u32).prop_map(|seconds| Step::Pass { seconds }),
        1 => Just(Step::ExpireOnce),
        1 => Just(Step::SweepAll),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    #[test]
    fn ipv4_swarms_match_the_model(seed: u64, steps in prop::collection::vec(any_step(40), 1..400)) {
        run::<CompactIpv4>(seed, steps);
    }

    #[test]
    fn ipv6_swarms_match_the_model(seed: u64, steps in prop::collection::vec(any_step(40), 1..400)) {
        run::<CompactIpv6>(seed, steps);
    }

    // Few peers, so that each is heard over several connections.
    #[test]
    fn web_rtc_swarms_match_the_model(seed: u64, steps in prop::collection::vec(any_step(5), 1..400)) {
        run::<WebRtcPeer>(seed, steps);
    }
}

/// Random steps over few torrents and `peers` peers, so that swarms grow above the index threshold.
fn long_run(seed: u64, peers: u16, steps: usize) -> impl Iterator<Item = Step> {
    let mut rng = fastrand::Rng::with_seed(seed);
    std::iter::repeat_with(move || {
        let status = if rng.bool() { PeerStatus::Seeder } else { PeerStatus::Leecher };
        let (torrent, peer, wanted) = (rng.u8(0..2), rng.u16(0..peers), rng.usize(0..80));
        let event = match rng.u8(0..16) {
            0..2 => AnnounceEvent::Completed,
            2..4 => AnnounceEvent::Stopped,
            4..8 => AnnounceEvent::Started,
            _ => AnnounceEvent::None,
        };
        match rng.u16(0..4000) {
            0 => Step::SweepAll,
            1000..1100 => Step::Connect { connection: rng.u32(0..3) },
            1100..1200 => Step::Refresh { torrent, peer },
            1..4 => Step::ExpireOnce,
            4..24 => Step::Pass { seconds: rng.u32(0..8) },
            _ => Step::Announce { torrent, peer, status, event, wanted },
        }
    })
    .take(steps)
}

#[test]
fn long_runs_with_swarms_of_thousands_of_peers_match_the_model() {
    for seed in [1, 2] {
        // The model counts all peers of a torrent at each step, so the steps are few. The swarms are filled first.
        let fill = (0..6000).map(|peer| Step::Announce {
            torrent: 0,
            peer,
            status: if peer % 3 == 0 { PeerStatus::Leecher } else { PeerStatus::Seeder },
            event: AnnounceEvent::Started,
            wanted: 0,
        });
        run::<CompactIpv4>(seed, fill.clone().chain(long_run(seed, 6000, 12_000)));
        run::<CompactIpv6>(seed, fill.clone().chain(long_run(seed, 6000, 3000)));
        run::<WebRtcPeer>(seed, fill.chain(long_run(seed, 6000, 3000)));
    }
}

#[test]
fn all_short_runs_of_three_peers_match_the_model() {
    let mut alphabet = vec![Step::Pass { seconds: 61 }, Step::ExpireOnce];
    for peer in 0..3 {
        for (status, event) in [
            (PeerStatus::Leecher, AnnounceEvent::Started),
            (PeerStatus::Seeder, AnnounceEvent::Completed),
            (PeerStatus::Leecher, AnnounceEvent::Stopped),
        ] {
            alphabet.push(Step::Announce { torrent: 0, peer, status, event, wanted: 2 });
        }
    }
    let length = 5_u32;
    for number in 0..alphabet.len().pow(length) {
        let digits = (0..length).map(|place| number / alphabet.len().pow(place) % alphabet.len());
        run::<CompactIpv4>(number as u64, digits.map(|digit| alphabet[digit]));
    }
}

fn announce_of(torrent: u8, peer: u16, event: AnnounceEvent) -> Announce<CompactIpv4> {
    Announce {
        info_hash: info_hash(torrent),
        peer: CompactIpv4::numbered(peer, 0),
        status: PeerStatus::Leecher,
        event,
        listing: Listing::Listed,
        peers_wanted: 50,
    }
}

#[test]
fn every_peer_of_a_big_swarm_is_equally_likely_to_be_returned() {
    let mut swarms = Swarms::new(SETTINGS, seeds(3));
    let mut out = [0; 300];
    for peer in 0..200 {
        swarms.announce(Second(1), None, &announce_of(0, peer, AnnounceEvent::Started), &mut out);
    }
    let mut given_of = BTreeMap::<Vec<u8>, u32>::new();
    for _ in 0..20_000 {
        let announced = swarms.announce(Second(2), None, &announce_of(0, 0, AnnounceEvent::None), &mut out);
        assert_eq!(announced.peers, 50);
        for peer in out.chunks_exact(6) {
            *given_of.entry(peer.to_vec()).or_default() += 1;
        }
    }
    // 20,000 answers of 50 out of 199: each peer about 5025 times.
    assert_eq!(given_of.len(), 199);
    let (least, most) = (given_of.values().min().unwrap(), given_of.values().max().unwrap());
    assert!(*least > 4600 && *most < 5450, "{least} to {most}");
}

#[test]
fn a_leecher_in_a_swarm_full_of_seeders_receives_leechers_too() {
    let mut swarms = Swarms::new(SETTINGS, seeds(3));
    let mut out = [0; 300];
    for peer in 0..1000 {
        let status = if peer < 30 { PeerStatus::Leecher } else { PeerStatus::Seeder };
        let announce = Announce { status, ..announce_of(0, peer, AnnounceEvent::Started) };
        swarms.announce(Second(1), None, &announce, &mut out);
    }
    let announced = swarms.announce(Second(2), None, &announce_of(0, 0, AnnounceEvent::None), &mut out);
    assert_eq!(announced.peers, 50);
    let leechers =
        out.chunks_exact(6).filter(|peer| (1..30).any(|n| CompactIpv4::numbered(n, 0).0 == **peer));
    assert_eq!(leechers.count(), 25);
}

#[test]
fn the_downloads_of_an_empty_swarm_are_kept_for_8_hours() {
    let mut swarms = Swarms::new(SETTINGS, seeds(3));
    for event in [AnnounceEvent::Started, AnnounceEvent::Completed, AnnounceEvent::Stopped] {
        swarms.announce(Second(2), None, &announce_of(0, 0, event), &mut []);
    }
    swarms.expire(Second(28_801), EXPIRY_WORK);
    assert_eq!(swarms.scrape::<CompactIpv4>(&info_hash(0)).downloaded, 1);
    swarms.expire(Second(28_812), EXPIRY_WORK);
    assert_eq!(swarms.scrape::<CompactIpv4>(&info_hash(0)).downloaded, 0);
    assert_eq!(swarms.totals(SwarmFamily::V4).swarms, 0);
}

#[test]
fn a_leecher_receives_live_leechers_when_all_seeders_have_expired() {
    let mut swarms = Swarms::new(SETTINGS, seeds(3));
    let mut out = [0; 300];
    for (peers, status, now) in
        [(0..100, PeerStatus::Seeder, Second(1)), (200..230, PeerStatus::Leecher, Second(100))]
    {
        for peer in peers {
            let announce = Announce { status, ..announce_of(0, peer, AnnounceEvent::None) };
            swarms.announce(now, None, &announce, &mut out);
        }
    }
    let late = Second(1 + LIFETIME_S + 4);
    let announced = swarms.announce(late, None, &announce_of(0, 900, AnnounceEvent::None), &mut out);
    assert_eq!(announced.peers, 30);
}

fn announce_of_made_up(number: u32) -> Announce<CompactIpv4> {
    let mut hash = [0xf0; 20];
    hash[..4].copy_from_slice(&number.to_be_bytes());
    Announce { info_hash: InfoHash(hash), ..announce_of(0, 0, AnnounceEvent::Started) }
}

#[test]
fn a_turn_of_expiry_visits_thousands_of_small_swarms() {
    let mut swarms = Swarms::new(SETTINGS, seeds(3));
    for number in 0..100_000 {
        swarms.announce(Second(1), None, &announce_of_made_up(number), &mut []);
    }
    // A worker runs ten turns a second: 100 turns are ten seconds.
    for _ in 0..100 {
        swarms.expire(Second(LIFETIME_S + 4), EXPIRY_WORK);
    }
    assert_eq!(swarms.totals(SwarmFamily::V4).swarms, 0);
}

#[test]
fn a_deadline_far_in_the_past_does_not_hide_expired_peers() {
    let settings = SwarmSettings { peer_lifetime_s: 32_000, ..SETTINGS };
    let mut swarms = Swarms::new(settings, seeds(3));
    let mut out = [0; 300];
    swarms.announce(Second(1), None, &announce_of(0, 1, AnnounceEvent::None), &mut out);
    // No sweep has run for 1000 s after the only peer expired.
    for (peer, given) in [(2, 0), (3, 1)] {
        let announced =
            swarms.announce(Second(33_002), None, &announce_of(0, peer, AnnounceEvent::None), &mut out);
        assert_eq!(announced.peers, given, "only the live peer 2 is returned");
    }
}

#[test]
fn memory_taken_by_a_flood_of_swarms_is_reused_after_they_expire() {
    let limits = SwarmLimits { bytes_max: 4 << 20, ..SETTINGS.limits };
    let mut swarms = Swarms::new(SwarmSettings { limits, ..SETTINGS }, seeds(3));
    for number in 0..100_000 {
        swarms.announce(Second(1), None, &announce_of_made_up(number), &mut []);
    }
    assert!(swarms.evicted().at(Bound::Memory) > 0, "the flood reaches the memory limit");
    for _ in 0..100 {
        swarms.expire(Second(LIFETIME_S + 4), EXPIRY_WORK);
    }
    assert!(swarms.totals(SwarmFamily::V4).bytes < 1 << 20, "the memory is freed");
    for peer in 0..1000 {
        let announce = announce_of(0, peer, AnnounceEvent::Started);
        let change = swarms.announce(Second(LIFETIME_S + 4), None, &announce, &mut []).change;
        assert_eq!(change, PeerChange::Added);
    }
}

#[test]
fn a_turn_of_expiry_removes_no_more_empty_swarms_than_its_budget_allows() {
    let mut swarms = Swarms::new(SETTINGS, seeds(3));
    for number in 0..20_000 {
        let announce = announce_of_made_up(number);
        for event in [AnnounceEvent::Started, AnnounceEvent::Completed, AnnounceEvent::Stopped] {
            swarms.announce(Second(1), None, &Announce { event, ..announce }, &mut []);
        }
    }
    let expired = swarms.expire(Second(28_900), EXPIRY_WORK);
    assert!((1_000..4_000).contains(&expired.swarms), "{} swarms in one turn", expired.swarms);
}
