use super::ask::{Announce, Protocol, Received, Way, trackers, ways};
use super::{
    LISTED, PUBLIC, allow, assert_accounted, change_list, deny, disallow, http_outcomes, refusals,
    refused_datagrams, torrent, tracker,
};
use ListChange::{Add, Remove};
use ListSource::{Api, File};
use TorrentList::{Allowed, Denied};
use metrics::HttpOutcome;
use primitives::{AnnounceEvent, ListChange, ListSource, RequestKind, TorrentList};
use ringtrack_tests::http_client::{HttpAnswer, HttpClient, Value};
use ringtrack_tests::simulator::{Simulator, SimulatorSettings, usual_http};

const NOT_WHITELISTED: &str = "The torrent: 019a9a9a9a9a9a9a9a9a9a9a9a9a9a9a9a9a9a9a, is not whitelisted";
const BANNED: &str = "The torrent: 019a9a9a9a9a9a9a9a9a9a9a9a9a9a9a9a9a9a9a, is banned here";

/// Leechers of torrent 1, or the refusal.
fn leechers(tracker: &mut Simulator, way: &Way) -> Result<u32, String> {
    match way.announce(tracker, &Announce::of(1)) {
        Received::Refused(text) => Err(text),
        received => Ok(received.swarm().expect("an answer").1),
    }
}

#[test]
fn an_unlisted_torrent_is_refused_with_the_text_that_tools_look_for() {
    for (mut tracker, way) in trackers(LISTED) {
        assert_eq!(leechers(&mut tracker, &way), Err(NOT_WHITELISTED.to_owned()), "{way:?}");
        let statistics = tracker.statistics();
        let (over_udp, over_http) = match way.protocol {
            Protocol::Udp => (1, 0),
            Protocol::Http => (0, 1),
        };
        assert_eq!(refused_datagrams(&statistics, RequestKind::Announce), over_udp, "{way:?}");
        assert_eq!(http_outcomes(&statistics, HttpOutcome::AnnounceRefused), over_http, "{way:?}");
        assert_eq!(refusals(&mut tracker), [0, 1, 0, 0], "{way:?}");
        assert_accounted(&mut tracker);
    }
}

#[test]
fn an_announce_of_an_unlisted_torrent_is_refused_whatever_its_event() {
    let events =
        [AnnounceEvent::Started, AnnounceEvent::Completed, AnnounceEvent::Stopped, AnnounceEvent::None];
    for (mut tracker, way) in trackers(LISTED) {
        for event in events {
            for port in [0, 6881] {
                let announce = Announce { port, ..Announce::of(1).with_event(event) };
                assert_eq!(
                    way.announce(&mut tracker, &announce),
                    Received::refused(NOT_WHITELISTED),
                    "{way:?}"
                );
            }
        }
        assert_eq!(tracker.statistics().gauge(metrics::Gauge::SwarmsV4), 0);
    }
}

#[test]
fn a_client_may_retry_a_torrent_that_may_be_listed_later() {
    let mut tracker = tracker(1, LISTED);
    assert_eq!(Way::HTTP.retry(&mut tracker, &Announce::of(1)), None);
}

#[test]
fn a_torrent_is_served_only_while_it_is_listed() {
    for (mut tracker, way) in trackers(LISTED) {
        assert!(leechers(&mut tracker, &way).is_err());
        allow(&mut tracker, &[1, 2, 3]);
        assert_eq!(leechers(&mut tracker, &way), Ok(1), "{way:?}");
        assert_eq!(way.scrape(&mut tracker, 1, ""), Received::counts(0, 0, 1));
        disallow(&mut tracker, &[1]);
        assert_eq!(way.scrape(&mut tracker, 1, ""), Received::counts(0, 0, 0), "{way:?}");
        assert_eq!(leechers(&mut tracker, &way), Err(NOT_WHITELISTED.to_owned()), "{way:?}");
        assert_eq!(tracker.context(tracker.owner(&torrent(1))).shard.torrents().info(&torrent(1)), None);
        allow(&mut tracker, &[1]);
        assert_eq!(way.scrape(&mut tracker, 1, ""), Received::counts(0, 0, 0), "it starts empty");
        assert_eq!(leechers(&mut tracker, &way), Ok(1));
        assert_accounted(&mut tracker);
    }
}

