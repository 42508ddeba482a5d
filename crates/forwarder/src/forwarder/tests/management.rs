use super::*;
use crate::limits::{TORRENTS_AT_ONCE, UPSTREAMS_MAX};

fn names(fixture: &Fixture) -> Vec<String> {
    fixture.forwarder.upstreams().iter().map(|info| info.name.to_string()).collect()
}

/// Returns an upstream tracker with the URI of another name.
fn renamed(uri_of: &str, name: &str) -> Upstream {
    Upstream { name: name.into(), ..upstream(uri_of) }
}

#[tokio::test(start_paused = true)]
async fn a_file_that_is_used_again_changes_only_what_it_changes() {
    let fixture = Fixture::start(&["kept", "renamed", "changed", "removed"]);
    fixture.forwarder.add(upstream("added")).unwrap();
    fixture.start_torrents(0..3);
    assert_eq!(fixture.arrivals(5).await.len(), 15);
    fixture.forwarder.use_file(vec![
        upstream("new"),
        renamed("renamed", "other name"),
        Upstream { announced_ip: Some("192.0.2.1".parse().unwrap()), ..upstream("changed") },
        upstream("kept"),
    ]);
    assert_eq!(names(&fixture), ["kept", "other name", "added", "new", "changed"]);
    let events = fixture.events(5).await;
    assert_eq!(
        events,
        named(&[
            ("changed", Started),
            ("changed", Started),
            ("changed", Started),
            ("new", Started),
            ("new", Started),
            ("new", Started)
        ])
    );
    let answered: Vec<u64> = fixture.forwarder.upstreams().iter().map(|info| info.figures.answered).collect();
    assert_eq!(answered, [3, 3, 3, 3, 3]);
    assert_eq!(fixture.arrivals(1900).await.len(), 15);

    fixture.forwarder.use_file(Vec::new());
    assert_eq!(names(&fixture), ["added"]);
    assert_eq!(fixture.arrivals(1900).await.len(), 3);
}

#[tokio::test(start_paused = true)]
async fn names_of_a_file_are_made_unique_and_those_of_the_api_are_refused() {
    let fixture = Fixture::start(&[]);
    fixture.forwarder.add(upstream("a")).unwrap();
    fixture.forwarder.use_file(vec![renamed("1", "a"), renamed("2", "a"), renamed("3", "b"), upstream("a")]);
    assert_eq!(names(&fixture), ["a", "a (2)", "a (3)", "b"], "one with the URI of another is that one");
    for (upstream, error) in [
        (upstream("a"), AddError::SameUri),
        (renamed("1", "c"), AddError::SameUri),
        (renamed("4", "a (2)"), AddError::SameName),
    ] {
        assert_eq!(fixture.forwarder.add(upstream), Err(error));
    }
    let rest = UPSTREAMS_MAX - 4;
    for number in 0..rest {
        assert_eq!(fixture.forwarder.add(upstream(&format!("more {number}"))), Ok(()));
    }
    assert_eq!(fixture.forwarder.add(upstream("one more")), Err(AddError::TooMany));
    fixture.forwarder.use_file((0..9).map(|number| upstream(&format!("of the file {number}"))).collect());
    let names = names(&fixture);
    assert_eq!((names.len(), names.last().map(String::as_str)), (UPSTREAMS_MAX, Some("of the file 2")));
}

#[tokio::test(start_paused = true)]
async fn a_removed_upstream_tracker_is_forgotten_with_its_announces() {
    let fixture = Fixture::start(&["a", "b"]);
    fixture.react("a", Reaction::Hang);
    fixture.start_torrents(0..10);
    fixture.arrivals(5).await;
    assert!(fixture.forwarder.remove("a"));
    assert!(!fixture.forwarder.remove("a"));
    assert_eq!(names(&fixture), ["b"]);
    fixture.react("a", Reaction::Answer(answer(1800, 0, 0)));
    fixture.forwarder.add(upstream("a")).unwrap();
    assert_eq!(fixture.events(1).await, named(&[("a", Started); 10]), "it is as any new one");
    fixture.note((0..10).map(|number| SwarmChange::Stopped(hash(number))));
    assert_eq!(fixture.arrivals(200).await.len(), 20);
    assert_eq!(fixture.torrents(), 0);
}

#[tokio::test(start_paused = true)]
async fn the_counts_of_a_removed_upstream_tracker_are_forgotten() {
    let fixture = Fixture::start(&["a", "b"]);
    fixture.react("a", Reaction::Answer(answer(10_000, 100, 0)));
    fixture.react("b", Reaction::Answer(answer(60, 20, 50)));
    fixture.start_torrents(0..1);
    fixture.arrivals(5).await;
    let seeders = || lock(&fixture.world.external).last().map(|peers| peers.counts.seeders);
    assert_eq!(seeders(), Some(99));
    assert!(fixture.forwarder.remove("a"));
    fixture.arrivals(70).await;
    assert_eq!(seeders(), Some(20));
}

