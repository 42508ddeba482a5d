//! Compares swarms with those that import what they export. Records are decoded here once more, byte by byte.

#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    reason = "the numbers in the tests are small"
)]

use primitives::{
    AnnounceEvent, ChangesLost, ClockShift, CompactIpv4, CompactIpv6, ConnectionToken, ImportVerdict,
    Imported, InfoHash, PeerId, PeerStatus, Second, ShardId, StatePage, SwarmFamily, TableSeed, WebRtcPeer,
};
use proptest::prelude::*;
use std::collections::BTreeMap;
use swarm::{Announce, Bound, Listing, PeerOfSwarm, Seeds, SwarmLimits, SwarmSettings, SwarmTotals, Swarms};

const LIFETIME_S: u32 = 120;

const LIMITS: SwarmLimits = SwarmLimits {
    swarms_max: 1_000_000,
    peers_max: 1_000_000,
    swarm_peers_max: 1_000_000,
    peers_per_host_max: 0,
    bytes_max: 1 << 30,
};

const HEAD_BYTES: usize = 40;

fn swarms_of(seed: u64, limits: SwarmLimits) -> Swarms {
    let settings = SwarmSettings { limits, peer_lifetime_s: LIFETIME_S, interval_s_min: 10 };
    Swarms::new(settings, Seeds { tables: TableSeed(u128::from(seed).to_le_bytes()), choice: !seed })
}

fn info_hash(torrent: u8) -> InfoHash {
    InfoHash([torrent; 20])
}

/// Admits all torrents.
const fn all(_: &InfoHash) -> ImportVerdict {
    ImportVerdict::Import
}

/// Two cores with clocks of their own, the second of which imports what the first exports.
struct Pair {
    from: Swarms,
    to: Swarms,
    now: Second,
    shift: ClockShift,
    imported: Imported,
}

#[derive(Debug, Clone, Copy)]
enum Step {
    Announce { family: SwarmFamily, torrent: u8, peer: u16, status: PeerStatus, event: AnnounceEvent },
    Drop { torrent: u8 },
    Pass { seconds: u32 },
    Expire,
}

/// What is exported of a swarm: its downloads, and by their bytes its live peers with what is left of their lifetime.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct State {
    downloads: u64,
    peers: BTreeMap<Vec<u8>, PeerState>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct PeerState {
    is_seeder: bool,
    left_s: i16,
    flags: u16,
}

type States = BTreeMap<(u8, [u8; 20]), State>;

fn apply(swarms: &mut Swarms, now: Second, step: Step) {
    match step {
        Step::Announce { family, torrent, peer, status, event } => {
            let [high, low] = peer.to_be_bytes();
            let heard = (info_hash(torrent), status, event);
            match family {
                SwarmFamily::V4 => announce(swarms, now, CompactIpv4([10, 0, 0, high, 0x1a, low]), heard),
                SwarmFamily::V6 => {
                    let mut bytes = [0x20; 18];
                    bytes[14..16].copy_from_slice(&[high, low]);
                    announce(swarms, now, CompactIpv6(bytes), heard);
                }
                SwarmFamily::WebRtc => {
                    let connection = ConnectionToken { home: ShardId::FIRST, slot: 1, generation: 2 };
                    announce(swarms, now, WebRtcPeer::new(PeerId([low; 20]), connection), heard);
                }
            }
        }
        Step::Drop { torrent } => _ = swarms.drop_torrent(&info_hash(torrent)),
        Step::Pass { .. } => {}
        Step::Expire => _ = swarms.expire(now, 1 << 20),
    }
}

fn announce<A: PeerOfSwarm>(
    swarms: &mut Swarms,
    now: Second,
    peer: A,
    (info_hash, status, event): (InfoHash, PeerStatus, AnnounceEvent),
) {
    let announce = Announce { info_hash, peer, status, event, listing: Listing::Listed, peers_wanted: 0 };
    swarms.announce(now, None, &announce, &mut []);
}

