use crate::limits::{CONNECTION_SEND_BUFFER_BYTES, SCRAPE_SEND_BUFFER_BYTES};
use core_loop::{SendRoom, Wire};
use rustix::io::retry_on_intr;
use rustix::net::{RecvFlags, SendFlags, Shutdown, sockopt};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

/// The TCP socket of a connection.
#[derive(Debug)]
pub(crate) struct TcpWire(OwnedFd);

impl TcpWire {
    pub(crate) const fn new(socket: OwnedFd) -> Self {
        Self(socket)
    }
}

impl AsFd for TcpWire {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl Wire for TcpWire {
    fn receive(&mut self, into: &mut [u8]) -> io::Result<usize> {
        Ok(retry_on_intr(|| rustix::net::recv(&self.0, &mut *into, RecvFlags::empty()))?.0)
    }

    fn send(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(retry_on_intr(|| rustix::net::send(&self.0, bytes, SendFlags::NOSIGNAL))?)
    }

    fn end_sending(&mut self) {
        // This fails only if the connection is gone.
        let _gone = rustix::net::shutdown(&self.0, Shutdown::Write);
    }

    fn use_send_room(&mut self, room: SendRoom) {
        let bytes = match room {
            SendRoom::Answers => CONNECTION_SEND_BUFFER_BYTES,
            SendRoom::FullScrape => SCRAPE_SEND_BUFFER_BYTES,
        };
        // This fails only if the connection is gone.
        let _gone = sockopt::set_socket_send_buffer_size(&self.0, bytes);
    }

    fn discard_unsent(&mut self) {
        // This fails only if the connection is gone.
        let _gone = sockopt::set_socket_linger(&self.0, Some(Duration::ZERO));
    }
}
