use super::*;
use std::collections::HashSet;

const fn number(number: u32) -> NonZeroU32 {
    NonZeroU32::new(number).unwrap()
}

#[tokio::test(start_paused = true)]
async fn announces_obey_the_rate_after_a_burst_and_the_limit_of_those_under_way() {
    let limits = |requests_max, rate, burst| ForwarderSettings {
        requests_max,
        rate_per_second_max: number(rate),
        burst_max: number(burst),
        ..settings()
    };
    // Each takes 0.1 s.
    for (settings, after_1_s, after_5_s) in [
        (limits(1000, 50, 200), 200 + 50, 200 + 250),
        (limits(1000, 1, 1), 1 + 1, 1 + 5),
        (limits(3, 1000, 1000), 3 * 10, 3 * 50),
    ] {
        let fixture = Fixture::start_with(&["a"], settings);
        fixture.start_torrents(0..1000);
        let first = fixture.arrivals(1).await.len();
        let second = first + fixture.arrivals(4).await.len();
        assert!(first.abs_diff(after_1_s) <= 3 && second.abs_diff(after_5_s) <= 4, "{first}, {second}");
        assert!(fixture.forwarder.upstreams()[0].in_flight <= settings.requests_max as u64);
    }
}

#[tokio::test(start_paused = true)]
async fn no_torrent_has_a_second_turn_before_others_have_their_first() {
    let slow = ForwarderSettings { rate_per_second_max: number(1), burst_max: number(1), ..settings() };
    let fixture = Fixture::start_with(&["a"], slow);
    fixture.react("a", Reaction::Answer(answer(60, 0, 0)));
    fixture.start_torrents(0..200);
    let arrivals = fixture.arrivals(1000).await;
    for (turn, torrents) in arrivals.chunks(200).enumerate() {
        let distinct: HashSet<_> = torrents.iter().map(|arrival| arrival.announce.info_hash).collect();
        assert_eq!(distinct.len(), torrents.len(), "turn {turn}");
    }
    assert!(arrivals.len() >= 999);
}

#[tokio::test(start_paused = true)]
async fn announces_beyond_those_that_may_wait_are_put_off_and_counted() {
    let slow = ForwarderSettings {
        rate_per_second_max: number(1),
        burst_max: number(1),
        waiting_max: 20,
        ..settings()
    };
    let fixture = Fixture::start_with(&["a"], slow);
    fixture.start_torrents(0..100);
    let at_once = fixture.arrivals(1).await.len();
    let info = &fixture.forwarder.upstreams()[0];
    assert_eq!((info.torrents, info.figures.shed), (100, 80));
    assert!(info.waiting <= 20);
    // What is put off is spread over the interval of 30 minutes.
    let soon = at_once + fixture.arrivals(60).await.len();
    assert!((20..=35).contains(&soon), "{soon}");
    let rest: HashSet<_> =
        fixture.arrivals(2000).await.iter().map(|arrival| arrival.announce.info_hash).collect();
    assert_eq!(rest.len(), 100, "nothing is lost");
}

#[tokio::test(start_paused = true)]
async fn stopped_announces_that_find_no_room_are_forgotten() {
    let slow = ForwarderSettings {
        rate_per_second_max: number(1),
        burst_max: number(100),
        waiting_max: 100,
        ..settings()
    };
    let fixture = Fixture::start_with(&["a"], slow);
    for half in [0..100, 100..200] {
        fixture.start_torrents(half);
        fixture.arrivals(200).await;
    }
    fixture.note((0..200).map(|number| SwarmChange::Stopped(hash(number))));
    let stopped = fixture.events(300).await;
    assert_eq!(stopped, named(&[("a", Stopped); 100]));
    let info = &fixture.forwarder.upstreams()[0];
    assert_eq!((info.torrents, info.waiting, info.figures.shed), (0, 0, 100));
    assert_eq!(fixture.torrents(), 0);
}

#[tokio::test(start_paused = true)]
async fn none_is_shed_while_there_are_no_announces() {
    let fixture = Fixture::start_with(&["a"], ForwarderSettings { waiting_max: 20, ..settings() });
    assert!(fixture.forwarder.suspend("a"));
    fixture.start_torrents(0..100);
    assert_eq!(fixture.arrivals(10_000).await, []);
    let info = &fixture.forwarder.upstreams()[0];
    assert_eq!((info.torrents, info.waiting, info.figures.shed), (100, 20, 0));
    assert!(fixture.forwarder.resume("a"));
    let arrivals = fixture.arrivals(2000).await;
    let announced: HashSet<_> = arrivals.iter().map(|arrival| arrival.announce.info_hash).collect();
    assert_eq!((announced.len(), fixture.forwarder.upstreams()[0].figures.shed), (100, 80));
}