/// Exports one page of one family.
fn page_of(swarms: &mut Swarms, now: Second, family: SwarmFamily, from: u32) -> (StatePage, Option<u32>) {
    let mut page = StatePage { exported: now, ..StatePage::default() };
    let next = match family {
        SwarmFamily::V4 => swarms.export::<CompactIpv4>(now, from, &mut page.swarms),
        SwarmFamily::V6 => swarms.export::<CompactIpv6>(now, from, &mut page.swarms),
        SwarmFamily::WebRtc => swarms.export::<WebRtcPeer>(now, from, &mut page.swarms),
    };
    (page, next)
}

fn pages(swarms: &mut Swarms, now: Second) -> Vec<StatePage> {
    let mut pages = Vec::new();
    for family in SwarmFamily::ALL {
        let mut from = Some(0);
        while let Some(slot) = from {
            let (page, next) = page_of(swarms, now, family, slot);
            pages.push(page);
            from = next;
        }
    }
    pages
}

/// Returns the state that pages describe, without swarms of which nothing is left.
fn states(swarms: &mut Swarms, now: Second) -> States {
    let mut states = States::new();
    for page in pages(swarms, now) {
        let mut left = page.swarms.as_slice();
        while !left.is_empty() {
            let (state, id, rest) = decoded(left, now);
            if state != State::default() {
                assert_eq!(states.insert(id, state), None, "a swarm is exported once");
            }
            left = rest;
        }
    }
    states
}

fn decoded(bytes: &[u8], now: Second) -> (State, (u8, [u8; 20]), &[u8]) {
    let (head, rest) = bytes.split_at(HEAD_BYTES);
    let number =
        |from: usize| u32::from_le_bytes(head[from..from + 4].try_into().expect("as many bytes")) as usize;
    assert_eq!(head[0], 1, "a page has swarms, no changes");
    let (seeders, peers) = (number(30), number(30) + number(34));
    let peer_bytes = if head[1] == SwarmFamily::V4 as u8 { 6 } else { 18 };
    let (references, rest) = rest.split_at(peers * peer_bytes);
    let (deadlines, rest) = rest.split_at(peers * 2);
    let peers = references.chunks(peer_bytes).zip(deadlines.chunks(2)).enumerate();
    let peers = peers.map(|(place, (peer, deadline))| {
        let deadline = u16::from_le_bytes(deadline.try_into().expect("as many bytes"));
        let left_s = (deadline & !3).wrapping_sub(now.0 as u16) as i16;
        (peer.to_vec(), PeerState { is_seeder: place < seeders, left_s, flags: deadline & 3 })
    });
    let downloads = u64::from_le_bytes(head[22..30].try_into().expect("as many bytes"));
    let state = State { downloads, peers: peers.filter(|(_, peer)| peer.left_s > 0).collect() };
    (state, (head[1], head[2..22].try_into().expect("as many bytes")), rest)
}

impl Pair {
    fn new(seed: u64, shift_s: i64) -> Self {
        Self {
            from: swarms_of(seed, LIMITS),
            to: swarms_of(seed + 1, LIMITS),
            now: Second(65_000),
            shift: ClockShift(shift_s),
            imported: Imported::default(),
        }
    }

    /// The time of the importing core.
    fn then(&self) -> Second {
        Second(u32::try_from(i64::from(self.now.0) + self.shift.0).expect("a time after the start"))
    }

    fn step(&mut self, step: Step) {
        if let Step::Pass { seconds } = step {
            self.now = self.now.after(seconds);
        }
        apply(&mut self.from, self.now, step);
    }

    fn import(&mut self, page: &StatePage) {
        let then = self.then();
        let imported = self.to.import(then, page, self.shift, all);
        assert_eq!((imported.malformed_bytes, imported.refused), (0, 0));
        self.imported = self.imported.plus(imported);
    }

    fn take_changes(&mut self) {
        let swarms = self.from.take_changes().expect("few changes");
        self.import(&StatePage { exported: self.now, swarms, sessions: Vec::new() });
    }

    /// Records the changes of all swarms from now on, before there are any.
    fn begin(&mut self) {
        self.from.record_changes();
        assert_eq!(pages(&mut self.from, self.now).iter().map(|page| page.swarms.len()).sum::<usize>(), 0);
    }

