use super::{answer_with, peer, peers, torrents};
use engine::{HttpPolicy, WebSocketPolicy};
use metrics::Counter;
use primitives::InfoHash;
use ringtrack_tests::simulator::{Client, Simulator, SimulatorSettings, usual_http};
use ringtrack_tests::web_socket_client::{WebSocketClient, announce, handshake};
use serde_json::json;

fn policy(change: impl FnOnce(&mut WebSocketPolicy)) -> HttpPolicy {
    let mut policy = usual_http();
    policy.web_socket.iter_mut().next().map(change).unwrap();
    policy
}

#[test]
fn a_connection_announces_at_most_as_many_torrents_as_configured() {
    let http = policy(|policy| policy.peers_per_connection_max = 3);
    let mut tracker = Simulator::with_http(&SimulatorSettings::default(), &http);
    let mut client = WebSocketClient::open(&mut tracker, 0);
    let torrent = |number| InfoHash([number; 20]);
    for number in 0..3 {
        let answered = client.exchange(&mut tracker, &announce(torrent(number), peer(1), 0, 0));
        assert_eq!(answered, [answer_with(torrent(number), 1, 0)]);
    }
    let refused = client.exchange(&mut tracker, &announce(torrent(3), peer(1), 0, 0));
    assert_eq!(refused[0]["failure reason"], "this connection has announced as many peers as it may");
    assert_eq!(
        client.exchange(&mut tracker, &announce(torrent(0), peer(1), 0, 0)),
        [answer_with(torrent(0), 1, 0)]
    );
    let mut stopped = announce(torrent(0), peer(1), 0, 0);
    stopped["event"] = json!("stopped");
    client.exchange(&mut tracker, &stopped);
    assert_eq!(
        client.exchange(&mut tracker, &announce(torrent(3), peer(1), 0, 0)),
        [answer_with(torrent(3), 1, 0)]
    );
}

#[test]
fn offers_are_limited_per_announce_and_per_second() {
    let http = policy(|policy| (policy.offers_per_announce_max, policy.offers_per_s_max) = (4, 6));
    let mut tracker = Simulator::with_http(&SimulatorSettings::default(), &http);
    let torrent = torrents(&tracker)[0];
    let mut others: Vec<_> = (0..8).map(|_| WebSocketClient::open(&mut tracker, 0)).collect();
    for (client, number) in others.iter_mut().zip(10..) {
        client.exchange(&mut tracker, &announce(torrent, peer(number), 1, 0));
    }
    let mut client = WebSocketClient::open(&mut tracker, 0);
    let mut offers = |tracker: &mut Simulator| {
        client.exchange(tracker, &announce(torrent, peer(1), 1, 8));
        others.iter_mut().map(|other| other.messages().len()).sum::<usize>()
    };
    assert_eq!([offers(&mut tracker), offers(&mut tracker), offers(&mut tracker)], [4, 2, 0]);
    tracker.pass(1);
    assert_eq!(offers(&mut tracker), 4);
    assert_eq!(tracker.statistics().counter(Counter::WsOffersPassedOn), 10);
}

#[test]
fn a_client_that_does_not_read_is_cut_off_and_its_peers_leave() {
    for shards in [1, 2] {
        let mut tracker = Simulator::new(&SimulatorSettings::with_shards(shards));
        let torrent = torrents(&tracker)[shards - 1];
        let slow = Client::with_room(1000);
        let mut slow = WebSocketClient::open_at(&mut tracker, 0, slow, &handshake("/", ""));
        slow.exchange(&mut tracker, &announce(torrent, peer(1), 0, 0));
        let mut other = WebSocketClient::open(&mut tracker, shards - 1);
        let mut sent = 0;
        while !slow.client.is_closed() {
            other.exchange(&mut tracker, &announce(torrent, peer(2), 1, 1));
            tracker.pass_ms(20);
            sent += 1;
            assert!(sent < 10_000, "it is cut off");
        }
        let statistics = tracker.statistics();
        assert_eq!((statistics.counter(Counter::WsClosedSlow), peers(&statistics)), (1, (0, 1)));
    }
}

#[test]
fn a_client_that_reads_slowly_gets_every_byte_in_order() {
    let mut tracker = Simulator::new(&SimulatorSettings::default());
    let torrent = torrents(&tracker)[0];
    let slow = Client::with_room(130);
    let mut slow = WebSocketClient::open_at(&mut tracker, 0, slow, &handshake("/", ""));
    slow.send(&announce(torrent, peer(1), 0, 0));
    let mut other = WebSocketClient::open(&mut tracker, 0);
    for _ in 0..10 {
        other.exchange(&mut tracker, &announce(torrent, peer(2), 1, 1));
    }
    let mut received = Vec::new();
    for _ in 0..100 {
        received.extend(slow.messages());
        tracker.run_until_idle();
    }
    assert_eq!(received.len(), 11);
    assert_eq!(received[0], answer_with(torrent, 1, 0));
}
