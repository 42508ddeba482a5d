use futures_lite::AsyncReadExt;
use glommio::net::{TcpStream, UdpSocket};
use std::io;
use std::os::fd::{FromRawFd, IntoRawFd, OwnedFd};
use udp_socket::BatchSocket;

/// Waits for a datagram at a socket, without receiving it.
#[derive(Debug)]
pub(crate) struct Readiness {
    /// The same socket under a second descriptor.
    socket: UdpSocket,
}

impl Readiness {
    /// Returns a watch on `socket`.
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

    /// Waits until there is a datagram to receive.
    ///
    /// # Errors
    /// When the socket fails.
    pub(crate) async fn wait(&self) -> io::Result<()> {
        // `peek_from` and not `peek`: only the former submits its wait at once.
        self.socket.peek_from(&mut [0]).await?;
        Ok(())
    }
}

/// Waits for a descriptor that is not a socket, such as an epoll, to become readable.
///
/// glommio waits for sockets only. Its stream polls the descriptor and then reads. The read fails because the
/// descriptor is not a socket, and that error ends the wait.
#[derive(Debug)]
pub(crate) struct PollReadiness {
    descriptor: OwnedFd,
}

impl PollReadiness {
    pub(crate) const fn of(descriptor: OwnedFd) -> Self {
        Self { descriptor }
    }

    /// Waits until the descriptor is readable.
    ///
    /// # Errors
    /// When the process may open no more descriptors.
    pub(crate) async fn wait(&self) -> io::Result<()> {
        let descriptor = self.descriptor.try_clone()?;
        // SAFETY: the descriptor is open and owned by nothing else: `into_raw_fd` gave up the ownership that
        // `from_raw_fd` takes. The calls on it need no socket, or fail.
        #[allow(unsafe_code, reason = "glommio takes sockets made elsewhere by descriptor only")]
        let mut stream = unsafe { TcpStream::from_raw_fd(descriptor.into_raw_fd()) };
        match stream.read(&mut [0]).await {
            Err(error) if error.raw_os_error() == Some(NOT_A_SOCKET) => Ok(()),
            Err(error) => Err(error),
            Ok(_) => Ok(()),
        }
    }
}

/// Linux's ENOTSOCK, which has no `io::ErrorKind`.
const NOT_A_SOCKET: i32 = 88;
