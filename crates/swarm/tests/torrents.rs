//! What the control plane asks of torrents: dropping, admitting and listing them.

use primitives::{
    AnnounceEvent, CompactIpv4, CompactIpv6, InfoHash, PeerReference, PeerStatus, Second, SwarmFamily,
    TableSeed, WebRtcPeer,
};
use swarm::{
    Announce, Bound, Completion, HostLimit, Listing, Newcomers, PeerChange, PeerVerdict, Seeds,
    SourceVerdict, SwarmLimits, SwarmSettings, Swarms, TorrentVerdict,
};

const LIFETIME_S: u32 = 120;
const TORRENT: InfoHash = InfoHash([7; 20]);

const SEEDS: Seeds = Seeds { tables: TableSeed([1; 16]), choice: 2 };

fn settings() -> SwarmSettings {
    let limits = SwarmLimits {
        swarms_max: 100_000,
        peers_max: 100_000,
        swarm_peers_max: 100_000,
        peers_per_host_max: 0,
        bytes_max: 1 << 30,
    };
    SwarmSettings { limits, peer_lifetime_s: LIFETIME_S, interval_s_min: 0 }
}

fn swarms() -> Swarms {
    Swarms::new(settings(), SEEDS)
}

fn announce_of(peer: u16, status: PeerStatus) -> Announce<CompactIpv4> {
    let [high, low] = peer.to_be_bytes();
    announce_as(CompactIpv4([10, 0, high, low, 0x1a, 0xe1]), status)
}

fn announce_v6(status: PeerStatus) -> Announce<CompactIpv6> {
    announce_as(CompactIpv6([0x20; 18]), status)
}

fn announce_as<A>(peer: A, status: PeerStatus) -> Announce<A> {
    Announce {
        info_hash: TORRENT,
        peer,
        status,
        event: AnnounceEvent::None,
        listing: Listing::Listed,
        peers_wanted: 0,
    }
}

fn fill(swarms: &mut Swarms, peers: u16) {
    for peer in 0..peers {
        let status = if peer % 4 == 0 { PeerStatus::Seeder } else { PeerStatus::Leecher };
        swarms.announce(Second(10), None, &announce_of(peer, status), &mut []);
    }
}

#[test]
fn a_torrent_is_dropped_with_all_of_its_peers_and_their_memory() {
    for peers in [1, 2, 3, 5000] {
        let mut swarms = swarms();
        let empty_bytes = swarms.totals(SwarmFamily::V4).bytes;
        fill(&mut swarms, peers);
        swarms.announce(Second(10), None, &announce_v6(PeerStatus::Leecher), &mut []);
        let web_rtc = announce_as(WebRtcPeer::UNSPECIFIED, PeerStatus::Leecher);
        swarms.announce(Second(10), None, &web_rtc, &mut []);
        assert!(swarms.drop_torrent(&TORRENT));
        assert!(!swarms.drop_torrent(&TORRENT));
        for family in SwarmFamily::ALL {
            let totals = swarms.totals(family);
            assert_eq!((totals.swarms, totals.peers()), (0, 0), "{peers} peers, {family:?}");
        }
        let chunk_bytes = 512 * 64;
        assert!(swarms.totals(SwarmFamily::V4).bytes < empty_bytes + 2 * chunk_bytes, "{peers} peers");
        fill(&mut swarms, peers);
        assert_eq!(swarms.totals(SwarmFamily::V4).peers(), u64::from(peers));
    }
}

