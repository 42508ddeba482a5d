use super::accounting::assert_accounted;
use metrics::{Counter, DropReason, Outcome};
use primitives::{AddressFamily, InfoHash, RequestKind};
use ringtrack_tests::client::Client;
use ringtrack_tests::simulator::{Arrival, Datagram, Simulator, SimulatorSettings};
use zerocopy::IntoBytes;

const SLOTS: usize = 4;
const FULL: Outcome = Outcome::Dropped(DropReason::MeshFull);

fn tracker(shards: usize) -> Simulator {
    let mut settings = SimulatorSettings::with_shards(shards);
    (settings.announce_slots, settings.scrape_slots) = (SLOTS, SLOTS);
    Simulator::new(&settings)
}

/// The first torrents that the core owns.
fn torrents_of(tracker: &Simulator, core: usize, count: usize) -> Vec<InfoHash> {
    let all = (0..=u16::MAX).map(|number| {
        let mut info_hash = InfoHash([0; 20]);
        info_hash.0[..2].copy_from_slice(&number.to_be_bytes());
        info_hash
    });
    all.filter(|torrent| tracker.owner(torrent) == core).take(count).collect()
}

fn arriving_at(core: usize, client: &Client, requests: impl Iterator<Item = Vec<u8>>) -> Vec<Datagram> {
    let datagram = |bytes| Datagram { source: client.source, bytes, arrival: Arrival::At(core) };
    requests.map(datagram).collect()
}

#[test]
fn announces_beyond_a_full_ring_are_dropped_and_counted() {
    for source in ["192.0.2.1:6881", "[2001:db8::1]:6881"] {
        let mut tracker = tracker(2);
        let client = Client::connected(&mut tracker, source);
        let torrents = torrents_of(&tracker, 1, 10);
        let announces = torrents.iter().map(|torrent| client.leeching(*torrent).as_bytes().to_vec());
        let replies = tracker.exchange(&arriving_at(0, &client, announces));
        assert_eq!(replies.iter().map(|reply| reply.request).collect::<Vec<_>>(), [0, 1, 2, 3]);
        let (statistics, family) = (tracker.statistics(), AddressFamily::of(client.source.ip()));
        assert_eq!(statistics.outcomes(family, RequestKind::Announce, FULL), 6);
        assert_eq!(statistics.counter(Counter::AnnouncesOnWrongCore), 10);
        assert_accounted(&mut tracker);
        // The rings are empty again, and repeated announces are served.
        let again = torrents[4..8].iter().map(|torrent| client.leeching(*torrent).as_bytes().to_vec());
        assert_eq!(tracker.exchange(&arriving_at(0, &client, again)).len(), 4);
    }
}

#[test]
fn a_full_ring_does_not_affect_the_torrents_that_a_core_owns_itself() {
    let mut tracker = tracker(2);
    let client = Client::connected(&mut tracker, "192.0.2.1:6881");
    let (own, others) = (torrents_of(&tracker, 0, 10), torrents_of(&tracker, 1, 10));
    let announces = others.iter().chain(&own).map(|torrent| client.leeching(*torrent).as_bytes().to_vec());
    let replies = tracker.exchange(&arriving_at(0, &client, announces));
    let answered: Vec<usize> = replies.iter().map(|reply| reply.request).collect();
    assert_eq!(answered, (0..4).chain(10..20).collect::<Vec<_>>());
}

#[test]
fn scrapes_beyond_a_full_ring_are_dropped_and_counted() {
    let mut tracker = tracker(2);
    let client = Client::connected(&mut tracker, "192.0.2.1:6881");
    let torrents = torrents_of(&tracker, 1, 10);
    let scrapes = torrents.iter().map(|torrent| client.scraping(&[*torrent]));
    assert_eq!(tracker.exchange(&arriving_at(0, &client, scrapes)).len(), 4);
    let statistics = tracker.statistics();
    assert_eq!(statistics.outcomes(AddressFamily::V4, RequestKind::Scrape, FULL), 6);
    assert_eq!(statistics.counter(Counter::ScrapesRouted), 10);
    assert_accounted(&mut tracker);
}

#[test]
fn a_scrape_that_finds_a_full_ring_on_its_second_hop_is_dropped_and_counted_once() {
    let mut tracker = tracker(4);
    let client = Client::connected(&mut tracker, "[2001:db8::1]:6881");
    // From cores 0 and 1 to core 2, which forwards them all to core 3: eight into a ring of four.
    let hops = [torrents_of(&tracker, 2, 1)[0], torrents_of(&tracker, 3, 1)[0]];
    let mut datagrams = arriving_at(0, &client, (0..4).map(|_| client.scraping(&hops)));
    datagrams.extend(arriving_at(1, &client, (0..4).map(|_| client.scraping(&hops))));
    assert_eq!(tracker.exchange(&datagrams).len(), 4);
    let statistics = tracker.statistics();
    assert_eq!(statistics.outcomes(AddressFamily::V6, RequestKind::Scrape, FULL), 4);
    assert_eq!(statistics.outcomes(AddressFamily::V6, RequestKind::Scrape, Outcome::Answered), 4);
    assert_accounted(&mut tracker);
}
