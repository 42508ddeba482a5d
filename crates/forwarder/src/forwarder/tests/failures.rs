use super::*;

#[tokio::test(start_paused = true)]
async fn a_failed_announce_is_repeated_when_its_failure_says() {
    let minutes = |minutes| Some(Retry::After(Duration::from_secs(60 * minutes)));
    let overloaded =
        |seconds: Option<u64>| TrackerError::Overloaded { retry_after: seconds.map(Duration::from_secs) };
    for (error, earliest_s, latest_s) in [
        (TrackerError::Timeout, 7, 24),
        (TrackerError::Name("no address".to_owned()), 7, 24),
        (TrackerError::Connection("refused".to_owned()), 7, 24),
        (TrackerError::Status(500), 7, 24),
        (TrackerError::Malformed("no dictionary"), 7, 24),
        (refused(None), 1800, 1802),
        (refused(minutes(0)), 60, 62),
        (refused(minutes(7)), 420, 422),
        (refused(minutes(u64::from(u32::MAX))), 86_400, 86_402),
        (overloaded(None), 60, 62),
        (overloaded(Some(0)), 5, 7),
        (overloaded(Some(600)), 600, 602),
        (overloaded(Some(u64::MAX)), 86_400, 86_402),
    ] {
        let fixture = Fixture::start(&["a"]);
        fixture.react("a", Reaction::Fail(error.clone()));
        fixture.start_torrents(1..2);
        fixture.arrivals(1).await;
        // Local peers that leave and return do not hurry it.
        fixture.note([SwarmChange::Stopped(hash(1)), SwarmChange::Started(hash(1), SEEDER)]);
        assert_eq!(fixture.arrivals(earliest_s - 2).await, [], "{error}");
        let arrivals = fixture.arrivals(latest_s - earliest_s + 2).await;
        assert_eq!(arrivals.first().map(|arrival| arrival.announce.event), Some(Started), "{error}");
        let info = &fixture.forwarder.upstreams()[0];
        assert_eq!(info.last_failure, Some(error.to_string()));
        assert!(info.figures.failed.iter().sum::<u64>() >= 1);
    }
}

#[tokio::test(start_paused = true)]
async fn each_failure_of_a_torrent_doubles_its_back_off() {
    let fixture = Fixture::start(&["a"]);
    fixture.react("a", Reaction::Fail(TrackerError::Timeout));
    fixture.start_torrents(1..2);
    let times: Vec<f64> = fixture.arrivals(30_000).await.iter().map(|arrival| arrival.at_s).collect();
    for (failure, pair) in times.windows(2).enumerate() {
        let expected = (15.0 * 2_f64.powi(i32::try_from(failure).unwrap())).min(1800.0);
        let waited = pair[1] - pair[0];
        // The circuit may add its own time.
        assert!(
            waited >= expected * 0.5 - 1.0 && waited <= expected * 1.5 + 5400.0,
            "{waited} s after {failure}"
        );
    }
    assert!((8..=25).contains(&times.len()), "{times:?}");
}

#[tokio::test(start_paused = true)]
async fn a_failed_completed_is_repeated_and_a_failed_stopped_is_not() {
    for (change, expected) in [
        (SwarmChange::Completed(hash(1), SEEDER), vec![Completed, Completed]),
        (SwarmChange::Stopped(hash(1)), vec![Stopped]),
    ] {
        let fixture = Fixture::start(&["a"]);
        fixture.start_torrents(1..2);
        fixture.arrivals(5).await;
        fixture.react("a", Reaction::Fail(TrackerError::Timeout));
        fixture.note([change]);
        sleep(Duration::from_secs(1)).await;
        fixture.react("a", Reaction::Answer(answer(1800, 0, 0)));
        let events: Vec<_> =
            fixture.arrivals(600).await.iter().map(|arrival| arrival.announce.event).collect();
        assert_eq!(events, expected);
    }
}

#[tokio::test(start_paused = true)]
async fn no_change_of_a_torrent_hurries_an_upstream_tracker_that_refused_it() {
    let fixture = Fixture::start(&["a"]);
    fixture.start_torrents(1..2);
    fixture.arrivals(1790).await;
    fixture.react("a", Reaction::Fail(refused(None)));
    assert_eq!(fixture.events(20).await, named(&[("a", AnnounceEvent::None)]));
    fixture.note([SwarmChange::Completed(hash(1), SEEDER)]);
    fixture.note([SwarmChange::Stopped(hash(1)), SwarmChange::Started(hash(1), SEEDER)]);
    assert_eq!(fixture.events(1780).await, []);
    assert_eq!(fixture.events(20).await, named(&[("a", Completed)]));
}

