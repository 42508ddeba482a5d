use super::{answer_with, peer, torrents};
use metrics::{Counter, Gauge};
use ringtrack_tests::simulator::{Client, Simulator, SimulatorSettings};
use ringtrack_tests::web_socket_client::{Received, WebSocketClient, announce, handshake};
use serde_json::{Value, json};
use ws_protocol::{MESSAGE_BYTES_MAX, Opcode};

fn scene() -> (Simulator, WebSocketClient) {
    let mut tracker = Simulator::new(&SimulatorSettings::default());
    let client = WebSocketClient::open(&mut tracker, 0);
    (tracker, client)
}

/// Frames of a client, with a mask of zeros.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let length = u8::try_from(payload.len()).unwrap();
    [&[first, 0x80 | length, 0, 0, 0, 0], payload].concat()
}

#[test]
fn a_web_socket_is_opened_on_any_path_and_other_requests_are_refused() {
    let mut tracker = Simulator::new(&SimulatorSettings::default());
    for path in ["/", "/announce", "/any/path?query", "//"] {
        let client = Client::with_room(usize::MAX);
        let _open = WebSocketClient::open_at(&mut tracker, 0, client, &handshake(path, ""));
    }
    let other_version = handshake("/", "").replace("Version: 13", "Version: 8");
    let without_key = handshake("/", "").replace("Sec-WebSocket-Key", "X");
    let two_keys = handshake("/", "Sec-WebSocket-Key: x\r\n");
    for (request, status) in [
        (other_version, "HTTP/1.1 426 Upgrade Required\r\n"),
        (without_key, "HTTP/1.1 400 Bad Request\r\n"),
        (two_keys, "HTTP/1.1 400 Bad Request\r\n"),
    ] {
        let client = tracker.connect(0, Client::with_room(usize::MAX));
        client.send(request.as_bytes());
        tracker.run_until_idle();
        let answer = String::from_utf8(client.read()).unwrap();
        assert!(answer.starts_with(status), "{answer}");
        assert_eq!(answer.contains("Sec-WebSocket-Version: 13\r\n"), status.contains("426"));
        assert!(!client.is_closed(), "the client may send another request");
    }
    assert_eq!(tracker.statistics().gauge(Gauge::WsConnectionsOpen), 4);
}

#[test]
fn a_message_in_fragments_with_control_frames_between_them_is_one_message() {
    let (mut tracker, mut client) = scene();
    let torrent = torrents(&tracker)[0];
    let message = announce(torrent, peer(1), 0, 0).to_string();
    let mut parts = message.as_bytes().chunks(70);
    let frames = [
        frame(1, parts.next().unwrap()),
        frame(0x89, b"ping"),
        frame(0, parts.next().unwrap()),
        frame(0x8a, b""),
        parts.flat_map(|part| frame(0, part)).collect(),
        frame(0x80, b""),
    ];
    // Byte by byte, as the slowest network would.
    for byte in frames.concat() {
        client.client.send(&[byte]);
        tracker.run_until_idle();
    }
    let answered = Received::Message(answer_with(torrent, 1, 0));
    assert_eq!(client.receive(), [Received::Pong(b"ping".to_vec()), answered]);
}

#[test]
fn frames_right_after_the_handshake_and_several_at_once_are_served_in_order() {
    let mut tracker = Simulator::new(&SimulatorSettings::default());
    let torrent = torrents(&tracker)[0];
    let mut bytes = handshake("/", "").into_bytes();
    for number in 0..8 {
        ws_protocol::append_frame(
            &mut bytes,
            Opcode::Text,
            Some([number; 4]),
            announce(torrent, peer(number), 0, 0).to_string().as_bytes(),
        );
    }
    let client = tracker.connect(0, Client::with_room(usize::MAX));
    client.send(&bytes);
    tracker.run_until_idle();
    let received = String::from_utf8_lossy(&client.read()).into_owned();
    assert_eq!(received.matches("\"complete\":").count(), 8);
    assert!(received.rfind("\"complete\":8,").is_some());
}

#[test]
fn violations_end_the_connection_with_their_code() {
    let too_long = |first| [&[first, 0xff][..], &(MESSAGE_BYTES_MAX as u64 + 1).to_be_bytes()].concat();
    for (bytes, code) in [
        (vec![0x81, 0x01, b'x'], 1002),
        (frame(0xc1, b"{}"), 1002),
        (frame(0x83, b""), 1002),
        (frame(0x80, b""), 1002),
        (frame(0x09, b""), 1002),
        (frame(0x81, b"\xff"), 1007),
        (frame(0x82, b"\xff"), 1007),
        (too_long(0x81), 1009),
        (frame(0x88, &[3]), 1002),
        (frame(0x88, &1005_u16.to_be_bytes()), 1002),
        (frame(0x88, &[3, 232]), 1000),
        (frame(0x88, b""), 1000),
    ] {
        let (mut tracker, mut client) = scene();
        client.client.send(&bytes);
        tracker.run_until_idle();
        assert_eq!(client.receive(), [Received::Close(code)], "{bytes:?}");
        client.client.end();
        tracker.run_for_ms(3000);
        assert!(client.client.is_closed(), "{bytes:?}");
        let violations = tracker.statistics().counter(Counter::WsClosedProtocol);
        assert_eq!(violations, u64::from(code != 1000), "{bytes:?}");
    }
}