#[test]
fn a_torrent_in_several_families_is_one_torrent() {
    let mut swarms = swarms();
    let leecher = announce_v6(PeerStatus::Leecher);
    let other = Announce { info_hash: InfoHash([8; 20]), ..leecher };
    fill(&mut swarms, 3);
    assert_eq!(swarms.torrents(), 1);
    for announce in [leecher, other] {
        swarms.announce(Second(10), None, &announce, &mut []);
    }
    assert_eq!(swarms.torrents(), 2);
    swarms.announce(Second(10), None, &Announce { event: AnnounceEvent::Stopped, ..leecher }, &mut []);
    assert_eq!(swarms.torrents(), 2);
    swarms.announce(Second(100), None, &leecher, &mut []);
    swarms.expire(Second(10 + LIFETIME_S + 4), 100_000);
    assert_eq!(swarms.torrents(), 1, "the IPv6 peer of the first torrent is left");
    fill(&mut swarms, 2);
    let web_rtc = announce_as(WebRtcPeer::UNSPECIFIED, PeerStatus::Leecher);
    for event in [AnnounceEvent::None, AnnounceEvent::Stopped, AnnounceEvent::None] {
        swarms.announce(Second(100), None, &Announce { event, ..web_rtc }, &mut []);
        assert_eq!(swarms.torrents(), 1);
    }
    swarms.drop_torrent(&TORRENT);
    assert_eq!((swarms.torrents(), swarms.active_torrents()), (0, 0));
}

#[test]
fn a_torrent_is_active_while_it_has_a_peer_in_any_family() {
    let mut swarms = swarms();
    let v4 = announce_of(1, PeerStatus::Leecher);
    let v6 = announce_v6(PeerStatus::Leecher);
    let completed = Announce { event: AnnounceEvent::Completed, status: PeerStatus::Seeder, ..v4 };
    swarms.announce(Second(10), None, &v4, &mut []);
    swarms.announce(Second(10), None, &completed, &mut []);
    swarms.announce(Second(10), None, &v6, &mut []);
    swarms.announce(Second(11), None, &Announce { event: AnnounceEvent::Stopped, ..v4 }, &mut []);
    assert_eq!((swarms.torrents(), swarms.active_torrents()), (1, 1), "the IPv6 peer is left");
    swarms.expire(Second(10 + LIFETIME_S + 4), 100_000);
    assert_eq!((swarms.torrents(), swarms.active_torrents()), (1, 0), "it is kept for its count");
    swarms.announce(Second(4000), None, &v6, &mut []);
    assert_eq!((swarms.torrents(), swarms.active_torrents()), (1, 1));
    swarms.drop_torrent(&TORRENT);
    assert_eq!((swarms.torrents(), swarms.active_torrents()), (0, 0));
}

#[test]
fn a_sweep_continues_after_a_swarm_that_was_dropped_in_the_middle_of_it() {
    let mut swarms = swarms();
    fill(&mut swarms, 20_000);
    swarms.expire(Second(10 + LIFETIME_S + 4), 600);
    swarms.drop_torrent(&TORRENT);
    fill(&mut swarms, 3);
    for _ in 0..20 {
        swarms.expire(Second(20 + LIFETIME_S + 13), 100_000);
    }
    assert_eq!(swarms.totals(SwarmFamily::V4).peers(), 0);
}

/// Answers as it is told to, and counts what it is asked.
#[derive(Clone, Copy)]
struct Asked {
    torrent: TorrentVerdict,
    swarm: SourceVerdict,
    peer: PeerVerdict,
    questions: u32,
}

const ADMITTED: Asked = Asked {
    torrent: TorrentVerdict::Served,
    swarm: SourceVerdict::Admitted,
    peer: PeerVerdict::Admitted(HostLimit::Applies),
    questions: 0,
};

impl<A> Newcomers<A> for Asked {
    fn torrent(&self, info_hash: &InfoHash) -> TorrentVerdict {
        assert_eq!(*info_hash, TORRENT);
        self.torrent
    }

    fn new_swarm(&mut self, _: &A) -> SourceVerdict {
        self.questions += 1;
        self.swarm
    }

    fn new_peer(&mut self, _: &A) -> PeerVerdict {
        self.questions += 1;
        self.peer
    }
}

