use super::{peer, peers, torrents};
use metrics::Gauge;
use primitives::{InfoHash, PeerId};
use ringtrack_tests::simulator::{Simulator, SimulatorSettings};
use ringtrack_tests::web_socket_client::{WebSocketClient, announce};

#[test]
fn thousands_of_clients_cut_in_the_middle_of_offers_leave_no_peers_and_no_memory() {
    let mut settings = SimulatorSettings::with_shards(2);
    (settings.connections.connections_max, settings.connections.connections_per_prefix_max) = (5000, 5000);
    let mut tracker = Simulator::new(&settings);
    let torrents = torrents(&tracker);
    let empty_bytes = tracker.statistics().gauge(Gauge::SwarmBytes);
    for round in 0..4_u8 {
        let clients: Vec<_> = (0..1000_u16)
            .map(|number| {
                let client = WebSocketClient::open(&mut tracker, usize::from(number % 2));
                let [high, low] = number.to_be_bytes();
                for torrent in &torrents {
                    let id = PeerId([round, high, low, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7]);
                    client.send(&announce(*torrent, id, u64::from(number % 3), 3));
                }
                client
            })
            .collect();
        // Some messages have been served, others wait or are on their way to another core.
        (0..20).for_each(|step| _ = tracker.step(step % 2));
        for (number, client) in clients.iter().enumerate() {
            if number % 2 == 0 { client.client.end() } else { client.client.break_off() }
        }
        tracker.run_for_ms(2000);
        assert!(clients.iter().all(|client| client.client.is_closed()));
        let statistics = tracker.statistics();
        assert_eq!(peers(&statistics), (0, 0));
        assert_eq!(
            (statistics.gauge(Gauge::SwarmsWebRtc), statistics.gauge(Gauge::WsConnectionsOpen)),
            (0, 0)
        );
    }
    let kept_bytes = tracker.statistics().gauge(Gauge::SwarmBytes);
    assert!(kept_bytes < empty_bytes + 200_000, "{kept_bytes} after {empty_bytes}");
    assert_eq!(tracker.routed_underway(), 0);
}

/// More clients than an owner takes requests of one core.
const CROWD: u16 = 300;

fn crowd(tracker: &mut Simulator, torrent: InfoHash) -> Vec<(WebSocketClient, PeerId)> {
    let crowd = (0..CROWD).map(|number| {
        let [high, low] = number.to_be_bytes();
        let mut id = [7; 20];
        (id[0], id[1]) = (high, low);
        let mut client = WebSocketClient::open(tracker, 0);
        assert_eq!(client.exchange(tracker, &announce(torrent, PeerId(id), 1, 0)).len(), 1);
        (client, PeerId(id))
    });
    crowd.collect()
}

/// Lets only the first core run for a while.
fn run_without_owner(tracker: &mut Simulator, milliseconds: u64) {
    for _ in 0..milliseconds / 50 {
        tracker.pass_ms(50);
        (0..20).for_each(|_| _ = tracker.step(0));
    }
}

#[test]
fn peers_whose_stop_found_a_busy_owner_leave_with_their_connection() {
    let mut tracker = Simulator::new(&SimulatorSettings::with_shards(2));
    let torrent = torrents(&tracker)[1];
    let mut crowd = crowd(&mut tracker, torrent);
    for (client, id) in &crowd {
        let mut stop = announce(torrent, *id, 1, 0);
        stop["event"] = serde_json::json!("stopped");
        client.send(&stop);
    }
    run_without_owner(&mut tracker, 4000);
    let received: Vec<_> = crowd.iter_mut().flat_map(|(client, _)| client.messages()).collect();
    assert_eq!(received.len(), usize::from(CROWD) - 256, "the others are at the owner");
    assert!(received.iter().all(|message| message["failure reason"] == "the tracker is busy"));
    crowd.iter().for_each(|(client, _)| client.client.end());
    tracker.run_for_ms(3000);
    assert_eq!(peers(&tracker.statistics()), (0, 0));
    assert_eq!(tracker.routed_underway(), 0);
}

#[test]
fn replies_to_a_connection_that_has_ended_reach_no_other() {
    let mut tracker = Simulator::new(&SimulatorSettings::with_shards(2));
    let torrent = torrents(&tracker)[1];
    let ended = WebSocketClient::open(&mut tracker, 0);
    ended.send(&announce(torrent, peer(1), 1, 0));
    // Its message is at the owner until its deadline has passed.
    run_without_owner(&mut tracker, 25_000);
    assert!(ended.client.is_closed());
    tracker.run_until_idle();
    let mut next = WebSocketClient::open(&mut tracker, 0);
    let answered = next.exchange(&mut tracker, &announce(torrent, peer(2), 1, 3));
    assert_eq!(answered, [super::answer_with(torrent, 0, 1)], "the peer of the first has left");
}
