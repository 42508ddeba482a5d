use super::*;
use crate::{FrameReader, Incoming, Sender};
use proptest::prelude::*;
use serde_json::{Value, json};

/// The text of the one frame that `append` appends after other bytes.
fn written(append: impl FnOnce(&mut Vec<u8>)) -> String {
    let mut out = b"before".to_vec();
    append(&mut out);
    let mut frame = out.split_off(6);
    assert_eq!(out, b"before");
    let bytes = frame.len();
    match FrameReader::new(Sender::Server).read(&mut frame) {
        (consumed, Incoming::Message(text)) if consumed == bytes => text.to_owned(),
        other => panic!("{other:?}"),
    }
}

/// A binary string as a JSON parser returns it.
fn characters(bytes: [u8; 20]) -> String {
    bytes.map(char::from).into_iter().collect()
}

fn parsed(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

#[test]
fn the_answer_to_an_announce_has_the_counts_and_the_interval() {
    let answer =
        AnnounceAnswer { info_hash: InfoHash([b'a'; 20]), complete: 3, incomplete: 14, interval_s: 120 };
    assert_eq!(
        written(|out| append_announce_answer(out, &answer)),
        r#"{"action":"announce","info_hash":"aaaaaaaaaaaaaaaaaaaa","complete":3,"incomplete":14,"interval":120}"#
    );
}

#[test]
fn offers_and_answers_are_passed_on_as_received() {
    let description = "{ \"type\":\"offer\",\"sdp\":\"v=0\\r\\n\\ud800\u{e9}\"}";
    for (kind, name) in [(SignalKind::Offer, "offer"), (SignalKind::Answer, "answer")] {
        let signal = Signal {
            kind,
            info_hash: InfoHash([b'a'; 20]),
            peer_id: PeerId([b'b'; 20]),
            offer_id: OfferId([0xe9; 20]),
            description,
        };
        let ids = format!(
            r#""info_hash":"{}","offer_id":"{}","peer_id":"{}""#,
            "a".repeat(20),
            "\u{e9}".repeat(20),
            "b".repeat(20)
        );
        let expected = format!(r#"{{"action":"announce",{ids},"{name}":{description}}}"#);
        assert_eq!(written(|out| append_signal(out, &signal)), expected);
    }
}

#[test]
fn the_answer_to_a_scrape_has_every_torrent_and_the_interval() {
    let flags = json!({ "min_request_interval": 600 });
    let scraped = |hashes: &[u8]| {
        parsed(&written(|out| {
            append_scrape(
                out,
                hashes.iter().map(|&byte| ScrapedTorrent {
                    info_hash: InfoHash([byte; 20]),
                    complete: byte.into(),
                    incomplete: 0,
                    downloaded: u64::MAX,
                }),
            );
        }))
    };
    assert_eq!(scraped(b""), json!({ "action": "scrape", "files": {}, "flags": flags }));
    let files = |hashes: &[u8]| -> Value {
        let file = |&byte: &u8| {
            let counts = json!({ "complete": byte, "incomplete": 0, "downloaded": u64::MAX });
            (characters([byte; 20]), counts)
        };
        Value::Object(hashes.iter().map(file).collect())
    };
    assert_eq!(scraped(b"a")["files"], files(b"a"));
    assert_eq!(scraped(b"a\xff")["files"], files(b"a\xff"));
    // About 33,000 bytes, whose head has 4 bytes.
    let all: Vec<u8> = (0..=u8::MAX).collect();
    assert_eq!(scraped(&all)["files"], files(&all));
}

#[test]
fn a_frame_beyond_65535_bytes_has_its_length_in_8_bytes() {
    let mut out = Vec::new();
    let description = format!("{{\"a\":\"{}\"}}", "b".repeat(70_000));
    let signal = Signal {
        kind: SignalKind::Offer,
        info_hash: InfoHash([b'a'; 20]),
        peer_id: PeerId([b'b'; 20]),
        offer_id: OfferId([b'c'; 20]),
        description: &description,
    };
    append_signal(&mut out, &signal);
    let (head, payload) = out.split_at(10);
    assert_eq!(head[..2], [0x81, 127]);
    assert_eq!(usize::try_from(u64::from_be_bytes(head[2..].try_into().unwrap())), Ok(payload.len()));
    assert_eq!(parsed(str::from_utf8(payload).unwrap())["offer"], parsed(&description));
}

#[test]
fn a_failure_names_the_action_the_torrent_and_an_escaped_reason() {
    for (action, name) in [(Action::Announce, "announce"), (Action::Scrape, "scrape")] {
        let reason = "not \"here\" \\ there\n\u{1}\u{1f}\u{7f}\u{e9}\u{1f600}";
        let text = written(|out| append_failure(out, action, &InfoHash([b'a'; 20]), &reason));
        let expected = json!({ "action": name, "info_hash": "a".repeat(20), "failure reason": reason });
        assert_eq!(parsed(&text), expected);
    }
}

#[test]
fn every_byte_of_a_binary_string_is_one_character() {
    for byte in 0..=u8::MAX {
        let bytes = core::array::from_fn(|index| if index % 2 == 0 { byte } else { byte ^ 0xff });
        let answer =
            AnnounceAnswer { info_hash: InfoHash(bytes), complete: 0, incomplete: 0, interval_s: u32::MAX };
        let text = written(|out| append_announce_answer(out, &answer));
        assert_eq!(parsed(&text)["info_hash"], characters(bytes), "{byte}");
        let special = |byte: u8| byte < 0x20 || byte == b'"' || byte == b'\\';
        // An escaped backslash has two.
        let backslashes = bytes.iter().map(|&byte| usize::from(special(byte)) + usize::from(byte == b'\\'));
        assert_eq!(text.matches('\\').count(), backslashes.sum::<usize>(), "{text}");
    }
}

proptest! {
    #[test]
    fn any_binary_string_is_read_as_it_was_written(bytes in any::<[u8; 20]>()) {
        let mut text = Vec::new();
        Json(&mut text).binary(&bytes);
        let text = String::from_utf8(text).unwrap();
        prop_assert_eq!(serde_json::from_str::<String>(&text).unwrap(), characters(bytes));
        prop_assert_eq!(crate::value::twenty_bytes(&text), Some(bytes));
    }

    #[test]
    fn any_reason_is_read_as_it_was_written(reason in any::<String>()) {
        let text = written(|out| append_failure(out, Action::Scrape, &InfoHash([0; 20]), &reason));
        prop_assert_eq!(&parsed(&text)["failure reason"], &reason);
    }
}