#[test]
fn newcomers_are_asked_about_once_and_known_peers_are_not() {
    let unlisted = |announce| Announce { listing: Listing::Unlisted, ..announce };
    let stopped = |announce| Announce { event: AnnounceEvent::Stopped, ..announce };
    let (first, second) = (announce_of(1, PeerStatus::Leecher), announce_of(2, PeerStatus::Leecher));
    let not_served = Asked { torrent: TorrentVerdict::NotServed, ..ADMITTED };
    let no_torrents = Asked { swarm: SourceVerdict::OverLimit, ..ADMITTED };
    let no_peers = Asked { peer: PeerVerdict::OverLimit, ..ADMITTED };
    let mut swarms = swarms();
    for (announce, asked, change, questions) in [
        (first, not_served, PeerChange::NotServed, 0),
        (stopped(first), not_served, PeerChange::NotServed, 0),
        (unlisted(first), ADMITTED, PeerChange::NotListed, 0),
        (first, no_torrents, PeerChange::Refused(Bound::SourceTorrents), 2),
        (first, no_peers, PeerChange::Refused(Bound::SourcePeers), 1),
        (first, ADMITTED, PeerChange::Added, 2),
        (first, not_served, PeerChange::Refreshed, 0),
        (second, no_peers, PeerChange::Refused(Bound::SourcePeers), 1),
        (stopped(second), no_peers, PeerChange::NotListed, 0),
        (unlisted(second), no_peers, PeerChange::NotListed, 0),
        (second, not_served, PeerChange::Added, 1),
    ] {
        let mut asked = asked;
        let announced = swarms.announce_if(Second(1), None, &announce, &mut [], &mut asked);
        assert_eq!((announced.change, asked.questions), (change, questions), "{announce:?}");
        let held = announced.counts.leechers > 0;
        assert_eq!(swarms.counts::<CompactIpv4>(&TORRENT).is_some(), held, "{announce:?}");
    }
}

#[test]
fn a_completed_event_is_reported_once() {
    let mut swarms = swarms();
    let completed = Announce { event: AnnounceEvent::Completed, ..announce_of(1, PeerStatus::Seeder) };
    let mut told = |announce: &_| swarms.announce(Second(1), None, announce, &mut []).completion;
    assert_eq!(told(&announce_of(1, PeerStatus::Leecher)), Completion::NotCounted);
    assert_eq!(told(&completed), Completion::Counted);
    assert_eq!(told(&completed), Completion::NotCounted);
}

#[test]
fn peers_are_listed_with_their_status_and_the_time_since_their_last_announce() {
    let mut swarms = swarms();
    swarms.announce(Second(100), None, &announce_of(1, PeerStatus::Leecher), &mut []);
    swarms.announce(Second(108), None, &announce_of(2, PeerStatus::Seeder), &mut []);
    let mut told = Vec::new();
    let now = Second(120);
    swarms.peers(now, &TORRENT, 10, |address: CompactIpv4, status, heard_s_ago| {
        told.push((address.socket_address().to_string(), status, heard_s_ago));
    });
    let seeder = ("10.0.0.2:6881".to_owned(), PeerStatus::Seeder, 12);
    assert_eq!(told, [seeder, ("10.0.0.1:6881".to_owned(), PeerStatus::Leecher, 20)]);
}

#[test]
fn at_most_the_requested_number_of_peers_is_listed() {
    let mut swarms = swarms();
    fill(&mut swarms, 300);
    let mut told = 0;
    swarms.peers(Second(20), &TORRENT, 74, |_: CompactIpv4, _, _| told += 1);
    assert_eq!(told, 74);
    swarms.peers(Second(20), &InfoHash([8; 20]), 74, |_: CompactIpv4, _, _| panic!("it is unknown"));
}

#[test]
fn a_page_visits_at_most_4096_slots() {
    let mut swarms = swarms();
    let announce_numbered = |number: u16| {
        let mut info_hash = TORRENT;
        info_hash.0[..2].copy_from_slice(&number.to_be_bytes());
        Announce { info_hash, ..announce_of(number, PeerStatus::Seeder) }
    };
    for number in 0..10_000 {
        swarms.announce(Second(1), None, &announce_numbered(number), &mut []);
    }
    for number in 0..9_000 {
        swarms.drop_torrent(&announce_numbered(number).info_hash);
    }
    let (mut told, mut pages, mut from) = (0, 0, Some(0));
    while let Some(place) = from {
        from = swarms.page::<CompactIpv4>(place, 1_000_000, |_, _| told += 1);
        pages += 1;
    }
    assert_eq!((told, pages), (1000, 3));
}

