//! The UDP socket, which sends and receives batches.

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};

use primitives::{AddressFamily, FilterRules};
use socket2::{Domain, Protocol, Socket, Type};

use crate::filter::filter_datagrams;
use crate::kernel_option::{detach_reuseport_program, memory_info, set_integer};
use crate::options::{DestinationInfo, PortSharing, ReceiveTimestamps, SocketOptions};
use crate::receive::ReceiveBatch;
use crate::send::{SendBatch, SendReport};
use crate::steering::SteeringProgram;

/// The receive queue of a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReceiveQueue {
    /// Kernel memory of the datagrams that wait.
    pub bytes: u32,
    pub bytes_max: u32,
    /// Datagrams dropped since the socket was opened, by its filter or because the queue was full. The count wraps.
    pub dropped: u32,
}

/// A bound, unconnected, non-blocking UDP socket that sends and receives batches of datagrams.
#[derive(Debug)]
pub struct BatchSocket {
    socket: Socket,
    local_address: SocketAddr,
    sharing: PortSharing,
}

impl BatchSocket {
    /// Creates a socket (closed on exec) and binds it.
    ///
    /// # Errors
    ///
    /// Errors of the kernel: the address is in use or not of this machine, the port is privileged, the family is not
    /// supported, no descriptor is left. A buffer size above the system's limit is no error.
    pub fn bind(options: &SocketOptions) -> io::Result<Self> {
        let kind = Type::DGRAM.nonblocking().cloexec();
        let socket = Socket::new(Domain::for_address(options.address), kind, Some(Protocol::UDP))?;
        if options.address.is_ipv6() {
            socket.set_only_v6(true)?;
        }
        socket.set_reuse_port(options.sharing == PortSharing::ReusePort)?;
        apply_options(&socket, options)?;
        socket.bind(&options.address.into())?;
        Self::of_bound(socket, options.sharing)
    }

    /// Takes a bound UDP socket that is as shared as `sharing` says. Its options and its filter stay, as does what waits in it:
    /// another process may still use it.
    ///
    /// # Errors
    ///
    /// If it is no such socket.
    pub fn adopt(descriptor: OwnedFd, sharing: PortSharing) -> io::Result<Self> {
        let socket = Socket::from(descriptor);
        socket.set_nonblocking(true)?;
        socket.set_cloexec(true)?;
        Self::of_bound(socket, sharing)
    }

    fn of_bound(socket: Socket, sharing: PortSharing) -> io::Result<Self> {
        let local_address = socket.local_addr()?.as_socket().ok_or(io::ErrorKind::Unsupported)?;
        Ok(Self { socket, local_address, sharing })
    }

    /// Gives an adopted socket the options that [`Self::bind`] gives a socket, except the address and the sharing, which stay.
    ///
    /// # Errors
    ///
    /// Errors of the kernel, as of [`Self::bind`].
    pub fn set_options(&self, options: &SocketOptions) -> io::Result<()> {
        apply_options(&self.socket, options)?;
        self.set_receive_timestamps(ReceiveTimestamps::Off)
    }

    /// The address that the socket is bound to, with the port that the kernel chose for port 0.
    pub fn local_address(&self) -> SocketAddr {
        self.local_address
    }

    /// The receive buffer that the kernel granted, in bytes: twice the requested size, because the kernel also uses
    /// it for its bookkeeping of each datagram.
    ///
    /// # Errors
    ///
    /// Errors of the kernel; none is known for an open socket.
    pub fn effective_receive_buffer_bytes(&self) -> io::Result<usize> {
        self.socket.recv_buffer_size()
    }

    /// Receives waiting datagrams without blocking, up to the capacity of the batch, whose former content is lost.
    /// Returns the number of datagrams, 0 if none is waiting.
    ///
    /// # Errors
    ///
    /// Errors of the socket itself, or lack of memory. ICMP messages from third parties cause no errors.
    pub fn receive(&self, batch: &mut ReceiveBatch) -> io::Result<usize> {
        batch.fill(self.socket.as_fd())
    }

    /// Sends the queued datagrams without blocking. A datagram that the kernel refuses is dropped and counted, and
    /// does not delay later ones. If the kernel has no room, the rest stays queued in order: send again once the
    /// socket is writable, or clear the batch.
    pub fn send(&self, batch: &mut SendBatch) -> SendReport {
        batch.drain(self.socket.as_fd())
    }

