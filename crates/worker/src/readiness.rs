use glommio::net::UdpSocket;
use std::io;
use std::os::fd::{FromRawFd, IntoRawFd};
use udp_socket::BatchSocket;

/// Tells when a socket has a datagram, without taking it.
#[derive(Debug)]
pub(crate) struct Readiness {
    /// The same socket under a second descriptor.
    socket: UdpSocket,
}

impl Readiness {
    /// Watches `socket`.
    ///
    /// # Errors
    /// When the process may open no more descriptors.
    pub(crate) fn of(socket: &BatchSocket) -> io::Result<Self> {
        let descriptor = std::os::fd::AsFd::as_fd(socket).try_clone_to_owned()?;
        // SAFETY: the descriptor is open, a UDP socket, and owned by nothing else: `into_raw_fd` gave up the
        // ownership that `from_raw_fd` takes.
        #[allow(unsafe_code, reason = "glommio takes sockets made elsewhere by descriptor only")]
        let socket = unsafe { UdpSocket::from_raw_fd(descriptor.into_raw_fd()) };
        Ok(Self { socket })
    }

    /// Waits until there is a datagram.
    ///
    /// # Errors
    /// When the socket fails.
    pub(crate) async fn wait(&self) -> io::Result<()> {
        // `peek_from` and not `peek`: only the former submits its wait at once.
        self.socket.peek_from(&mut [0]).await?;
        Ok(())
    }
}
