use super::bytes::Bytes;
use ws_protocol::{CloseCode, FrameReader, Incoming, MESSAGE_BYTES_MAX, Opcode, Sender, append_frame};

/// Reads the connection of a script in one piece and in those of the script. The outcomes must be the same, and those of
/// a plain reader.
///
/// # Panics
/// If the outcomes differ.
pub fn ws_frames(script: &[u8]) {
    let mut script = Bytes(script);
    let Some(settings) = script.byte() else { return };
    let sender = if settings % 2 == 0 { Sender::Client } else { Sender::Server };
    let pieces = script.counted().unwrap_or_default();
    let connection = connection(&mut script, sender);
    // The pieces grow with the connection, so that a long one takes no longer than a short one.
    let shortest = 1 + connection.len() / 512;
    let pieces: Vec<usize> =
        pieces.iter().map(|&piece| shortest + usize::from(piece) * usize::from(piece)).collect();
    let whole = read_all(&connection, sender, &[]);
    assert_eq!(read_all(&connection, sender, &pieces), whole, "{pieces:?}: {}", connection.escape_ascii());
    assert_eq!(whole, read_plainly(&connection, sender), "{}", connection.escape_ascii());
}

/// What was read from a frame, or why no more can be read.
#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    Message(String),
    Fragment,
    Ping(Vec<u8>),
    Pong,
    Close,
    Invalid(CloseCode),
    /// The connection ends at this place.
    End {
        at: usize,
        is_amid_message: bool,
    },
}

/// The bytes of the script: some as they are, some as well-formed frames whose payload is repeated.
fn connection(script: &mut Bytes<'_>, sender: Sender) -> Vec<u8> {
    const CONNECTION_BYTES_MAX: usize = 4 * MESSAGE_BYTES_MAX;
    let mut connection = Vec::new();
    while connection.len() < CONNECTION_BYTES_MAX
        && let Some(step) = script.byte()
    {
        if step % 4 == 0 {
            connection.extend_from_slice(script.counted().unwrap_or_default());
        } else {
            let first = script.byte().unwrap_or_default();
            let times = if step % 4 == 1 { script.word().unwrap_or_default() } else { 1 };
            let payload = script.counted().unwrap_or_default().repeat(times.into());
            let payload = &payload[..payload.len().min(MESSAGE_BYTES_MAX + 1)];
            let mask = (sender == Sender::Client).then_some([step, first, 0x5a, 0xff]);
            let start = connection.len();
            append_frame(&mut connection, Opcode::Text, mask, payload);
            connection[start] = first;
        }
    }
    connection
}

/// Reads the connection while it arrives in pieces of these sizes, over and over, or whole without any.
fn read_all(connection: &[u8], sender: Sender, pieces: &[usize]) -> Vec<Outcome> {
    let mut bytes = connection.to_vec();
    let mut reader = FrameReader::new(sender);
    let mut outcomes = Vec::new();
    let mut pieces = pieces.iter().cycle();
    let (mut start, mut end) = (0, 0);
    loop {
        let before = bytes[start..end].to_vec();
        let (consumed, incoming) = reader.read(&mut bytes[start..end]);
        let outcome = match incoming {
            Incoming::Incomplete => None,
            Incoming::Message(text) => Some(Outcome::Message(text.to_owned())),
            Incoming::Fragment => Some(Outcome::Fragment),
            Incoming::Ping(payload) => Some(Outcome::Ping(payload.to_vec())),
            Incoming::Pong => Some(Outcome::Pong),
            Incoming::Close => Some(Outcome::Close),
            Incoming::Invalid(code) => Some(Outcome::Invalid(code)),
        };
        match outcome {
            Some(outcome) => {
                let is_last = matches!(outcome, Outcome::Invalid(_));
                assert_eq!(consumed == 0, is_last, "{outcome:?}");
                outcomes.push(outcome);
                if is_last {
                    return outcomes;
                }
                start += consumed;
            }
            None => {
                assert_eq!((consumed, &bytes[start..end]), (0, &before[..]));
                if end == bytes.len() {
                    outcomes.push(Outcome::End { at: start, is_amid_message: reader.is_amid_message() });
                    return outcomes;
                }
                end = pieces.next().map_or(bytes.len(), |piece| (end + piece).min(bytes.len()));
            }
        }
    }
}

