use rustix::io::retry_on_intr;
use rustix::net::{RecvFlags, SendFlags, Shutdown};
use std::io;
use std::os::fd::OwnedFd;

/// The two directions of a connection. Neither blocks: [`io::ErrorKind::WouldBlock`] means that there is nothing to
/// read, or no room. An interrupted call is retried, because no event would follow.
pub trait Wire {
    /// Reads into the front of `into` and returns the number of bytes; 0 is the end.
    ///
    /// # Errors
    /// When nothing has arrived, or the connection has failed.
    fn receive(&mut self, into: &mut [u8]) -> io::Result<usize>;

    /// Sends bytes from the front of `bytes` and returns their number.
    ///
    /// # Errors
    /// When there is no room, or the connection has failed.
    fn send(&mut self, bytes: &[u8]) -> io::Result<usize>;

    /// Signals the end of the sent bytes to the other end.
    fn end_sending(&mut self);
}

impl Wire for OwnedFd {
    fn receive(&mut self, into: &mut [u8]) -> io::Result<usize> {
        Ok(retry_on_intr(|| rustix::net::recv(&*self, &mut *into, RecvFlags::empty()))?.0)
    }

    fn send(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(retry_on_intr(|| rustix::net::send(&*self, bytes, SendFlags::NOSIGNAL))?)
    }

    fn end_sending(&mut self) {
        // This fails only if the connection is gone.
        let _gone = rustix::net::shutdown(&*self, Shutdown::Write);
    }
}