    /// Exports all pages while the steps continue.
    fn hand_over(&mut self, mut between: impl FnMut(&mut Self)) {
        self.from.record_changes();
        for family in SwarmFamily::ALL {
            let mut from = Some(0);
            while let Some(slot) = from {
                between(self);
                self.take_changes();
                let (page, next) = page_of(&mut self.from, self.now, family, slot);
                self.import(&page);
                between(self);
                from = next;
            }
        }
        self.take_changes();
        self.from.forget_changes();
    }

    /// Checks that both have the same, except that deadlines are rounded up twice.
    fn check(&mut self) {
        let (now, then) = (self.now, self.then());
        let (expected, mut found) = (states(&mut self.from, now), states(&mut self.to, then));
        found.retain(|id, state| {
            let is_expected =
                |peer: &Vec<u8>| expected.get(id).is_some_and(|expected| expected.peers.contains_key(peer));
            // One that has just expired at the other core may have the rest of a unit left.
            state.peers.retain(|peer, found| found.left_s >= 4 || is_expected(peer));
            *state != State::default()
        });
        assert!(found.keys().eq(expected.keys()), "{:?} instead of {:?}", found.keys(), expected.keys());
        for ((id, expected), found) in expected.iter().zip(found.values()) {
            assert_eq!(found.downloads, expected.downloads, "{id:?}");
            assert!(found.peers.keys().eq(expected.peers.keys()), "peers of {id:?}");
            for (expected, found) in expected.peers.values().zip(found.peers.values()) {
                assert_eq!((found.is_seeder, found.flags), (expected.is_seeder, expected.flags), "{id:?}");
                assert!((0..4).contains(&(found.left_s - expected.left_s)), "{found:?}, not {expected:?}");
            }
        }
        check_totals(&mut self.to, then);
    }
}

/// Checks the totals of a core against its swarms, once the expired peers are removed. Returns what it has then.
fn check_totals(swarms: &mut Swarms, now: Second) -> States {
    let later = sweep(swarms, now);
    let states = states(swarms, later);
    for family in [SwarmFamily::V4, SwarmFamily::V6] {
        let peers = || {
            let of_family = states.iter().filter(|((number, _), _)| *number == family as u8);
            of_family.flat_map(|(_, state)| state.peers.values())
        };
        let seeders = peers().filter(|peer| peer.is_seeder).count() as u64;
        let SwarmTotals { seeders: found, leechers, completed, .. } = swarms.totals(family);
        assert_eq!((found, leechers), (seeders, peers().count() as u64 - seeders));
        assert_eq!(completed, 0, "no download was completed here");
    }
    let torrents_where = |counts: fn(&State) -> bool| {
        let torrents = states.iter().filter(|(_, state)| counts(state)).map(|((_, torrent), _)| torrent);
        torrents.collect::<std::collections::BTreeSet<_>>().len() as u64
    };
    assert_eq!(swarms.torrents(), torrents_where(|_| true));
    assert_eq!(swarms.active_torrents(), torrents_where(|state| !state.peers.is_empty()));
    states
}

/// Runs expiry until every swarm has been visited. Returns the time of the last visit.
fn sweep(swarms: &mut Swarms, now: Second) -> Second {
    for later_s in [0, 10, 20] {
        (0..8).for_each(|_| _ = swarms.expire(now.after(later_s), 1 << 22));
    }
    now.after(20)
}

fn any_step() -> impl Strategy<Value = Step> {
    let family =
        prop_oneof![3 => Just(SwarmFamily::V4), 2 => Just(SwarmFamily::V6), 1 => Just(SwarmFamily::WebRtc)];
    let status = prop_oneof![Just(PeerStatus::Seeder), Just(PeerStatus::Leecher)];
    let event = prop_oneof![
        4 => Just(AnnounceEvent::None),
        3 => Just(AnnounceEvent::Completed),
        2 => Just(AnnounceEvent::Stopped),
    ];
    prop_oneof![
        30 => (family, 0..4_u8, 0..24_u16, status, event).prop_map(|(family, torrent, peer, status, event)| {
            Step::Announce { family, torrent, peer, status, event }
        }),
        1 => (0..4_u8).prop_map(|torrent| Step::Drop { torrent }),
        4 => (0..50_u32).prop_map(|seconds| Step::Pass { seconds }),
        1 => Just(Step::Expire),
    ]
}

