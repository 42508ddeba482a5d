use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use worker::http::Wire;

/// A wire on which nothing moves by itself. As a socket does, it gives all that there is room for, and takes all.
#[derive(Debug, Default)]
pub struct PlayedWire {
    /// What can be read.
    pub arrived: VecDeque<u8>,
    /// Whether an end comes behind it.
    pub client_has_ended: bool,
    /// Bytes that can be sent.
    pub room: usize,
    /// What was sent.
    pub sent: Vec<u8>,
    /// Whether the tracker has said that nothing more comes.
    pub has_ended: bool,
    /// Whether every call fails.
    pub is_broken: bool,
}

impl Wire for PlayedWire {
    fn receive(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.is_broken {
            return Err(ErrorKind::ConnectionReset.into());
        }
        if self.arrived.is_empty() && !self.client_has_ended {
            return Err(ErrorKind::WouldBlock.into());
        }
        let bytes = into.len().min(self.arrived.len());
        for (byte, arrived) in into.iter_mut().zip(self.arrived.drain(..bytes)) {
            *byte = arrived;
        }
        Ok(bytes)
    }

    fn send(&mut self, bytes: &[u8]) -> io::Result<usize> {
        assert!(!self.has_ended, "nothing is sent behind the end");
        if self.is_broken {
            return Err(ErrorKind::BrokenPipe.into());
        }
        if self.room == 0 {
            return Err(ErrorKind::WouldBlock.into());
        }
        let sent = bytes.len().min(self.room);
        self.room -= sent;
        self.sent.extend_from_slice(&bytes[..sent]);
        Ok(sent)
    }

    fn end_sending(&mut self) {
        assert!(!self.has_ended, "there is one end");
        self.has_ended = true;
    }
}
