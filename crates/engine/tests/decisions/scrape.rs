use super::{TORRENT, tracker};
use primitives::InfoHash;
use ringtrack_tests::client::{Answer, Client, TorrentCounts};

fn torrents(count: u8) -> Vec<InfoHash> {
    (0..count).map(|number| InfoHash([number; 20])).collect()
}

#[test]
fn the_answer_to_a_scrape_of_74_torrents_has_896_bytes_in_the_order_of_the_request() {
    let mut tracker = tracker();
    let client = Client::connected(&mut tracker, "192.0.2.1:6881");
    for (number, torrent) in (0..74_u16).zip(torrents(74)) {
        for port in 1..=number {
            client.announce(&mut tracker, &client.leeching(torrent).with_port(port).with_numwant(0));
        }
    }
    let mut backwards = torrents(74);
    backwards.reverse();
    let reply = client.send_raw(&mut tracker, &client.scraping(&backwards)).unwrap();
    assert_eq!(reply.bytes.len(), 896);
    let leechers = (0..74).rev().map(|leechers| TorrentCounts { leechers, ..TorrentCounts::default() });
    assert_eq!(Answer::read(client.source, &reply.bytes), Answer::Scraped(leechers.collect()));
}

#[test]
fn an_unknown_torrent_has_zero_counts_and_a_repeated_one_is_answered_twice() {
    let mut tracker = tracker();
    let client = Client::connected(&mut tracker, "192.0.2.1:6881");
    client.announce(&mut tracker, &client.leeching(TORRENT));
    let counts = client.scrape(&mut tracker, &[TORRENT, InfoHash([1; 20]), TORRENT]);
    assert_eq!(counts.iter().map(|counts| counts.leechers).collect::<Vec<_>>(), [1, 0, 1]);
}

#[test]
fn the_counts_are_those_of_the_clients_own_family() {
    let mut tracker = tracker();
    let v4 = Client::connected(&mut tracker, "192.0.2.1:6881");
    let v6 = Client::connected(&mut tracker, "[2001:db8::1]:6881");
    v4.announce(&mut tracker, &v4.leeching(TORRENT));
    v6.announce(&mut tracker, &v6.seeding(TORRENT));
    let seeders_and_leechers = |counts: &[TorrentCounts]| (counts[0].seeders, counts[0].leechers);
    assert_eq!(seeders_and_leechers(&v4.scrape(&mut tracker, &[TORRENT])), (0, 1));
    assert_eq!(seeders_and_leechers(&v6.scrape(&mut tracker, &[TORRENT])), (1, 0));
}

#[test]
fn a_scrape_does_not_add_a_torrent() {
    let mut tracker = tracker();
    let client = Client::connected(&mut tracker, "192.0.2.1:6881");
    client.scrape(&mut tracker, &torrents(74));
    assert_eq!(tracker.statistics().gauge(metrics::Gauge::SwarmsV4), 0);
}
