use super::{ip, outcomes, request_of};
use engine::{
    FullScrapes, HttpExchange, HttpStep, Page, RoutedRequest, StreamBody, routed_requests_per_owner,
};
use http_protocol::RESPONSE_BYTES_MAX;
use metrics::HttpOutcome;
use primitives::{AddressFamily, InfoHash, ShardCount, ShardId};
use ringtrack_tests::http_client::{HttpAnswer, HttpClient, Value, announce_target, scrape_target};
use ringtrack_tests::simulator::{HttpContext, Simulator, SimulatorSettings, usual_http};

fn tracker(shards: usize) -> Simulator {
    Simulator::new(&SimulatorSettings::with_shards(shards))
}

/// The first torrent that the core owns.
fn torrent_of(tracker: &Simulator, core: usize) -> InfoHash {
    let mut torrents = (0..=u8::MAX).map(|number| InfoHash([number; 20]));
    torrents.find(|torrent| tracker.owner(torrent) == core).expect("one in a few")
}

fn assert_busy(answer: &[u8]) {
    let busy = ("the tracker is busy".to_owned(), Some(Value::Integer(1)));
    assert_eq!(HttpAnswer::read(answer).failure(), Some(busy));
}

fn exchange(tracker: &mut Simulator) -> HttpExchange {
    HttpExchange::new(tracker.context(0).service.policy(), ip("192.0.2.1"))
}

/// Serves a request as far as its home can, unless its owner is busy.
fn begin(tracker: &mut Simulator, home: usize, target: &str) -> Result<Box<RoutedRequest>, ShardId> {
    let (mut exchange, mut out) = (exchange(tracker), vec![0; RESPONSE_BYTES_MAX]);
    let HttpContext { service, shard, now } = tracker.context(home);
    match exchange.advance(service, shard, now, &request_of(target), &mut out) {
        HttpStep::Routed { routed, .. } => Ok(routed),
        HttpStep::OwnerBusy(owner) => Err(owner),
        other => panic!("{other:?}"),
    }
}

/// Begins announces at core 0 for a torrent of core 1. Returns those that were routed.
fn begin_announces(tracker: &mut Simulator, count: u16) -> Vec<Box<RoutedRequest>> {
    let torrent = torrent_of(tracker, 1);
    (1..=count).filter_map(|port| begin(tracker, 0, &announce_target(torrent, port, "")).ok()).collect()
}

/// Does the owner's part of a routed request.
fn look_up(tracker: &mut Simulator, routed: &mut RoutedRequest) {
    let owner = routed.owner().expect("it is not at home");
    let HttpContext { shard, now, .. } = tracker.context(owner.index());
    routed.advance(shard, now);
}

/// Returns the answer to a routed request that is back at its home after its last owner.
fn finish(tracker: &mut Simulator, home: usize, mut routed: Box<RoutedRequest>) -> Vec<u8> {
    let (HttpContext { service, shard, .. }, mut out) = (tracker.context(home), vec![0; RESPONSE_BYTES_MAX]);
    assert_eq!(service.send_on(shard, &mut routed), None);
    let written = service.finish(shard, routed, &mut out);
    out[written].to_vec()
}

fn assert_announced(tracker: &mut Simulator, home: usize, mut routed: Box<RoutedRequest>) {
    look_up(tracker, &mut routed);
    let announced = HttpAnswer::read(&finish(tracker, home, routed)).announced();
    assert!(announced.common.leechers > 0);
}

#[test]
fn a_core_with_256_requests_routed_to_one_owner_refuses_only_that_owners_torrents() {
    let mut tracker = tracker(3);
    let underway = begin_announces(&mut tracker, 300);
    assert_eq!(underway.len(), 256);
    // To the other owner, and from another core to the same owner.
    let others = [(0, 2), (2, 1)].map(|(home, owner)| {
        let target = announce_target(torrent_of(&tracker, owner), 1, "");
        (home, begin(&mut tracker, home, &target).expect("it is not busy"))
    });
    assert_eq!(tracker.routed_underway(), 258);
    for (home, routed) in underway.into_iter().map(|routed| (0, routed)).chain(others) {
        assert_announced(&mut tracker, home, routed);
    }
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
    let mut tracker = tracker(2);
    begin_announces(&mut tracker, 256);
    let request = request_of(&announce_target(torrent_of(&tracker, 1), 1, ""));
    let (mut exchange, mut out) = (exchange(&mut tracker), vec![0; RESPONSE_BYTES_MAX]);
    let mut advance = |tracker: &mut Simulator, exchange: &mut HttpExchange| {
        let HttpContext { service, shard, now } = tracker.context(0);
        exchange.advance(service, shard, now, &request, &mut out)
    };
    for _ in 0..2 {
        let step = advance(&mut tracker, &mut exchange);
        assert!(matches!(step, HttpStep::OwnerBusy(owner) if owner.index() == 1), "{step:?}");
        assert_eq!(tracker.routed_underway(), 256);
    }
    assert_eq!(outcomes(&mut tracker), []);
    exchange.stop_waiting();
    let step = advance(&mut tracker, &mut exchange);
    assert!(matches!(step, HttpStep::Answered { .. }), "{step:?}");
    assert_eq!(outcomes(&mut tracker), [(AddressFamily::V4, HttpOutcome::AnnounceBusy, 1)]);
    // The next one waits again.
    let step = advance(&mut tracker, &mut exchange);
    assert!(matches!(step, HttpStep::OwnerBusy(_)), "{step:?}");
}

