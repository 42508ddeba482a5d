use super::{answer_with, peer, peers, torrents};
use engine::{HttpPolicy, WebSocketPolicy};
use guard::Class;
use metrics::{Counter, MessageOutcome};
use primitives::{InfoHash, PeerId};
use ringtrack_tests::simulator::{Client, Simulator, SimulatorSettings, source_limit, usual_http};
use ringtrack_tests::web_socket_client::{Received, WebSocketClient, announce, answer, binary, handshake};
use serde_json::{Value, json};
use ws_protocol::Opcode;

/// An answer of a peer to another one, whether that has made an offer or not.
fn answer_to(to: PeerId, torrent: InfoHash, from: PeerId) -> Value {
    let offer = json!({
        "info_hash": binary(&torrent.0), "peer_id": binary(&to.0), "offer_id": binary(&[7; 20]),
        "offer": { "type": "offer", "sdp": "" },
    });
    answer(from, &offer)
}

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
fn a_connection_that_goes_on_with_messages_over_the_limit_of_its_source_is_closed() {
    let mut tracker = Simulator::new(&SimulatorSettings::default());
    // One is for the upgrade.
    tracker.limit_sources(&source_limit(Class::Requests, 3));
    let mut client = WebSocketClient::open(&mut tracker, 0);
    let message = announce(InfoHash([7; 20]), peer(1), 0, 0);
    for _ in 0..2 {
        assert_eq!(client.exchange(&mut tracker, &message), [answer_with(InfoHash([7; 20]), 1, 0)]);
    }
    let refused = client.exchange(&mut tracker, &message);
    assert_eq!(refused[0]["failure reason"], "too many requests from this network");
    tracker.pass(1);
    assert_eq!(client.exchange(&mut tracker, &message).len(), 1, "it may go on");
    for _ in 0..8 {
        client.send_frame(Opcode::Text, b"nonsense");
        client.send_frame(Opcode::Ping, b"x");
    }
    tracker.run_until_idle();
    assert_eq!(client.receive(), [Received::Close(1008)]);
    let statistics = tracker.statistics();
    assert_eq!(statistics.messages(MessageOutcome::OverLimit), 1 + 8);
    assert_eq!(statistics.messages(MessageOutcome::AnnounceAnswered), 3);
    assert_eq!(statistics.counter(Counter::WsControlRefused), 8);
    assert_eq!(statistics.counter(Counter::WsClosedOverLimit), 1);
}

