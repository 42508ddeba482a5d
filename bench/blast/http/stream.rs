use super::tls::TlsStream;
use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;

/// The bytes of a connection, in clear. No call waits.
#[derive(Debug)]
pub(crate) enum Stream {
    Plain(PlainStream),
    Tls(Box<TlsStream>),
}

/// Without TLS.
#[derive(Debug)]
pub(crate) struct PlainStream {
    tcp: TcpStream,
    /// What the kernel has not taken yet.
    unsent: Vec<u8>,
}

/// Whether everything has left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flushed {
    All,
    /// The rest leaves with a later flush, when there is room.
    Waits,
}

/// What came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Received {
    Bytes(usize),
    /// Nothing now.
    Nothing,
    /// Nothing ever again.
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

    /// What stays when nothing more will be said.
    pub(crate) fn into_tcp(self) -> TcpStream {
        match self {
            Self::Plain(plain) => plain.tcp,
            Self::Tls(tls) => tls.into_tcp(),
        }
    }

    /// Sends `bytes`, now or with later flushes.
    pub(crate) fn send(&mut self, bytes: &[u8]) -> io::Result<Flushed> {
        match self {
            Self::Plain(plain) => plain.send(bytes),
            Self::Tls(tls) => tls.send(bytes),
        }
    }

    /// Sends what could not be sent before.
    pub(crate) fn flush(&mut self) -> io::Result<Flushed> {
        match self {
            Self::Plain(plain) if plain.unsent.is_empty() => Ok(Flushed::All),
            Self::Plain(plain) => {
                let unsent = std::mem::take(&mut plain.unsent);
                plain.send(&unsent)
            }
            Self::Tls(tls) => tls.flush(),
        }
    }

    /// Takes what has come into `buffer`.
    pub(crate) fn receive(&mut self, buffer: &mut [u8]) -> io::Result<Received> {
        match self {
            Self::Plain(plain) => received(plain.tcp.read(buffer)),
            Self::Tls(tls) => tls.receive(buffer),
        }
    }
}

impl PlainStream {
    fn send(&mut self, bytes: &[u8]) -> io::Result<Flushed> {
        let sent = match self.tcp.write(bytes) {
            Ok(sent) => sent,
            Err(error) if is_for_later(&error) => 0,
            Err(error) => return Err(error),
        };
        self.unsent.extend_from_slice(&bytes[sent..]);
        Ok(if self.unsent.is_empty() { Flushed::All } else { Flushed::Waits })
    }
}

/// What a read says.
pub(crate) fn received(read: io::Result<usize>) -> io::Result<Received> {
    match read {
        Ok(0) => Ok(Received::End),
        Ok(bytes) => Ok(Received::Bytes(bytes)),
        Err(error) if is_for_later(&error) => Ok(Received::Nothing),
        Err(error) => Err(error),
    }
}

/// Whether the same call may succeed later; on a connection that is still being made, it may.
pub(crate) fn is_for_later(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted)
}
