use super::*;
use crate::append_frame;
use proptest::prelude::*;

const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// A frame of a client with this first byte.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = Vec::new();
    append_frame(&mut frame, Opcode::Text, Some(MASK), payload);
    frame[0] = first;
    frame
}

/// The outcomes of reading a connection to its end or to the first invalid frame, each with the bytes up to it. The
/// numbers are the bytes that have arrived when more are read.
fn read(bytes: &[u8], arrivals: impl Iterator<Item = usize>) -> Vec<String> {
    let mut bytes = bytes.to_vec();
    let mut reader = FrameReader::new(Sender::Client);
    let mut outcomes = Vec::new();
    let mut start = 0;
    for end in arrivals.chain([bytes.len()]) {
        loop {
            let (consumed, incoming) = reader.read(&mut bytes[start..end.max(start)]);
            start += consumed;
            match incoming {
                Incoming::Incomplete => break,
                Incoming::Invalid(code) => {
                    outcomes.push(format!("{start}: {code:?}"));
                    return outcomes;
                }
                incoming => outcomes.push(format!("{start}: {incoming:?}")),
            }
        }
    }
    outcomes.push(format!("{start}: {}", if reader.is_amid_message() { "amid" } else { "idle" }));
    outcomes
}

/// The outcomes of reading frames, and the same for every place where the connection may be split.
fn outcomes(frames: &[Vec<u8>]) -> Vec<String> {
    let bytes = frames.concat();
    let whole = read(&bytes, [].into_iter());
    for cut in 0..bytes.len() {
        assert_eq!(read(&bytes, [cut].into_iter()), whole, "cut at {cut}: {}", bytes.escape_ascii());
    }
    assert_eq!(read(&bytes, 0..bytes.len()), whole, "byte by byte: {}", bytes.escape_ascii());
    whole.into_iter().map(|outcome| outcome.split_once(": ").unwrap().1.to_owned()).collect()
}

fn first_outcome(sender: Sender, bytes: &[u8]) -> String {
    format!("{:?}", FrameReader::new(sender).read(&mut bytes.to_vec()))
}

