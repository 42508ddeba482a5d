//! What gives way when limits are reached, and that everything else stays right.

#![allow(clippy::cast_possible_truncation, reason = "the numbers in the tests are small")]

use primitives::{
    AnnounceEvent, CompactIpv4, CompactIpv6, ConnectionToken, InfoHash, PeerId, PeerReference, PeerStatus,
    Second, ShardId, SwarmFamily, TableSeed, WebRtcPeer,
};
use proptest::prelude::*;
use std::collections::BTreeSet;
use swarm::{
    Announce, Bound, HostLimit, INDEX_PEERS_MIN, Listing, Newcomers, PeerChange, PeerOfSwarm, PeerVerdict,
    Seeds, SourceVerdict, SwarmCounts, SwarmLimits, SwarmSettings, SwarmSlot, SwarmTotals, Swarms,
    TorrentVerdict,
};

const LIFETIME_S: u32 = 2700;
const START: Second = Second(65_000);

const UNLIMITED: SwarmLimits = SwarmLimits {
    swarms_max: 1_000_000,
    peers_max: 1_000_000,
    swarm_peers_max: 1_000_000,
    peers_per_host_max: 0,
    bytes_max: 1 << 30,
};

fn swarms_with(limits: SwarmLimits) -> Swarms {
    let settings = SwarmSettings { limits, peer_lifetime_s: LIFETIME_S, interval_s_min: 0 };
    Swarms::new(settings, Seeds { tables: TableSeed([5; 16]), choice: 6 })
}

fn info_hash(torrent: u32) -> InfoHash {
    let mut bytes = [0xf0; InfoHash::BYTES];
    bytes[..4].copy_from_slice(&torrent.to_be_bytes());
    InfoHash(bytes)
}

trait TestPeer: PeerOfSwarm {
    fn numbered(host: u32, port: u8) -> Self;
}

impl TestPeer for CompactIpv4 {
    fn numbered(host: u32, port: u8) -> Self {
        let [a, b, c, d] = host.to_be_bytes();
        Self([a, b, c, d, 0x1a, port])
    }
}

impl TestPeer for CompactIpv6 {
    /// The host decides on the prefix, the port also on the rest of the address.
    fn numbered(host: u32, port: u8) -> Self {
        let mut bytes = [port; 18];
        bytes[..4].fill(0x20);
        bytes[4..8].copy_from_slice(&host.to_be_bytes());
        Self(bytes)
    }
}

impl TestPeer for WebRtcPeer {
    fn numbered(host: u32, port: u8) -> Self {
        let mut peer_id = PeerId([b'-'; PeerId::BYTES]);
        peer_id.0[15..19].copy_from_slice(&host.to_be_bytes());
        peer_id.0[19] = port;
        Self::new(peer_id, ConnectionToken { home: ShardId::FIRST, slot: 1, generation: 1 })
    }
}

fn announce<A: TestPeer>(torrent: u32, host: u32, port: u8) -> Announce<A> {
    Announce {
        info_hash: info_hash(torrent),
        peer: A::numbered(host, port),
        status: PeerStatus::Leecher,
        event: AnnounceEvent::None,
        listing: Listing::Listed,
        peers_wanted: 50,
    }
}

fn all_bytes(swarms: &Swarms) -> u64 {
    SwarmFamily::ALL.iter().map(|&family| swarms.totals(family).bytes).sum()
}

fn all_peers<A: PeerOfSwarm>(swarms: &Swarms, now: Second, torrent: u32) -> Vec<A> {
    let mut peers = Vec::new();
    swarms.peers(now, &info_hash(torrent), usize::MAX, |peer: A, _, _| peers.push(peer));
    peers
}

fn is_listed<A: TestPeer>(swarms: &Swarms, now: Second, torrent: u32, (host, port): (u32, u8)) -> bool {
    let peer = A::numbered(host, port);
    all_peers::<A>(swarms, now, torrent).iter().any(|other| other.identity() == peer.identity())
}

fn add(swarms: &mut Swarms, now: Second, torrent: u32, (host, port): (u32, u8)) -> PeerChange {
    swarms.announce(now, None, &announce::<CompactIpv4>(torrent, host, port), &mut []).change
}

