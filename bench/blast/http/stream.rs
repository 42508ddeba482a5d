use super::tls::TlsStream;
use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;

/// The plaintext byte stream of a connection. No call blocks.
#[derive(Debug)]
pub(crate) enum Stream {
    Plain(PlainStream),
    Tls(Box<TlsStream>),
}

#[derive(Debug)]
pub(crate) struct PlainStream {
    tcp: TcpStream,
    /// Bytes that the kernel has not accepted yet.
    unsent: Vec<u8>,
}

/// Whether everything has been sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flushed {
    All,
    /// The rest is sent by a later flush, when there is room.
    Waits,
}

/// The result of a read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Received {
    Bytes(usize),
    /// Nothing has come yet.
    Nothing,
    /// The stream has ended.
    End,
}

impl Stream {
    pub(crate) const fn plain(tcp: TcpStream) -> Self {
        Self::Plain(PlainStream { tcp, unsent: Vec::new() })
    }

    pub(crate) fn tcp(&self) -> &TcpStream {
        match self {
            Self::Plain(plain) => &plain.tcp,
            Self::Tls(tls) => tls.tcp(),
        }
    }

    /// Returns the socket without TLS state.
    pub(crate) fn into_tcp(self) -> TcpStream {
        match self {
            Self::Plain(plain) => plain.tcp,
            Self::Tls(tls) => tls.into_tcp(),
        }
    }

    /// Returns whether application data can be sent.
    pub(crate) fn has_shaken_hands(&self) -> bool {
        match self {
            Self::Plain(_) => true,
            Self::Tls(tls) => tls.has_shaken_hands(),
        }
    }

    /// Sends `bytes`, at once or with later flushes.
    pub(crate) fn send(&mut self, bytes: &[u8]) -> io::Result<Flushed> {
        match self {
            Self::Plain(plain) => plain.send(bytes),
            Self::Tls(tls) => tls.send(bytes),
        }
    }

    /// Sends the bytes left by earlier calls.
    pub(crate) fn flush(&mut self) -> io::Result<Flushed> {
        match self {
            Self::Plain(plain) if plain.unsent.is_empty() => Ok(Flushed::All),
            Self::Plain(plain) => plain.flush(),
            Self::Tls(tls) => tls.flush(),
        }
    }

    /// Reads available bytes into `buffer`.
    pub(crate) fn receive(&mut self, buffer: &mut [u8]) -> io::Result<Received> {
        match self {
            Self::Plain(plain) => received(plain.tcp.read(buffer)),
            Self::Tls(tls) => tls.receive(buffer),
        }
    }
}

impl PlainStream {
    /// Sends earlier bytes first.
    fn send(&mut self, bytes: &[u8]) -> io::Result<Flushed> {
        if !self.unsent.is_empty() {
            self.unsent.extend_from_slice(bytes);
            return self.flush();
        }
        let sent = match self.tcp.write(bytes) {
            Ok(sent) => sent,
            Err(error) if is_for_later(&error) => 0,
            Err(error) => return Err(error),
        };
        self.unsent.extend_from_slice(&bytes[sent..]);
        Ok(if self.unsent.is_empty() { Flushed::All } else { Flushed::Waits })
    }

    fn flush(&mut self) -> io::Result<Flushed> {
        let unsent = std::mem::take(&mut self.unsent);
        self.send(&unsent)
    }
}

/// Converts the result of a read.
pub(crate) fn received(read: io::Result<usize>) -> io::Result<Received> {
    match read {
        Ok(0) => Ok(Received::End),
        Ok(bytes) => Ok(Received::Bytes(bytes)),
        Err(error) if is_for_later(&error) => Ok(Received::Nothing),
        Err(error) => Err(error),
    }
}

/// Returns whether the same call may succeed later, also on a connection that is not established yet.
pub(crate) fn is_for_later(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted)
}

/// The error of a connection that the tracker closed in place of a response.
pub(crate) fn end() -> io::Error {
    io::Error::new(ErrorKind::UnexpectedEof, "ended by the tracker before the answer")
}

pub(crate) fn is_end(error: &io::Error) -> bool {
    use ErrorKind::{BrokenPipe, ConnectionReset, UnexpectedEof};
    matches!(error.kind(), BrokenPipe | ConnectionReset | UnexpectedEof)
}