fn any_steps() -> impl Strategy<Value = Vec<Step>> {
    prop::collection::vec(any_step(), 0..200)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    #[test]
    fn what_is_imported_is_what_was_exported(seed: u64, shift_s in -64_990_i64..200_000, steps in any_steps()) {
        let mut pair = Pair::new(seed >> 1, shift_s);
        steps.into_iter().for_each(|step| pair.step(step));
        for page in pages(&mut pair.from, pair.now) {
            pair.import(&page);
        }
        pair.check();
    }

    #[test]
    fn changes_during_an_export_are_handed_over_too(
        seed: u64,
        shift_s in -64_990_i64..200_000,
        before in any_steps(),
        during in prop::collection::vec(prop::collection::vec(any_step(), 0..40), 6),
    ) {
        let mut pair = Pair::new(seed >> 1, shift_s);
        before.into_iter().for_each(|step| pair.step(step));
        let mut during = during.into_iter();
        pair.hand_over(|pair| during.next().into_iter().flatten().for_each(|step| pair.step(step)));
        pair.check();
    }

    // Clocks that differ by a whole round of the deadlines, so that both cores continue in exactly the same way.
    #[test]
    fn both_continue_in_the_same_way(seed: u64, before in any_steps(), after in any_steps()) {
        let mut pair = Pair::new(seed >> 1, 1 << 16);
        // The connections of WebRTC peers end with their process.
        let has_address = |step: &Step| !matches!(step, Step::Announce { family: SwarmFamily::WebRtc, .. });
        before.into_iter().filter(has_address).for_each(|step| pair.step(step));
        pair.hand_over(|_| ());
        for step in after.into_iter().filter(has_address) {
            pair.step(step);
            let then = pair.then();
            apply(&mut pair.to, then, step);
        }
        let (now, then) = (pair.now, pair.then());
        assert_eq!(states(&mut pair.to, then), states(&mut pair.from, now));
    }
}

/// Steps that make a few torrents of thousands of peers, which take many pages.
fn big_steps(seed: u64, steps: usize) -> impl Iterator<Item = Step> {
    let mut rng = fastrand::Rng::with_seed(seed);
    std::iter::repeat_with(move || {
        let family = if rng.bool() { SwarmFamily::V4 } else { SwarmFamily::V6 };
        let status = if rng.bool() { PeerStatus::Seeder } else { PeerStatus::Leecher };
        let event = match rng.u8(0..10) {
            0 => AnnounceEvent::Stopped,
            1 => AnnounceEvent::Completed,
            _ => AnnounceEvent::None,
        };
        match rng.u16(0..4000) {
            0 => Step::Drop { torrent: rng.u8(10..20) },
            1 => Step::Pass { seconds: 1 },
            2 => Step::Expire,
            // The first torrents have an index.
            _ => Step::Announce { family, torrent: rng.u8(0..20) / 4, peer: rng.u16(0..8000), status, event },
        }
    })
    .take(steps)
}

#[test]
fn swarms_of_thousands_of_peers_are_handed_over_in_many_pages_while_they_change() {
    let mut pair = Pair::new(1, 1234);
    big_steps(1, 60_000).for_each(|step| pair.step(step));
    let mut seed = 2;
    pair.hand_over(|pair| {
        seed += 1;
        big_steps(seed, 500).for_each(|step| pair.step(step));
        // A snapshot begins meanwhile.
        page_of(&mut pair.from, pair.now, SwarmFamily::V4, 0);
    });
    assert!(seed > 16, "few pages");
    pair.check();
}