#[test]
fn failures_name_action_and_torrent_and_keep_the_connection() {
    let (mut tracker, mut client) = scene();
    let torrent = torrents(&tracker)[0];
    let good = announce(torrent, peer(1), 0, 0);
    let with = |name: &str, value: Value| {
        let mut message = good.clone();
        message[name] = value;
        message
    };
    let failure = |action: &str, reason: &str| {
        Some(json!({ "action": action, "failure reason": reason, "info_hash": good["info_hash"] }))
    };
    let not_bytes = "invalid peer_id: it is not 20 bytes, each as one character";
    for (message, answered) in [
        (with("peer_id", json!("short")), failure("announce", not_bytes)),
        (with("peer_id", json!("\u{100}aaaaaaaaaaaaaaaaaaa")), failure("announce", not_bytes)),
        (with("peer_id", json!(1)), failure("announce", not_bytes)),
        (with("answer", json!({})), failure("announce", "missing to_peer_id")),
        (with("to_peer_id", json!("aaaaaaaaaaaaaaaaaaaa")), failure("announce", "missing offer_id")),
        (with("action", json!("dance")), failure("announce", "the action is neither announce nor scrape")),
        (with("info_hash", json!("short")), None),
        (with("info_hash", Value::Null), None),
        (json!({ "action": "scrape", "info_hash": "short" }), None),
        (json!([1, 2]), None),
        (json!("text"), None),
    ] {
        let received = client.exchange(&mut tracker, &message);
        assert_eq!(received, answered.into_iter().collect::<Vec<_>>(), "{message}");
    }
    for broken in ["", "{", "{\"action\":\"announce\",}", "\u{feff}{}"] {
        client.send_frame(Opcode::Text, broken.as_bytes());
        tracker.run_until_idle();
        assert!(client.messages().is_empty(), "{broken}");
    }
    assert_eq!(client.exchange(&mut tracker, &good), [answer_with(torrent, 1, 0)]);
}

#[test]
fn every_event_is_answered_and_only_stopped_removes_the_peer() {
    let (mut tracker, mut client) = scene();
    let torrent = torrents(&tracker)[0];
    let mut message = announce(torrent, peer(1), 0, 0);
    for (event, left, counts) in [
        (json!("started"), json!(5), (0, 1)),
        (json!("completed"), json!(0), (1, 0)),
        (json!("paused"), json!(0), (0, 1)),
        (json!("update"), json!(0), (1, 0)),
        (json!(""), json!(-1), (0, 1)),
        (Value::Null, json!(0), (1, 0)),
        (json!("other"), json!(1e300), (0, 1)),
        (Value::Null, Value::Null, (0, 1)),
        (json!("stopped"), json!(0), (0, 0)),
    ] {
        (message["event"], message["left"]) = (event.clone(), left.clone());
        let answered = client.exchange(&mut tracker, &message);
        assert_eq!(answered, [answer_with(torrent, counts.0, counts.1)], "{event} {left}");
    }
}

#[test]
fn a_silent_client_is_pinged_and_then_cut_off() {
    for answers in [Opcode::Pong, Opcode::Ping, Opcode::Text] {
        let (mut tracker, mut client) = scene();
        tracker.run_for_ms(119_000);
        assert_eq!(client.receive(), []);
        tracker.run_for_ms(3000);
        assert_eq!(client.receive(), [Received::Ping]);
        tracker.run_for_ms(110_000);
        client.send_frame(answers, b"{\"action\":\"scrape\",\"info_hash\":\"\"}");
        tracker.run_for_ms(110_000);
        assert!(!client.client.is_closed(), "{answers:?}");
        tracker.run_for_ms(15_000);
        assert_eq!(client.receive().last(), Some(&Received::Ping));
        tracker.run_for_ms(125_000);
        assert_eq!(client.receive(), [Received::Close(1008)]);
        assert!(client.client.is_closed());
        assert_eq!(tracker.statistics().counter(Counter::WsClosedIdle), 1);
    }
}

#[test]
fn the_fragments_of_a_message_have_one_deadline_whatever_comes_between_them() {
    let (mut tracker, mut client) = scene();
    client.client.send(&frame(1, b"{"));
    for _ in 0..4 {
        tracker.run_for_ms(3000);
        client.client.send(&frame(0x89, b""));
        client.client.send(&frame(0, b" "));
    }
    tracker.run_for_ms(1000);
    assert_eq!(client.receive().last(), Some(&Received::Close(1008)));
    assert_eq!(tracker.statistics().counter(Counter::HttpClosedSlowRequest), 1);
}