#[test]
fn a_torrent_listed_by_a_file_and_the_api_is_served_until_both_remove_it() {
    for (cores, way) in ways() {
        let orders = [[File, Api], [Api, File]];
        for [first, last] in orders {
            let mut tracker = tracker(cores, LISTED);
            tracker.update(&change_list(Add, Allowed, first, &[1]));
            tracker.update(&change_list(Add, Allowed, last, &[1]));
            leechers(&mut tracker, &way).expect("it is listed");
            tracker.update(&change_list(Remove, Allowed, first, &[1]));
            assert_eq!(way.scrape(&mut tracker, 1, ""), Received::counts(0, 0, 1), "{way:?}: its peers stay");
            assert_eq!(leechers(&mut tracker, &way), Ok(1));
            tracker.update(&change_list(Remove, Allowed, last, &[1]));
            assert_eq!(leechers(&mut tracker, &way), Err(NOT_WHITELISTED.to_owned()), "{way:?}");
        }
    }
}

#[test]
fn a_scrape_of_an_unlisted_torrent_returns_zeros() {
    for (mut tracker, way) in trackers(LISTED) {
        allow(&mut tracker, &[2]);
        assert_eq!(way.scrape(&mut tracker, 1, ""), Received::counts(0, 0, 0), "{way:?}");
        assert_eq!(refusals(&mut tracker), [0; 4]);
    }
}

#[test]
fn a_torrent_on_both_lists_is_banned() {
    for (mut tracker, way) in trackers(LISTED) {
        allow(&mut tracker, &[1]);
        leechers(&mut tracker, &way).expect("it is listed");
        deny(&mut tracker, &[1]);
        assert_eq!(way.scrape(&mut tracker, 1, ""), Received::counts(0, 0, 0), "{way:?}");
        assert_eq!(leechers(&mut tracker, &way), Err(BANNED.to_owned()), "{way:?}");
        allow(&mut tracker, &[1]);
        assert_eq!(leechers(&mut tracker, &way), Err(BANNED.to_owned()), "{way:?}");
        tracker.update(&change_list(Remove, Denied, Api, &[1]));
        assert_eq!(leechers(&mut tracker, &way), Ok(1), "{way:?}");
    }
}

#[test]
fn a_banned_torrent_loses_its_peers_of_both_families_on_a_public_tracker_too() {
    for (mut tracker, way) in trackers(PUBLIC) {
        for ip in super::ask::IPS {
            leechers(&mut tracker, &Way { ip, ..way }).expect("all are served");
            Way { ip, ..way }.announce(&mut tracker, &Announce::of(2));
        }
        deny(&mut tracker, &[1]);
        for ip in super::ask::IPS {
            let way = Way { ip, ..way };
            assert_eq!(way.scrape(&mut tracker, 1, ""), Received::counts(0, 0, 0), "{way:?}");
            assert_eq!(leechers(&mut tracker, &way), Err(BANNED.to_owned()), "{way:?}");
            assert_eq!(way.scrape(&mut tracker, 2, ""), Received::counts(0, 0, 1), "{way:?}: others stay");
        }
        assert_eq!(refusals(&mut tracker), [0, 2, 0, 0]);
        assert_accounted(&mut tracker);
    }
}

#[test]
fn one_scrape_covers_listed_and_unlisted_torrents_of_all_cores() {
    let mut tracker = tracker(4, LISTED);
    allow(&mut tracker, &[0, 2, 4, 6, 8]);
    let torrents: Vec<_> = (0..9).map(torrent).collect();
    let client = Way::UDP.client(&mut tracker);
    for number in 0..9 {
        Way::UDP.announce(&mut tracker, &Announce::of(number));
    }
    let counts = client.scrape(&mut tracker, &torrents);
    assert!(counts.iter().map(|counts| counts.leechers).eq([1, 0, 1, 0, 1, 0, 1, 0, 1]));
    let over_http = HttpClient::new(0, "192.0.2.9").scrape(&mut tracker, &torrents);
    for (torrent, counts) in torrents.iter().zip(counts) {
        assert_eq!(over_http[torrent], counts);
    }
}

#[test]
fn a_full_scrape_omits_torrents_that_were_removed_from_the_list() {
    let mut http = usual_http();
    http.full_scrapes = engine::FullScrapes::EveryS(1);
    let mut tracker = Simulator::with_http(&SimulatorSettings::default().with_access(LISTED), &http);
    allow(&mut tracker, &[1, 2]);
    for number in [1, 2] {
        Way::UDP.announce(&mut tracker, &Announce::of(number));
    }
    disallow(&mut tracker, &[1]);
    let answer = HttpClient::new(0, "192.0.2.1").exchange(&mut tracker, b"GET /scrape HTTP/1.0\r\n\r\n");
    let (_, body) = HttpAnswer::read_first(&answer).expect("a head");
    let scraped = Value::read(body);
    let files = scraped.get("files").expect("torrents").dictionary();
    assert!(files.keys().eq([torrent(2).0.as_slice()]), "{files:?}");
}