#[test]
fn two_shards_have_each_what_it_owns_of_the_pages_of_one() {
    let mut from = swarms_of(1, LIMITS);
    let now = Second(10);
    big_steps(4, 20_000).for_each(|step| apply(&mut from, now, step));
    let mut found = States::new();
    let mut imported = [Imported::default(); 2];
    for (shard, imported) in (0_u8..).zip(&mut imported) {
        let mut to = swarms_of(shard.into(), LIMITS);
        for page in pages(&mut from, now) {
            let verdict = |info_hash: &InfoHash| match info_hash.0[0] % 4 {
                3 => ImportVerdict::NotServed,
                owner if owner % 2 == shard => ImportVerdict::Import,
                _ => ImportVerdict::NotOwned,
            };
            *imported = imported.plus(to.import(now, &page, ClockShift(0), verdict));
        }
        found.extend(check_totals(&mut to, now));
    }
    let later = sweep(&mut from, now);
    let mut expected = states(&mut from, later);
    expected.retain(|(_, info_hash), _| info_hash[0] % 4 != 3);
    assert_eq!(found, expected);
    let [peers, swarms, refused] = [
        expected.values().map(|state| state.peers.len() as u64).sum(),
        expected.len() as u64,
        // Torrent 3 in both families, at both shards.
        4,
    ];
    let sum = imported[0].plus(imported[1]);
    assert_eq!((sum.peers, sum.swarms, sum.refused), (peers, swarms, refused));
}

/// Returns a page with records of all kinds, and where each of them ends.
fn page_of_all_kinds() -> (StatePage, Vec<usize>) {
    let mut from = swarms_of(1, LIMITS);
    let now = Second(10);
    let announce = |family, torrent, peer, event| {
        let status = if peer % 3 == 0 { PeerStatus::Seeder } else { PeerStatus::Leecher };
        Step::Announce { family, torrent, peer, status, event }
    };
    for family in SwarmFamily::ALL {
        for peer in 0..5 {
            apply(&mut from, now, announce(family, 1, peer, AnnounceEvent::None));
            apply(&mut from, now, announce(family, 1, peer, AnnounceEvent::Completed));
        }
    }
    from.record_changes();
    let mut bytes: Vec<u8> = pages(&mut from, now).into_iter().flat_map(|page| page.swarms).collect();
    let head_and_peers = |peer_bytes: usize| HEAD_BYTES + 5 * (peer_bytes + 2);
    let mut lengths = vec![head_and_peers(6), head_and_peers(18), HEAD_BYTES];
    apply(&mut from, now, announce(SwarmFamily::V4, 2, 1, AnnounceEvent::None));
    apply(&mut from, now, announce(SwarmFamily::V6, 1, 1, AnnounceEvent::Stopped));
    apply(&mut from, now, Step::Drop { torrent: 2 });
    bytes.extend(from.take_changes().expect("few changes"));
    lengths.extend([HEAD_BYTES + 8, HEAD_BYTES + 20, HEAD_BYTES]);
    let ends: Vec<usize> = lengths.iter().scan(0, |end, length| Some((*end += length, *end).1)).collect();
    assert_eq!(bytes.len(), ends[5]);
    (StatePage { exported: now, swarms: bytes, sessions: Vec::new() }, ends)
}

/// Imports a page, and checks that what the swarms have of it is consistent, and expires.
fn import_any(page: &StatePage, shift: ClockShift) -> Imported {
    let (mut to, now) = (swarms_of(2, LIMITS), Second(100_000));
    let imported = to.import(now, page, shift, all);
    check_totals(&mut to, now);
    sweep(&mut to, now.after(32_010));
    let peers = SwarmFamily::ALL.map(|family| to.totals(family).peers());
    assert_eq!((peers, to.active_torrents()), ([0; 3], 0));
    imported
}

#[test]
fn the_drop_of_a_torrent_without_a_swarm_is_not_recorded() {
    let mut from = swarms_of(1, LIMITS);
    from.record_changes();
    assert!(!from.drop_torrent(&info_hash(1)));
    assert_eq!(from.take_changes(), Ok(Vec::new()));
}

