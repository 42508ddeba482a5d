use rustix::io::retry_on_intr;
use rustix::net::{RecvFlags, SendFlags, Shutdown};
use std::io;
use std::os::fd::OwnedFd;

/// The two ways of a connection. Neither blocks: [`io::ErrorKind::WouldBlock`] says that there is nothing to read, or no
/// room. What is interrupted is tried again: nobody would be told that it can be.
pub trait Wire {
    /// Writes what has arrived to the front of `into`, as much as it has room for, and gives how much that is. 0 is the
    /// end.
    ///
    /// # Errors
    /// When nothing has arrived, or nothing ever will.
    fn receive(&mut self, into: &mut [u8]) -> io::Result<usize>;

    /// Sends the first of these bytes.
    ///
    /// # Errors
    /// When there is no room, or will never be.
    fn send(&mut self, bytes: &[u8]) -> io::Result<usize>;

    /// Tells the other end that nothing more comes.
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
        // A socket that is gone has ended already.
        let _gone = rustix::net::shutdown(&*self, Shutdown::Write);
    }
}
