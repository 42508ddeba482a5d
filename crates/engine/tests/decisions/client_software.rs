//! Which announces count for the client software.

use super::TORRENT;
use access::{AccessPolicy, TorrentAdmission};
use primitives::{AnnounceEvent, ClientCounts, PeerId};
use ringtrack_tests::client::Client;
use ringtrack_tests::http_client::{HttpClient, announce_target};
use ringtrack_tests::simulator::{HttpContext, Simulator, SimulatorSettings};
use ringtrack_tests::web_socket_client::{WebSocketClient, announce};
use std::collections::BTreeMap;

const SOURCE: &str = "192.0.2.1:6881";

fn take(tracker: &mut Simulator, core: usize) -> Option<Box<ClientCounts>> {
    let HttpContext { shard, .. } = tracker.context(core);
    shard.take_clients(Some(Box::default()))
}

/// Returns a tracker that counts client software.
fn tracker(settings: &SimulatorSettings) -> Simulator {
    let mut tracker = Simulator::new(settings);
    for core in 0..tracker.cores() {
        assert!(take(&mut tracker, core).is_none());
    }
    tracker
}

/// Returns the counts of all cores since the last call by name and version, with `*` after those over WebRTC.
fn counted(tracker: &mut Simulator) -> BTreeMap<String, u64> {
    let mut counted = BTreeMap::new();
    for core in 0..tracker.cores() {
        for (client, count) in take(tracker, core).expect("it counts").iter() {
            let name = client.tag.name().unwrap_or("other");
            let mark = if client.is_web_rtc { "*" } else { "" };
            let version = client.tag.version().unwrap_or_default();
            *counted.entry(format!("{name} {version}{mark}")).or_default() += count;
        }
    }
    counted
}

fn announce_as(tracker: &mut Simulator, peer_id: &[u8; 20], event: AnnounceEvent) {
    let client = Client::connected(tracker, SOURCE);
    let mut request = client.leeching(TORRENT).with_event(event);
    request.peer_id = PeerId(*peer_id);
    client.announce(tracker, &request);
}

#[test]
fn announces_over_all_protocols_count_whichever_core_they_arrive_at() {
    for cores in [1, 3] {
        let mut tracker = tracker(&SimulatorSettings::with_shards(cores));
        announce_as(&mut tracker, b"-qB4650-abcdefghijkl", AnnounceEvent::Started);
        announce_as(&mut tracker, b"<script>abcdefghijkl", AnnounceEvent::None);
        for core in 0..cores {
            let target = announce_target(TORRENT, 7000, "").replace("-XX0001-", "-TR4060-");
            HttpClient::new(core, "192.0.2.2").announce(&mut tracker, &target);
            let mut socket = WebSocketClient::open(&mut tracker, core);
            socket.exchange(&mut tracker, &announce(TORRENT, PeerId(*b"-WW0208-abcdefghijkl"), 0, 0));
        }
        let cores = cores as u64;
        let expected = [
            ("Transmission 4.0.6", cores),
            ("WebTorrent 2.8*", cores),
            ("other ", 1),
            ("qBittorrent 4.6.5", 1),
        ];
        assert_eq!(counted(&mut tracker), expected.map(|(name, count)| (name.to_owned(), count)).into());
        assert_eq!(counted(&mut tracker), BTreeMap::new(), "they were taken");
    }
}

#[test]
fn peers_that_leave_or_were_counted_already_or_are_not_listed_do_not_count() {
    let mut tracker = tracker(&SimulatorSettings::default());
    for event in
        [AnnounceEvent::Started, AnnounceEvent::None, AnnounceEvent::Completed, AnnounceEvent::Stopped]
    {
        announce_as(&mut tracker, b"-qB4650-abcdefghijkl", event);
    }
    assert_eq!(counted(&mut tracker), [("qBittorrent 4.6.5".to_owned(), 2)].into());
    let listed = AccessPolicy { torrents: TorrentAdmission::Listed, ..AccessPolicy::PUBLIC };
    let mut tracker = self::tracker(&SimulatorSettings::default().with_access(listed));
    let client = Client::connected(&mut tracker, SOURCE);
    client.send(&mut tracker, zerocopy::IntoBytes::as_bytes(&client.leeching(TORRENT)));
    assert_eq!(counted(&mut tracker), BTreeMap::new());
}
