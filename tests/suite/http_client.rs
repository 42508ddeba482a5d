//! An HTTP client over a plain socket, which says what it is told to and reads what is answered.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};

use primitives::InfoHash;

use crate::tracker::PATIENCE;

/// A kept connection.
pub(crate) struct HttpClient {
    stream: BufReader<TcpStream>,
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HttpAnswer {
    pub(crate) status: u16,
    /// Names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl HttpClient {
    pub(crate) fn new(tracker: SocketAddr) -> Self {
        let stream = TcpStream::connect(tracker).expect("the tracker listens there");
        stream.set_read_timeout(Some(PATIENCE)).expect("a read timeout");
        Self { stream: BufReader::new(stream) }
    }

    /// The answer to `GET` of a target.
    pub(crate) fn get(&mut self, target: &str) -> HttpAnswer {
        self.send(format!("GET {target} HTTP/1.1\r\nHost: tracker\r\n\r\n").as_bytes());
        self.answer()
    }

    pub(crate) fn send(&mut self, bytes: &[u8]) {
        self.stream.get_mut().write_all(bytes).expect("the tracker takes it");
    }

    /// The next answer with a body.
    pub(crate) fn answer(&mut self) -> HttpAnswer {
        let status_line = self.line();
        let status = status_line.split(' ').nth(1).and_then(|code| code.parse().ok());
        let status = status.unwrap_or_else(|| panic!("no status line: {status_line:?}"));
        let headers: Vec<(String, String)> = std::iter::from_fn(|| self.header()).collect();
        let mut answer = HttpAnswer { status, headers, body: Vec::new() };
        let length = answer.header("content-length").map_or(0, |length| length.parse().expect("a number"));
        answer.body.resize(length, 0);
        self.stream.read_exact(&mut answer.body).expect("as many bytes as were announced");
        answer
    }

    /// What comes until the connection is closed.
    pub(crate) fn rest(mut self) -> Vec<u8> {
        let mut rest = Vec::new();
        self.stream.read_to_end(&mut rest).expect("an orderly end");
        rest
    }

    fn header(&mut self) -> Option<(String, String)> {
        let line = self.line();
        let (name, value) = line.split_once(": ")?;
        Some((name.to_lowercase(), value.to_owned()))
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.stream.read_line(&mut line).expect("a line");
        line.trim_end().to_owned()
    }
}

impl HttpAnswer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }

    /// The body, with what is not ASCII escaped.
    pub(crate) fn text(&self) -> String {
        self.body.escape_ascii().to_string()
    }

    /// The IPv4 peers of a compact answer.
    pub(crate) fn peers(&self) -> Vec<SocketAddr> {
        let bytes = string_after(&self.body, b"5:peers");
        let peer = |bytes: &[u8]| {
            let ip = Ipv4Addr::new(bytes[0], bytes[1], bytes[2], bytes[3]);
            SocketAddr::new(IpAddr::V4(ip), u16::from_be_bytes([bytes[4], bytes[5]]))
        };
        bytes.chunks_exact(6).map(peer).collect()
    }
}

/// The bencoded string behind a key.
fn string_after<'a>(body: &'a [u8], key: &[u8]) -> &'a [u8] {
    let at = body.windows(key.len()).position(|window| window == key).expect("the key is there") + key.len();
    let colon = at + body[at..].iter().position(|&byte| byte == b':').expect("a string");
    let length: usize =
        std::str::from_utf8(&body[at..colon]).ok().and_then(|text| text.parse().ok()).expect("a length");
    &body[colon + 1..][..length]
}

/// The target of an announce.
pub(crate) fn announce_target(torrent: InfoHash, port: u16, left: u64) -> String {
    let hash = percent_encode(&torrent.0);
    format!("/announce?info_hash={hash}&peer_id=-XX0001-{port:012}&port={port}&left={left}")
}

/// The target of a scrape.
pub(crate) fn scrape_target(torrents: &[InfoHash]) -> String {
    let hashes: Vec<String> =
        torrents.iter().map(|torrent| format!("info_hash={}", percent_encode(&torrent.0))).collect();
    format!("/scrape?{}", hashes.join("&"))
}

fn percent_encode(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("%{byte:02x}")).collect()
}