#[tokio::test(start_paused = true)]
async fn torrents_without_local_peers_are_remembered_up_to_a_limit() {
    let fixture = Fixture::start_with(&["a"], ForwarderSettings { torrents_max: 10, ..settings() });
    fixture.start_torrents(0..30);
    assert_eq!(fixture.arrivals(5).await.len(), 30, "the cores limit those that have some");
    fixture.note((0..30).map(|number| SwarmChange::Stopped(hash(number))));
    assert_eq!(fixture.events(5).await, named(&[("a", Stopped); 30]));
    assert_eq!(fixture.torrents(), 10);
    assert_eq!(fixture.events(200).await, []);
    assert_eq!(fixture.torrents(), 0, "and only as long as needed");
}

/// Starts a forwarder with an upstream tracker that returns a peer, and a core that is not driven.
fn start_with_busy_owner() -> (Forwarder, Arc<World>, CoreEnd) {
    let (cores, mut ends) = link_cores(ShardCount::ONE, std::time::Instant::now());
    let world = Arc::<World>::default();
    let v4 = vec![CompactIpv4::new(Ipv4Addr::new(198, 51, 100, 1), 6881)];
    let reaction = Reaction::Answer(UpstreamAnswer { v4, ..answer(1800, 0, 0) });
    lock(&world.reactions).insert("a".to_owned(), reaction);
    let (scripts, start) = (Arc::clone(&world), Instant::now());
    let connect = move |upstream: &Upstream, _| -> Arc<dyn Announces> {
        Arc::new(Scripted { world: Arc::clone(&scripts), name: Arc::clone(&upstream.name), start })
    };
    let forwarder = Forwarder::start_with(cores, settings(), vec![upstream("a")], Box::new(connect));
    let started = (0..200).map(|number| SwarmChange::Started(hash(number), SEEDER)).collect();
    forwarder.note(ShardId::FIRST, started);
    (forwarder, world, ends.remove(0))
}

#[tokio::test(start_paused = true)]
async fn a_torrent_whose_owner_had_no_time_for_its_peers_is_announced_again_soon() {
    let (forwarder, world, end) = start_with_busy_owner();
    sleep(Duration::from_secs(30)).await;
    let kept = std::iter::from_fn(|| end.next_task()).count();
    let dropped = forwarder.upstreams()[0].figures.peers_dropped;
    assert_eq!(dropped, 200 - kept as u64);
    assert_eq!(std::mem::take(&mut *lock(&world.arrivals)).len(), 200);
    tokio::spawn(serve(Arc::clone(&world), end));
    sleep(Duration::from_secs(40)).await;
    assert_eq!(lock(&world.arrivals).len() as u64, dropped);
    assert_eq!(lock(&world.external).len() as u64, dropped);
    assert_eq!(forwarder.upstreams()[0].figures.peers_dropped, dropped);
}

#[tokio::test(start_paused = true)]
async fn a_busy_owner_delays_announces_and_stands_for_no_failure() {
    let (forwarder, world, end) = start_with_busy_owner();
    // The core takes no tasks: there is room for some of them.
    sleep(Duration::from_secs(3000)).await;
    let kept = std::iter::from_fn(|| end.next_task()).count();
    assert!((50..200).contains(&kept), "{kept}");
    assert_eq!(std::mem::take(&mut *lock(&world.arrivals)).len(), 200, "the first announces need no core");
    tokio::spawn(serve(Arc::clone(&world), end));
    sleep(Duration::from_secs(60)).await;
    assert_eq!(std::mem::take(&mut *lock(&world.arrivals)).len(), 200);
    let info = &forwarder.upstreams()[0];
    assert_eq!((info.state, info.figures.failed), (UpstreamState::Active, [0; 7]));
}

#[tokio::test]
async fn another_limit_of_requests_applies_to_the_connections_of_known_upstream_trackers() {
    let (cores, _ends) = link_cores(ShardCount::ONE, std::time::Instant::now());
    let (connected, start) = (Arc::<Mutex<Vec<usize>>>::default(), Instant::now());
    let seen = Arc::clone(&connected);
    let connect = move |upstream: &Upstream, requests_max| -> Arc<dyn Announces> {
        lock(&seen).push(requests_max);
        Arc::new(Scripted { world: Arc::default(), name: Arc::clone(&upstream.name), start })
    };
    let forwarder = Forwarder::start_with(cores, settings(), vec![upstream("a")], Box::new(connect));
    for requests_max in [20, 5] {
        forwarder.use_settings(ForwarderSettings { requests_max, ..settings() });
    }
    assert_eq!(*lock(&connected), [20, 5], "it is connected anew only for another limit");
}