#[test]
fn the_frames_of_the_rfc_are_read() {
    let hello = b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58";
    assert_eq!(first_outcome(Sender::Client, hello), r#"(11, Message("Hello"))"#);
    assert_eq!(first_outcome(Sender::Server, b"\x81\x05Hello"), r#"(7, Message("Hello"))"#);
    assert_eq!(
        first_outcome(Sender::Server, b"\x89\x05Hello"),
        format!("(7, {:?})", Incoming::Ping(b"Hello"))
    );
    let fragments = [frame(0x01, b"Hel"), frame(0x80, b"lo")];
    assert_eq!(outcomes(&fragments), ["Fragment", r#"Message("Hello")"#, "idle"]);
}

#[test]
fn a_message_of_any_length_is_what_was_written() {
    for length in [0, 1, 7, 8, 9, 124, 125, 126, 127, 128, 1000, 65_534, 65_535, 65_536] {
        let payload: String = ('!'..='~').cycle().take(length).collect();
        for (sender, mask) in [(Sender::Client, Some(MASK)), (Sender::Server, None)] {
            let mut bytes = Vec::new();
            append_frame(&mut bytes, Opcode::Text, mask, payload.as_bytes());
            let head_bytes = match length {
                0..=125 => 2,
                126..=65_535 => 4,
                _ => 10,
            };
            assert_eq!(bytes.len(), head_bytes + mask.map_or(0, |_| 4) + length);
            assert!(bytes.len() <= crate::FRAME_BYTES_MAX);
            let whole = bytes.len();
            let mut reader = FrameReader::new(sender);
            assert_eq!(reader.read(&mut bytes[..whole - 1]), (0, Incoming::Incomplete));
            assert_eq!(reader.read(&mut bytes), (whole, Incoming::Message(&payload)), "{length}");
        }
    }
}

#[test]
fn an_invalid_frame_is_refused_by_its_head_alone() {
    use CloseCode::{ProtocolError, TooBig};
    use Sender::{Client, Server};
    let cases: [(&str, Sender, &[u8], CloseCode); 20] = [
        ("the first reserved bit", Client, b"\xc1", ProtocolError),
        ("the second reserved bit", Client, b"\xa1", ProtocolError),
        ("the third reserved bit", Server, b"\x91", ProtocolError),
        ("an unknown opcode", Client, b"\x83", ProtocolError),
        ("an unknown control opcode", Client, b"\x8b", ProtocolError),
        ("a continuation of nothing", Client, b"\x80", ProtocolError),
        ("a client without mask", Client, b"\x81\x05", ProtocolError),
        ("a client's ping without mask", Client, b"\x89\x00", ProtocolError),
        ("a server with mask", Server, b"\x81\x85", ProtocolError),
        ("a ping in fragments", Client, b"\x09", ProtocolError),
        ("a close in fragments", Client, b"\x08", ProtocolError),
        ("a pong in fragments", Server, b"\x0a", ProtocolError),
        ("a long ping", Client, b"\x89\xfe", ProtocolError),
        ("a huge close", Server, b"\x88\x7f", ProtocolError),
        ("125 in 2 bytes", Client, b"\x81\xfe\x00\x7d", ProtocolError),
        ("65,535 in 8 bytes", Client, b"\x81\xff\0\0\0\0\0\0\xff\xff", ProtocolError),
        ("a negative length", Server, b"\x81\x7f\x80\0\0\0\0\x01\0\0", ProtocolError),
        ("65,537 bytes", Client, b"\x81\xff\0\0\0\0\0\x01\0\x01", TooBig),
        ("65,537 bytes in the first fragment", Client, b"\x01\xff\0\0\0\0\0\x01\0\x01", TooBig),
        ("as many bytes as there can be", Server, b"\x82\x7f\x7f\xff\xff\xff\xff\xff\xff\xff", TooBig),
    ];
    for (name, sender, head, code) in cases {
        assert_eq!(first_outcome(sender, head), format!("(0, Invalid({code:?}))"), "{name}");
        for length in 0..head.len() {
            assert_eq!(first_outcome(sender, &head[..length]), "(0, Incomplete)", "{name}: {length}");
        }
    }
}

#[test]
fn fragments_have_to_be_in_order() {
    let (begin, next, last) = (frame(0x01, b"a"), frame(0x00, b"b"), frame(0x80, b"c"));
    let (text, ping) = (frame(0x81, b"text"), frame(0x89, b"?"));
    let pinged = format!("{:?}", Incoming::Ping(b"?"));
    let cases: [(&[&Vec<u8>], &[&str]); 7] = [
        (&[&begin, &next, &last], &["Fragment", "Fragment", r#"Message("abc")"#, "idle"]),
        (
            &[&begin, &ping, &last, &text],
            &["Fragment", &pinged, r#"Message("ac")"#, r#"Message("text")"#, "idle"],
        ),
        (&[&begin, &ping, &next], &["Fragment", &pinged, "Fragment", "amid"]),
        (&[&begin, &text], &["Fragment", "ProtocolError"]),
        (&[&begin, &begin], &["Fragment", "ProtocolError"]),
        (&[&begin, &last, &last], &["Fragment", r#"Message("ac")"#, "ProtocolError"]),
        (&[&text, &next], &[r#"Message("text")"#, "ProtocolError"]),
    ];
    for (frames, expected) in cases {
        let frames: Vec<Vec<u8>> = frames.iter().map(|&frame| frame.clone()).collect();
        assert_eq!(outcomes(&frames), expected);
    }
}

#[test]
fn a_message_in_fragments_has_the_same_limit() {
    let mut reader = FrameReader::new(Sender::Client);
    for bytes in [20_000, 20_000, 20_000, 5_536] {
        let first = if reader.is_amid_message() { 0x00 } else { 0x01 };
        assert_eq!(reader.read(&mut frame(first, &vec![b'a'; bytes])).1, Incoming::Fragment);
    }
    assert_eq!(reader.fragments.capacity(), MESSAGE_BYTES_MAX);
    let mut head = frame(0x80, b"a");
    assert_eq!(reader.read(&mut head[..2]), (0, Incoming::Invalid(CloseCode::TooBig)));
    let mut ping = frame(0x89, b"a");
    assert_eq!(reader.read(&mut ping), (7, Incoming::Ping(b"a")));
    let mut last = frame(0x80, b"");
    let whole = "a".repeat(MESSAGE_BYTES_MAX);
    assert_eq!(reader.read(&mut last), (6, Incoming::Message(&whole)));
}

#[test]
fn a_message_in_fragments_is_freed_by_the_next_read() {
    let mut reader = FrameReader::new(Sender::Client);
    reader.read(&mut frame(0x01, b"a"));
    reader.read(&mut frame(0x80, b"b"));
    assert!(reader.fragments.capacity() > 0);
    assert_eq!(reader.read(&mut []), (0, Incoming::Incomplete));
    assert_eq!(reader.fragments.capacity(), 0);
    assert!(size_of::<FrameReader>() <= 32);
}

#[test]
fn what_is_not_utf_8_is_an_invalid_text() {
    let (whole, half) = ("\u{20ac}".as_bytes(), &"\u{20ac}".as_bytes()[..2]);
    let cases: [(&[Vec<u8>], &[&str]); 8] = [
        (&[frame(0x81, whole)], &["Message(\"\u{20ac}\")", "idle"]),
        (&[frame(0x82, whole)], &["Message(\"\u{20ac}\")", "idle"]),
        (&[frame(0x81, half)], &["InvalidText"]),
        (&[frame(0x82, b"\xff")], &["InvalidText"]),
        (&[frame(0x81, b"\xed\xa0\x80")], &["InvalidText"]),
        (&[frame(0x01, half), frame(0x80, &whole[2..])], &["Fragment", "Message(\"\u{20ac}\")", "idle"]),
        (&[frame(0x01, half), frame(0x80, b"a")], &["Fragment", "InvalidText"]),
        (&[frame(0x02, b"a"), frame(0x80, half)], &["Fragment", "InvalidText"]),
    ];
    for (frames, expected) in cases {
        assert_eq!(outcomes(frames), expected);
    }
}

#[test]
fn a_close_has_nothing_or_a_code_that_may_be_sent_and_a_reason() {
    for code in 0..=u16::MAX {
        let is_valid = match code {
            1004..=1006 => false,
            1000..=1014 | 3000..=4999 => true,
            _ => false,
        };
        let expected = if is_valid { "(8, Close)" } else { "(0, Invalid(ProtocolError))" };
        assert_eq!(first_outcome(Sender::Client, &frame(0x88, &code.to_be_bytes())), expected, "{code}");
    }
    let longest = [b"\x03\xe8".as_slice(), &[b'a'; 123]].concat();
    for (payload, expected) in [
        (b"".as_slice(), "Close"),
        (b"\x03", "ProtocolError"),
        (b"\x03\xe8good \xe2\x82\xac", "Close"),
        (b"\x03\xe8bad \xe2\x82", "InvalidText"),
        (&longest, "Close"),
    ] {
        assert_eq!(outcomes(&[frame(0x88, payload)])[0], expected, "{}", payload.escape_ascii());
    }
}

#[test]
fn control_frames_carry_up_to_125_bytes() {
    let longest = [b'a'; 125];
    let pinged = format!("{:?}", Incoming::Ping(&longest));
    assert_eq!(outcomes(&[frame(0x89, &longest), frame(0x8a, &longest)]), [&pinged, "Pong", "idle"]);
}

/// Valid and invalid frames.
fn any_frame() -> impl Strategy<Value = Vec<u8>> {
    let first = prop::sample::select(vec![0x01, 0x01, 0x00, 0x00, 0x80, 0x81, 0x82, 0x88, 0x89, 0x8a, 0xc1]);
    let payload =
        prop::sample::select(vec![b"".as_slice(), b"a", b"\xc3", b"\xa9", b"\x03\xe8", &[b'a'; 130]]);
    (first, payload).prop_map(|(first, payload)| frame(first, payload))
}

proptest! {
    #[test]
    fn any_frames_may_be_split_anywhere(frames in prop::collection::vec(any_frame(), 0..8), cuts in prop::collection::vec(0..600_usize, 0..5)) {
        let bytes = frames.concat();
        let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(bytes.len())).collect();
        cuts.sort_unstable();
        let whole = read(&bytes, [].into_iter());
        prop_assert_eq!(&read(&bytes, cuts.into_iter()), &whole);
        prop_assert_eq!(&read(&bytes, 0..bytes.len()), &whole);
    }
}