/// A plain reader, which takes byte by byte.
fn read_plainly(connection: &[u8], sender: Sender) -> Vec<Outcome> {
    let mut outcomes = Vec::new();
    let mut message = None;
    let mut bytes = Bytes(connection);
    loop {
        let at = connection.len() - bytes.0.len();
        let Some(outcome) = plain_frame(&mut bytes, sender, &mut message) else {
            outcomes.push(Outcome::End { at, is_amid_message: message.is_some() });
            return outcomes;
        };
        let is_last = outcome.is_err();
        outcomes.push(outcome.unwrap_or_else(Outcome::Invalid));
        if is_last {
            return outcomes;
        }
    }
}

/// Returns `None` if the bytes end before the frame.
fn plain_frame(
    bytes: &mut Bytes<'_>,
    sender: Sender,
    message: &mut Option<Vec<u8>>,
) -> Option<Result<Outcome, CloseCode>> {
    let first = bytes.byte()?;
    let (is_final, opcode) = (first >= 0x80, first % 16);
    let is_control = opcode >= 8;
    let is_in_place = if is_control { is_final } else { (opcode == 0) == message.is_some() };
    if first & 0x70 != 0 || ![0, 1, 2, 8, 9, 10].contains(&opcode) || !is_in_place {
        return Some(Err(CloseCode::ProtocolError));
    }
    let second = bytes.byte()?;
    let is_masked = second >= 0x80;
    if is_masked != (sender == Sender::Client) || is_control && second % 128 > 125 {
        return Some(Err(CloseCode::ProtocolError));
    }
    let (length, words) = match second % 128 {
        126 => (0, 1),
        127 => (0, 4),
        short => (u64::from(short), 0),
    };
    let mut length = length;
    for _ in 0..words {
        length = length << 16 | u64::from(bytes.word()?);
    }
    if words == 1 && length < 126 || words == 4 && !(0x1_0000..1 << 63).contains(&length) {
        return Some(Err(CloseCode::ProtocolError));
    }
    let stored = message.as_ref().filter(|_| !is_control).map_or(0, Vec::len);
    if length + stored as u64 > MESSAGE_BYTES_MAX as u64 {
        return Some(Err(CloseCode::TooBig));
    }
    let mut mask = [0; 4];
    if is_masked {
        mask = [bytes.byte()?, bytes.byte()?, bytes.byte()?, bytes.byte()?];
    }
    let payload: Option<Vec<u8>> = (0..length).map(|_| bytes.byte()).collect();
    let payload = payload?.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask).collect();
    Some(plain_outcome(is_final, opcode, payload, message))
}

fn plain_outcome(
    is_final: bool,
    opcode: u8,
    payload: Vec<u8>,
    message: &mut Option<Vec<u8>>,
) -> Result<Outcome, CloseCode> {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).map_err(|_| CloseCode::InvalidText);
    match opcode {
        9 => Ok(Outcome::Ping(payload)),
        10 => Ok(Outcome::Pong),
        8 => match payload[..] {
            [] => Ok(Outcome::Close),
            [high, low, ref reason @ ..] => {
                let code = u16::from(high) << 8 | u16::from(low);
                let is_reserved = [1004, 1005, 1006].contains(&code);
                if is_reserved || !(1000..1015).contains(&code) && !(3000..5000).contains(&code) {
                    return Err(CloseCode::ProtocolError);
                }
                text(reason).map(|_| Outcome::Close)
            }
            [_] => Err(CloseCode::ProtocolError),
        },
        _ => {
            let mut whole = message.take().unwrap_or_default();
            whole.extend(payload);
            if is_final {
                return text(&whole).map(Outcome::Message);
            }
            *message = Some(whole);
            Ok(Outcome::Fragment)
        }
    }
}
