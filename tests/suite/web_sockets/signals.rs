use super::{answer_with, peer, peers, torrents, trackers};
use metrics::{Counter, Gauge, MessageOutcome};
use ringtrack_tests::client::Client as UdpClient;
use ringtrack_tests::simulator::{Datagram, Simulator, SimulatorSettings};
use ringtrack_tests::web_socket_client::{Received, WebSocketClient, announce, answer, binary, offer};
use serde_json::json;
use ws_protocol::Opcode;
use zerocopy::IntoBytes;

#[test]
fn peers_exchange_offers_and_answers_whichever_cores_they_are_on() {
    for (mut tracker, one, other) in trackers() {
        for torrent in torrents(&tracker) {
            let mut seeder = WebSocketClient::open(&mut tracker, one);
            let mut leecher = WebSocketClient::open(&mut tracker, other);
            let started = seeder.exchange(&mut tracker, &announce(torrent, peer(1), 0, 3));
            assert_eq!(started, [answer_with(torrent, 1, 0)]);
            let started = leecher.exchange(&mut tracker, &announce(torrent, peer(2), 5, 2));
            assert_eq!(started, [answer_with(torrent, 1, 1)]);

            let offered = seeder.messages();
            let expected = json!({
                "action": "announce", "info_hash": binary(&torrent.0), "peer_id": binary(&peer(2).0),
                "offer_id": binary(&[0; 20]), "offer": offer(peer(2), 0)["offer"],
            });
            assert_eq!(offered, [expected], "each peer gets one offer");
            assert_eq!(
                seeder.exchange(&mut tracker, &answer(peer(1), &offered[0])),
                [] as [serde_json::Value; 0]
            );
            let answered = leecher.messages();
            let expected = json!({
                "action": "announce", "info_hash": binary(&torrent.0), "peer_id": binary(&peer(1).0),
                "offer_id": binary(&[0; 20]), "answer": answer(peer(1), &offered[0])["answer"],
            });
            assert_eq!(answered, [expected]);
            assert_eq!(peers(&tracker.statistics()), (1, 1), "an answer keeps a seeder a seeder");
            seeder.client.end();
            leecher.client.end();
            tracker.run_until_idle();
        }
        let statistics = tracker.statistics();
        let torrents = tracker.cores() as u64;
        assert_eq!(statistics.counter(Counter::WsOffersPassedOn), torrents);
        assert_eq!(statistics.messages(MessageOutcome::AnnounceAnswered), 2 * torrents);
        assert_eq!(statistics.messages(MessageOutcome::AnswerPassedOn), torrents);
        assert_eq!((peers(&statistics), statistics.gauge(Gauge::WsConnectionsOpen)), ((0, 0), 0));
    }
}

#[test]
fn an_offer_is_passed_on_as_it_was_received() {
    let text = r#"{"action":"announce","info_hash":"aaaaaaaaaaaaaaaaaaaa","peer_id":"bbbbbbbbbbbbbbbbbbbb",
        "offers":[null,{"offer":1,"offer_id":"x"},{"offer":{ "sdp" :"\u00e9\ud800\/","x":[1.0e2]},"offer_id":"cccccccccccccccccccc"}]}"#;
    let mut tracker = Simulator::new(&SimulatorSettings::with_shards(2));
    let mut first = WebSocketClient::open(&mut tracker, 0);
    let second = WebSocketClient::open(&mut tracker, 1);
    first.exchange(&mut tracker, &announce(primitives::InfoHash(*b"aaaaaaaaaaaaaaaaaaaa"), peer(1), 1, 0));
    second.send_frame(Opcode::Binary, text.as_bytes());
    tracker.run_until_idle();
    let expected = r#","offer":{ "sdp" :"\u00e9\ud800\/","x":[1.0e2]}}"#;
    let received = first.client.read();
    assert!(received.ends_with(expected.as_bytes()), "{}", received.escape_ascii());
}

#[test]
fn an_announce_is_answered_before_its_offers_arrive_even_at_the_same_connection() {
    for (mut tracker, home, _) in trackers() {
        for torrent in torrents(&tracker) {
            let mut client = WebSocketClient::open(&mut tracker, home);
            client.exchange(&mut tracker, &announce(torrent, peer(1), 1, 0));
            let received = client.exchange(&mut tracker, &announce(torrent, peer(2), 1, 5));
            assert_eq!(received[0], answer_with(torrent, 0, 2));
            assert_eq!(received[1]["offer"], offer(peer(2), 0)["offer"]);
            assert_eq!(received.len(), 2);
            client.client.end();
            tracker.run_until_idle();
        }
    }
}

