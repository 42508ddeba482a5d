use super::super::bytes::Bytes;

/// One step of a script.
#[derive(Debug, Clone)]
pub(super) enum Step<'a> {
    /// The client sends a whole request.
    Ask(String),
    /// The client sends these bytes.
    Say(&'a [u8]),
    /// The client sends the same request this many times.
    AskOften(String, usize),
    /// This many of the sent bytes arrive.
    Arrive(usize),
    /// The wire has room for this many more bytes.
    Room(usize),
    /// Routed requests return.
    RoutedReturn,
    /// The client shuts down its sending side; if `tells`, after a TLS close notify.
    HangUp { tells: bool },
    /// All further reads and writes fail.
    Break,
    /// The time limit of whatever the tracker waits for passes.
    Close,
    /// A turn of the timer.
    Turn,
    /// Bytes that the client did not send are inserted.
    Stranger(&'a [u8]),
}

/// Limit of steps, so that a long script takes no longer than a short one.
const STEPS_MAX: usize = 96;

pub(super) struct Script<'a> {
    bytes: Bytes<'a>,
    steps: usize,
}

impl<'a> Script<'a> {
    pub(super) const fn new(input: &'a [u8]) -> Self {
        Self { bytes: Bytes(input), steps: 0 }
    }

    /// Reads a length: any small one, or a multiple of 300.
    fn length(&mut self) -> Option<usize> {
        let byte = usize::from(self.bytes.byte()?);
        Some(if byte < 0xc0 { byte } else { (byte - 0xbf) * 300 })
    }

    fn request(&mut self) -> Option<String> {
        Some(request(self.bytes.byte()?, self.bytes.byte()?))
    }
}

impl<'a> Iterator for Script<'a> {
    type Item = Step<'a>;

    fn next(&mut self) -> Option<Step<'a>> {
        self.steps += 1;
        if self.steps > STEPS_MAX {
            return None;
        }
        Some(match self.bytes.byte()? % 16 {
            0 | 1 => Step::Ask(self.request()?),
            2 => Step::Say(self.bytes.counted()?),
            3 => Step::AskOften(self.request()?, usize::from(self.bytes.byte()?)),
            4..=6 => Step::Arrive(self.length()?),
            7 | 8 => Step::Room(self.length()?),
            9 | 10 => Step::RoutedReturn,
            11 => Step::HangUp { tells: self.bytes.byte()? & 1 == 1 },
            12 => Step::Break,
            13 => Step::Close,
            14 => Step::Stranger(self.bytes.counted()?),
            _ => Step::Turn,
        })
    }
}

/// Returns a request of this kind for the torrent or peer of this number.
fn request(kind: u8, number: u8) -> String {
    let torrent = |number: u8| char::from(b'a' + number % 8).to_string().repeat(20);
    let announce = format!(
        "/announce?info_hash={}&peer_id=bbbbbbbbbbbbbbbbbbbb&port={}&left={}&ip=192.0.2.{number}",
        torrent(number),
        u16::from(number) + 1,
        number & 1
    );
    let scrape = format!("/scrape?info_hash={}&info_hash={}", torrent(number), torrent(number >> 3));
    let head = |method: &str, target: &str, rest: &str| format!("{method} {target} HTTP/1.{rest}\r\n\r\n");
    match kind % 16 {
        0..=3 => head("GET", &announce, "1\r\nHost: a"),
        4 => head("GET", &format!("{announce}&compact=0&numwant=200"), "1\r\nHost: a"),
        5 | 6 => head("GET", &scrape, "1\r\nHost: a"),
        7 => head("GET", "/health_check", "1\r\nHost: a"),
        8 => head("HEAD", &announce, "1\r\nHost: a"),
        9 => head("GET", &announce, "1\r\nHost: a\r\nConnection: close"),
        10 => head("GET", &announce, "0"),
        11 => head("GET", "/announce?port=1", "0\r\nConnection: keep-alive"),
        12 => head("OPTIONS", "*", "1\r\nHost: a"),
        13 => head("GET", "/elsewhere", "1\r\nHost: a"),
        14 => head("POST", &announce, "1\r\nHost: a\r\nContent-Length: 3"),
        _ => head("GET", &format!("{announce}&{}", "x".repeat(usize::from(number) * 16)), "1\r\nHost: a"),
    }
}