#[test]
fn a_page_of_a_full_scrape_waits_while_its_owner_has_256_routed_requests() {
    let mut policy = usual_http();
    policy.full_scrapes = FullScrapes::EveryS(1);
    let mut tracker = Simulator::with_http(&SimulatorSettings::with_shards(2), &policy);
    begin_announces(&mut tracker, 300);
    let (mut exchange, mut out) = (exchange(&mut tracker), vec![0; RESPONSE_BYTES_MAX]);
    let HttpContext { service, shard, now } = tracker.context(0);
    let step = exchange.advance(service, shard, now, &request_of("/scrape"), &mut out);
    let HttpStep::Stream { body: StreamBody::FullScrape(mut scrape), .. } = step else { panic!("{step:?}") };
    let own = service.next_page(shard, now, &mut scrape, &mut out);
    assert!(matches!(own, Page::Written(0)), "{own:?}");
    let other = service.next_page(shard, now, &mut scrape, &mut out);
    assert!(matches!(other, Page::OwnerBusy(_)), "{other:?}");
    assert_eq!(tracker.routed_underway(), 256);
}

#[test]
fn routed_requests_that_have_returned_are_reused() {
    let mut tracker = tracker(2);
    for round in 1..=3 {
        let underway = begin_announces(&mut tracker, 300);
        assert_eq!((underway.len(), tracker.routed_underway()), (256, 256));
        underway.into_iter().for_each(|routed| assert_announced(&mut tracker, 0, routed));
        assert_eq!(tracker.routed_underway(), 0);
        let expected = [(AddressFamily::V4, HttpOutcome::AnnounceAnswered, 256 * round)];
        assert_eq!(outcomes(&mut tracker), expected);
    }
}

#[test]
fn a_request_that_cannot_be_sent_to_its_owner_is_answered_as_busy() {
    let mut tracker = tracker(2);
    let routed = begin_announces(&mut tracker, 1).remove(0);
    let (HttpContext { service, shard, .. }, mut out) = (tracker.context(0), vec![0; RESPONSE_BYTES_MAX]);
    let written = service.give_up(shard, routed, &mut out);
    assert_busy(&out[written]);
    assert_eq!(outcomes(&mut tracker), [(AddressFamily::V4, HttpOutcome::AnnounceBusy, 1)]);
    assert_eq!(tracker.routed_underway(), 0);
}

#[test]
fn a_scrape_whose_second_owner_is_busy_is_answered_as_busy_and_counted_once() {
    let mut tracker = tracker(3);
    let target = scrape_target(&[torrent_of(&tracker, 2), torrent_of(&tracker, 1)]);
    let mut scrape = begin(&mut tracker, 0, &target).expect("it is not busy");
    look_up(&mut tracker, &mut scrape);
    let underway = begin_announces(&mut tracker, 256);
    assert_eq!(underway.len(), 256);
    assert_busy(&finish(&mut tracker, 0, scrape));
    assert_eq!(outcomes(&mut tracker), [(AddressFamily::V4, HttpOutcome::ScrapeBusy, 1)]);
    assert_eq!(tracker.routed_underway(), 256);
}

#[test]
fn an_abandoned_routed_request_leaves_nothing_in_the_next_answer() {
    let mut tracker = tracker(3);
    let hops = [torrent_of(&tracker, 1), torrent_of(&tracker, 2)];
    let announce = announce_target(hops[0], 7, "&left=0");
    HttpClient::new(1, "192.0.2.9").announce(&mut tracker, &announce);
    let mut routed = begin(&mut tracker, 0, &scrape_target(&hops)).expect("it is not busy");
    look_up(&mut tracker, &mut routed);
    routed.give_up();
    assert_busy(&finish(&mut tracker, 0, routed));
    let scraped = HttpClient::new(0, "192.0.2.1").scrape(&mut tracker, &hops);
    assert_eq!((scraped[&hops[0]].seeders, scraped[&hops[1]].seeders), (1, 0));
}

#[test]
fn the_routed_request_of_a_gone_client_changes_the_swarm_but_is_not_counted() {
    let mut tracker = tracker(2);
    let mut routed = begin_announces(&mut tracker, 1).remove(0);
    look_up(&mut tracker, &mut routed);
    tracker.context(0).service.take_back(routed);
    assert_eq!(tracker.routed_underway(), 0);
    assert_eq!(tracker.statistics().http_requests(), 0);
    let torrent = torrent_of(&tracker, 1);
    let counts = HttpClient::new(0, "192.0.2.2").scrape(&mut tracker, &[torrent])[&torrent];
    assert_eq!(counts.leechers, 1);
}
