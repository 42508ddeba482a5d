use crate::http::stream::end;
use std::io;
use ws_protocol::{FrameReader, Incoming, Sender};

/// The frames that a connection receives.
#[derive(Debug)]
pub(crate) struct Inbox {
    reader: FrameReader,
    /// The start of a frame.
    partial: Vec<u8>,
}

impl Inbox {
    pub(crate) const fn new() -> Self {
        Self { reader: FrameReader::new(Sender::Server), partial: Vec::new() }
    }

    /// Calls `handle` with each message and each ping in `received`. Returns an error if the tracker has closed the
    /// connection, or sent no frames.
    pub(crate) fn read(
        &mut self,
        received: &mut [u8],
        mut handle: impl FnMut(Incoming<'_>),
    ) -> io::Result<()> {
        let mut joined = std::mem::take(&mut self.partial);
        // Most frames come in one piece, which is not copied.
        let mut rest = if joined.is_empty() {
            received
        } else {
            joined.extend_from_slice(received);
            &mut joined
        };
        loop {
            let (consumed, incoming) = self.reader.read(rest);
            match incoming {
                Incoming::Incomplete => break,
                Incoming::Message(_) | Incoming::Ping(_) => handle(incoming),
                Incoming::Fragment | Incoming::Pong => {}
                Incoming::Close => return Err(end()),
                Incoming::Invalid(code) => {
                    return Err(io::Error::other(format!("invalid frames: {code:?}")));
                }
            }
            rest = &mut rest[consumed..];
        }
        self.partial.extend_from_slice(rest);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ws_protocol::{CloseCode, Opcode, append_close, append_frame};

    #[test]
    fn messages_that_come_in_pieces_are_joined() {
        let mut sent = Vec::new();
        append_frame(&mut sent, Opcode::Text, None, b"first");
        append_frame(&mut sent, Opcode::Ping, None, b"ping");
        append_frame(&mut sent, Opcode::Text, None, &[b'x'; 300]);
        for piece_bytes in [1, 7, 100, 1000] {
            let (mut inbox, mut messages) = (Inbox::new(), Vec::new());
            for piece in sent.clone().chunks_mut(piece_bytes) {
                let noted = inbox.read(piece, |incoming| match incoming {
                    Incoming::Message(text) => messages.push(text.to_owned()),
                    other => assert_eq!(other, Incoming::Ping(b"ping")),
                });
                noted.expect("valid frames");
            }
            assert_eq!(messages, ["first".to_owned(), "x".repeat(300)]);
        }
    }

    #[test]
    fn a_close_and_an_invalid_frame_end_the_connection() {
        let mut closed = Vec::new();
        append_close(&mut closed, CloseCode::Normal);
        for bytes in [&mut closed[..], &mut [0x81, 0x80, 0, 0, 0, 0]] {
            assert!(Inbox::new().read(bytes, |other| panic!("{other:?}")).is_err());
        }
    }
}
