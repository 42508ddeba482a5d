//! Pages of the state, from one tracker to another of any number of shards, and damaged ones.

use super::control::{announce_path, stored};
use access::{AccessPolicy, CompletedCounts, UserAdmission};
use primitives::{AnnounceEvent, ClockShift, ExportPlace, InfoHash, StatePage};
use ringtrack_tests::client::{Answer, Client, TorrentCounts, url_data};
use ringtrack_tests::http_client::{HttpClient, percent_encode};
use ringtrack_tests::simulator::{Simulator, SimulatorSettings};
use std::collections::BTreeMap;
use udp_protocol::AnnounceRequest;
use zerocopy::IntoBytes;

const TORRENTS: u8 = 20;

/// Both trackers start at the same time.
const SHIFT: ClockShift = ClockShift(0);

/// Returns a private tracker that counts completed events.
fn tracker(shards: usize) -> Simulator {
    let policy = AccessPolicy {
        users: UserAdmission::Private,
        completed: CompletedCounts::Remembered,
        ..AccessPolicy::PUBLIC
    };
    let mut tracker = Simulator::new(&SimulatorSettings::with_shards(shards).with_access(policy));
    stored(&BTreeMap::new()).iter().for_each(|update| tracker.update(update));
    tracker
}

fn torrents() -> Vec<InfoHash> {
    (0..TORRENTS).map(|number| InfoHash([number; 20])).collect()
}

/// Returns a tracker with peers of both families, downloads and sessions.
fn filled(shards: usize) -> Simulator {
    let mut tracker = tracker(shards);
    for source in ["192.0.2.1:1", "192.0.2.2:2", "198.51.100.1:3", "[2001:db8::1]:4"] {
        let client = Client::connected(&mut tracker, source);
        for (number, torrent) in torrents().into_iter().enumerate() {
            let request = client.leeching(torrent).with_event(AnnounceEvent::Started);
            announce(&mut tracker, &client, &request);
            if number % 3 == 0 {
                let request = client.seeding(torrent).with_event(AnnounceEvent::Completed);
                announce(&mut tracker, &client, &request);
            }
        }
    }
    tracker
}

fn announce(tracker: &mut Simulator, client: &Client, request: &AnnounceRequest) {
    let path = announce_path();
    let bytes = [request.as_bytes(), &url_data(&[path.as_bytes()])].concat();
    let answer = client.send(tracker, &bytes);
    assert!(matches!(answer, Some(Answer::Announced(_))), "{answer:?}");
}

/// Returns all pages of all cores.
fn export(tracker: &mut Simulator) -> Vec<StatePage> {
    let mut pages = Vec::new();
    for core in 0..tracker.cores() {
        let mut place = Some(ExportPlace::default());
        while let Some(from) = place {
            let context = tracker.context(core);
            let exported = context.shard.export(context.now, from);
            pages.push(exported.page);
            place = exported.next;
        }
    }
    pages
}

/// Lets each core import what it owns of a page.
fn import(tracker: &mut Simulator, page: &StatePage) {
    for core in 0..tracker.cores() {
        let context = tracker.context(core);
        let _imported = context.shard.import(context.now, page, SHIFT);
    }
}

fn counts(tracker: &mut Simulator, host: &str) -> Vec<TorrentCounts> {
    let target = format!("{}?", announce_path().replacen("announce", "scrape", 1));
    torrents()
        .into_iter()
        .map(|torrent| {
            let hash = percent_encode(&torrent.0);
            let answer = HttpClient::new(0, host).get(tracker, &format!("{target}info_hash={hash}"));
            answer.scraped().remove(&torrent).expect("the torrent has peers")
        })
        .collect()
}

#[test]
fn swarms_move_to_another_number_of_shards() {
    for (before, after) in [(1, 1), (1, 4), (4, 1), (3, 2), (4, 4)] {
        let (mut old, mut new) = (filled(before), tracker(after));
        export(&mut old).iter().for_each(|page| import(&mut new, page));
        for host in ["192.0.2.9", "2001:db8::9"] {
            assert_eq!(counts(&mut old, host), counts(&mut new, host), "from {before} shards to {after}");
        }
        let sessions = |tracker: &mut Simulator| {
            let accounts = tracker.take_events().accounts.into_iter();
            accounts.map(|(key, account)| (key, account.seeding, account.leeching)).collect::<Vec<_>>()
        };
        assert_eq!(sessions(&mut old), sessions(&mut new), "from {before} shards to {after}");
    }
}

/// Returns the bytes torn at each of them, and with a wrong bit in each.
fn damaged(whole: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    (0..whole.len()).flat_map(|at| {
        let mut flipped = whole.to_vec();
        flipped[at] ^= 1 << (at % 8);
        [flipped, whole[..at].to_vec()]
    })
}

#[test]
fn damaged_pages_stop_no_core() {
    let pages = export(&mut filled(1));
    let mut new = tracker(1);
    for page in &pages {
        for swarms in damaged(&page.swarms) {
            import(&mut new, &StatePage { swarms, ..page.clone() });
        }
        for sessions in damaged(&page.sessions) {
            import(&mut new, &StatePage { sessions, ..page.clone() });
        }
    }
    let client = Client::connected(&mut new, "192.0.2.77:7");
    for torrent in torrents() {
        announce(&mut new, &client, &client.leeching(torrent));
    }
    new.run_for_ms(1000);
}