#[test]
fn a_peer_has_a_new_lifetime_from_its_next_announce_on() {
    for heard in [Second(1), Second(70_000)] {
        for (old_s, new_s) in [(2700, 120), (120, 2700), (32_000, 120), (120, 32_000), (2700, 2701)] {
            let settings = |peer_lifetime_s| SwarmSettings { peer_lifetime_s, ..settings() };
            let mut swarms = Swarms::new(settings(old_s), SEEDS);
            let is_kept = |swarms: &mut Swarms, now| {
                swarms.expire(now, 1000);
                swarms.counts::<CompactIpv4>(&TORRENT).is_some_and(|counts| counts.leechers > 0)
            };
            let leecher = announce_of(1, PeerStatus::Leecher);
            swarms.announce(heard, None, &leecher, &mut []);
            swarms.use_settings(settings(new_s));
            let again = heard.after(old_s - 1);
            assert!(is_kept(&mut swarms, again), "{old_s} -> {new_s}");
            swarms.announce(again, None, &leecher, &mut []);
            assert!(is_kept(&mut swarms, again.after(new_s - 1)), "{old_s} -> {new_s}");
            assert!(!is_kept(&mut swarms, again.after(new_s + 4)), "{old_s} -> {new_s}");
        }
    }
}

#[test]
fn expiry_and_the_8_hours_of_empty_swarms_continue_when_the_lifetime_changes() {
    for (old_s, new_s) in [(120, 32_000), (32_000, 120)] {
        let settings = |peer_lifetime_s| SwarmSettings { peer_lifetime_s, ..settings() };
        let mut swarms = Swarms::new(settings(old_s), SEEDS);
        let leecher = announce_of(1, PeerStatus::Leecher);
        for event in [AnnounceEvent::Started, AnnounceEvent::Completed, AnnounceEvent::Stopped] {
            swarms.announce(Second(10), None, &Announce { event, ..leecher }, &mut []);
        }
        swarms.expire(Second(20), 1000);
        swarms.use_settings(settings(new_s));
        swarms.expire(Second(28_800), 1000);
        assert_eq!(swarms.scrape::<CompactIpv4>(&TORRENT).downloaded, 1);
        swarms.expire(Second(28_812), 1000);
        assert_eq!(swarms.counts::<CompactIpv4>(&TORRENT), None);
    }
}

#[test]
fn lower_limits_evict_nothing_until_newcomers_need_room() {
    let mut swarms = swarms();
    fill(&mut swarms, 10);
    let limits = SwarmLimits { peers_max: 5, swarms_max: 1, ..settings().limits };
    swarms.use_settings(SwarmSettings { limits, ..settings() });
    let change = |swarms: &mut Swarms, peer, event| {
        let announce = Announce { event, ..announce_of(peer, PeerStatus::Leecher) };
        swarms.announce(Second(20), None, &announce, &mut []).change
    };
    assert_eq!(swarms.totals(SwarmFamily::V4).peers(), 10);
    assert_eq!(change(&mut swarms, 1, AnnounceEvent::None), PeerChange::Refreshed);
    assert_eq!(change(&mut swarms, 99, AnnounceEvent::None), PeerChange::Added);
    assert_eq!(change(&mut swarms, 1, AnnounceEvent::None), PeerChange::Refreshed, "others have gone first");
    assert_eq!(swarms.totals(SwarmFamily::V4).peers(), 10);
    for peer in 2..8 {
        change(&mut swarms, peer, AnnounceEvent::Stopped);
    }
    assert_eq!(change(&mut swarms, 98, AnnounceEvent::None), PeerChange::Added);
    assert!(swarms.totals(SwarmFamily::V4).peers() <= 5);
}