#[test]
fn a_newcomer_takes_the_place_of_another_at_every_limit() {
    let first = &[(0, 1), (0, 2), (1, 3)][..];
    for (limits, newcomer, limit, gone) in [
        (SwarmLimits { swarms_max: 2, ..UNLIMITED }, (2, 9), Bound::Swarms, 1),
        (SwarmLimits { peers_max: 3, ..UNLIMITED }, (0, 9), Bound::Peers, 1),
        (SwarmLimits { peers_max: 3, ..UNLIMITED }, (2, 9), Bound::Peers, 1),
        (SwarmLimits { swarm_peers_max: 2, ..UNLIMITED }, (0, 9), Bound::SwarmPeers, 1),
        (SwarmLimits { peers_per_host_max: 1, ..UNLIMITED }, (0, 1), Bound::Host, 1),
        (SwarmLimits { peers_max: 1, ..UNLIMITED }, (1, 9), Bound::Peers, 1),
    ] {
        let mut swarms = swarms_with(limits);
        for &(torrent, host) in first {
            add(&mut swarms, START, torrent, (host, 1));
        }
        let (before, (torrent, host)) = (*swarms.evicted(), newcomer);
        assert_eq!(add(&mut swarms, START, torrent, (host, 2)), PeerChange::Added, "{limits:?}");
        assert!(is_listed::<CompactIpv4>(&swarms, START, torrent, (host, 2)), "{limits:?}");
        assert!(swarms.evicted().at(limit) >= before.at(limit) + gone, "{limits:?}");
    }
    for limits in [
        SwarmLimits { swarms_max: 0, ..UNLIMITED },
        SwarmLimits { peers_max: 0, ..UNLIMITED },
        SwarmLimits { swarm_peers_max: 0, ..UNLIMITED },
        SwarmLimits { bytes_max: 0, ..UNLIMITED },
    ] {
        let change = add(&mut swarms_with(limits), START, 0, (1, 1));
        assert!(matches!(change, PeerChange::Refused(_)), "{limits:?}: nothing can give way");
    }
}

/// A step of a run in which limits are reached all the time.
#[derive(Debug, Clone, Copy)]
enum Step {
    Announce { family: SwarmFamily, torrent: u32, peer: (u32, u8), event: AnnounceEvent },
    Pass { seconds: u32 },
    Expire,
}

/// Runs steps, and checks everything that must hold after each.
struct Run {
    swarms: Swarms,
    limits: SwarmLimits,
    now: Second,
    v4: Known<CompactIpv4>,
    v6: Known<CompactIpv6>,
    web_rtc: Known<WebRtcPeer>,
    expired: u64,
}

/// What is known of a family apart from its swarms.
struct Known<A> {
    /// Where swarms were once: they may have given way meanwhile.
    hints: [Option<SwarmSlot<A>>; TORRENTS as usize],
    added: u64,
    removed: u64,
}

const TORRENTS: u32 = 8;

impl<A> Known<A> {
    const NEW: Self = Self { hints: [const { None }; TORRENTS as usize], added: 0, removed: 0 };

    fn announce(
        &mut self,
        swarms: &mut Swarms,
        limits: &SwarmLimits,
        now: Second,
        announce: &Announce<A>,
        torrent: u32,
    ) where
        A: TestPeer,
    {
        let before: BTreeSet<Vec<u8>> =
            all_peers::<A>(swarms, now, torrent).iter().map(|peer| peer.as_bytes().to_vec()).collect();
        let mut out = [0; 50 * 30];
        let hint = self.hints[torrent as usize];
        self.hints[torrent as usize] = swarms.find(swarms.key(&announce.info_hash));
        let announced = swarms.announce(now, hint, announce, &mut out);
        match announced.change {
            PeerChange::Added => self.added += 1,
            PeerChange::Removed => self.removed += 1,
            PeerChange::Refreshed | PeerChange::Early | PeerChange::NotListed => {}
            PeerChange::Refused(Bound::Memory)
                if before.is_empty() && limits.bytes_max < UNLIMITED.bytes_max =>
            {
                return;
            }
            other => panic!("{other:?}: every newcomer finds room"),
        }
        let given = &out[..announced.peers * A::BYTES];
        for peer in given.chunks_exact(A::BYTES) {
            assert!(before.contains(peer), "a peer that was not there, or another torrent's, is returned");
            assert_ne!(peer, announce.peer.as_bytes());
        }
        let after = all_peers::<A>(swarms, now, torrent);
        let is_in = after.iter().any(|peer| peer.identity() == announce.peer.identity());
        assert_eq!(is_in, announce.event != AnnounceEvent::Stopped, "{announce:?}");
        assert!(after.len() <= limits.swarm_peers_max as usize, "peers of a swarm");
        let of_host = after.iter().filter(|peer| peer.host() == announce.peer.host()).count();
        if limits.peers_per_host_max > 0 && A::HOST_BYTES > 0 {
            assert!(of_host <= usize::from(limits.peers_per_host_max), "peers of a host");
        }
    }
}

impl Run {
    fn new(settings: SwarmSettings) -> Self {
        let (v4, v6, web_rtc) = (Known::NEW, Known::NEW, Known::NEW);
        let swarms = Swarms::new(settings, Seeds { tables: TableSeed([5; 16]), choice: 6 });
        Self { swarms, limits: settings.limits, now: START, v4, v6, web_rtc, expired: 0 }
    }

