use super::{outcomes, request_of};
use engine::{ConnectionToken, FullScrapes, HttpStep, Page, routed_requests_per_owner};
use http_protocol::RESPONSE_BYTES_MAX;
use metrics::{Counter, HttpOutcome};
use primitives::{AddressFamily, InfoHash, ShardCount};
use ringtrack_tests::http_client::{HttpAnswer, HttpClient, Value, announce_target, scrape_target};
use ringtrack_tests::simulator::{Begun, HttpContext, HttpLine, Simulator, SimulatorSettings, usual_http};
use std::collections::BTreeSet;

fn tracker(shards: usize, routed_slots: usize) -> Simulator {
    let mut settings = SimulatorSettings::with_shards(shards);
    settings.routed_slots = routed_slots;
    Simulator::new(&settings)
}

/// The first torrent that the core owns.
fn torrent_of(tracker: &Simulator, core: usize) -> InfoHash {
    let mut torrents = (0..=u8::MAX).map(|number| InfoHash([number; 20]));
    torrents.find(|torrent| tracker.owner(torrent) == core).expect("one in a few")
}

fn line(tracker: &Simulator, core: usize) -> HttpLine {
    tracker.accept(core, [192, 0, 2, 1].into())
}

fn assert_busy(answer: &[u8]) {
    let busy = ("the tracker is busy".to_owned(), Some(Value::Integer(1)));
    assert_eq!(HttpAnswer::read(answer).failure(), Some(busy));
}

/// Begins announces at core 0 for a torrent of core 1. Returns the numbers of the requests that were routed.
fn begin_announces(tracker: &mut Simulator, count: u16) -> Vec<u32> {
    let torrent = torrent_of(tracker, 1);
    let mut underway = Vec::new();
    for port in 1..=count {
        match tracker.begin(&mut line(tracker, 0), &request_of(&announce_target(torrent, port, ""))) {
            Begun::Underway(number) => underway.push(number),
            Begun::Answered(answer) => assert_busy(&answer),
            other => panic!("{other:?}"),
        }
    }
    underway
}

#[test]
fn a_core_with_256_requests_routed_to_one_owner_refuses_only_that_owners_torrents() {
    let mut tracker = tracker(3, 1000);
    assert_eq!(begin_announces(&mut tracker, 300).len(), 256);
    // To the other owner, and from another core to the same owner.
    for (core, owner) in [(0, 2), (2, 1)] {
        let announce = request_of(&announce_target(torrent_of(&tracker, owner), 1, ""));
        let begun = tracker.begin(&mut line(&tracker, core), &announce);
        assert!(matches!(begun, Begun::Underway(_)), "{begun:?}");
    }
    assert_eq!(tracker.routed_underway(), 258);
    assert_eq!(tracker.finish_routed_requests().len(), 258);
    assert_eq!(tracker.routed_underway(), 0);
}

#[test]
fn the_routed_requests_of_a_core_take_at_most_7_mib_with_up_to_65_cores() {
    for (shards, per_owner) in [(1, 256), (2, 256), (5, 256), (6, 204), (65, 16), (256, 16)] {
        assert_eq!(routed_requests_per_owner(ShardCount::new(shards).expect("a count")), per_owner);
    }
}

#[test]
fn a_request_to_a_busy_owner_is_retried_until_it_has_waited_long_enough() {
    let mut tracker = tracker(2, 1000);
    begin_announces(&mut tracker, 256);
    let request = request_of(&announce_target(torrent_of(&tracker, 1), 1, ""));
    let (mut line, mut out) = (line(&tracker, 0), vec![0; RESPONSE_BYTES_MAX]);
    let mut advance = |tracker: &mut Simulator, line: &mut HttpLine| {
        let HttpContext { service, shard, now } = tracker.context(0);
        line.connection().advance(service, shard, now, &request, &mut out)
    };
    for _ in 0..2 {
        let step = advance(&mut tracker, &mut line);
        assert!(matches!(step, HttpStep::OwnerBusy(owner) if owner == tracker.shard(1)), "{step:?}");
        assert_eq!(tracker.routed_underway(), 256);
    }
    assert_eq!(outcomes(&mut tracker), []);
    line.connection().stop_waiting();
    let step = advance(&mut tracker, &mut line);
    assert!(matches!(step, HttpStep::Answered { .. }), "{step:?}");
    assert_eq!(outcomes(&mut tracker), [(AddressFamily::V4, HttpOutcome::Busy, 1)]);
    // The next one waits again.
    let step = advance(&mut tracker, &mut line);
    assert!(matches!(step, HttpStep::OwnerBusy(_)), "{step:?}");
}

