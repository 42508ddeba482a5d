use super::*;
use proptest::prelude::*;

const NEEDED: &str = "info_hash=aaaaaaaaaaaaaaaaaaaa&peer_id=bbbbbbbbbbbbbbbbbbbb&port=6881";

fn announce(query: &str) -> Announce<'_> {
    Announce::from_query(query.as_bytes()).unwrap_or_else(|error| panic!("{query}: {error}"))
}

/// An announce with these parameters after the required ones.
fn with(parameters: &str) -> Announce<'static> {
    announce(format!("{NEEDED}&{parameters}").leak())
}

fn error(query: &str) -> QueryError<'_> {
    Announce::from_query(query.as_bytes()).expect_err(query)
}

#[test]
fn an_announce_with_only_the_required_parameters_is_from_a_leecher() {
    let announce = announce(NEEDED);
    assert_eq!(announce.info_hash, InfoHash([b'a'; 20]));
    assert_eq!(announce.peer_id, PeerId([b'b'; 20]));
    assert_eq!(announce.port, 6881);
    assert_eq!((announce.uploaded, announce.downloaded, announce.left), (None, None, None));
    assert_eq!((announce.event, announce.status()), (Event::None, PeerStatus::Leecher));
    assert_eq!((announce.numwant, announce.form), (Numwant::Default, PeerForm::Compact));
    assert_eq!((announce.ip(), announce.ipv4(), announce.ipv6()), (None, None, None));
}

#[test]
fn a_missing_parameter_is_named() {
    for (left_out, parameter) in
        [("info_hash", Parameter::InfoHash), ("peer_id", Parameter::PeerId), ("port", Parameter::Port)]
    {
        let query = NEEDED.replace(left_out, "something_else");
        assert_eq!(error(&query), QueryError::Missing(parameter));
    }
    assert_eq!(error(""), QueryError::Missing(Parameter::InfoHash));
}

#[test]
fn a_wrong_parameter_is_named() {
    let hash = |value| QueryError::NotTwentyBytes(Parameter::InfoHash, ParameterValue(value));
    for wrong in
        ["", "aaaaaaaaaaaaaaaaaaa", "aaaaaaaaaaaaaaaaaaaaa", "aaaaaaaaaaaaaaaaaaa%", "%zzaaaaaaaaaaaaaaaaaaa"]
    {
        assert_eq!(error(&NEEDED.replace("aaaaaaaaaaaaaaaaaaaa", wrong)), hash(wrong.as_bytes()), "{wrong}");
    }
    assert_eq!(
        error(&NEEDED.replace("bbb", "b")),
        QueryError::NotTwentyBytes(Parameter::PeerId, ParameterValue(b"bbbbbbbb"))
    );
    for port in ["", "65536", "-1", "abc", "6881x"] {
        let wrong = QueryError::NotAPort(ParameterValue(port.as_bytes()));
        assert_eq!(error(&NEEDED.replace("6881", port)), wrong, "{port}");
    }
    assert_eq!(announce(&NEEDED.replace("6881", "0")).port, 0);
}

#[test]
fn the_last_of_several_parameters_with_the_same_name_counts() {
    let announce = with("port=1&port=51413&left=5&left=0");
    assert_eq!((announce.port, announce.left), (51413, Some(0)));
    assert_eq!(announce.status(), PeerStatus::Seeder);
}

#[test]
fn values_that_are_not_numbers_count_as_missing() {
    let announce = with("uploaded=12&downloaded=18446744073709551616&left=-1");
    assert_eq!((announce.uploaded, announce.downloaded, announce.left), (Some(12), None, None));
    assert_eq!(announce.status(), PeerStatus::Leecher);
}

#[test]
fn an_invalid_numwant_leaves_the_number_to_the_tracker() {
    for (value, numwant) in [
        ("0", Numwant::AtMost(0)),
        ("80", Numwant::AtMost(80)),
        ("5000000000", Numwant::AtMost(u32::MAX)),
        ("-1", Numwant::Default),
        ("many", Numwant::Default),
        ("", Numwant::Default),
    ] {
        assert_eq!(with(&format!("numwant={value}")).numwant, numwant, "{value}");
    }
}

#[test]
fn peers_are_compact_unless_the_client_asks_for_dictionaries() {
    for (parameters, form) in [
        ("compact=1", PeerForm::Compact),
        ("compact=1&no_peer_id=1", PeerForm::Compact),
        ("no_peer_id=1", PeerForm::Compact),
        ("compact=", PeerForm::Compact),
        ("compact=0", PeerForm::Dictionaries),
        ("compact=0&no_peer_id=0", PeerForm::Dictionaries),
        ("compact=0&no_peer_id=1", PeerForm::DictionariesWithoutPeerIds),
    ] {
        assert_eq!(with(parameters).form, form, "{parameters}");
    }
}

#[test]
fn address_parameters_are_read_if_they_are_addresses() {
    let announce = with("ip=192.0.2.1&ipv4=192.0.2.2:6881&ipv6=%5B2001%3adb8::1%5D:6881");
    assert_eq!(announce.ip(), "192.0.2.1".parse().ok());
    assert_eq!(announce.ipv4(), "192.0.2.2".parse().ok());
    assert_eq!(announce.ipv6(), "2001:db8::1".parse().ok());
    let wrong = with("ip=tracker.example&ipv4=2001:db8::1&ipv6=192.0.2.1");
    assert_eq!((wrong.ip(), wrong.ipv4(), wrong.ipv6()), (None, None, None));
}

#[test]
fn unknown_parameters_are_ignored() {
    let announce = with("&&=&=x&novalue&trackerid=t&key=ABCD&supportcrypto=1&a=b=c&event=started");
    assert_eq!(announce.event, Event::Started);
}

fn escaped() -> impl Strategy<Value = (Vec<u8>, String)> {
    let byte = any::<(u8, bool, bool)>().prop_map(|(byte, is_escaped, is_upper)| {
        let is_plain = !is_escaped && byte.is_ascii_graphic() && !b"&=%".contains(&byte);
        let text = match (is_plain, is_upper) {
            (true, _) => char::from(byte).to_string(),
            (false, true) => format!("%{byte:02X}"),
            (false, false) => format!("%{byte:02x}"),
        };
        (byte, text)
    });
    prop::collection::vec(byte, 20)
        .prop_map(|bytes| bytes.into_iter().unzip::<_, _, Vec<_>, Vec<_>>())
        .prop_map(|(bytes, texts)| (bytes, texts.concat()))
}

proptest! {
    #[test]
    fn twenty_bytes_are_read_however_they_are_escaped((bytes, hash) in escaped(), (id, peer_id) in escaped()) {
        let query = format!("peer_id={peer_id}&port=1&info_hash={hash}");
        let announce = announce(&query);
        prop_assert_eq!(announce.info_hash.0.as_slice(), bytes);
        prop_assert_eq!(announce.peer_id.0.as_slice(), id);
    }

    #[test]
    fn the_order_of_parameters_does_not_matter(
        parameters in Just(vec!["left=7", "event=completed", "numwant=3", "compact=0", "uploaded=1", "x=y"])
            .prop_shuffle(),
    ) {
        let shuffled = format!("{}&{NEEDED}", parameters.join("&"));
        let ordered = format!("{NEEDED}&left=7&event=completed&numwant=3&compact=0&uploaded=1");
        prop_assert_eq!(announce(&shuffled), announce(&ordered));
    }
}
