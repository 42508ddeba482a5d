use primitives::{AnnounceEvent, InfoHash, PeerId, PeerStatus};
use serde::de::IgnoredAny;
use serde_json::{Map, Value, json};
use ws_protocol::{
    Action, Announce, AnnounceAnswer, Answer, ClientMessage, DEPTH_MAX, FrameReader, Incoming,
    MESSAGE_BYTES_MAX, MessageError, MessageFault, OfferId, Scrape, ScrapedTorrent, Sender, Signal,
    SignalKind, Text, append_announce_answer, append_failure, append_scrape, append_signal, read_message,
};

/// Reads `message` as that of a client. The result must be that of a plain parser, and what is sent because of it must
/// have the same values.
///
/// # Panics
/// If they differ.
pub fn ws_messages(message: &[u8]) {
    // What is sent because of a longer one may be beyond the limit of what is read.
    let Some(text) = str::from_utf8(message).ok().filter(|text| text.len() <= MESSAGE_BYTES_MAX / 4) else {
        return;
    };
    let read = read_message(text);
    let is_object = serde_json::from_str::<IgnoredAny>(text).is_ok()
        && text.trim_start().starts_with('{')
        && depth(text) <= DEPTH_MAX;
    let not_an_object =
        MessageError { action: Action::Announce, info_hash: None, reason: MessageFault::NotAnObject };
    assert_eq!(read.as_ref().err() != Some(&not_an_object), is_object, "{text}");
    // The plain parser has no strings with halves of surrogate pairs, and no numbers beyond its own.
    if is_object && let Ok(Value::Object(values)) = serde_json::from_str(text) {
        check(read, &values);
    }
}

/// The levels of a JSON text.
fn depth(text: &str) -> usize {
    let (mut depth, mut deepest) = (0_usize, 0);
    let (mut is_in_string, mut is_escaped) = (false, false);
    for character in text.chars() {
        match character {
            _ if is_escaped => is_escaped = false,
            '\\' if is_in_string => is_escaped = true,
            '"' => is_in_string = !is_in_string,
            '[' | '{' if !is_in_string => depth += 1,
            ']' | '}' if !is_in_string => depth -= 1,
            _ => {}
        }
        deepest = deepest.max(depth);
    }
    deepest
}

type Values = Map<String, Value>;

/// A binary string, if the value is one.
fn binary(value: &Value) -> Option<[u8; 20]> {
    let bytes: Option<Vec<u8>> = value.as_str()?.chars().map(|byte| u8::try_from(byte).ok()).collect();
    bytes?.try_into().ok()
}

fn characters(bytes: [u8; 20]) -> String {
    bytes.into_iter().map(char::from).collect()
}

fn given<'a>(values: &'a Values, name: &str) -> Option<&'a Value> {
    values.get(name).filter(|value| !value.is_null())
}

fn known(values: &Values, name: &str) -> Option<[u8; 20]> {
    values.get(name).and_then(binary)
}

fn number(values: &Values, name: &str) -> Option<u64> {
    let value = values.get(name)?;
    value.as_u64().or_else(|| (value.as_f64() == Some(0.0)).then_some(0))
}

fn is_answer(values: &Values) -> bool {
    values.get("answer").is_some_and(Value::is_object) || known(values, "to_peer_id").is_some()
}

/// Returns why a message has to be refused.
fn fault(values: &Values) -> Option<MessageError> {
    let info_hash = known(values, "info_hash").map(InfoHash);
    let error = |action, reason| Some(MessageError { action, info_hash, reason });
    let required: &[&'static str] = match values.get("action").and_then(Value::as_str) {
        Some("announce") if is_answer(values) => &["info_hash", "peer_id", "to_peer_id", "offer_id"],
        Some("announce") => &["info_hash", "peer_id"],
        Some("scrape") => {
            let is_usable = given(values, "info_hash").is_none_or(|value| match value {
                Value::Array(list) => list.is_empty() || list.iter().any(|value| binary(value).is_some()),
                value => binary(value).is_some(),
            });
            let reason = MessageFault::NotTwentyBytes("info_hash");
            return if is_usable { None } else { error(Action::Scrape, reason) };
        }
        _ => return error(Action::Announce, MessageFault::UnknownAction),
    };
    let Some(wrong) = required.iter().find(|name| known(values, name).is_none()) else {
        let is_wrong = is_answer(values) && values["action"] == "announce" && !values["answer"].is_object();
        return if is_wrong { error(Action::Announce, MessageFault::InvalidAnswer) } else { None };
    };
    let is_missing = given(values, wrong).is_none();
    let reason = if is_missing { MessageFault::Missing } else { MessageFault::NotTwentyBytes };
    error(Action::Announce, reason(wrong))
}

fn check(read: Result<ClientMessage<'_>, MessageError>, values: &Values) {
    assert_eq!(read.as_ref().err(), fault(values).as_ref(), "{values:?}");
    match read {
        Ok(ClientMessage::Announce(announce)) => check_announce(announce, values),
        Ok(ClientMessage::Answer(answer)) => check_answer(&answer, values),
        Ok(ClientMessage::Scrape(scrape)) => check_scrape(scrape, values),
        Err(MessageError { action, info_hash: Some(info_hash), reason }) => {
            let name = if action == Action::Announce { "announce" } else { "scrape" };
            let sent = sent(|out| append_failure(out, action, &info_hash, &reason));
            let reason = reason.to_string();
            let expected =
                json!({ "action": name, "info_hash": characters(info_hash.0), "failure reason": reason });
            assert_eq!(sent, expected);
        }
        Err(_) => {}
    }
}

