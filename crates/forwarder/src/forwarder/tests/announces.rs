use super::*;
use primitives::AnnounceEvent::None as Regular;
use primitives::Second;

#[tokio::test(start_paused = true)]
async fn a_torrent_is_announced_at_once_and_then_at_the_interval_of_each_upstream_tracker() {
    let fixture = Fixture::start(&["a", "b"]);
    fixture.react("a", Reaction::Answer(answer(600, 0, 0)));
    fixture.note([SwarmChange::Started(hash(1), SEEDER)]);
    let first = fixture.arrivals(1).await;
    assert_eq!(first.len(), 2);
    for Arrival { at_s, announce, .. } in first {
        assert!(at_s < 0.1, "at {at_s} s");
        assert_eq!(announce, UpstreamAnnounce { info_hash: hash(1), event: Started, representative: SEEDER });
    }
    assert!(lock(&fixture.world.questions).is_empty(), "the core has just named a representative");
    fixture.note([SwarmChange::Started(hash(1), SEEDER)]);
    assert_eq!(fixture.events(590).await, [], "it was announced");

    let later = fixture.arrivals(1300).await;
    let summary: Vec<_> = later.iter().map(|arrival| (&*arrival.upstream, arrival.at_s.floor())).collect();
    assert_eq!(summary, [("a", 601.0), ("a", 1202.0), ("b", 1801.0), ("a", 1803.0)]);
    assert!(later.iter().all(|arrival| arrival.announce.event == Regular));
    assert!(later.iter().all(|arrival| arrival.announce.representative == LEECHER), "the owner was asked");
    assert_eq!(lock(&fixture.world.questions).len(), 3, "one question served two upstream trackers");
}

#[tokio::test(start_paused = true)]
async fn an_interval_out_of_range_is_clamped() {
    for (interval_s, clamped_s) in [(0, 60), (59, 60), (61, 61), (10_799, 10_799), (u32::MAX, 10_800)] {
        let fixture = Fixture::start(&["a"]);
        fixture.react("a", Reaction::Answer(answer(interval_s, 0, 0)));
        fixture.start_torrents(0..1);
        let times: Vec<f64> = fixture.arrivals(10_810).await.iter().map(|arrival| arrival.at_s).collect();
        let waited_s = times[1] - times[0];
        assert!((f64::from(clamped_s)..f64::from(clamped_s) + 1.5).contains(&waited_s), "{waited_s} s");
        assert_eq!(fixture.forwarder.upstreams()[0].interval_s, Some(clamped_s));
        let lifetimes: Vec<Second> =
            lock(&fixture.world.external).iter().map(|peers| peers.expires).collect();
        assert!(lifetimes[0].0 - 2 * clamped_s <= 1, "{lifetimes:?}");
    }
}

/// Changes, each with the seconds after it, and the events at the upstream tracker that answers and at the one that does not.
type Case<'a> = (&'a [(SwarmChange, u64)], &'a [AnnounceEvent], &'a [AnnounceEvent]);