#[tokio::test(start_paused = true)]
async fn nothing_is_sent_to_a_suspended_upstream_tracker_until_it_is_resumed() {
    let fixture = Fixture::start(&["a"]);
    fixture.start_torrents(0..10);
    fixture.arrivals(5).await;
    assert!(fixture.forwarder.suspend("a"));
    fixture.start_torrents(10..20);
    fixture.note((0..5).map(|number| SwarmChange::Stopped(hash(number))));
    assert_eq!(fixture.arrivals(4000).await, []);
    let info = &fixture.forwarder.upstreams()[0];
    assert_eq!((info.state, info.torrents, info.waiting), (UpstreamState::Suspended, 15, 15));
    assert!(fixture.forwarder.resume("a"));
    assert_eq!(fixture.arrivals(5).await.len(), 15, "stopped is not sent any more");
    for unknown in [fixture.forwarder.suspend("b"), fixture.forwarder.resume("b")] {
        assert!(!unknown);
    }
}

#[tokio::test(start_paused = true)]
async fn changes_reach_all_torrents_however_many() {
    let number = |number| NonZeroU32::new(number).unwrap();
    let fast =
        ForwarderSettings { rate_per_second_max: number(10_000), burst_max: number(10_000), ..settings() };
    let fixture = Fixture::start_with(&["a", "b"], ForwarderSettings { requests_max: 2000, ..fast });
    let many = 3 * TORRENTS_AT_ONCE;
    fixture.react("a", Reaction::Fail(refused(Some(Retry::Never))));
    fixture.start_torrents(0..u32::try_from(many).unwrap());
    assert_eq!(fixture.arrivals(5).await.len(), 2 * many);
    assert!(fixture.forwarder.resume("a"));
    assert_eq!(fixture.events(5).await, named(&[("a", Started)].repeat(many)));
    fixture.forwarder.use_file(vec![upstream("a"), upstream("c")]);
    let everywhere = [[("a", Started)].repeat(many), [("c", Started)].repeat(many)].concat();
    assert_eq!(fixture.events(5).await, named(&everywhere));
    fixture.forwarder.stop(Instant::now() + Duration::from_secs(5)).await;
    assert_eq!(fixture.events(0).await, named(&[("c", Stopped)].repeat(many)));
}

#[tokio::test(start_paused = true)]
async fn answers_are_seen_in_the_figures() {
    let fixture = Fixture::start(&["a"]);
    assert_eq!(fixture.forwarder.upstreams()[0].latency, None);
    let v4 = vec![CompactIpv4::new(Ipv4Addr::new(198, 51, 100, 1), 6881); 3];
    fixture.react("a", Reaction::Answer(UpstreamAnswer { v4, ..answer(900, 0, 0) }));
    fixture.start_torrents(0..2);
    fixture.arrivals(5).await;
    let info = &fixture.forwarder.upstreams()[0];
    assert_eq!((&*info.name, &*info.origin), ("a", "udp://a.example:6969"));
    assert_eq!((info.torrents, info.waiting, info.in_flight), (2, 0, 0));
    assert_eq!((info.interval_s, info.last_failure.as_deref()), (Some(900), None));
    assert_eq!((info.figures.answered, info.figures.peers), (2, 6));
    assert!(info.latency.unwrap().as_millis().abs_diff(100) < 5, "{:?}", info.latency);
}

#[tokio::test(start_paused = true)]
async fn at_the_end_torrents_are_stopped_as_far_as_the_deadline_allows() {
    // Upstream trackers that answer, hang, and are suspended.
    let fixture = Fixture::start(&["a", "b", "c"]);
    fixture.start_torrents(0..400);
    fixture.arrivals(60).await;
    assert!(fixture.forwarder.suspend("c"));
    fixture.react("b", Reaction::Hang);
    let before_s = fixture.elapsed_s();
    fixture.forwarder.stop(Instant::now() + Duration::from_secs(3)).await;
    assert!((2.9..3.1).contains(&(fixture.elapsed_s() - before_s)));
    let events = fixture.events(0).await;
    let at = |name| events.iter().filter(|(upstream, event)| upstream == name && *event == Stopped).count();
    assert!((345..=355).contains(&at("a")), "{}: a burst and 3 seconds", at("a"));
    assert_eq!((at("b"), at("c"), events.len()), (20, 0, at("a") + 20));

    fixture.start_torrents(500..510);
    assert_eq!(fixture.arrivals(100).await, [], "all tasks have ended");
}

#[tokio::test(start_paused = true)]
async fn the_end_does_not_wait_when_all_is_done() {
    let fixture = Fixture::start(&["a", "b"]);
    fixture.react("b", Reaction::Fail(refused(None)));
    fixture.start_torrents(0..20);
    fixture.arrivals(60).await;
    let before_s = fixture.elapsed_s();
    fixture.forwarder.stop(Instant::now() + Duration::from_secs(60)).await;
    assert!(fixture.elapsed_s() - before_s < 1.0);
    assert_eq!(fixture.events(0).await, named(&[("a", Stopped); 20]));
}