    fn step(&mut self, step: Step) {
        let Self { swarms, limits, now, .. } = self;
        match step {
            Step::Pass { seconds } => *now = now.after(seconds),
            Step::Expire => self.expired += swarms.expire(*now, 100_000).peers,
            Step::Announce { family, torrent, peer: (host, port), event } => match family {
                SwarmFamily::V4 => {
                    let announce = Announce { event, ..announce(torrent, host, port) };
                    self.v4.announce(swarms, limits, *now, &announce, torrent);
                }
                SwarmFamily::V6 => {
                    let announce = Announce { event, ..announce(torrent, host, port) };
                    self.v6.announce(swarms, limits, *now, &announce, torrent);
                }
                SwarmFamily::WebRtc => {
                    let announce = Announce { event, ..announce(torrent, host, port) };
                    self.web_rtc.announce(swarms, limits, *now, &announce, torrent);
                }
            },
        }
        self.check();
    }

    fn check(&self) {
        let (mut swarms, mut peers, mut torrents, mut active) = (0, 0, 0, 0);
        for torrent in 0..TORRENTS {
            let counts = SwarmFamily::ALL.map(|family| self.swarms.counts_in(family, &info_hash(torrent)));
            let sum = |counts: SwarmCounts| u64::from(counts.seeders) + u64::from(counts.leechers);
            let of_torrent: u64 = counts.into_iter().flatten().map(sum).sum();
            swarms += counts.into_iter().flatten().count() as u64;
            peers += of_torrent;
            torrents += u64::from(counts.iter().any(Option::is_some));
            active += u64::from(of_torrent > 0);
        }
        let totals = SwarmFamily::ALL.map(|family| self.swarms.totals(family));
        assert_eq!(totals.iter().map(|totals| totals.swarms).sum::<u64>(), swarms);
        assert_eq!(totals.iter().map(SwarmTotals::peers).sum::<u64>(), peers);
        assert_eq!((self.swarms.torrents(), self.swarms.active_torrents()), (torrents, active));
        assert!(swarms <= self.limits.swarms_max && peers <= self.limits.peers_max, "{swarms}, {peers}");
        let evicted: u64 = [Bound::Swarms, Bound::Peers, Bound::SwarmPeers, Bound::Memory, Bound::Host]
            .map(|limit| self.swarms.evicted().at(limit))
            .iter()
            .sum();
        let added = self.v4.added + self.v6.added + self.web_rtc.added;
        let removed = self.v4.removed + self.v6.removed + self.web_rtc.removed;
        assert_eq!(added, peers + removed + self.expired + evicted, "every peer is accounted for");
    }
}

fn any_step() -> impl Strategy<Value = Step> {
    let family = prop::sample::select(SwarmFamily::ALL.to_vec());
    let event = prop_oneof![
        6 => Just(AnnounceEvent::None),
        1 => Just(AnnounceEvent::Completed),
        1 => Just(AnnounceEvent::Stopped)
    ];
    prop_oneof![
        30 => (family, 0..TORRENTS, (0..3_u32, 0..6_u8), event)
            .prop_map(|(family, torrent, peer, event)| Step::Announce { family, torrent, peer, event }),
        3 => (1..1500_u32).prop_map(|seconds| Step::Pass { seconds }),
        1 => Just(Step::Expire),
    ]
}

