use super::response::{Ending, Incoming, Response, read};
use super::stream::{Received, Stream};
use std::io;
use udp_protocol::TransactionId;

/// One of a lane's connections: a place that a request at a time takes, over one stream after the other.
#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) target: usize,
    /// The source address of its next stream, by number.
    pub(crate) source: u32,
    pub(crate) stream: Option<Stream>,
    /// The request that it waits for the answer of.
    pub(crate) request: Option<TransactionId>,
    /// The beginning of an answer.
    partial: Vec<u8>,
    history: History,
}

/// What a stream has been used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum History {
    New,
    /// There were answers.
    Used,
}

/// Bytes of an answer that has not ended: no tracker has so much to say.
const ANSWER_BYTES_MAX: usize = 1 << 24;

/// What came over a link.
#[derive(Debug)]
pub(crate) enum Arrival<'a> {
    /// No whole answer yet.
    Nothing,
    Answer(Response<'a>),
    /// Bytes that cannot be an answer.
    Wrong(&'static str),
    /// The stream has ended, in the middle of an answer or before it.
    Ended,
}

impl Link {
    pub(crate) const fn new(target: usize, source: u32) -> Self {
        Self { target, source, stream: None, request: None, partial: Vec::new(), history: History::New }
    }

    /// Ends the stream and forgets what came over it.
    pub(crate) fn cut(&mut self) -> Option<Stream> {
        self.partial.clear();
        self.history = History::New;
        self.stream.take()
    }

    /// Takes what has come, until there is an answer or nothing more. Bytes behind the answer make it wrong: only one
    /// was asked for.
    pub(crate) fn receive<'a>(&'a mut self, buffer: &'a mut [u8]) -> io::Result<Arrival<'a>> {
        let Some(stream) = &mut self.stream else { return Ok(Arrival::Nothing) };
        // Most answers come in one piece, which stays where it is.
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

    /// The answer has been looked at: the next one can come.
    pub(crate) fn note_answer(&mut self) {
        self.partial.clear();
        self.history = History::Used;
    }

    /// Whether the tracker may have ended the stream before it saw the request: nothing of an answer has come, and
    /// trackers end connections that they have answered on. Clients repeat such a request (RFC 9112, 9.3.1).
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

    /// A link over which these bytes come, and then the end.
    fn link_with(bytes: &[u8]) -> Link {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let tcp = TcpStream::connect(listener.local_addr().expect("a bound socket")).expect("a listener");
        let (mut tracker, _) = listener.accept().expect("a connection");
        tracker.write_all(bytes).expect("room for a few bytes");
        Link { stream: Some(Stream::plain(tcp)), ..Link::new(0, 0) }
    }

    /// The body of the answer that comes in pieces of five bytes.
    fn body_of(bytes: &[u8]) -> Vec<u8> {
        match link_with(bytes).receive(&mut [0; 5]) {
            Ok(Arrival::Answer(response)) => response.body.to_vec(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn an_answer_that_comes_in_pieces_is_put_together() {
        assert_eq!(body_of(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nd1e"), b"d1e");
    }

    #[test]
    fn an_answer_without_a_length_ends_with_the_stream() {
        assert_eq!(body_of(b"HTTP/1.0 200 OK\r\n\r\nde"), b"de");
    }

    #[test]
    fn an_answer_that_is_cut_off_is_none() {
        let mut link = link_with(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nd1");
        assert!(matches!(link.receive(&mut [0; 64]), Ok(Arrival::Ended)));
    }

    #[test]
    fn only_a_request_of_which_nothing_was_answered_on_a_used_stream_is_repeated() {
        let mut link = link_with(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
        assert!(!link.may_be_repeated(), "a new stream");
        assert!(matches!(link.receive(&mut [0; 64]), Ok(Arrival::Answer(_))));
        link.note_answer();
        assert!(link.may_be_repeated());
        link.cut();
        assert!(!link.may_be_repeated(), "no stream");
    }
}
