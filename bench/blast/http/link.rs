use super::response::{Ending, Incoming, Response, read};
use super::stream::{Received, Stream};
use std::io;
use udp_protocol::TransactionId;

/// A place for one request at a time, over one stream after another.
#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) target: usize,
    /// Number of the source address of its next stream.
    pub(crate) source: u32,
    pub(crate) stream: Option<Stream>,
    /// The outstanding request.
    pub(crate) request: Option<TransactionId>,
    /// The start of a response.
    partial: Vec<u8>,
    history: History,
}

/// Whether a stream has been used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum History {
    New,
    /// It has received responses.
    Used,
}

/// Limit of bytes of an unfinished response, far above those of trackers.
const ANSWER_BYTES_MAX: usize = 1 << 24;

/// The result of receiving from a link.
#[derive(Debug)]
pub(crate) enum Arrival<'a> {
    /// No whole response yet.
    Nothing,
    Answer(Response<'a>),
    /// Bytes that cannot be a response.
    Wrong(&'static str),
    /// The stream has ended, within a response or before it.
    Ended,
}

impl Link {
    pub(crate) const fn new(target: usize, source: u32) -> Self {
        Self { target, source, stream: None, request: None, partial: Vec::new(), history: History::New }
    }

    /// Takes the stream and discards the bytes received over it.
    pub(crate) fn cut(&mut self) -> Option<Stream> {
        self.partial.clear();
        self.history = History::New;
        self.stream.take()
    }

    /// Receives until there is a response or nothing more. Bytes after the response make it wrong, because only
    /// one was requested.
    pub(crate) fn receive<'a>(&'a mut self, buffer: &'a mut [u8]) -> io::Result<Arrival<'a>> {
        let Some(stream) = &mut self.stream else { return Ok(Arrival::Nothing) };
        // Most responses come in one piece, which is not copied.
        if self.partial.is_empty() {
            let bytes = match stream.receive(buffer)? {
                Received::Nothing => return Ok(Arrival::Nothing),
                Received::End => return Ok(Arrival::Ended),
                Received::Bytes(bytes) => bytes,
            };
            match read(&buffer[..bytes], Ending::Open) {
                Incoming::Incomplete => self.partial.extend_from_slice(&buffer[..bytes]),
                whole => return Ok(arrival(whole, &buffer[..bytes])),
            }
        }
        loop {
            let ending = match stream.receive(buffer)? {
                Received::Nothing => return Ok(Arrival::Nothing),
                Received::End => Ending::Ended,
                Received::Bytes(bytes) => {
                    self.partial.extend_from_slice(&buffer[..bytes]);
                    Ending::Open
                }
            };
            match read(&self.partial, ending) {
                Incoming::Incomplete if self.partial.len() > ANSWER_BYTES_MAX => {
                    return Ok(Arrival::Wrong("an answer without an end"));
                }
                Incoming::Incomplete if ending == Ending::Open => {}
                whole => return Ok(arrival(whole, &self.partial)),
            }
        }
    }

    /// Discards the processed response, so that the next one can come.
    pub(crate) fn note_answer(&mut self) {
        self.partial.clear();
        self.history = History::Used;
    }

    /// Returns whether the tracker may have closed the stream before it saw the request: no part of a response has
    /// come, and trackers close connections after a response. Clients repeat such a request (RFC 9112, 9.3.1).
    pub(crate) fn may_be_repeated(&self) -> bool {
        self.history == History::Used && self.partial.is_empty()
    }
}

fn arrival(incoming: Incoming, bytes: &[u8]) -> Arrival<'_> {
    match incoming {
        Incoming::Whole(frame) if frame.bytes() < bytes.len() => Arrival::Wrong("bytes behind the answer"),
        Incoming::Whole(frame) => Arrival::Answer(frame.of(bytes)),
        Incoming::Incomplete => Arrival::Ended,
        Incoming::Wrong(what) => Arrival::Wrong(what),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::net::{TcpListener, TcpStream};

    /// Returns a link that receives these bytes and then the end.
    fn link_with(bytes: &[u8]) -> Link {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let tcp = TcpStream::connect(listener.local_addr().expect("a bound socket")).expect("a listener");
        let (mut tracker, _) = listener.accept().expect("a connection");
        tracker.write_all(bytes).expect("room for a few bytes");
        Link { stream: Some(Stream::plain(tcp)), ..Link::new(0, 0) }
    }

    /// Returns the body of a response that comes in pieces of five bytes.
    fn body_of(bytes: &[u8]) -> Vec<u8> {
        match link_with(bytes).receive(&mut [0; 5]) {
            Ok(Arrival::Answer(response)) => response.body.to_vec(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_response_that_comes_in_pieces_is_joined() {
        assert_eq!(body_of(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nd1e"), b"d1e");
    }

    #[test]
    fn a_response_without_a_length_ends_with_the_stream() {
        assert_eq!(body_of(b"HTTP/1.0 200 OK\r\n\r\nde"), b"de");
    }

    #[test]
    fn a_response_that_is_cut_off_is_not_accepted() {
        let mut link = link_with(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nd1");
        assert!(matches!(link.receive(&mut [0; 64]), Ok(Arrival::Ended)));
    }

    #[test]
    fn only_an_unanswered_request_on_a_used_stream_is_repeated() {
        let mut link = link_with(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
        assert!(!link.may_be_repeated(), "a new stream");
        assert!(matches!(link.receive(&mut [0; 64]), Ok(Arrival::Answer(_))));
        link.note_answer();
        assert!(link.may_be_repeated());
        link.cut();
        assert!(!link.may_be_repeated(), "no stream");
    }
}