#[test]
fn a_change_before_the_page_of_a_swarm_is_in_the_page_alone() {
    let mut from = swarms_of(1, LIMITS);
    let (family, status) = (SwarmFamily::V4, PeerStatus::Leecher);
    from.record_changes();
    let mut step = |event| {
        apply(&mut from, Second(10), Step::Announce { family, torrent: 1, peer: 1, status, event });
        let changes = from.take_changes().map(|changes| changes.len());
        (changes, pages(&mut from, Second(10))[0].swarms.len())
    };
    assert_eq!(step(AnnounceEvent::None), (Ok(0), HEAD_BYTES + 8));
    assert_eq!(step(AnnounceEvent::Stopped), (Ok(HEAD_BYTES + 8), 0));
}

#[test]
fn a_page_that_is_cut_off_is_imported_up_to_its_last_whole_record() {
    let (page, ends) = page_of_all_kinds();
    let whole_until = |length| ends.iter().rfind(|&&end| end <= length).copied().unwrap_or(0);
    for length in 0..=page.swarms.len() {
        let cut = StatePage { swarms: page.swarms[..length].to_vec(), ..page.clone() };
        let imported = import_any(&cut, ClockShift(99_990));
        assert_eq!(imported.malformed_bytes as usize, length - whole_until(length), "{length} bytes");
    }
}

#[test]
fn a_page_with_any_bit_flipped_leaves_the_swarms_consistent() {
    let (page, _) = page_of_all_kinds();
    for bit in 0..page.swarms.len() * 8 {
        let mut flipped = page.clone();
        flipped.swarms[bit / 8] ^= 1 << (bit % 8);
        import_any(&flipped, ClockShift(99_990));
    }
    for shift_s in [i64::MIN, -1, 0, i64::MAX] {
        import_any(&page, ClockShift(shift_s));
    }
}

#[test]
fn what_exceeds_a_limit_is_refused_and_nothing_gives_way_to_it() {
    let mut from = swarms_of(1, LIMITS);
    let now = Second(10);
    for (torrent, peer) in (0..10).flat_map(|torrent| (0..100).map(move |peer| (torrent, peer))) {
        let (family, status, event) = (SwarmFamily::V4, PeerStatus::Leecher, AnnounceEvent::None);
        apply(&mut from, now, Step::Announce { family, torrent, peer, status, event });
    }
    let pages = pages(&mut from, now);
    let full = SwarmLimits { bytes_max: 120_000, ..LIMITS };
    for (limits, peers, swarms) in [
        (LIMITS, 1000, 10),
        (SwarmLimits { swarms_max: 3, ..LIMITS }, 300, 3),
        (SwarmLimits { peers_max: 250, ..LIMITS }, 250, 3),
        (SwarmLimits { swarm_peers_max: 70, ..LIMITS }, 700, 10),
        // The limit on the peers of a host was applied by the exporter.
        (SwarmLimits { peers_per_host_max: 1, ..LIMITS }, 1000, 10),
    ] {
        let mut to = swarms_of(2, limits);
        for _ in 0..2 {
            let imports = pages.iter().map(|page| to.import(now, page, ClockShift(0), all));
            let imported = imports.fold(Imported::default(), Imported::plus);
            let totals = to.totals(SwarmFamily::V4);
            assert_eq!((totals.peers(), totals.swarms), (peers, swarms), "{limits:?}");
            assert_eq!((imported.peers, imported.refused), (peers, 1000 - peers + 10 - swarms), "{limits:?}");
        }
    }
    let mut to = swarms_of(2, full);
    pages.iter().for_each(|page| _ = to.import(now, page, ClockShift(0), all));
    let all = SwarmFamily::ALL.map(|family| to.totals(family)).into_iter().reduce(SwarmTotals::plus).unwrap();
    assert!((20..900).contains(&all.peers()) && all.bytes <= full.bytes_max, "{all:?}");
}