#[test]
fn offers_go_to_distinct_other_peers() {
    let mut tracker = Simulator::new(&SimulatorSettings::with_shards(2));
    let torrent = torrents(&tracker)[1];
    let mut clients: Vec<_> = (0..8).map(|number| WebSocketClient::open(&mut tracker, number % 2)).collect();
    for (client, number) in clients.iter_mut().zip(0..) {
        client.exchange(&mut tracker, &announce(torrent, peer(number), 1, 0));
    }
    clients[3].send(&announce(torrent, peer(3), 1, 5));
    tracker.run_until_idle();
    let received: Vec<_> = clients.iter_mut().map(WebSocketClient::messages).collect();
    assert_eq!(received[3], [answer_with(torrent, 0, 8)]);
    let offered: Vec<_> =
        received.iter().enumerate().filter(|(index, _)| *index != 3).map(|(_, got)| got).collect();
    assert!(offered.iter().all(|got| got.len() <= 1));
    let mut ids: Vec<_> =
        offered.iter().filter_map(|got| got.first()).map(|offer| offer["offer_id"].to_string()).collect();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 5);
}

#[test]
fn stopped_is_answered_and_an_answer_to_a_peer_that_has_left_is_dropped() {
    let mut tracker = Simulator::new(&SimulatorSettings::default());
    let torrent = torrents(&tracker)[0];
    let (mut one, mut two) = (WebSocketClient::open(&mut tracker, 0), WebSocketClient::open(&mut tracker, 0));
    one.exchange(&mut tracker, &announce(torrent, peer(1), 0, 0));
    two.exchange(&mut tracker, &announce(torrent, peer(2), 1, 1));
    let offered = one.messages();
    let mut stopped = announce(torrent, peer(2), 1, 0);
    stopped["event"] = json!("stopped");
    assert_eq!(two.exchange(&mut tracker, &stopped), [answer_with(torrent, 1, 0)]);
    assert!(one.exchange(&mut tracker, &answer(peer(1), &offered[0])).is_empty());
    assert!(two.messages().is_empty());
    assert_eq!(tracker.statistics().messages(MessageOutcome::AnswerDropped), 1);
}

#[test]
fn the_newest_connection_of_a_peer_holds_it() {
    for (mut tracker, one, other) in trackers() {
        for torrent in torrents(&tracker) {
            let mut before = WebSocketClient::open(&mut tracker, one);
            let mut after = WebSocketClient::open(&mut tracker, other);
            before.exchange(&mut tracker, &announce(torrent, peer(1), 0, 0));
            assert_eq!(
                after.exchange(&mut tracker, &announce(torrent, peer(1), 0, 0)),
                [answer_with(torrent, 1, 0)]
            );
            before.client.break_off();
            tracker.run_until_idle();
            let mut leecher = WebSocketClient::open(&mut tracker, one);
            assert_eq!(
                leecher.exchange(&mut tracker, &announce(torrent, peer(2), 1, 1)),
                [answer_with(torrent, 1, 1)]
            );
            assert_eq!(after.messages().len(), 1, "the offer arrives over the newest connection");
            after.client.end();
            leecher.client.end();
            tracker.run_until_idle();
        }
        assert_eq!(peers(&tracker.statistics()), (0, 0));
    }
}

#[test]
fn a_scrape_counts_peers_of_all_kinds_and_names_unknown_torrents() {
    for (mut tracker, home, _) in trackers() {
        let all = torrents(&tracker);
        let mut client = WebSocketClient::open(&mut tracker, home);
        let udp =
            ["192.0.2.1:6881", "[2001:db8::1]:6881"].map(|source| UdpClient::connected(&mut tracker, source));
        for &torrent in &all {
            client.exchange(&mut tracker, &announce(torrent, peer(1), 0, 0));
            for udp in &udp {
                let leeching = udp.leeching(torrent);
                tracker.exchange(&[Datagram::steered(udp.source, leeching.as_bytes())]);
            }
        }
        let counts =
            |complete, incomplete| json!({ "complete": complete, "incomplete": incomplete, "downloaded": 0 });
        let mut files = json!({ binary(&[0xfe; 20]): counts(0, 0) });
        for torrent in &all {
            files[binary(&torrent.0)] = counts(1, 2);
        }
        let names: Vec<_> =
            all.iter().map(|torrent| binary(&torrent.0)).chain([binary(&[0xfe; 20])]).collect();
        let flags = json!({ "min_request_interval": 600 });
        let many = client.exchange(&mut tracker, &json!({ "action": "scrape", "info_hash": names }));
        assert_eq!(many, [json!({ "action": "scrape", "files": files, "flags": flags })]);
        let single = client.exchange(&mut tracker, &json!({ "action": "scrape", "info_hash": names[0] }));
        assert_eq!(single[0]["files"], json!({ &names[0]: counts(1, 2) }));
        for nothing in [json!({ "action": "scrape", "info_hash": [] }), json!({ "action": "scrape" })] {
            let answered = client.exchange(&mut tracker, &nothing);
            assert_eq!(answered, [json!({ "action": "scrape", "files": {}, "flags": flags })]);
        }
    }
}

#[test]
fn a_stop_closes_connections_with_the_code_for_it() {
    let mut tracker = Simulator::new(&SimulatorSettings::default());
    let mut client = WebSocketClient::open(&mut tracker, 0);
    tracker.command(0, core_link::CoreCommand::End);
    tracker.run_for_ms(1000);
    assert_eq!(client.receive(), [Received::Close(1012)]);
    assert!(client.client.is_closed());
}