    /// Sets whether the kernel stamps datagrams that arrive from here on. Datagrams that already wait in the socket
    /// keep the stamp that they have, if any; it is reported unless stamps are [`Off`](ReceiveTimestamps::Off).
    ///
    /// # Errors
    ///
    /// Errors of the kernel; none is known for an open socket.
    pub fn set_receive_timestamps(&self, timestamps: ReceiveTimestamps) -> io::Result<()> {
        // `SO_TIMESTAMPNS` is unsuitable: it reports the time of the receive call for datagrams without a stamp, and
        // the kernel continues to read its clock for each packet after it is switched off.
        let flags = match timestamps {
            ReceiveTimestamps::Off => 0,
            ReceiveTimestamps::ReadOnly => libc::SOF_TIMESTAMPING_SOFTWARE,
            ReceiveTimestamps::On => libc::SOF_TIMESTAMPING_RX_SOFTWARE | libc::SOF_TIMESTAMPING_SOFTWARE,
        };
        let flags = libc::c_int::try_from(flags).map_err(|_| io::ErrorKind::InvalidInput)?;
        set_integer(self.socket.as_fd(), libc::SOL_SOCKET, libc::SO_TIMESTAMPING, flags)
    }

    /// Sets whether the destination of datagrams that are received from here on is captured.
    ///
    /// # Errors
    ///
    /// Errors of the kernel; none is known for an open socket.
    pub fn set_destination_info(&self, info: DestinationInfo) -> io::Result<()> {
        set_destination_info(&self.socket, self.local_address, info)
    }

    /// Makes the kernel drop what `rules` say, in place of earlier ones. No rules remove the filter. Where the kernel has no
    /// memory for all networks, it drops the datagrams of those given first. Returns how many were left out. After an error
    /// there is no filter.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) if the program is too long; otherwise errors of the kernel.
    pub fn set_filter(&self, rules: &FilterRules) -> io::Result<usize> {
        filter_datagrams(self.as_fd(), AddressFamily::of(self.local_address.ip()), rules)
    }

    /// Reads the state of the receive queue.
    ///
    /// # Errors
    ///
    /// If the kernel does not have the option, which came with Linux 4.12.
    pub fn receive_queue(&self) -> io::Result<ReceiveQueue> {
        let [bytes, bytes_max, .., dropped] = memory_info(self.as_fd())?;
        Ok(ReceiveQueue { bytes, bytes_max, dropped })
    }

    /// Makes `program` choose the socket of each datagram to the reuseport group of this socket. One call applies to
    /// the whole group, including sockets that join later; it replaces an earlier program.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) if the socket is not in a reuseport group, or if the program has
    /// no shards or reads beyond the end of any datagram; otherwise errors of the kernel.
    pub fn steer(&self, program: &SteeringProgram) -> io::Result<()> {
        match self.sharing {
            PortSharing::ReusePort => program.attach(self.socket.as_fd()),
            PortSharing::Exclusive => Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                format!("cannot steer {}: the socket is not bound with SO_REUSEPORT", self.local_address),
            )),
        }
    }

    /// Removes the program of [`Self::steer`] from the reuseport group of this socket, if it has one: the kernel spreads
    /// datagrams.
    ///
    /// # Errors
    ///
    /// If the socket is in no group, or the kernel does not have the option, which came with Linux 5.3.
    pub fn stop_steering(&self) -> io::Result<()> {
        detach_reuseport_program(self.as_fd())
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

fn apply_options(socket: &Socket, options: &SocketOptions) -> io::Result<()> {
    apply_ip_options(socket, options)?;
    apply_buffer_sizes(socket, options)?;
    let Some(bytes) = options.segment_bytes else { return Ok(()) };
    set_integer(socket.as_fd(), libc::SOL_UDP, libc::UDP_SEGMENT, bytes.get().into())
}

/// Makes the kernel ignore discovered path MTUs: datagrams are limited by the MTU of the interface alone, so that
/// forged ICMP messages cannot turn replies into EMSGSIZE or fragments. IPv4 datagrams are sent with the
/// don't-fragment bit, which saves the kernel choosing an identification for each. Replies are not lost as long as
/// they are smaller than every path's MTU (1,280 bytes on IPv6, and on practically all IPv4 links).
fn apply_ip_options(socket: &Socket, options: &SocketOptions) -> io::Result<()> {
    set_destination_info(socket, options.address, options.destination)?;
    if options.address.is_ipv4() {
        set_integer(socket.as_fd(), libc::IPPROTO_IP, libc::IP_MTU_DISCOVER, libc::IP_PMTUDISC_PROBE)
    } else {
        set_integer(socket.as_fd(), libc::IPPROTO_IPV6, libc::IPV6_MTU_DISCOVER, libc::IPV6_PMTUDISC_OMIT)
    }
}

fn set_destination_info(socket: &Socket, address: SocketAddr, info: DestinationInfo) -> io::Result<()> {
    let (level, name) = match address {
        SocketAddr::V4(_) => (libc::IPPROTO_IP, libc::IP_PKTINFO),
        SocketAddr::V6(_) => (libc::IPPROTO_IPV6, libc::IPV6_RECVPKTINFO),
    };
    set_integer(socket.as_fd(), level, name, (info == DestinationInfo::Capture).into())
}

/// The force options need `CAP_NET_ADMIN` and exceed the system's limit; the plain ones are silently cut to it.
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