#[test]
fn peers_that_give_way_are_recorded() {
    for limits in [
        SwarmLimits { peers_max: 300, ..LIMITS },
        SwarmLimits { swarms_max: 3, ..LIMITS },
        SwarmLimits { swarm_peers_max: 50, ..LIMITS },
        SwarmLimits { peers_per_host_max: 2, ..LIMITS },
    ] {
        let mut pair = Pair { from: swarms_of(1, limits), ..Pair::new(1, 0) };
        let mut steps = big_steps(9, 20_000);
        steps.by_ref().take(5000).for_each(|step| pair.step(step));
        pair.hand_over(|pair| steps.by_ref().take(200).for_each(|step| pair.step(step)));
        let evicted = [Bound::Peers, Bound::Swarms, Bound::SwarmPeers, Bound::Host];
        assert!(evicted.iter().any(|&limit| pair.from.evicted().at(limit) > 10), "{limits:?}");
        // A swarm that gives way leaves its downloads at the importer.
        let (now, then) = (pair.now, pair.then());
        let [mut expected, mut found] = [states(&mut pair.from, now), states(&mut pair.to, then)];
        for states in [&mut expected, &mut found] {
            states.retain(|_, state| !state.peers.is_empty());
            states.values_mut().for_each(|state| state.downloads = 0);
        }
        assert_eq!(found, expected, "{limits:?}");
    }
}

#[test]
fn a_peer_that_has_been_heard_since_stays_as_it_is() {
    let step = |status, event| Step::Announce { family: SwarmFamily::V4, torrent: 1, peer: 1, status, event };
    let mut pair = Pair::new(1, 0);
    pair.begin();
    pair.step(step(PeerStatus::Leecher, AnnounceEvent::None));
    pair.take_changes();
    pair.step(step(PeerStatus::Leecher, AnnounceEvent::Stopped));
    let later = pair.now.after(8);
    apply(&mut pair.to, later, step(PeerStatus::Seeder, AnnounceEvent::None));
    let before = states(&mut pair.to, later);
    pair.take_changes();
    pair.step(step(PeerStatus::Leecher, AnnounceEvent::None));
    pair.take_changes();
    assert_eq!(states(&mut pair.to, later), before);
    pair.now = later.after(4);
    pair.step(step(PeerStatus::Leecher, AnnounceEvent::Stopped));
    pair.take_changes();
    assert_eq!(states(&mut pair.to, pair.now), States::new());
}

#[test]
fn what_both_cores_do_within_one_unit_of_time_is_kept_of_the_one_that_serves() {
    for shift_s in 0..4 {
        let mut pair = Pair::new(1, shift_s);
        let step = |peer, event| {
            let (family, status) = (SwarmFamily::V4, PeerStatus::Leecher);
            Step::Announce { family, torrent: 1, peer, status, event }
        };
        pair.begin();
        [1, 2, 3].into_iter().for_each(|peer| pair.step(step(peer, AnnounceEvent::None)));
        pair.take_changes();
        // Before the importing core serves, an announce and a stop within a unit are in their order.
        pair.step(step(3, AnnounceEvent::Stopped));
        pair.take_changes();
        assert_eq!(pair.to.totals(SwarmFamily::V4).peers(), 2);
        pair.step(Step::Pass { seconds: 40 });
        let then = pair.then();
        pair.to.serve(then);
        pair.step(step(1, AnnounceEvent::Stopped));
        apply(&mut pair.to, then.after(1), step(1, AnnounceEvent::None));
        pair.take_changes();
        assert_eq!(pair.to.totals(SwarmFamily::V4).peers(), 2, "it has started again: {shift_s}");
        // A peer that was not heard here since goes.
        pair.step(step(2, AnnounceEvent::Stopped));
        pair.take_changes();
        assert_eq!(pair.to.totals(SwarmFamily::V4).peers(), 1, "{shift_s}");
    }
}