fn check_key(key: Option<Text<'_>>, values: &Values) {
    let plain = values.get("key").and_then(Value::as_str);
    let mut room = vec![0; plain.map_or(0, str::len)];
    assert_eq!(key.map(|key| key.decode(&mut room)), plain.map(Some));
}

fn check_announce(announce: Announce<'_>, values: &Values) {
    assert_eq!(values["action"], "announce");
    assert_eq!(
        (Some(announce.info_hash.0), Some(announce.peer_id.0)),
        (known(values, "info_hash"), known(values, "peer_id"))
    );
    let numbers = ["uploaded", "downloaded", "left"].map(|name| number(values, name));
    assert_eq!([announce.uploaded, announce.downloaded, announce.left], numbers);
    let event = values.get("event").and_then(Value::as_str).unwrap_or_default();
    let expected = match event {
        "started" => AnnounceEvent::Started,
        "completed" => AnnounceEvent::Completed,
        "stopped" => AnnounceEvent::Stopped,
        _ => AnnounceEvent::None,
    };
    let is_seeder = numbers[2] == Some(0) && event != "paused";
    assert_eq!((announce.event, announce.status == PeerStatus::Seeder), (expected, is_seeder));
    check_key(announce.key, values);
    let plain = values.get("offers").and_then(Value::as_array).into_iter().flatten().filter_map(|offer| {
        let description = offer.get("offer").filter(|description| description.is_object())?;
        Some((binary(offer.get("offer_id")?)?, description))
    });
    let mut plain = plain.peekable();
    for offer in announce.offers {
        let (offer_id, description) = plain.next().expect("an offer");
        assert_eq!(offer.offer_id, OfferId(offer_id));
        let signal = Signal {
            kind: SignalKind::Offer,
            info_hash: announce.info_hash,
            peer_id: announce.peer_id,
            offer_id: offer.offer_id,
            description: offer.offer,
        };
        check_signal(&signal, "offer", description);
    }
    assert_eq!(plain.next(), None);
    let answer =
        AnnounceAnswer { info_hash: announce.info_hash, complete: 1, incomplete: u32::MAX, interval_s: 120 };
    let expected = json!({
        "action": "announce", "info_hash": characters(announce.info_hash.0), "complete": 1, "incomplete": u32::MAX,
        "interval": 120,
    });
    assert_eq!(sent(|out| append_announce_answer(out, &answer)), expected);
}

fn check_answer(answer: &Answer<'_>, values: &Values) {
    assert!(values["action"] == "announce" && is_answer(values));
    let read = [answer.info_hash.0, answer.peer_id.0, answer.to_peer_id.0, answer.offer_id.0];
    let names = ["info_hash", "peer_id", "to_peer_id", "offer_id"];
    assert_eq!(read.map(Some), names.map(|name| known(values, name)));
    check_key(answer.key, values);
    let Answer { info_hash, peer_id, offer_id, answer: description, .. } = *answer;
    let signal = Signal { kind: SignalKind::Answer, info_hash, peer_id, offer_id, description };
    check_signal(&signal, "answer", &values["answer"]);
}

fn check_signal(signal: &Signal<'_>, name: &str, description: &Value) {
    let InfoHash(info_hash) = signal.info_hash;
    let PeerId(peer_id) = signal.peer_id;
    let expected = json!({
        "action": "announce", "info_hash": characters(info_hash), "peer_id": characters(peer_id),
        "offer_id": characters(signal.offer_id.0), name: description,
    });
    assert_eq!(sent(|out| append_signal(out, signal)), expected);
}

fn check_scrape(scrape: Scrape<'_>, values: &Values) {
    assert_eq!(values["action"], "scrape");
    check_key(scrape.key, values);
    let named = match given(values, "info_hash") {
        None => Vec::new(),
        Some(Value::Array(list)) => list.iter().filter_map(binary).collect(),
        Some(value) => binary(value).into_iter().collect(),
    };
    let hashes: Vec<[u8; 20]> = scrape.info_hashes.clone().map(|info_hash| info_hash.0).collect();
    assert_eq!(hashes, named);
    let files = named.into_iter().map(characters);
    let files: Values =
        files.map(|name| (name, json!({ "complete": 0, "incomplete": 7, "downloaded": u64::MAX }))).collect();
    let expected = json!({ "action": "scrape", "files": files, "flags": { "min_request_interval": 600 } });
    let file = |info_hash| ScrapedTorrent { info_hash, complete: 0, incomplete: 7, downloaded: u64::MAX };
    assert_eq!(sent(|out| append_scrape(out, scrape.info_hashes.map(file))), expected);
}

/// Returns the message in the one frame that `append` writes.
fn sent(append: impl FnOnce(&mut Vec<u8>)) -> Value {
    let mut frame = Vec::new();
    append(&mut frame);
    let bytes = frame.len();
    match FrameReader::new(Sender::Server).read(&mut frame) {
        (consumed, Incoming::Message(text)) if consumed == bytes => {
            serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
        }
        other => panic!("{other:?}"),
    }
}
