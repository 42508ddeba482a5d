use super::{outcomes, request_of};
use engine::{ERRANDS_MAX, FullScrapes, HttpStep, Page, Ticket};
use http_protocol::RESPONSE_BYTES_MAX;
use primitives::{AddressFamily, Counter, HttpOutcome, InfoHash};
use ringtrack_tests::http_client::{HttpAnswer, HttpClient, Value, announce_target, scrape_target};
use ringtrack_tests::simulator::{Begun, HttpDesk, HttpLine, Simulator, SimulatorSettings, usual_http};
use std::collections::BTreeSet;

fn tracker(shards: usize, errand_slots: usize) -> Simulator {
    let mut settings = SimulatorSettings::with_shards(shards);
    settings.errand_slots = errand_slots;
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

/// Begins announces at core 0 of a torrent of core 1; gives the numbers of those whose errand is on its way.
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
fn a_core_with_256_errands_on_their_way_is_busy_until_they_are_back() {
    assert_eq!(ERRANDS_MAX, 256);
    let mut tracker = tracker(3, ERRANDS_MAX);
    assert_eq!(begin_announces(&mut tracker, 300).len(), 256);
    // Another core has errands of its own.
    let announce = request_of(&announce_target(torrent_of(&tracker, 1), 1, ""));
    let from_elsewhere = tracker.begin(&mut line(&tracker, 2), &announce);
    assert!(matches!(from_elsewhere, Begun::Underway(_)));
    assert_eq!(tracker.errands_underway(), 257);
    assert_eq!(tracker.finish_errands().len(), 257);
    assert_eq!(tracker.errands_underway(), 0);
}

#[test]
fn a_page_of_all_torrents_waits_while_256_errands_are_on_their_way() {
    let mut settings = SimulatorSettings::with_shards(2);
    settings.errand_slots = ERRANDS_MAX;
    let mut policy = usual_http();
    policy.full_scrapes = FullScrapes::EveryS(1);
    let mut tracker = Simulator::with_http(&settings, &policy);
    begin_announces(&mut tracker, 300);
    let (mut line, mut out) = (line(&tracker, 0), vec![0; RESPONSE_BYTES_MAX]);
    let HttpDesk { service, engine, now } = tracker.desk(0);
    let step = line.connection().advance(service, engine, now, &request_of("/scrape"), &mut out);
    let HttpStep::Stream { mut scrape, .. } = step else { panic!("{step:?}") };
    let own = service.next_page(engine, now, &mut scrape, &mut out);
    assert!(matches!(own, Page::Written(0)), "{own:?}");
    let other = service.next_page(engine, now, &mut scrape, &mut out);
    assert!(matches!(other, Page::Later), "{other:?}");
    assert_eq!(tracker.errands_underway(), 256);
}

#[test]
fn errands_that_are_back_are_sent_out_again() {
    let mut tracker = tracker(2, ERRANDS_MAX);
    for round in 1..=3 {
        let underway = begin_announces(&mut tracker, 300);
        assert_eq!(tracker.errands_underway(), 256);
        let answers = tracker.finish_errands();
        let answered: BTreeSet<u32> = answers.iter().map(|(number, _)| *number).collect();
        assert_eq!(answered, underway.into_iter().collect());
        assert_eq!(tracker.errands_underway(), 0);
        let expected = [
            (AddressFamily::V4, HttpOutcome::AnnounceAnswered, 256 * round),
            (AddressFamily::V4, HttpOutcome::Busy, 44 * round),
        ];
        assert_eq!(outcomes(&mut tracker), expected);
    }
}

#[test]
fn a_request_that_finds_its_first_ring_full_is_told_to_come_back() {
    let mut tracker = tracker(2, 4);
    assert_eq!(begin_announces(&mut tracker, 10).len(), 4);
    assert_eq!(tracker.errands_underway(), 4);
    assert_eq!(tracker.finish_errands().len(), 4);
    let expected =
        [(AddressFamily::V4, HttpOutcome::AnnounceAnswered, 4), (AddressFamily::V4, HttpOutcome::Busy, 6)];
    assert_eq!(outcomes(&mut tracker), expected);
    assert_eq!(tracker.statistics().counter(Counter::HttpErrands), 10);
    assert_eq!(begin_announces(&mut tracker, 4).len(), 4, "the rings are free again");
}

#[test]
fn a_request_that_finds_its_second_ring_full_is_told_so_at_home_and_counted_once() {
    let mut tracker = tracker(4, 4);
    let target = scrape_target(&[torrent_of(&tracker, 2), torrent_of(&tracker, 3)]);
    // From cores 0 and 1 to core 2, which hands them all on to core 3: eight into a ring of four.
    for core in [0, 1].repeat(4) {
        let begun = tracker.begin(&mut line(&tracker, core), &request_of(&target));
        assert!(matches!(begun, Begun::Underway(_)), "{begun:?}");
    }
    let mut counted = 0;
    for (_, answer) in tracker.finish_errands() {
        let answer = HttpAnswer::read(&answer);
        if answer.failure().is_none() {
            assert_eq!(answer.scraped().len(), 2);
            counted += 1;
        }
    }
    assert_eq!(counted, 4);
    let expected =
        [(AddressFamily::V4, HttpOutcome::ScrapeAnswered, 4), (AddressFamily::V4, HttpOutcome::Busy, 4)];
    assert_eq!(outcomes(&mut tracker), expected);
    assert_eq!(tracker.errands_underway(), 0);
}

#[test]
fn an_errand_that_was_given_up_brings_nothing_of_it_into_the_next_answer() {
    let mut tracker = tracker(3, 1);
    let hops = [torrent_of(&tracker, 1), torrent_of(&tracker, 2)];
    let announce = announce_target(hops[0], 7, "&left=0");
    HttpClient::new(&tracker, 1, "192.0.2.9").announce(&mut tracker, &announce);
    // The ring from core 1 to core 2 holds one, and there are two on their way to it.
    let scrape = request_of(&scrape_target(&hops));
    assert!(matches!(tracker.begin(&mut line(&tracker, 0), &scrape), Begun::Underway(_)));
    let own = torrent_of(&tracker, 2);
    let at_1 = request_of(&scrape_target(&[own]));
    assert!(matches!(tracker.begin(&mut line(&tracker, 1), &at_1), Begun::Underway(_)));
    let answers = tracker.finish_errands();
    let busy = answers.iter().filter(|(_, answer)| HttpAnswer::read(answer).failure().is_some());
    assert_eq!(busy.count(), 1);
    let scraped = HttpAnswer::read(&tracker.ask(&mut line(&tracker, 0), &scrape)).scraped();
    assert_eq!((scraped[&hops[0]].seeders, scraped[&hops[1]].seeders), (1, 0));
}

#[test]
fn the_errand_of_a_client_that_is_gone_changes_the_swarm_and_is_taken_back_uncounted() {
    let mut tracker = tracker(2, ERRANDS_MAX);
    let number = begin_announces(&mut tracker, 1)[0];
    tracker.run_errands();
    let errand = tracker.next_home(0).expect("an errand comes home");
    let Ticket { slot, .. } = errand.ticket;
    assert_eq!(slot, number);
    tracker.desk(0).service.take_back(errand);
    assert_eq!(tracker.errands_underway(), 0);
    assert_eq!(tracker.statistics().http_requests(), 0);
    let torrent = torrent_of(&tracker, 1);
    let counts = HttpClient::new(&tracker, 0, "192.0.2.2").scrape(&mut tracker, &[torrent])[&torrent];
    assert_eq!(counts.leechers, 1);
}