#[test]
fn downloads_that_both_cores_count_are_added() {
    for family in SwarmFamily::ALL {
        let mut pair = Pair::new(1, 0);
        let step = |peer, event| {
            let status = PeerStatus::Leecher;
            Step::Announce { family, torrent: 1, peer, status, event }
        };
        let downloads =
            |pair: &Pair| pair.to.counts_in(family, &info_hash(1)).map(|counts| counts.downloaded);
        pair.from.record_changes();
        for event in [AnnounceEvent::None, AnnounceEvent::Completed] {
            (1..3).for_each(|peer| pair.step(step(peer, event)));
        }
        for page in pages(&mut pair.from, pair.now) {
            pair.import(&page);
        }
        pair.take_changes();
        assert_eq!(downloads(&pair), Some(2), "the changes are in the page already");
        let then = pair.then();
        pair.to.serve(then);
        for event in [AnnounceEvent::None, AnnounceEvent::Completed, AnnounceEvent::None] {
            pair.step(step(3, event));
            apply(&mut pair.to, then, step(4, event));
        }
        pair.take_changes();
        assert_eq!(downloads(&pair), Some(4), "{family:?}");
    }
}

#[test]
fn changes_that_are_not_taken_are_lost_at_the_limit() {
    let mut from = swarms_of(1, LIMITS);
    let steps = |count| big_steps(1, count).filter(|step| matches!(step, Step::Announce { .. }));
    from.record_changes();
    pages(&mut from, Second(10));
    let mut announces = 0_u32;
    while from.take_changes().map(|changes| changes.len()) != Err(ChangesLost) {
        steps(1000).for_each(|step| apply(&mut from, Second(10), step));
        assert!(from.take_changes().is_ok_and(|changes| changes.len() > 1000));
        steps(800_000).for_each(|step| apply(&mut from, Second(10), step));
        announces += 1;
        assert!(announces < 3, "never lost");
    }
    steps(1000).for_each(|step| apply(&mut from, Second(10), step));
    assert_eq!(from.take_changes(), Err(ChangesLost), "recording has ended");
}

#[test]
fn no_swarm_moves_to_another_slot_while_an_export_may_be_in_progress() {
    let mut from = swarms_of(1, LIMITS);
    let settings = SwarmSettings { limits: LIMITS, peer_lifetime_s: 5000, interval_s_min: 10 };
    from.use_settings(settings);
    let mut now = Second(10);
    let mut hashes = fastrand::Rng::with_seed(5);
    let infos: Vec<InfoHash> =
        (0..20_000).map(|_| InfoHash([hashes.u8(..); 20].map(|_| hashes.u8(..)))).collect();
    let heard = |info_hash, event| (info_hash, PeerStatus::Leecher, event);
    for info_hash in &infos {
        announce(&mut from, now, CompactIpv4([10, 0, 0, 1, 1, 1]), heard(*info_hash, AnnounceEvent::None));
    }
    // Half go, from all chunks, and the limit on memory is lowered, so that the others move to the first chunks.
    for info_hash in infos.iter().step_by(2) {
        announce(&mut from, now, CompactIpv4([10, 0, 0, 1, 1, 1]), heard(*info_hash, AnnounceEvent::Stopped));
    }
    let bytes = from.totals(SwarmFamily::V4).bytes;
    from.use_settings(SwarmSettings { limits: SwarmLimits { bytes_max: bytes / 2, ..LIMITS }, ..settings });
    let (mut from_slot, mut exported) = (Some(0), 0);
    while let Some(slot) = from_slot {
        let (page, next) = page_of(&mut from, now, SwarmFamily::V4, slot);
        exported += page.swarms.len() / (HEAD_BYTES + 8);
        now = now.after(10);
        (0..20).for_each(|_| _ = from.expire(now, 1 << 20));
        from_slot = next;
    }
    assert_eq!(exported, infos.len() / 2);
    let slots_end = |from: &mut Swarms, now| {
        let mut slot = 0;
        while let Some(next) = page_of(from, now, SwarmFamily::V4, slot).1 {
            slot = next;
        }
        slot
    };
    let before = slots_end(&mut from, now);
    let expire = |from: &mut Swarms, [since, until]: [u32; 2]| {
        for later_s in (since..until).step_by(11) {
            (0..20).for_each(|_| _ = from.expire(now.after(later_s), 1 << 20));
        }
    };
    from.record_changes();
    expire(&mut from, [600, 700]);
    from.forget_changes();
    assert_eq!(slots_end(&mut from, now), before, "changes are recorded");
    expire(&mut from, [700, 800]);
    assert!(slots_end(&mut from, now) < before, "they never move");
}