#[test]
fn offers_are_limited_per_announce_and_per_second() {
    let http = policy(|policy| (policy.offers_per_announce_max, policy.signals_per_s_max) = (4, 6));
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
        assert!(statistics.counter(Counter::WsSignalsDropped) > 0);
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

#[test]
fn a_client_that_reads_is_not_cut_off_however_much_is_sent_to_it_at_once() {
    let mut tracker = Simulator::new(&SimulatorSettings::default());
    let torrent = torrents(&tracker)[0];
    let mut reader = WebSocketClient::open(&mut tracker, 0);
    reader.exchange(&mut tracker, &announce(torrent, peer(1), 0, 0));
    let others: Vec<_> = (0..60)
        .map(|number| {
            let mut other = WebSocketClient::open(&mut tracker, 0);
            other.exchange(&mut tracker, &announce(torrent, peer(100 + number), 0, 0));
            let mut answer = answer_to(peer(1), torrent, peer(100 + number));
            answer["answer"]["sdp"] = json!("x".repeat(15_000));
            other.send(&answer);
            other
        })
        .collect();
    tracker.run_until_idle();
    assert_eq!(reader.messages().len(), others.len());
}

#[test]
fn an_offer_or_an_answer_longer_than_16_kib_is_dropped() {
    let mut tracker = Simulator::new(&SimulatorSettings::default());
    let torrent = torrents(&tracker)[0];
    let mut reader = WebSocketClient::open(&mut tracker, 0);
    let mut other = WebSocketClient::open(&mut tracker, 0);
    reader.exchange(&mut tracker, &announce(torrent, peer(1), 1, 0));
    let mut long = announce(torrent, peer(2), 1, 1);
    long["offers"][0]["offer"]["sdp"] = json!("x".repeat(16 << 10));
    assert_eq!(other.exchange(&mut tracker, &long), [answer_with(torrent, 0, 2)]);
    let mut answer = answer_to(peer(1), torrent, peer(2));
    answer["answer"]["sdp"] = json!("x".repeat(16 << 10));
    assert!(other.exchange(&mut tracker, &answer).is_empty());
    assert!(reader.messages().is_empty());
    let statistics = tracker.statistics();
    assert_eq!(statistics.counter(Counter::WsSignalsDropped), 1);
    assert_eq!(statistics.messages(MessageOutcome::AnswerDropped), 1);
}

#[test]
fn only_peers_of_the_swarm_answer_and_no_more_than_their_connection_may_send() {
    let http = policy(|policy| policy.signals_per_s_max = 3);
    let mut tracker = Simulator::with_http(&SimulatorSettings::with_shards(2), &http);
    let torrent = torrents(&tracker)[1];
    let mut reader = WebSocketClient::open(&mut tracker, 0);
    let mut member = WebSocketClient::open(&mut tracker, 0);
    let mut stranger = WebSocketClient::open(&mut tracker, 0);
    reader.exchange(&mut tracker, &announce(torrent, peer(1), 1, 0));
    member.exchange(&mut tracker, &announce(torrent, peer(2), 1, 0));
    for claimed in [peer(2), peer(3)] {
        assert!(stranger.exchange(&mut tracker, &answer_to(peer(1), torrent, claimed)).is_empty());
    }
    assert!(reader.messages().is_empty());
    let answer = answer_to(peer(1), torrent, peer(2));
    let replies = (0..5).flat_map(|_| member.exchange(&mut tracker, &answer)).count();
    assert_eq!((replies, reader.messages().len()), (0, 3), "answers get no reply");
    tracker.pass(1);
    let mut long = answer.clone();
    long["answer"]["sdp"] = json!("x".repeat(4096));
    for answer in [&long, &answer] {
        member.exchange(&mut tracker, answer);
    }
    assert_eq!(reader.messages().len(), 1, "a long answer counts as several");
    assert_eq!(tracker.statistics().messages(MessageOutcome::AnswerDropped), 5);
}

#[test]
fn offers_that_find_no_peer_do_not_count_towards_the_limit() {
    let http = policy(|policy| policy.signals_per_s_max = 6);
    for shards in [1, 2] {
        let mut tracker = Simulator::with_http(&SimulatorSettings::with_shards(shards), &http);
        let torrent = torrents(&tracker)[shards - 1];
        let mut other = WebSocketClient::open(&mut tracker, 0);
        let mut client = WebSocketClient::open(&mut tracker, 0);
        other.exchange(&mut tracker, &announce(torrent, peer(2), 1, 0));
        for number in 0..20 {
            client.exchange(&mut tracker, &announce(InfoHash([200 + number; 20]), peer(1), 1, 5));
        }
        client.exchange(&mut tracker, &announce(torrent, peer(1), 1, 5));
        assert_eq!(other.messages().len(), 1);
    }
}

#[test]
fn a_connection_announces_at_most_8_peer_ids_for_a_torrent() {
    let mut tracker = Simulator::new(&SimulatorSettings::default());
    let torrent = torrents(&tracker)[0];
    let mut client = WebSocketClient::open(&mut tracker, 0);
    for number in 1..=8 {
        let answered = client.exchange(&mut tracker, &announce(torrent, peer(number), 0, 0));
        assert_eq!(answered, [answer_with(torrent, number.into(), 0)]);
    }
    let refused = client.exchange(&mut tracker, &announce(torrent, peer(9), 0, 0));
    assert_eq!(refused[0]["failure reason"], "this connection has announced as many peers as it may");
}

#[test]
fn a_scrape_of_too_many_torrents_fails_and_names_the_limit() {
    let mut tracker = Simulator::new(&SimulatorSettings::default());
    let mut client = WebSocketClient::open(&mut tracker, 0);
    let scrape = |torrents: u8| {
        let names: Vec<_> = (0..torrents).map(|number| binary(&[number; 20])).collect();
        json!({ "action": "scrape", "info_hash": names })
    };
    let all = client.exchange(&mut tracker, &scrape(74));
    assert_eq!(all[0]["files"].as_object().map(serde_json::Map::len), Some(74));
    let failed = client.exchange(&mut tracker, &scrape(75));
    let reason = "a scrape may name at most 74 torrents";
    let info_hash = binary(&[0; 20]);
    assert_eq!(failed, [json!({ "action": "scrape", "info_hash": info_hash, "failure reason": reason })]);
}
