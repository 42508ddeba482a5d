use super::accounting::assert_accounted;
use metrics::Counter;
use primitives::InfoHash;
use ringtrack_tests::client::{Answer, Client, TorrentCounts};
use ringtrack_tests::simulator::{Arrival, Datagram, Simulator, SimulatorSettings};
use std::collections::BTreeSet;

fn torrents() -> Vec<InfoHash> {
    (0..74).map(|number| InfoHash([number; 20])).collect()
}

/// A tracker with n leechers of torrent n, and a client of it.
fn tracker_with_leechers(shards: usize) -> (Simulator, Client) {
    let mut tracker = Simulator::new(&SimulatorSettings::with_shards(shards));
    let client = Client::connected(&mut tracker, "192.0.2.1:6881");
    for (number, torrent) in (0..74_u16).zip(torrents()) {
        for port in 1..=number {
            client.announce(&mut tracker, &client.leeching(torrent).with_port(port).with_numwant(0));
        }
    }
    (tracker, client)
}

#[test]
fn a_scrape_over_all_shards_is_complete_and_in_order_wherever_it_arrives() {
    for shards in 2..=8 {
        let (mut tracker, client) = tracker_with_leechers(shards);
        let owners: BTreeSet<usize> = torrents().iter().map(|torrent| tracker.owner(torrent)).collect();
        assert_eq!(owners.len(), shards, "the scrape involves all shards");
        let leechers = (0..74).map(|leechers| TorrentCounts { leechers, ..TorrentCounts::default() });
        let expected = Answer::Scraped(leechers.collect());
        for core in 0..shards {
            let bytes = client.scraping(&torrents());
            let arrival = Arrival::At(core);
            let replies = tracker.exchange(&[Datagram { source: client.source, bytes, arrival }]);
            assert_eq!(replies.len(), 1);
            assert_eq!(Answer::read(client.source, &replies[0].bytes), expected, "core {core} of {shards}");
        }
        assert_eq!(tracker.statistics().counter(Counter::ScrapesRouted), shards as u64);
        assert_accounted(&mut tracker);
    }
}

#[test]
fn concurrent_scrapes_do_not_mix() {
    let (mut tracker, client) = tracker_with_leechers(8);
    let datagrams: Vec<Datagram> = (0..60)
        .map(|first| Datagram {
            source: client.source,
            bytes: client.scraping(&torrents()[first..first + 14]),
            arrival: Arrival::At(first),
        })
        .collect();
    let replies = tracker.exchange(&datagrams);
    assert_eq!(replies.len(), 60);
    for reply in replies {
        let Answer::Scraped(counts) = Answer::read(client.source, &reply.bytes) else {
            panic!("a scrape is answered with counts")
        };
        let leechers: Vec<usize> = counts.iter().map(|counts| counts.leechers as usize).collect();
        assert_eq!(leechers, (reply.request..reply.request + 14).collect::<Vec<_>>());
    }
}

#[test]
fn with_steering_announces_and_scrapes_of_one_torrent_arrive_at_their_owner() {
    let (mut tracker, client) = tracker_with_leechers(8);
    for torrent in torrents() {
        client.scrape(&mut tracker, &[torrent]);
    }
    let statistics = tracker.statistics();
    assert_eq!(statistics.counter(Counter::AnnouncesOnWrongCore), 0);
    assert_eq!(statistics.counter(Counter::ScrapesRouted), 0);
}
