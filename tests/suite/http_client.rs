//! An HTTP client over a plain socket, which sends the given bytes and reads the answers.

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{IpAddr, Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

use primitives::InfoHash;
pub(crate) use ringtrack_tests::http_client::{HttpAnswer, percent_encode, scrape_target};
use socket2::{Domain, SockRef, Socket, Type};

use crate::patience::PATIENCE;
use crate::udp_client::uninterrupted;

/// A kept connection over a TCP stream or anything else that can be read and written.
pub(crate) struct HttpClient<S: Read + Write = TcpStream> {
    stream: BufReader<S>,
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
        Some((name.to_owned(), value.to_owned()))
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.stream.read_line(&mut line).expect("a line");
        line.trim_end().to_owned()
    }
}

/// A `GET` request that keeps its connection.
pub(crate) fn get_request(target: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nHost: tracker\r\n\r\n")
}

pub(crate) fn announce_target(torrent: InfoHash, port: u16, left: u64) -> String {
    ringtrack_tests::http_client::announce_target(torrent, port, &format!("&left={left}"))
}
