//! An HTTP client over a plain socket, which sends the given bytes and reads the answers.

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

use primitives::InfoHash;
use socket2::{Domain, SockRef, Socket, Type};

use crate::patience::PATIENCE;
use crate::udp_client::uninterrupted;

/// A kept connection over a TCP stream or anything else that can be read and written.
pub(crate) struct HttpClient<S: Read + Write = TcpStream> {
    stream: BufReader<S>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HttpAnswer {
    pub(crate) status: u16,
    /// Names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

/// A connection to the tracker from a given source address, such as another one of the loopback network.
pub(crate) fn connect_from(source: IpAddr, tracker: SocketAddr) -> TcpStream {
    let socket = Socket::new(Domain::for_address(tracker), Type::STREAM, None).expect("a socket");
    socket.bind(&SocketAddr::new(source, 0).into()).expect("a loopback address");
    socket.connect(&tracker.into()).expect("the tracker listens there");
    with_patience(socket.into())
}

/// Sets timeouts, so that no call on the connection blocks forever.
pub(crate) fn with_patience(stream: TcpStream) -> TcpStream {
    stream.set_read_timeout(Some(PATIENCE)).expect("a read timeout");
    stream.set_write_timeout(Some(PATIENCE)).expect("a write timeout");
    stream
}

impl HttpClient {
    pub(crate) fn new(tracker: SocketAddr) -> Self {
        Self::over(with_patience(TcpStream::connect(tracker).expect("the tracker listens there")))
    }

    /// Connects from a given source address.
    pub(crate) fn from(source: impl Into<IpAddr>, tracker: SocketAddr) -> Self {
        Self::over(connect_from(source.into(), tracker))
    }

    /// Shuts down the sending side.
    pub(crate) fn end_sending(&self) {
        self.stream.get_ref().shutdown(Shutdown::Write).expect("an open connection");
    }

    /// Closes the connection with a TCP reset.
    pub(crate) fn reset(self) {
        let socket = SockRef::from(self.stream.get_ref());
        socket.set_linger(Some(Duration::ZERO)).expect("a socket that may linger");
    }
}

impl<S: Read + Write> HttpClient<S> {
    pub(crate) fn over(stream: S) -> Self {
        Self { stream: BufReader::new(stream) }
    }

    pub(crate) fn stream(&mut self) -> &mut S {
        self.stream.get_mut()
    }

    /// The answer to `GET` of a target.
    pub(crate) fn get(&mut self, target: &str) -> HttpAnswer {
        self.send(get_request(target).as_bytes());
        self.answer()
    }

    pub(crate) fn send(&mut self, bytes: &[u8]) {
        let stream = self.stream.get_mut();
        stream.write_all(bytes).and_then(|()| stream.flush()).expect("the tracker takes it");
    }

    /// The next answer with a body.
    pub(crate) fn answer(&mut self) -> HttpAnswer {
        let mut answer = self.head();
        let length = answer.header("content-length").map_or(0, |length| length.parse().expect("a number"));
        answer.body.resize(length, 0);
        self.stream.read_exact(&mut answer.body).expect("as many bytes as were announced");
        answer
    }

    /// The head of the next answer.
    pub(crate) fn head(&mut self) -> HttpAnswer {
        let status_line = self.line();
        let status = status_line.split(' ').nth(1).and_then(|code| code.parse().ok());
        let status = status.unwrap_or_else(|| panic!("no status line: {status_line:?}"));
        let headers: Vec<(String, String)> = std::iter::from_fn(|| self.header()).collect();
        HttpAnswer { status, headers, body: Vec::new() }
    }

    /// All bytes until an orderly close.
    pub(crate) fn rest(mut self) -> Vec<u8> {
        let mut rest = Vec::new();
        self.stream.read_to_end(&mut rest).expect("an orderly end");
        rest
    }

    /// All bytes until the connection is closed or reset.
    pub(crate) fn rest_or_reset(mut self) -> Vec<u8> {
        let mut rest = Vec::new();
        match self.stream.read_to_end(&mut rest) {
            Err(error) if error.kind() != ErrorKind::ConnectionReset => panic!("not closed: {error}"),
            _ => rest,
        }
    }

    /// Waits until the tracker closes or resets the connection. Panics if it sends anything before.
    #[track_caller]
    pub(crate) fn assert_closed(mut self) {
        match uninterrupted(|| self.stream.read(&mut [0; 64])) {
            Ok(0) => {}
            Err(error) if matches!(error.kind(), ErrorKind::ConnectionReset | ErrorKind::BrokenPipe) => {}
            other => panic!("not closed: {other:?}"),
        }
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

    /// The body, with all but ASCII escaped.
    pub(crate) fn text(&self) -> String {
        self.body.escape_ascii().to_string()
    }

    /// The string value of a key, such as `external ip`.
    pub(crate) fn string(&self, key: &str) -> &[u8] {
        string_after(&self.body, format!("{}:{key}", key.len()).as_bytes())
    }

    /// The failure reason of a refused announce or scrape.
    pub(crate) fn failure(&self) -> String {
        assert_eq!(self.status, 200, "{}", self.text());
        self.string("failure reason").escape_ascii().to_string()
    }

    /// The IPv6 peers of a compact answer.
    pub(crate) fn peers_v6(&self) -> Vec<SocketAddr> {
        let bytes = string_after(&self.body, b"6:peers6");
        let peer = |bytes: &[u8]| {
            let ip: [u8; 16] = bytes[..16].try_into().expect("sixteen bytes");
            SocketAddr::new(Ipv6Addr::from(ip).into(), u16::from_be_bytes([bytes[16], bytes[17]]))
        };
        bytes.chunks_exact(18).map(peer).collect()
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

/// The bencoded string that follows a key.
fn string_after<'a>(body: &'a [u8], key: &[u8]) -> &'a [u8] {
    let at = body.windows(key.len()).position(|window| window == key).expect("the key is there") + key.len();
    let colon = at + body[at..].iter().position(|&byte| byte == b':').expect("a string");
    let length: usize =
        std::str::from_utf8(&body[at..colon]).ok().and_then(|text| text.parse().ok()).expect("a length");
    &body[colon + 1..][..length]
}

/// A `GET` request that keeps its connection.
pub(crate) fn get_request(target: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nHost: tracker\r\n\r\n")
}

pub(crate) fn announce_target(torrent: InfoHash, port: u16, left: u64) -> String {
    let hash = percent_encode(&torrent.0);
    format!("/announce?info_hash={hash}&peer_id=-XX0001-{port:012}&port={port}&left={left}")
}

pub(crate) fn scrape_target(torrents: &[InfoHash]) -> String {
    let hashes: Vec<String> =
        torrents.iter().map(|torrent| format!("info_hash={}", percent_encode(&torrent.0))).collect();
    format!("/scrape?{}", hashes.join("&"))
}

pub(crate) fn percent_encode(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("%{byte:02x}")).collect()
}