#[test]
fn a_page_of_a_full_scrape_waits_while_its_owner_has_256_routed_requests() {
    let mut settings = SimulatorSettings::with_shards(2);
    settings.routed_slots = 1000;
    let mut policy = usual_http();
    policy.full_scrapes = FullScrapes::EveryS(1);
    let mut tracker = Simulator::with_http(&settings, &policy);
    begin_announces(&mut tracker, 300);
    let (mut line, mut out) = (line(&tracker, 0), vec![0; RESPONSE_BYTES_MAX]);
    let HttpContext { service, shard, now } = tracker.context(0);
    let step = line.connection().advance(service, shard, now, &request_of("/scrape"), &mut out);
    let HttpStep::Stream { mut scrape, .. } = step else { panic!("{step:?}") };
    let own = service.next_page(shard, now, &mut scrape, &mut out);
    assert!(matches!(own, Page::Written(0)), "{own:?}");
    let other = service.next_page(shard, now, &mut scrape, &mut out);
    assert!(matches!(other, Page::OwnerBusy(_)), "{other:?}");
    assert_eq!(tracker.routed_underway(), 256);
}

#[test]
fn routed_requests_that_have_returned_are_reused() {
    let mut tracker = tracker(2, 256);
    for round in 1..=3 {
        let underway = begin_announces(&mut tracker, 300);
        assert_eq!(tracker.routed_underway(), 256);
        let answers = tracker.finish_routed_requests();
        let answered: BTreeSet<u32> = answers.iter().map(|(number, _)| *number).collect();
        assert_eq!(answered, underway.into_iter().collect());
        assert_eq!(tracker.routed_underway(), 0);
        let expected = [
            (AddressFamily::V4, HttpOutcome::AnnounceAnswered, 256 * round),
            (AddressFamily::V4, HttpOutcome::Busy, 44 * round),
        ];
        assert_eq!(outcomes(&mut tracker), expected);
    }
}

#[test]
fn a_request_whose_first_ring_is_full_is_answered_as_busy() {
    let mut tracker = tracker(2, 4);
    assert_eq!(begin_announces(&mut tracker, 10).len(), 4);
    assert_eq!(tracker.routed_underway(), 4);
    assert_eq!(tracker.finish_routed_requests().len(), 4);
    let expected =
        [(AddressFamily::V4, HttpOutcome::AnnounceAnswered, 4), (AddressFamily::V4, HttpOutcome::Busy, 6)];
    assert_eq!(outcomes(&mut tracker), expected);
    assert_eq!(tracker.statistics().counter(Counter::RoutedHttpRequests), 10);
    assert_eq!(begin_announces(&mut tracker, 4).len(), 4, "the rings are free again");
}

#[test]
fn a_scrape_whose_second_owner_is_busy_is_answered_as_busy_and_counted_once() {
    let mut tracker = tracker(3, 256);
    let target = scrape_target(&[torrent_of(&tracker, 2), torrent_of(&tracker, 1)]);
    let begun = tracker.begin(&mut line(&tracker, 0), &request_of(&target));
    let Begun::Underway(number) = begun else { panic!("{begun:?}") };
    tracker.serve_routed_requests();
    assert_eq!(begin_announces(&mut tracker, 256).len(), 256);
    let answers = tracker.finish_routed_requests();
    let (_, scraped) = answers.iter().find(|(other, _)| *other == number).expect("an answer");
    assert_busy(scraped);
    let expected =
        [(AddressFamily::V4, HttpOutcome::AnnounceAnswered, 256), (AddressFamily::V4, HttpOutcome::Busy, 1)];
    assert_eq!(outcomes(&mut tracker), expected);
    assert_eq!(tracker.routed_underway(), 0);
}

#[test]
fn an_abandoned_routed_request_leaves_nothing_in_the_next_answer() {
    let mut tracker = tracker(3, 256);
    let hops = [torrent_of(&tracker, 1), torrent_of(&tracker, 2)];
    let announce = announce_target(hops[0], 7, "&left=0");
    HttpClient::new(&tracker, 1, "192.0.2.9").announce(&mut tracker, &announce);
    let scrape = request_of(&scrape_target(&hops));
    assert!(matches!(tracker.begin(&mut line(&tracker, 0), &scrape), Begun::Underway(_)));
    tracker.serve_routed_requests();
    let mut routed = tracker.next_home(0).expect("a routed request returns");
    routed.give_up();
    let (HttpContext { service, shard, .. }, mut out) = (tracker.context(0), vec![0; RESPONSE_BYTES_MAX]);
    assert_eq!(service.send_on(shard, &mut routed), None);
    let written = service.finish(shard, routed, &mut out);
    assert_busy(&out[written]);
    let scraped = HttpAnswer::read(&tracker.ask(&mut line(&tracker, 0), &scrape)).scraped();
    assert_eq!((scraped[&hops[0]].seeders, scraped[&hops[1]].seeders), (1, 0));
}

#[test]
fn the_routed_request_of_a_gone_client_changes_the_swarm_but_is_not_counted() {
    let mut tracker = tracker(2, 256);
    let number = begin_announces(&mut tracker, 1)[0];
    tracker.serve_routed_requests();
    let routed = tracker.next_home(0).expect("a routed request returns");
    let ConnectionToken { slot, .. } = routed.token;
    assert_eq!(slot, number);
    tracker.context(0).service.take_back(routed);
    assert_eq!(tracker.routed_underway(), 0);
    assert_eq!(tracker.statistics().http_requests(), 0);
    let torrent = torrent_of(&tracker, 1);
    let counts = HttpClient::new(&tracker, 0, "192.0.2.2").scrape(&mut tracker, &[torrent])[&torrent];
    assert_eq!(counts.leechers, 1);
}
