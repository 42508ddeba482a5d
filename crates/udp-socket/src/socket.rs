//! The socket: made once, then only batches go through it.

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};

use socket2::{Domain, Protocol, Socket, Type};

use crate::kernel_option::set_integer;
use crate::options::{DestinationInfo, PortSharing, ReceiveTimestamps, SocketOptions};
use crate::receive::ReceiveBatch;
use crate::send::{SendBatch, SendReport};
use crate::steering::SteeringProgram;

/// A bound, unconnected UDP socket that never blocks and passes datagrams in batches.
#[derive(Debug)]
pub struct BatchSocket {
    socket: Socket,
    local_address: SocketAddr,
    sharing: PortSharing,
}

impl BatchSocket {
    /// Makes a socket (closed on exec) and binds it.
    ///
    /// # Errors
    ///
    /// What the kernel answers: the address is in use or not of this machine, the port is privileged, the
    /// family is not there, no descriptor is left. A buffer size beyond the system's limit is no error.
    pub fn bind(options: &SocketOptions) -> io::Result<Self> {
        let kind = Type::DGRAM.nonblocking().cloexec();
        let socket = Socket::new(Domain::for_address(options.address), kind, Some(Protocol::UDP))?;
        apply_ip_options(&socket, options)?;
        apply_buffer_sizes(&socket, options)?;
        if let Some(bytes) = options.segment_bytes {
            set_integer(socket.as_fd(), libc::SOL_UDP, libc::UDP_SEGMENT, bytes.get().into())?;
        }
        socket.set_reuse_port(options.sharing == PortSharing::ReusePort)?;
        socket.bind(&options.address.into())?;
        let local_address = socket.local_addr()?.as_socket().ok_or(io::ErrorKind::Unsupported)?;
        Ok(Self { socket, local_address, sharing: options.sharing })
    }

    /// The address that the socket is bound to, with the port that the kernel picked where port 0 was asked
    /// for.
    #[must_use]
    pub fn local_address(&self) -> SocketAddr {
        self.local_address
    }

    /// The receive buffer that the kernel granted, in bytes as it counts them: twice what was asked, since it
    /// pays its own bookkeeping of each datagram out of it.
    ///
    /// # Errors
    ///
    /// What the kernel answers; none is known for a socket that is open.
    pub fn effective_receive_buffer_bytes(&self) -> io::Result<usize> {
        self.socket.recv_buffer_size()
    }

    /// Takes what waits, up to the capacity of the batch, without waiting; what was in the batch is gone.
    /// Returns the count of datagrams, 0 where none waits.
    ///
    /// # Errors
    ///
    /// What the kernel answers about the socket itself, or that it lacks memory. What ICMP messages of
    /// strangers cause is no error.
    pub fn receive(&self, batch: &mut ReceiveBatch) -> io::Result<usize> {
        batch.fill(self.socket.as_fd())
    }

    /// Sends what is queued in the batch, without waiting. A datagram that the kernel refuses is dropped,
    /// counted, and does not hold back those behind it. Where the kernel has no room, the rest stays queued
    /// in its order: send again once the socket is writable, or clear the batch.
    pub fn send(&self, batch: &mut SendBatch) -> SendReport {
        batch.drain(self.socket.as_fd())
    }

    /// Switches the kernel's time stamps for the datagrams that arrive from now on. Those that wait in the socket
    /// already keep what they have: none, or a stamp, which is told unless all is switched off.
    ///
    /// # Errors
    ///
    /// What the kernel answers; none is known for a socket that is open.
    pub fn set_receive_timestamps(&self, timestamps: ReceiveTimestamps) -> io::Result<()> {
        // Not `SO_TIMESTAMPNS`, which gives datagrams that have no stamp the time of the receive call, and
        // leaves the kernel reading its clock for each packet after it is switched off.
        let flags = match timestamps {
            ReceiveTimestamps::Off => 0,
            ReceiveTimestamps::TellOnly => libc::SOF_TIMESTAMPING_SOFTWARE,
            ReceiveTimestamps::On => libc::SOF_TIMESTAMPING_RX_SOFTWARE | libc::SOF_TIMESTAMPING_SOFTWARE,
        };
        let flags = libc::c_int::try_from(flags).map_err(|_| io::ErrorKind::InvalidInput)?;
        set_integer(self.socket.as_fd(), libc::SOL_SOCKET, libc::SO_TIMESTAMPING, flags)
    }

    /// Lets `program` choose the socket of each datagram to the reuseport group that this socket is in. One
    /// call counts for the whole group, and for sockets that join it later; it replaces an earlier program.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) when the socket is not in a reuseport group, when the
    /// program has no shards or when it reads beyond the end of any datagram; else what the kernel answers.
    pub fn steer(&self, program: &SteeringProgram) -> io::Result<()> {
        match self.sharing {
            PortSharing::ReusePort => program.attach(self.socket.as_fd()),
            PortSharing::Exclusive => Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                format!("cannot steer {}: the socket is not bound with SO_REUSEPORT", self.local_address),
            )),
        }
    }
}

impl AsFd for BatchSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl AsRawFd for BatchSocket {
    fn as_raw_fd(&self) -> RawFd {
        self.socket.as_raw_fd()
    }
}

/// What the kernel has learned of a path's MTU is not asked: a datagram is measured against the interface alone,
/// so that nobody can lower the MTU with forged ICMP messages and turn replies into EMSGSIZE or fragments. Over
/// IPv4 it leaves with the don't-fragment bit, which spares the kernel a choice of identification for each
/// datagram. Nothing is lost as long as replies stay below what every path carries (1,280 bytes on IPv6, and on
/// all but forgotten IPv4 links).
fn apply_ip_options(socket: &Socket, options: &SocketOptions) -> io::Result<()> {
    let capture = options.destination == DestinationInfo::Capture;
    if options.address.is_ipv4() {
        set_integer(socket.as_fd(), libc::IPPROTO_IP, libc::IP_MTU_DISCOVER, libc::IP_PMTUDISC_PROBE)?;
        set_integer(socket.as_fd(), libc::IPPROTO_IP, libc::IP_PKTINFO, capture.into())
    } else {
        socket.set_only_v6(true)?;
        set_integer(socket.as_fd(), libc::IPPROTO_IPV6, libc::IPV6_MTU_DISCOVER, libc::IPV6_PMTUDISC_OMIT)?;
        set_integer(socket.as_fd(), libc::IPPROTO_IPV6, libc::IPV6_RECVPKTINFO, capture.into())
    }
}

/// The force options need `CAP_NET_ADMIN` and then go beyond the system's limit; the plain ones are cut at it
/// in silence.
fn apply_buffer_sizes(socket: &Socket, options: &SocketOptions) -> io::Result<()> {
    let set = |bytes: Option<usize>, force, plain| {
        let Some(bytes) = bytes else { return Ok(()) };
        let bytes = libc::c_int::try_from(bytes).unwrap_or(libc::c_int::MAX);
        set_integer(socket.as_fd(), libc::SOL_SOCKET, force, bytes)
            .or_else(|_| set_integer(socket.as_fd(), libc::SOL_SOCKET, plain, bytes))
    };
    set(options.receive_buffer_bytes, libc::SO_RCVBUFFORCE, libc::SO_RCVBUF)?;
    set(options.send_buffer_bytes, libc::SO_SNDBUFFORCE, libc::SO_SNDBUF)
}

#[cfg(test)]
mod tests;
