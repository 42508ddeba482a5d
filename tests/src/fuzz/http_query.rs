use http_protocol::{
    Announce, Event, Parameter, ParameterValue, PeerForm, QueryError, SCRAPE_HASHES_MAX, Scrape,
    parse_address,
};
use primitives::{InfoHash, Numwant, PeerStatus};
use std::net::IpAddr;

/// Parses `query` as that of an announce and of a scrape. The result, or the error, must equal that of a plain
/// parser that first splits the query into strings.
///
/// # Panics
/// If the results differ.
pub fn http_query(query: &[u8]) {
    match Announce::from_query(query) {
        Ok(announce) => check_announce(query, &announce),
        Err(error) => assert_eq!(Some(error), fault_of_announce(query), "{}", query.escape_ascii()),
    }
    let hashes: Vec<&[u8]> = values(query, "info_hash").take(SCRAPE_HASHES_MAX).collect();
    let decoded: Option<Vec<InfoHash>> = hashes.iter().map(|value| twenty(value).map(InfoHash)).collect();
    match (Scrape::from_query(query), decoded) {
        (Ok(scrape), Some(decoded)) => assert_eq!(scrape.info_hashes().collect::<Vec<_>>(), decoded),
        (Err(QueryError::Missing(Parameter::InfoHash)), _) => assert_eq!(hashes, Vec::<&[u8]>::new()),
        (Err(error), None) => {
            let wrong = hashes.iter().find(|value| twenty(value).is_none()).expect("an invalid hash");
            assert_eq!(error, QueryError::NotTwentyBytes(Parameter::InfoHash, ParameterValue(wrong)));
        }
        (scrape, decoded) => panic!("{scrape:?}, {decoded:?}"),
    }
}

/// Returns all values of a parameter, in their order.
fn values<'a>(query: &'a [u8], name: &'a str) -> impl Iterator<Item = &'a [u8]> {
    query.split(|&byte| byte == b'&').filter_map(move |parameter| {
        let mut parts = parameter.splitn(2, |&byte| byte == b'=');
        let is_it = !parameter.is_empty() && parts.next() == Some(name.as_bytes());
        is_it.then(|| parts.next().unwrap_or_default())
    })
}

fn last<'a>(query: &'a [u8], name: &'a str) -> Option<&'a [u8]> {
    values(query, name).last()
}

/// A plain reference implementation of percent-decoding.
fn decode(value: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut at = 0;
    while let Some(&byte) = value.get(at) {
        if byte == b'%' {
            let digits =
                value.get(at + 1..at + 3).filter(|digits| digits.iter().all(u8::is_ascii_hexdigit))?;
            bytes.push(u8::from_str_radix(str::from_utf8(digits).ok()?, 16).ok()?);
            at += 3;
        } else {
            bytes.push(byte);
            at += 1;
        }
    }
    Some(bytes)
}

fn twenty(value: &[u8]) -> Option<[u8; 20]> {
    decode(value)?.try_into().ok()
}

fn number(value: Option<&[u8]>) -> Option<u64> {
    let digits = decode(value?)?;
    digits.iter().all(u8::is_ascii_digit).then(|| String::from_utf8(digits).ok()?.parse().ok())?
}

fn address(value: Option<&[u8]>) -> Option<IpAddr> {
    parse_address(&decode(value?)?)
}

fn fault_of_announce(query: &[u8]) -> Option<QueryError<'_>> {
    for (name, parameter) in [("info_hash", Parameter::InfoHash), ("peer_id", Parameter::PeerId)] {
        let Some(value) = last(query, name) else { return Some(QueryError::Missing(parameter)) };
        if twenty(value).is_none() {
            return Some(QueryError::NotTwentyBytes(parameter, ParameterValue(value)));
        }
    }
    let Some(port) = last(query, "port") else { return Some(QueryError::Missing(Parameter::Port)) };
    match number(Some(port)) {
        Some(0..=65_535) => None,
        _ => Some(QueryError::NotAPort(ParameterValue(port))),
    }
}

fn check_announce(query: &[u8], announce: &Announce<'_>) {
    let value = |name| last(query, name);
    assert_eq!(fault_of_announce(query), None, "a parsed query has no fault");
    assert_eq!(Some(announce.info_hash.0), value("info_hash").and_then(twenty));
    assert_eq!(Some(announce.peer_id.0), value("peer_id").and_then(twenty));
    assert_eq!(Some(u64::from(announce.port)), number(value("port")));
    assert_eq!(announce.uploaded, number(value("uploaded")));
    assert_eq!(announce.downloaded, number(value("downloaded")));
    assert_eq!(announce.left, number(value("left")));
    let wanted = number(value("numwant"))
        .map_or(Numwant::Default, |number| Numwant::AtMost(u32::try_from(number).unwrap_or(u32::MAX)));
    assert_eq!(announce.numwant, wanted);
    let event = match value("event").and_then(decode).as_deref() {
        Some(b"started") => Event::Started,
        Some(b"stopped") => Event::Stopped,
        Some(b"completed") => Event::Completed,
        Some(b"paused") => Event::Paused,
        _ => Event::None,
    };
    assert_eq!(announce.event, event);
    let is_seeder = announce.left == Some(0) && event != Event::Paused;
    assert_eq!(announce.status() == PeerStatus::Seeder, is_seeder);
    check_form(query, announce.form);
    assert_eq!(announce.ip(), address(value("ip")));
    assert_eq!(announce.ipv4(), address(value("ipv4")).filter(IpAddr::is_ipv4));
    assert_eq!(announce.ipv6(), address(value("ipv6")).filter(IpAddr::is_ipv6));
}

fn check_form(query: &[u8], form: PeerForm) {
    let is = |name, text: &[u8]| last(query, name).and_then(decode).as_deref() == Some(text);
    let expected = match (is("compact", b"0"), is("no_peer_id", b"1")) {
        (false, _) => PeerForm::Compact,
        (true, false) => PeerForm::Dictionaries,
        (true, true) => PeerForm::DictionariesWithoutPeerIds,
    };
    assert_eq!(form, expected);
}
