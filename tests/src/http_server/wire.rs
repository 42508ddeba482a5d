use core_loop::Wire;
use std::collections::VecDeque;
use std::io::{self, ErrorKind};

/// A scripted wire on which nothing moves by itself. Like a socket, it sends what there is room for and reads what
/// is there.
#[derive(Debug, Default)]
pub struct PlayedWire {
    /// Bytes that can be read.
    pub arrived: VecDeque<u8>,
    /// Whether the end of the client's stream follows them.
    pub client_has_ended: bool,
    /// Number of bytes that can be sent.
    pub room: usize,
    /// Bytes that were sent.
    pub sent: Vec<u8>,
    /// Whether the tracker has shut down its sending side.
    pub has_ended: bool,
    /// Whether every read and write fails.
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
        assert!(!self.has_ended, "nothing is sent after the end");
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
        assert!(!self.has_ended, "the sending side ends once");
        self.has_ended = true;
    }

    fn discard_unsent(&mut self) {}
}