#[tokio::test(start_paused = true)]
async fn a_refusal_for_ever_is_honoured_until_the_file_is_used_again() {
    for honours in [(|_: &Fixture| {}) as fn(&Fixture), |fixture| {
        fixture.note([SwarmChange::Stopped(hash(1)), SwarmChange::Started(hash(1), SEEDER)]);
    }] {
        for ends in [
            (|fixture: &Fixture| fixture.forwarder.use_file(vec![upstream("a")])) as fn(&Fixture),
            |fixture| assert!(fixture.forwarder.resume("a")),
        ] {
            let fixture = Fixture::start(&["a"]);
            fixture.react("a", Reaction::Fail(refused(Some(Retry::Never))));
            fixture.start_torrents(1..2);
            assert_eq!(fixture.events(5).await, named(&[("a", Started)]));
            honours(&fixture);
            assert_eq!(fixture.events(100_000).await, []);
            ends(&fixture);
            assert_eq!(fixture.events(5).await, named(&[("a", Started)]));
            let figures = fixture.forwarder.upstreams()[0].figures;
            assert_eq!(figures.failed[FailureKind::Refused as usize], 2);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_refusal_is_no_failure_of_the_upstream_tracker() {
    let fixture = Fixture::start(&["a"]);
    fixture.react("a", Reaction::Fail(refused(None)));
    fixture.start_torrents(0..100);
    assert_eq!(fixture.arrivals(10).await.len(), 100);
    assert_eq!(fixture.state(), UpstreamState::Active);
}

#[tokio::test(start_paused = true)]
async fn an_overloaded_upstream_tracker_has_a_pause_as_a_whole() {
    let fixture = Fixture::start(&["a", "b"]);
    let retry_after = Some(Duration::from_secs(300));
    fixture.react("a", Reaction::Fail(TrackerError::Overloaded { retry_after }));
    fixture.start_torrents(0..1);
    fixture.arrivals(1).await;
    assert!(matches!(fixture.state(), UpstreamState::Paused(left) if left.as_secs().abs_diff(300) <= 1));
    fixture.react("a", Reaction::Answer(answer(1800, 0, 0)));
    fixture.start_torrents(1..10);
    assert!(fixture.arrivals(290).await.iter().all(|arrival| &*arrival.upstream == "b"), "others have none");
    assert_eq!(fixture.forwarder.upstreams()[0].waiting, 10);
    assert_eq!(fixture.arrivals(20).await.len(), 10);
    assert_eq!(fixture.state(), UpstreamState::Active);
}

#[tokio::test(start_paused = true)]
async fn a_failing_upstream_tracker_is_probed_and_announced_to_when_it_works_again() {
    let fixture = Fixture::start_with(&["a"], ForwarderSettings { requests_max: 5, ..settings() });
    fixture.react("a", Reaction::Hang);
    fixture.start_torrents(0..100);
    assert_eq!(fixture.arrivals(16).await.len(), 5, "all that may be under way");
    assert!(matches!(fixture.state(), UpstreamState::Failing(_)), "{:?}", fixture.state());
    let probes = fixture.arrivals(3600).await.len();
    assert!((4..=9).contains(&probes), "{probes} probes");
    assert!(matches!(fixture.state(), UpstreamState::Failing(_)));

    fixture.react("a", Reaction::Answer(answer(1800, 0, 0)));
    let mut announced: Vec<_> =
        fixture.arrivals(5400).await.iter().map(|seen| seen.announce.info_hash).collect();
    announced.sort_unstable();
    announced.dedup();
    assert_eq!(announced.len(), 100);
    assert_eq!(fixture.state(), UpstreamState::Active);
    assert_eq!(
        fixture.forwarder.upstreams()[0].figures.failed[FailureKind::Timeout as usize],
        5 + probes as u64
    );
}

#[tokio::test(start_paused = true)]
async fn a_torrent_without_local_peers_is_no_probe() {
    let fixture = Fixture::start(&["a"]);
    fixture.react("a", Reaction::Fail(TrackerError::Status(500)));
    fixture.start_torrents(0..10);
    fixture.arrivals(5).await;
    assert!(matches!(fixture.state(), UpstreamState::Failing(_)));
    fixture.react("a", Reaction::Answer(answer(1800, 0, 0)));
    lock(&fixture.world.representatives).extend((0..10).map(|number| (hash(number), None)));
    assert_eq!(fixture.arrivals(100).await, []);
    fixture.start_torrents(10..11);
    assert_eq!(fixture.events(5).await, named(&[("a", Started)]));
    assert_eq!(fixture.state(), UpstreamState::Active);
}

#[tokio::test(start_paused = true)]
async fn a_failing_upstream_tracker_is_announced_to_at_once_when_it_is_resumed() {
    let fixture = Fixture::start(&["a"]);
    fixture.react("a", Reaction::Fail(TrackerError::Connection("refused".to_owned())));
    fixture.start_torrents(0..10);
    fixture.arrivals(5).await;
    assert!(matches!(fixture.state(), UpstreamState::Failing(_)));
    fixture.react("a", Reaction::Answer(answer(1800, 0, 0)));
    assert!(fixture.forwarder.resume("a"));
    assert_eq!(fixture.arrivals(2).await.len(), 10);
    assert_eq!(fixture.state(), UpstreamState::Active);
}

#[tokio::test(start_paused = true)]
async fn stopped_is_announced_after_a_short_pause_and_forgotten_in_a_long_one() {
    for (pause_s, events) in [(60, &[("a", Started), ("a", Stopped)][..]), (61, &[("a", Started)])] {
        let fixture = Fixture::start(&["a"]);
        fixture.start_torrents(1..2);
        fixture.arrivals(5).await;
        let retry_after = Some(Duration::from_secs(pause_s));
        fixture.react("a", Reaction::Fail(TrackerError::Overloaded { retry_after }));
        fixture.start_torrents(2..3);
        sleep(Duration::from_millis(200)).await;
        assert!(matches!(fixture.state(), UpstreamState::Paused(_)));
        fixture.arrivals(0).await;
        fixture.react("a", Reaction::Answer(answer(1800, 0, 0)));
        fixture.note([SwarmChange::Stopped(hash(1))]);
        assert_eq!(fixture.events(100).await, named(events), "{pause_s}");
    }
}
