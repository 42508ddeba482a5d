use super::client::Client;
use super::inbox::Inbox;
use super::message::Message;
use super::writer::{Event, KEY, Writer};
use crate::http::idle::wait;
use crate::http::response::{Ending, Incoming, read};
use crate::http::stream::{Received, Stream, end};
use memchr::memmem;
use std::io;
use std::time::Instant;
use ws_protocol::Incoming as Frame;

/// A connection whose request has been sent.
pub(crate) struct Opening<'a> {
    pub(crate) stream: Stream,
    pub(crate) deadline: Instant,
    pub(crate) buffer: &'a mut [u8],
}

impl Opening<'_> {
    /// Waits until the connection has become a WebSocket and each torrent of the client has been announced, without
    /// offers.
    pub(crate) fn finish(mut self, client: &Client, writer: &mut Writer) -> io::Result<(Stream, Inbox)> {
        let mut received = self.upgrade()?;
        let mut announces = Vec::new();
        for announce in client.announces(Event::Started) {
            writer.announce(&announce, [].into_iter(), &mut announces);
        }
        self.stream.send(&announces)?;
        let (mut inbox, mut responses) = (Inbox::new(), Responses::default());
        loop {
            inbox.read(&mut received, |incoming| responses.note(incoming))?;
            if let Some(failure) = responses.failure {
                return Err(io::Error::other(failure));
            }
            if responses.right == client.announces(Event::Started).count() {
                return Ok((self.stream, inbox));
            }
            let bytes = self.receive()?;
            received = self.buffer[..bytes].to_vec();
        }
    }

    /// Reads the response to the request, and returns the bytes after it.
    fn upgrade(&mut self) -> io::Result<Vec<u8>> {
        let mut received = Vec::new();
        loop {
            let bytes = self.receive()?;
            received.extend_from_slice(&self.buffer[..bytes]);
            match read(&received, Ending::Open) {
                Incoming::Incomplete => {}
                Incoming::Wrong(what) => return Err(io::Error::other(what)),
                Incoming::Whole(frame) => {
                    let response = frame.of(&received);
                    let accept_key = ws_protocol::accept_key(KEY.as_bytes());
                    let is_accepted = memmem::find(&received[..frame.bytes()], &accept_key).is_some();
                    if response.status != 101 || !is_accepted {
                        return Err(io::Error::other(String::from_utf8_lossy(response.status_line)));
                    }
                    return Ok(received.split_off(frame.bytes()));
                }
            }
        }
    }

    /// Waits for bytes, and returns their number.
    fn receive(&mut self) -> io::Result<usize> {
        loop {
            let flushed = self.stream.flush()?;
            match self.stream.receive(self.buffer)? {
                Received::Bytes(bytes) => return Ok(bytes),
                Received::End => return Err(end()),
                Received::Nothing => {}
            }
            let left = self.deadline.checked_duration_since(Instant::now());
            wait(self.stream.tcp(), flushed, left.ok_or(io::ErrorKind::TimedOut)?)?;
        }
    }
}

/// The responses to the announces of an opening connection.
#[derive(Debug, Default)]
struct Responses {
    right: usize,
    failure: Option<String>,
}

impl Responses {
    fn note(&mut self, incoming: Frame<'_>) {
        let Frame::Message(text) = incoming else { return };
        match Message::read(text) {
            Ok(Message::Announced { .. }) => self.right += 1,
            Ok(Message::Failed { reason, .. }) => self.failure = Some(reason.to_owned()),
            Ok(_) => {}
            Err(what) => self.failure = Some(what.to_owned()),
        }
    }
}
