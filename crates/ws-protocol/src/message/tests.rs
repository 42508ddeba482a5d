use super::*;
use crate::Offer;
use core::array;

const HASH: &str = "aaaaaaaaaaaaaaaaaaaa";
const PEER: &str = "bbbbbbbbbbbbbbbbbbbb";

/// An announce with these members after the required ones.
fn announce_text(members: &str) -> String {
    format!(r#"{{"action":"announce","info_hash":"{HASH}","peer_id":"{PEER}"{members}}}"#)
}

fn announce(members: &str) -> Announce<'static> {
    let text = announce_text(members).leak();
    match read_message(text) {
        Ok(ClientMessage::Announce(announce)) => announce,
        other => panic!("{text}: {other:?}"),
    }
}

fn offers(value: &str) -> Vec<(u8, &'static str)> {
    let offers = announce(&format!(r#","offers":{value}"#)).offers;
    offers.map(|Offer { offer_id, offer }| (offer_id.0[0], offer)).collect()
}

fn scraped(value: &str) -> Result<Vec<u8>, MessageError> {
    match read_message(&format!(r#"{{"action":"scrape"{value}}}"#))? {
        ClientMessage::Scrape(scrape) => Ok(scrape.info_hashes.map(|info_hash| info_hash.0[0]).collect()),
        other => panic!("{value}: {other:?}"),
    }
}

fn error(text: &str) -> (Action, Option<InfoHash>, MessageFault) {
    let error = read_message(text).expect_err(text);
    assert_eq!(error.to_string(), error.reason.to_string());
    (error.action, error.info_hash, error.reason)
}

#[test]
fn an_announce_with_only_the_required_members_is_from_a_leecher() {
    let expected = Announce {
        info_hash: InfoHash([b'a'; 20]),
        peer_id: PeerId([b'b'; 20]),
        event: AnnounceEvent::None,
        status: PeerStatus::Leecher,
        uploaded: None,
        downloaded: None,
        left: None,
        key: None,
        offers: Offers::default(),
    };
    assert_eq!(announce(""), expected);
}

#[test]
fn an_announce_of_bittorrent_tracker_is_read() {
    let text = r#"{"numwant":2,"uploaded":0,"downloaded":12,"left":9007199254740991,"event":"started","action":
        "announce","info_hash":"\"\\\n\u0000\u001fÃ©ÿ/aaaaaaaaaaa","peer_id":"-WW0106-bbbbbbbbbbbb","trackerid":"t","offers":[
        {"offer":{"type":"offer","sdp":"v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\n"},"offer_id":"cccccccccccccccccccc"},
        {"offer_id":"dddddddddddddddddddd","offer":{}}],"key":"k\u0065y","corrupt":{"x":[1]}}"#;
    let Ok(ClientMessage::Announce(announce)) = read_message(text) else {
        panic!("{:?}", read_message(text))
    };
    assert_eq!(announce.info_hash.0, *b"\"\\\n\0\x1f\xc3\xa9\xff/aaaaaaaaaaa");
    assert_eq!(announce.peer_id.0, *b"-WW0106-bbbbbbbbbbbb");
    assert_eq!((announce.event, announce.status), (AnnounceEvent::Started, PeerStatus::Leecher));
    assert_eq!(
        (announce.uploaded, announce.downloaded, announce.left),
        (Some(0), Some(12), Some((1 << 53) - 1))
    );
    assert_eq!(announce.key.unwrap().decode(&mut [0; 32]), Some("key"));
    let offers: Vec<_> = announce.offers.map(|offer| (offer.offer_id.0[0], offer.offer)).collect();
    let first = r#"{"type":"offer","sdp":"v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\n"}"#;
    assert_eq!(offers, [(b'c', first), (b'd', "{}")]);
}

#[test]
fn each_event_is_known_and_others_are_regular_announces() {
    use {AnnounceEvent::*, PeerStatus::*};
    for (value, event, status) in [
        (r#""started""#, Started, Seeder),
        (r#""completed""#, Completed, Seeder),
        (r#""stopped""#, Stopped, Seeder),
        (r#""\u0073topped""#, Stopped, Seeder),
        (r#""paused""#, None, Leecher),
        (r#""update""#, None, Seeder),
        (r#""""#, None, Seeder),
        (r#""Started""#, None, Seeder),
        (r#""started completed""#, None, Seeder),
        (r#""\ud800""#, None, Seeder),
        ("null", None, Seeder),
        ("1", None, Seeder),
        (r#"["started"]"#, None, Seeder),
    ] {
        let announce = announce(&format!(r#","left":0,"event":{value}"#));
        assert_eq!((announce.event, announce.status), (event, status), "{value}");
    }
}

#[test]
fn only_a_peer_with_nothing_left_is_a_seeder() {
    for (value, left) in [
        ("0", Some(0)),
        ("0.0", Some(0)),
        ("-0", Some(0)),
        ("-0.0", Some(0)),
        ("0e5", Some(0)),
        ("0E-5", Some(0)),
        ("1e-999", Some(0)),
        ("1", Some(1)),
        ("18446744073709551615", Some(u64::MAX)),
        ("18446744073709551616", None),
        ("-1", None),
        ("0.5", None),
        ("1e21", None),
        ("1e999", None),
        ("null", None),
        (r#""0""#, None),
        (r#""""#, None),
        ("true", None),
        ("[0]", None),
        ("{}", None),
    ] {
        let announce = announce(&format!(r#","left":{value},"uploaded":{value},"downloaded":{value}"#));
        assert_eq!((announce.left, announce.uploaded, announce.downloaded), (left, left, left), "{value}");
        assert_eq!(announce.status == PeerStatus::Seeder, left == Some(0), "{value}");
    }
}

#[test]
fn offers_are_passed_on_and_what_is_none_is_skipped() {
    let offer =
        |id: char| format!(r#"{{"offer":{{"sdp":"{id}"}},"offer_id":"{}"}}"#, id.to_string().repeat(20));
    for none in ["null", "[]", "[ ]", "{}", "1", r#""[]""#, &offer('a'), "[null]", "[[]]", "[1,2]", "[{}]"] {
        assert_eq!(offers(none), [], "{none}");
    }
    let malformed = [
        "null",
        "1",
        r#""offer""#,
        "[]",
        "{}",
        r#"{"offer":{}}"#,
        r#"{"offer_id":"cccccccccccccccccccc"}"#,
        r#"{"offer":null,"offer_id":"cccccccccccccccccccc"}"#,
        r#"{"offer":"v=0","offer_id":"cccccccccccccccccccc"}"#,
        r#"{"offer":[],"offer_id":"cccccccccccccccccccc"}"#,
        r#"{"offer":{},"offer_id":"short"}"#,
        r#"{"offer":{},"offer_id":null}"#,
        r#"{"offer":{},"offer_id":1}"#,
        r#"{"offer":{},"offer_id":"\u0100ccccccccccccccccccc"}"#,
    ];
    for malformed in malformed {
        let list = format!("[{},{malformed},{}]", offer('a'), offer('b'));
        let expected = [(b'a', r#"{"sdp":"a"}"#), (b'b', r#"{"sdp":"b"}"#)];
        assert_eq!(offers(&list), expected, "{malformed}");
    }
    let twice = r#"[{"offer":1,"\u006fffer" : { "a" : [ "]" ] } , "offer_id":"x","offer_id":"cccccccccccccccccccc"}]"#;
    assert_eq!(offers(twice), [(b'c', r#"{ "a" : [ "]" ] }"#)]);
}

#[test]
fn the_last_of_several_members_with_the_same_name_counts() {
    let last =
        announce(r#","left":1,"left":0,"event":"stopped","event":"x","p\u0065er_id":"cccccccccccccccccccc""#);
    assert_eq!((last.status, last.event), (PeerStatus::Seeder, AnnounceEvent::None));
    assert_eq!(last.peer_id, PeerId([b'c'; 20]));
    assert_eq!(announce(r#","left":0,"left":null"#).left, None);
}

#[test]
fn a_binary_string_is_20_characters_however_they_are_escaped() {
    let every: [u8; 20] = array::from_fn(|index| u8::try_from(index * 13).unwrap());
    let character = |&byte: &u8| char::from(byte);
    let raw = |byte: &u8| match byte {
        b'"' | b'\\' | 0..0x20 => format!("\\u{byte:04x}"),
        _ => character(byte).to_string(),
    };
    for written in [
        every.iter().map(raw).collect::<String>(),
        every.iter().map(|byte| format!("\\u{byte:04x}")).collect(),
        every.iter().map(|byte| format!("\\u{byte:04X}")).collect(),
        serde_json::to_string(&every.iter().map(character).collect::<String>())
            .unwrap()
            .trim_matches('"')
            .to_owned(),
    ] {
        let announce = announce(&format!(r#","info_hash":"{written}""#));
        assert_eq!(announce.info_hash, InfoHash(every), "{written}");
    }
    let short = announce(r#","info_hash":"\b\f\n\r\t\/\"\\\u003c\u003e\u0026aaaaaaaaa""#);
    assert_eq!(short.info_hash, InfoHash(*b"\x08\x0c\n\r\t/\"\\<>&aaaaaaaaa"));
}

#[test]
fn a_missing_or_wrong_binary_string_is_named() {
    use MessageFault::{Missing, NotTwentyBytes};
    let known = Some(InfoHash([b'a'; 20]));
    let answer = r#","answer":{},"to_peer_id":"cccccccccccccccccccc","offer_id":"dddddddddddddddddddd""#;
    let text = announce_text(answer);
    for (name, value, torrent) in
        [("info_hash", HASH, None), ("peer_id", PEER, known), ("offer_id", "dddddddddddddddddddd", known)]
    {
        let without = text.replace(&format!(r#""{name}":"#), r#""something_else":"#);
        assert_eq!(error(&without), (Action::Announce, torrent, Missing(name)));
        let null = text.replace(&format!(r#""{name}":"{value}""#), &format!(r#""{name}":null"#));
        assert_eq!(error(&null), (Action::Announce, torrent, Missing(name)));
    }
    for (name, value, torrent) in [
        ("info_hash", HASH, None),
        ("peer_id", PEER, known),
        ("to_peer_id", "cccccccccccccccccccc", known),
        ("offer_id", "dddddddddddddddddddd", known),
    ] {
        for wrong in [
            r#""""#,
            r#""aaaaaaaaaaaaaaaaaaa""#,
            r#""aaaaaaaaaaaaaaaaaaaaa""#,
            r#""\u0100aaaaaaaaaaaaaaaaaaa""#,
            "\"\u{20ac}aaaaaaaaaaaaaaaaaaa\"",
            r#""\ud83d\ude00aaaaaaaaaaaaaaaaaa""#,
            r#""\ud83daaaaaaaaaaaaaaaaaaa""#,
            r#""\udc00aaaaaaaaaaaaaaaaaaa""#,
            r#""\ud83d\u0041aaaaaaaaaaaaaaaaaa""#,
            "1",
            "true",
            "{}",
            "[]",
            r#"["aaaaaaaaaaaaaaaaaaaa"]"#,
        ] {
            let text = text.replace(&format!(r#""{name}":"{value}""#), &format!(r#""{name}":{wrong}"#));
            assert_eq!(error(&text), (Action::Announce, torrent, NotTwentyBytes(name)), "{wrong}");
        }
    }
}

#[test]
fn an_announce_with_an_answer_for_a_peer_is_an_answer() {
    let ids = r#""to_peer_id":"cccccccccccccccccccc","offer_id":"dddddddddddddddddddd""#;
    for more in ["", r#","event":"started","left":0,"offers":[{}]"#] {
        let text = announce_text(&format!(r#",{ids},"answer":{{"type":"answer"}},"key":"k"{more}"#));
        let expected = Answer {
            info_hash: InfoHash([b'a'; 20]),
            peer_id: PeerId([b'b'; 20]),
            to_peer_id: PeerId([b'c'; 20]),
            offer_id: OfferId([b'd'; 20]),
            answer: r#"{"type":"answer"}"#,
            key: Text::from_value(r#""k""#),
        };
        assert_eq!(read_message(&text), Ok(ClientMessage::Answer(expected)));
    }
}

#[test]
fn an_incomplete_answer_is_no_announce() {
    let known = Some(InfoHash([b'a'; 20]));
    let ids = r#""to_peer_id":"cccccccccccccccccccc","offer_id":"dddddddddddddddddddd""#;
    let missing = |name| (Action::Announce, known, MessageFault::Missing(name));
    for no_answer in ["null", "1", r#""v=0""#, "[]"] {
        let text = announce_text(&format!(r#",{ids},"answer":{no_answer}"#));
        assert_eq!(error(&text), (Action::Announce, known, MessageFault::InvalidAnswer), "{no_answer}");
    }
    assert_eq!(error(&announce_text(r#","answer":{},"to_peer_id":null"#)), missing("to_peer_id"));
    assert_eq!(error(&announce_text(r#","answer":{}"#)), missing("to_peer_id"));
    announce(r#","answer":null,"to_peer_id":null"#);
    announce(r#","answer":"","to_peer_id":"""#);
}

#[test]
fn a_scrape_names_one_torrent_or_several_or_none() {
    let (b, c) = (r#""bbbbbbbbbbbbbbbbbbbb""#, r#""cccccccccccccccccccc""#);
    for (value, hashes) in [
        (String::new(), b"".as_slice()),
        (r#","info_hash":[]"#.to_owned(), b""),
        (r#","info_hash":null"#.to_owned(), b""),
        (format!(r#","info_hash":{b}"#), b"b"),
        (format!(r#","info_hash":[{b}]"#), b"b"),
        (format!(r#","info_hash":[{b},{c},{b}]"#), b"bcb"),
        (format!(r#","info_hash":[1,{b},"short",null,[{b}],{c}]"#), b"bc"),
        (format!(r#","info_hash":[null],"info_hash":{c}"#), b"c"),
    ] {
        assert_eq!(scraped(&value), Ok(hashes.to_vec()), "{value}");
    }
    for wrong in [r#""""#, r#""short""#, "1", "{}", "true", "[1]", r#"["short",null]"#] {
        let reason = MessageFault::NotTwentyBytes("info_hash");
        let expected = MessageError { action: Action::Scrape, info_hash: None, reason };
        assert_eq!(scraped(&format!(r#","info_hash":{wrong}"#)), Err(expected), "{wrong}");
    }
}

#[test]
fn a_message_without_a_known_action_is_refused() {
    let known = Some(InfoHash([b'a'; 20]));
    for action in
        [r#""connect""#, r#""Announce""#, r#""""#, "1", "null", "{}", r#""announce announce""#, r#""\ud800""#]
    {
        let text = format!(r#"{{"info_hash":"{HASH}","action":{action}}}"#);
        assert_eq!(error(&text), (Action::Announce, known, MessageFault::UnknownAction), "{action}");
    }
    assert_eq!(error("{}"), (Action::Announce, None, MessageFault::UnknownAction));
    let escaped = announce_text("").replace("announce", r"\u0061nnounce");
    assert!(matches!(read_message(&escaped), Ok(ClientMessage::Announce(_))));
}

#[test]
fn what_is_not_a_json_object_names_no_torrent() {
    let truncated = announce_text("");
    for text in ["", "[]", "null", "x", &truncated[..truncated.len() - 1], &announce_text(r#","offers":[{]"#)]
    {
        assert_eq!(error(text), (Action::Announce, None, MessageFault::NotAnObject), "{text}");
    }
}

#[test]
fn a_key_is_a_string() {
    let key = |value: &str| {
        let key = announce(&format!(r#","key":{value}"#)).key;
        key.map(|key| key.decode(&mut [0; 4]).map(str::to_owned))
    };
    for (value, expected) in [
        (r#""ABCD1234""#, Some(Some("ABCD1234"))),
        (r#""""#, Some(Some(""))),
        (r#""\u0061bc\n""#, Some(Some("abc\n"))),
        (r#""\u00e9\u00e9""#, Some(Some("\u{e9}\u{e9}"))),
        (r#""\ud83d\ude00""#, Some(Some("\u{1f600}"))),
        (r#""\u0061bcde""#, Some(None)),
        (r#""a\ud83d\ude00""#, Some(None)),
        (r#""\ud83d""#, Some(None)),
        ("1", None),
        ("null", None),
        ("[]", None),
    ] {
        assert_eq!(key(value).as_ref().map(|key| key.as_deref()), expected, "{value}");
    }
}