#[tokio::test(start_paused = true)]
async fn events_of_a_torrent_are_forwarded_to_upstream_trackers_that_list_our_peer() {
    let started = SwarmChange::Started(hash(1), LEECHER);
    let completed = SwarmChange::Completed(hash(1), SEEDER);
    let stopped = SwarmChange::Stopped(hash(1));
    let cases: &[Case<'_>] = &[
        (&[(started, 5), (completed, 1)], &[Started, Completed], &[Started]),
        (&[(started, 0), (completed, 1)], &[Started], &[Started]),
        (&[(started, 5), (stopped, 9)], &[Started, Stopped], &[Started]),
        (&[(started, 0), (stopped, 9)], &[], &[]),
        (&[(started, 5), (completed, 0), (stopped, 9)], &[Started, Stopped], &[Started]),
        (&[(started, 5), (stopped, 0), (started, 9)], &[Started], &[Started]),
        (&[(started, 5), (stopped, 2), (started, 9)], &[Started, Stopped, Started], &[Started]),
        (&[(started, 5), (stopped, 2), (stopped, 9)], &[Started, Stopped], &[Started]),
        (&[(completed, 5), (stopped, 2)], &[], &[]),
    ];
    for (changes, answered, failed) in cases {
        let fixture = Fixture::start(&["a", "b"]);
        fixture.react("b", Reaction::Hang);
        for &(change, seconds) in *changes {
            fixture.note([change]);
            sleep(Duration::from_secs(seconds)).await;
        }
        let arrivals = fixture.arrivals(0).await;
        let events = |name| -> Vec<AnnounceEvent> {
            let at = arrivals.iter().filter(|arrival| &*arrival.upstream == name);
            at.map(|arrival| arrival.announce.event).collect()
        };
        assert_eq!((&*events("a"), &*events("b")), (*answered, *failed), "{changes:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn changes_during_an_announce_are_forwarded_after_it() {
    for (changes, events) in [
        (vec![SwarmChange::Completed(hash(1), SEEDER)], vec![Started, Completed]),
        (vec![SwarmChange::Stopped(hash(1))], vec![Started, Stopped]),
        (vec![SwarmChange::Stopped(hash(1)), SwarmChange::Started(hash(1), SEEDER)], vec![Started]),
    ] {
        let fixture = Fixture::start(&["a"]);
        fixture.start_torrents(1..2);
        sleep(Duration::from_millis(50)).await;
        fixture.note(changes);
        let arrivals = fixture.arrivals(70).await;
        assert_eq!(arrivals.iter().map(|arrival| arrival.announce.event).collect::<Vec<_>>(), events);
    }
}

#[tokio::test(start_paused = true)]
async fn few_announces_come_within_a_minute_whatever_local_peers_do() {
    let started = SwarmChange::Started(hash(1), LEECHER);
    let completed = SwarmChange::Completed(hash(1), SEEDER);
    let stopped = SwarmChange::Stopped(hash(1));
    for changes in [vec![started, completed], vec![started, stopped], vec![stopped, started, completed]] {
        let fixture = Fixture::start(&["a"]);
        for second in 0..180 {
            fixture.note([changes[second % changes.len()]]);
            sleep(Duration::from_secs(1)).await;
        }
        let arrivals = fixture.arrivals(0).await;
        // One at once, three early ones, and one each minute; a stop may follow at any time.
        assert!((4..=8).contains(&arrivals.len()), "{changes:?}: {arrivals:?}");
        fixture.note([stopped]);
        fixture.arrivals(300).await;
        assert_eq!(fixture.torrents(), 0, "it is remembered only as long as needed");
    }
}

#[tokio::test(start_paused = true)]
async fn the_peer_that_an_upstream_tracker_lists_is_the_one_that_stops() {
    let fixture = Fixture::start(&["a"]);
    fixture.start_torrents(1..2);
    sleep(Duration::from_secs(9)).await;
    // Another one takes its place, and leaves before it was announced.
    fixture.note([SwarmChange::Started(hash(1), LEECHER), SwarmChange::Stopped(hash(1))]);
    let ports: Vec<u16> =
        fixture.arrivals(9).await.iter().map(|seen| seen.announce.representative.port).collect();
    assert_eq!(ports, [SEEDER.port, SEEDER.port]);
    let info = &fixture.forwarder.upstreams()[0];
    assert_eq!((info.torrents, info.figures.answered), (0, 2), "the torrent is forgotten");
}

#[tokio::test(start_paused = true)]
async fn a_completed_download_is_announced_with_nothing_left_however_late() {
    let fixture = Fixture::start(&["a"]);
    fixture.start_torrents(1..2);
    fixture.arrivals(5).await;
    assert!(fixture.forwarder.suspend("a"));
    fixture.note([SwarmChange::Completed(hash(1), SEEDER)]);
    assert_eq!(fixture.arrivals(60).await, []);
    assert!(fixture.forwarder.resume("a"));
    let arrivals = fixture.arrivals(5).await;
    let representative = Representative { left: 0, ..LEECHER };
    assert_eq!(arrivals.len(), 1);
    assert_eq!(
        arrivals[0].announce,
        UpstreamAnnounce { info_hash: hash(1), event: Completed, representative }
    );
}

#[tokio::test(start_paused = true)]
async fn the_owner_is_sent_the_peers_and_the_largest_fresh_counts_without_our_own_peer() {
    let fixture = Fixture::start(&["a", "b"]);
    let v4 = vec![CompactIpv4::new(Ipv4Addr::new(198, 51, 100, 1), 6881)];
    fixture.react("a", Reaction::Answer(UpstreamAnswer { v4: v4.clone(), ..answer(60, 100, 5) }));
    fixture.react("b", Reaction::Answer(answer(600, 20, 50)));
    fixture.start_torrents(1..2);
    sleep(Duration::from_secs(1)).await;
    let external = std::mem::take(&mut *lock(&fixture.world.external));
    let of = |lifetime_s| external.iter().find(|peers| peers.expires.0.abs_diff(lifetime_s) <= 1).unwrap();
    assert_eq!(external.len(), 2);
    assert_eq!((&of(120).v4, &of(1200).v4), (&v4, &vec![]));
    let upstreams: Vec<u16> = external.iter().map(|peers| peers.upstream).collect();
    assert!(upstreams == [0, 1] || upstreams == [1, 0], "{upstreams:?}");
    let last = external.last().unwrap();
    assert!(last.counts_expire.0.abs_diff(1200) <= 1, "the counts are as fresh as the freshest of them");
    assert_eq!(last.counts, ExternalCounts { seeders: 99, leechers: 50 }, "the representative is a seeder");

    // The answers of one are fresh no more, and the representative is a leecher.
    fixture.react("a", Reaction::Hang);
    sleep(Duration::from_secs(650)).await;
    let last = lock(&fixture.world.external).pop().unwrap();
    assert_eq!(last.counts, ExternalCounts { seeders: 20, leechers: 49 });
    assert_eq!(last.counts_expire, last.expires);
}

#[tokio::test(start_paused = true)]
async fn a_torrent_without_local_peers_is_not_announced_until_there_are_some() {
    let fixture = Fixture::start(&["a"]);
    fixture.start_torrents(1..2);
    fixture.arrivals(5).await;
    lock(&fixture.world.representatives).insert(hash(1), None);
    assert_eq!(fixture.arrivals(3000).await, []);
    let questions = lock(&fixture.world.questions).len();
    assert!((18..=21).contains(&questions), "{questions} in 20 minutes");
    // Whichever of its changes the core reports next, the upstream tracker learns of it.
    fixture.note([SwarmChange::Stopped(hash(1))]);
    assert_eq!(fixture.events(5).await, named(&[("a", Stopped)]));
}