/// The limits of bytes are about those that empty tables take, so that memory is often short.
fn any_settings() -> impl Strategy<Value = SwarmSettings> {
    let bytes_max = prop_oneof![Just(UNLIMITED.bytes_max), 100_000..250_000_u64];
    let interval_s_min = prop::sample::select(vec![0, 60, 700]);
    let limits = (1..12_u64, 1..40_u64, 1..8_u32, 0..4_u8, bytes_max);
    (limits, interval_s_min).prop_map(|(limits, interval_s_min)| {
        let (swarms_max, peers_max, swarm_peers_max, peers_per_host_max, bytes_max) = limits;
        let limits = SwarmLimits { swarms_max, peers_max, swarm_peers_max, peers_per_host_max, bytes_max };
        SwarmSettings { limits, peer_lifetime_s: LIFETIME_S, interval_s_min }
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    #[test]
    fn newcomers_find_room_and_limits_hold(settings in any_settings(), steps in prop::collection::vec(any_step(), 1..300)) {
        let mut run = Run::new(settings);
        for step in steps {
            run.step(step);
        }
    }
}

/// Announces single peers of made-up torrents, from `first` on.
fn flood(swarms: &mut Swarms, now: Second, first: u32, torrents: u32) {
    for torrent in first..first + torrents {
        add(swarms, now, torrent, (torrent, 1));
    }
}

/// The number of the first made-up torrent.
const MADE_UP: u32 = 1 << 24;

/// Adds torrents whose peers have announced twice, over half an hour.
fn settle(swarms: &mut Swarms, torrents: u32) -> Second {
    for round in 0..2 {
        for torrent in 0..torrents {
            add(swarms, START.after(round * 1800 + torrent * 1800 / torrents), torrent, (torrent, 1));
        }
    }
    START.after(2 * 1800)
}

#[test]
fn refreshed_peers_survive_a_flood_of_made_up_torrents() {
    for limits in [
        SwarmLimits { swarms_max: 20_000, ..UNLIMITED },
        SwarmLimits { peers_max: 20_000, ..UNLIMITED },
        SwarmLimits { bytes_max: 2 << 20, ..UNLIMITED },
    ] {
        let mut swarms = swarms_with(limits);
        let now = settle(&mut swarms, 10_000);
        let mut found = 0;
        for round in 0..500 {
            let first = MADE_UP + round * 1000;
            flood(&mut swarms, now, first, 900);
            // A moment later another peer looks for one of them.
            let second = announce::<CompactIpv4>(first + 800, 7, 7);
            found += swarms.announce(now, None, &second, &mut [0; 60]).peers;
        }
        let survivors =
            (0..10_000).filter(|&torrent| swarms.counts::<CompactIpv4>(&info_hash(torrent)).is_some());
        let survivors = survivors.count();
        assert!(survivors >= 9_900, "{limits:?}: {survivors} of 10,000 survive");
        assert!(found >= 490, "{limits:?}: {found} of 500 second peers find the first");
        assert!(swarms.totals(SwarmFamily::V4).bytes <= limits.bytes_max, "{limits:?}");
    }
}

#[test]
fn newcomers_stay_for_a_while_even_if_all_others_refresh() {
    let mut swarms = swarms_with(SwarmLimits { swarms_max: 20_000, ..UNLIMITED });
    let now = settle(&mut swarms, 20_000);
    let mut found = 0;
    for round in 0..500 {
        let first = MADE_UP + round * 10;
        flood(&mut swarms, now, first, 10);
        let second = announce::<CompactIpv4>(first, 7, 7);
        found += swarms.announce(now, None, &second, &mut [0; 60]).peers;
    }
    assert!(found >= 475, "{found} of 500 second peers find the first");
    let survivors =
        (0..20_000).filter(|&torrent| swarms.counts::<CompactIpv4>(&info_hash(torrent)).is_some());
    assert!(survivors.count() >= 17_000, "newcomers displace each other, and few of the others");
}

#[test]
fn the_peers_of_a_full_swarm_that_announced_again_survive_a_flood_of_others() {
    for swarm_peers_max in [1_000, 10_000] {
        let mut swarms = swarms_with(SwarmLimits { swarm_peers_max, ..UNLIMITED });
        let proven = swarm_peers_max / 2;
        for round in 0..2 {
            for host in 0..proven {
                add(&mut swarms, START.after(round * 900), 0, (host, 1));
            }
        }
        for host in 0..100_000 {
            assert_eq!(add(&mut swarms, START.after(2000), 0, (MADE_UP + host, 1)), PeerChange::Added);
        }
        let peers = all_peers::<CompactIpv4>(&swarms, START.after(2000), 0);
        let known: BTreeSet<_> = (0..proven).map(|host| CompactIpv4::numbered(host, 1).0).collect();
        let survivors = peers.iter().filter(|peer| known.contains(&peer.0)).count();
        assert_eq!(peers.len(), swarm_peers_max as usize);
        assert!(survivors >= proven as usize * 99 / 100, "{survivors} of {proven}");
    }
}

#[test]
fn a_swarm_that_many_use_survives_whatever_its_first_peers_are() {
    let mut swarms = swarms_with(SwarmLimits { swarms_max: 1000, ..UNLIMITED });
    // The seeders announced once and long ago. Some of the leechers are proven.
    for host in 0..20 {
        let seeder = Announce { status: PeerStatus::Seeder, ..announce::<CompactIpv4>(0, host, 1) };
        swarms.announce(START, None, &seeder, &mut []);
    }
    for round in 0..2 {
        for host in 100..300 {
            add(&mut swarms, START.after(100 + round * 100), 0, (host, 1));
        }
    }
    // All others are smaller, proven, and heard later.
    for round in 0..2 {
        for torrent in 1..1000 {
            add(&mut swarms, START.after(1000 + round * 100), torrent, (torrent, 1));
        }
    }
    flood(&mut swarms, START.after(2000), MADE_UP, 20_000);
    assert_eq!(all_peers::<CompactIpv4>(&swarms, START, 0).len(), 220);
}

#[test]
fn after_a_restart_swarms_with_several_hosts_survive_a_flood_and_those_of_one_host_do_not() {
    let mut swarms = swarms_with(SwarmLimits { swarms_max: 2000, ..UNLIMITED });
    for torrent in 0..1000 {
        for peer in 0..2 {
            add(&mut swarms, START, torrent, (2 * torrent + peer * (torrent % 2), peer as u8));
        }
    }
    flood(&mut swarms, START.after(10), MADE_UP, 50_000);
    let survivors = |of_hosts: u32| {
        let survives = |torrent: &u32| {
            torrent % 2 + 1 == of_hosts && swarms.counts::<CompactIpv4>(&info_hash(*torrent)).is_some()
        };
        (0..1000).filter(survives).count()
    };
    assert!(survivors(2) >= 495 && survivors(1) < 100, "{} and {} of 500", survivors(2), survivors(1));
}

#[test]
fn a_newcomer_of_a_big_swarm_replaces_a_peer_of_that_swarm() {
    let mut settled = swarms_with(UNLIMITED);
    settle(&mut settled, 1000);
    let bytes = all_bytes(&settled);
    for limits in [
        SwarmLimits { peers_max: 1200, ..UNLIMITED },
        SwarmLimits { bytes_max: bytes + bytes / 4, ..UNLIMITED },
    ] {
        let mut swarms = swarms_with(limits);
        let now = settle(&mut swarms, 1000);
        for host in 0..10_000 {
            add(&mut swarms, now, MADE_UP, (host, 1));
        }
        let survivors =
            (0..1000).filter(|&torrent| is_listed::<CompactIpv4>(&swarms, now, torrent, (torrent, 1)));
        let survivors = survivors.count();
        assert!(survivors >= 990, "{limits:?}: {survivors}, {:?}", swarms.evicted());
        let peers = all_peers::<CompactIpv4>(&swarms, now, MADE_UP).len();
        assert!(peers >= 64, "{limits:?}: {peers}, {:?}", swarms.totals(SwarmFamily::V4));
    }
}

#[test]
fn at_the_memory_limit_a_small_swarm_does_not_grow_at_the_expense_of_proven_ones() {
    let mut swarms = swarms_with(UNLIMITED);
    for round in 0..2 {
        for number in 0..3000 {
            add(&mut swarms, START.after(round * 600), number % 300, (number, 1));
        }
    }
    let bytes_max = swarms.totals(SwarmFamily::V4).bytes;
    let limits = SwarmLimits { bytes_max, ..UNLIMITED };
    swarms.use_settings(SwarmSettings { limits, peer_lifetime_s: LIFETIME_S, interval_s_min: 0 });
    for number in 0..10_000 {
        assert_eq!(
            add(&mut swarms, START.after(1000), number % 300, (MADE_UP + number, 1)),
            PeerChange::Added
        );
    }
    assert_eq!(swarms.totals(SwarmFamily::V4).swarms, 300);
    assert!(swarms.totals(SwarmFamily::V4).bytes <= bytes_max);
}

#[test]
fn the_swarms_shrink_to_a_lowered_memory_limit_during_a_flood() {
    let mut swarms = swarms_with(UNLIMITED);
    let now = settle(&mut swarms, 10_000);
    flood(&mut swarms, now, MADE_UP, 90_000);
    let bytes_max = swarms.totals(SwarmFamily::V4).bytes / 4;
    let limits = SwarmLimits { bytes_max, ..UNLIMITED };
    swarms.use_settings(SwarmSettings { limits, peer_lifetime_s: LIFETIME_S, interval_s_min: 0 });
    for round in 0..80 {
        flood(&mut swarms, now, 2 * MADE_UP + round * 1200, 1200);
        for _ in 0..30 {
            swarms.expire(now.after(round * 11), 100_000);
        }
    }
    let totals = swarms.totals(SwarmFamily::V4);
    assert!(totals.bytes <= bytes_max + bytes_max / 16, "{totals:?}");
    let survivors =
        (0..10_000).filter(|&torrent| swarms.counts::<CompactIpv4>(&info_hash(torrent)).is_some()).count();
    assert!(survivors >= 9_900, "{survivors} of 10,000 survive");
}

#[test]
fn one_family_cannot_keep_the_others_out() {
    for limits in [
        SwarmLimits { swarms_max: 10_000, ..UNLIMITED },
        SwarmLimits { peers_max: 10_000, ..UNLIMITED },
        SwarmLimits { bytes_max: 4 << 20, ..UNLIMITED },
    ] {
        let mut swarms = swarms_with(limits);
        for torrent in 0..100_000 {
            swarms.announce(START, None, &announce::<CompactIpv6>(MADE_UP + torrent, torrent, 1), &mut []);
        }
        flood(&mut swarms, START, 0, 1000);
        let kept =
            (0..1000).filter(|&torrent| swarms.counts::<CompactIpv4>(&info_hash(torrent)).is_some()).count();
        assert!(kept >= 900, "{limits:?}: {kept} of 1000");
    }
}

#[test]
fn memory_exceeds_its_limit_by_at_most_one_growth() {
    let bytes_max = 700_000;
    let mut swarms = swarms_with(SwarmLimits { bytes_max, ..UNLIMITED });
    for number in 0..60_000 {
        let change = add(&mut swarms, START, number % 200, (number / 200, 1));
        assert_eq!(change, PeerChange::Added);
        let bytes = all_bytes(&swarms);
        assert!(bytes < bytes_max + 16_384, "{bytes}");
    }
    assert!(swarms.evicted().at(Bound::Memory) > 0);
}

#[test]
fn the_tables_of_made_up_torrents_leave_memory_for_the_peers_of_others() {
    let mut swarms = swarms_with(SwarmLimits { bytes_max: 2 << 20, ..UNLIMITED });
    flood(&mut swarms, START, MADE_UP, 100_000);
    for host in 0..3000 {
        add(&mut swarms, START, 1, (host, 1));
    }
    assert_eq!(all_peers::<CompactIpv4>(&swarms, START, 1).len(), 3000);
}

#[test]
fn a_host_has_a_few_peers_in_a_swarm_and_the_proven_ones_stay() {
    fn check<A: TestPeer>() {
        let mut swarms = swarms_with(SwarmLimits { peers_per_host_max: 4, ..UNLIMITED });
        let mut add =
            |now, host, port| swarms.announce(now, None, &announce::<A>(0, host, port), &mut []).change;
        for host in 0..500 {
            add(START, host, 1);
        }
        for now in [START, START.after(1800)] {
            for port in 0..4 {
                add(now, 1000, port);
            }
        }
        for port in 4..=255 {
            assert_eq!(add(START.after(1900), 1000, port), PeerChange::Added);
        }
        let now = START.after(1900);
        assert_eq!(all_peers::<A>(&swarms, now, 0).len(), 504);
        let listed = (0..=255).filter(|&port| is_listed::<A>(&swarms, now, 0, (1000, port)));
        assert_eq!(
            listed.collect::<Vec<_>>(),
            [1, 2, 3, 255],
            "one gave way, and the flood displaced itself"
        );
        assert_eq!(swarms.evicted().at(Bound::Host), 252);
    }
    check::<CompactIpv4>();
    check::<CompactIpv6>();
}

#[test]
fn in_a_swarm_with_an_index_further_peers_of_a_host_are_refused_and_few_others() {
    let mut swarms = swarms_with(SwarmLimits { peers_per_host_max: 4, ..UNLIMITED });
    let others = 5 * INDEX_PEERS_MIN;
    let added =
        (0..others).filter(|&host| add(&mut swarms, START, 0, (host, 1)) == PeerChange::Added).count();
    assert!(added >= others as usize * 9_990 / 10_000, "{added} of {others}");
    let listed = |swarms: &Swarms| {
        let host = CompactIpv4::numbered(1 << 30, 0);
        let peers = all_peers::<CompactIpv4>(swarms, START, 0);
        peers.into_iter().filter(|peer| peer.host() == host.host()).collect::<Vec<_>>()
    };
    let changes: Vec<_> = (0..=255).map(|port| add(&mut swarms, START, 0, (1 << 30, port))).collect();
    let refused = changes.iter().filter(|&&change| change == PeerChange::Refused(Bound::Host)).count();
    assert!(refused > 200, "few of its peers are found in a sample: {refused}");
    // One less than four may do where its counters are shared with others.
    let kept = listed(&swarms).len();
    assert!((3..=4).contains(&kept), "{kept}");
    // Where its peers leave, others may come.
    for peer in listed(&swarms) {
        let announce = announce::<CompactIpv4>(0, 0, 0);
        let stopped = Announce { event: AnnounceEvent::Stopped, peer, ..announce };
        swarms.announce(START, None, &stopped, &mut []);
    }
    for port in 0..kept {
        assert_eq!(add(&mut swarms, START, 0, (1 << 30, port as u8)), PeerChange::Added);
    }
    // Of a host that has many peers because the limit was lowered, one is found that gives way.
    let settings = |peers_per_host_max| SwarmSettings {
        limits: SwarmLimits { peers_per_host_max, ..UNLIMITED },
        peer_lifetime_s: LIFETIME_S,
        interval_s_min: 0,
    };
    swarms.use_settings(settings(0));
    for peer in 0..2000_u32 {
        add(&mut swarms, START, 0, ((1 << 30) + peer / 250, (peer % 250) as u8));
    }
    swarms.use_settings(settings(4));
    let found = (250..=255).filter(|&port| add(&mut swarms, START, 0, (1 << 30, port)) == PeerChange::Added);
    assert!(found.count() >= 1);
}

#[test]
fn a_full_swarm_with_an_index_stays_right_while_peers_come_go_and_expire() {
    let swarm_peers_max = INDEX_PEERS_MIN + 1000;
    let limits = SwarmLimits { swarm_peers_max, peers_per_host_max: 3, ..UNLIMITED };
    let settings = SwarmSettings { limits, peer_lifetime_s: LIFETIME_S, interval_s_min: 300 };
    let mut run = Run::new(settings);
    let mut rng = fastrand::Rng::with_seed(1);
    for number in 0..60_000_u32 {
        let event = match rng.u8(0..20) {
            0 => AnnounceEvent::Stopped,
            1 => AnnounceEvent::Completed,
            _ => AnnounceEvent::None,
        };
        let announce = Announce { event, ..announce::<CompactIpv4>(0, rng.u32(0..4000), rng.u8(0..5)) };
        match run.swarms.announce(run.now, None, &announce, &mut [0; 300]).change {
            PeerChange::Added => run.v4.added += 1,
            PeerChange::Removed => run.v4.removed += 1,
            PeerChange::Refused(bound) => assert_eq!(bound, Bound::Host),
            _ => {}
        }
        if number % 2000 == 0 {
            run.step(Step::Pass { seconds: 150 });
            run.step(Step::Expire);
            let mut of_hosts = std::collections::HashMap::<Vec<u8>, u8>::new();
            for peer in all_peers::<CompactIpv4>(&run.swarms, run.now, 0) {
                *of_hosts.entry(peer.host().to_vec()).or_default() += 1;
            }
            assert!(of_hosts.values().all(|&peers| peers <= 3), "peers of a host");
        }
    }
    assert!(
        run.swarms.counts::<CompactIpv4>(&info_hash(0)).expect("it is in use").leechers > INDEX_PEERS_MIN
    );
    assert!(run.swarms.evicted().at(Bound::SwarmPeers) > 0 && run.expired > 0);
}

#[test]
fn an_exempt_peer_and_a_web_rtc_peer_have_no_host_limit() {
    struct Exempt;
    impl<A> Newcomers<A> for Exempt {
        fn torrent(&self, _: &InfoHash) -> TorrentVerdict {
            TorrentVerdict::Served
        }
        fn new_swarm(&mut self, _: &A) -> SourceVerdict {
            SourceVerdict::Admitted
        }
        fn new_peer(&mut self, _: &A) -> PeerVerdict {
            PeerVerdict::Admitted(HostLimit::Exempt)
        }
    }
    let mut swarms = swarms_with(SwarmLimits { peers_per_host_max: 1, ..UNLIMITED });
    for port in 0..9 {
        swarms.announce_if(START, None, &announce::<CompactIpv4>(0, 1, port), &mut [], &mut Exempt);
        swarms.announce(START, None, &announce::<WebRtcPeer>(0, 1, port), &mut []);
    }
    let totals = |family| swarms.totals(family).peers();
    assert_eq!((totals(SwarmFamily::V4), totals(SwarmFamily::WebRtc)), (9, 9));
}

#[test]
fn an_early_announce_receives_the_same_peers_and_prolongs_nothing() {
    let settings = SwarmSettings { limits: UNLIMITED, peer_lifetime_s: LIFETIME_S, interval_s_min: 60 };
    let mut swarms = Swarms::new(settings, Seeds { tables: TableSeed([5; 16]), choice: 6 });
    for host in 0..2000 {
        swarms.announce(START.after(host % 60), None, &announce::<CompactIpv4>(0, host, 1), &mut []);
    }
    let mut out = [0; 300];
    let mut again = |now, event| {
        let announce = Announce { event, ..announce::<CompactIpv4>(0, 7, 1) };
        let announced = swarms.announce(now, None, &announce, &mut out);
        (announced.change, out.to_vec())
    };
    let heard = START.after(7);
    let early: Vec<_> = (0..50).map(|second| again(heard.after(second), AnnounceEvent::None)).collect();
    assert!(early.iter().all(|given| *given == early[0]), "the same peers each time");
    assert_eq!(early[0].0, PeerChange::Early);
    assert_eq!(again(heard.after(50), AnnounceEvent::Started), early[0]);
    assert_eq!(
        again(heard.after(50), AnnounceEvent::Completed).0,
        PeerChange::Refreshed,
        "it is told at once"
    );
    assert_eq!(again(heard.after(60), AnnounceEvent::None).0, PeerChange::Early);
    let later = again(heard.after(110), AnnounceEvent::None);
    assert_eq!(later.0, PeerChange::Refreshed, "the minimum is over");
    assert_ne!(later.1, early[0].1);
    // Early announces of another peer did not prolong its life.
    for second in 0..56 {
        let change = add(&mut swarms, START.after(8 + second), 0, (8, 1));
        assert_eq!(change, PeerChange::Early);
    }
    assert!(!is_live(&swarms, START.after(8 + LIFETIME_S + 4), (8, 1)));
}

#[test]
fn a_peer_is_proven_by_time_and_not_by_events() {
    use AnnounceEvent::{Completed, None as Plain, Started};
    fn survives<A: TestPeer>(interval_s_min: u32, again: &[(u32, AnnounceEvent)]) -> bool {
        let limits = SwarmLimits { swarm_peers_max: 2, ..UNLIMITED };
        let settings = SwarmSettings { limits, peer_lifetime_s: LIFETIME_S, interval_s_min };
        let mut swarms = Swarms::new(settings, Seeds { tables: TableSeed([5; 16]), choice: 6 });
        swarms.announce(START, None, &announce::<A>(0, 1, 1), &mut []);
        for &(passed_s, event) in again {
            let again = Announce { event, ..announce::<A>(0, 1, 1) };
            swarms.announce(START.after(passed_s), None, &again, &mut []);
        }
        let later = START.after(2000);
        for host in 2..4 {
            swarms.announce(later, None, &announce::<A>(0, host, 1), &mut []);
        }
        is_listed::<A>(&swarms, later, 0, (1, 1))
    }
    for (interval_s_min, again, is_proven) in [
        (0, &[(1, Plain), (2, Started), (20, Plain)][..], false),
        (0, &[(40, Plain)], true),
        (300, &[(0, Completed)], false),
        (300, &[(40, Completed)], false),
        (300, &[(310, Completed)], true),
        (300, &[(40, Plain), (200, Started)], false),
        (300, &[(310, Plain)], true),
    ] {
        assert_eq!(survives::<CompactIpv4>(interval_s_min, again), is_proven, "{interval_s_min} {again:?}");
    }
    assert!(!survives::<WebRtcPeer>(300, &[(1, Plain), (2, Completed)]));
    assert!(survives::<WebRtcPeer>(300, &[(120, Plain)]), "WebRTC peers have an interval of their own");
}

#[test]
fn a_completed_event_that_does_not_count_is_early() {
    let settings = SwarmSettings { limits: UNLIMITED, peer_lifetime_s: LIFETIME_S, interval_s_min: 60 };
    let mut swarms = Swarms::new(settings, Seeds { tables: TableSeed([5; 16]), choice: 6 });
    let mut completed = |second| {
        let announce = Announce { event: AnnounceEvent::Completed, ..announce::<CompactIpv4>(0, 1, 1) };
        swarms.announce(START.after(second), None, &announce, &mut []).change
    };
    let changes = [0, 1, 2, 50, 70].map(&mut completed);
    assert_eq!(changes.map(|change| change == PeerChange::Early), [false, false, true, true, false]);
}

/// Whether the peer is returned to others: the swarm is small enough for one answer of all.
fn is_live(swarms: &Swarms, now: Second, (host, port): (u32, u8)) -> bool {
    let mut heard_s_ago = u32::MAX;
    swarms.peers(now, &info_hash(0), usize::MAX, |peer: CompactIpv4, _, ago| {
        if peer == CompactIpv4::numbered(host, port) {
            heard_s_ago = ago;
        }
    });
    heard_s_ago < LIFETIME_S
}

#[test]
fn an_early_announce_still_changes_the_status_of_its_peer() {
    let settings = SwarmSettings { limits: UNLIMITED, peer_lifetime_s: LIFETIME_S, interval_s_min: 60 };
    let mut swarms = Swarms::new(settings, Seeds { tables: TableSeed([5; 16]), choice: 6 });
    let leecher = announce::<CompactIpv4>(0, 1, 1);
    swarms.announce(START, None, &leecher, &mut []);
    let seeder = Announce { status: PeerStatus::Seeder, ..leecher };
    let announced = swarms.announce(START, None, &seeder, &mut []);
    assert_eq!((announced.change, announced.counts.seeders), (PeerChange::Early, 1));
    let web_rtc = announce::<WebRtcPeer>(0, 1, 1);
    for change in [PeerChange::Added, PeerChange::Refreshed] {
        assert_eq!(swarms.announce(START, None, &web_rtc, &mut []).change, change, "it has its own interval");
    }
}
