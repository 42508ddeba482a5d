use crate::inherited::{Adopted, Giver, InheritedSocket, InheritedSockets, SocketKind, duplicate};
use crate::limits::{
    BACKLOG_MAX, CONNECTION_RECEIVE_BUFFER_BYTES, CONNECTION_SEND_BUFFER_BYTES, FREE_PORT_ATTEMPTS_MAX,
};
use crate::listener::{BindError, Listener, Scheme};
use core_loop::Security;
use primitives::{AddressFamily, AddressRanges, ShardCount};
use socket2::{Domain, Protocol, SockRef, Socket, Type};
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use udp_socket::filter_connections;

/// One core's socket of an HTTP listener.
#[derive(Debug)]
pub struct HttpListener {
    pub(crate) socket: OwnedFd,
    pub(crate) security: Security,
    family: AddressFamily,
}

/// The sockets of all HTTP listeners.
#[derive(Debug)]
pub struct BoundHttpListeners {
    /// The sockets of each shard, in the order of the listeners.
    pub sockets_by_shard: Vec<Vec<HttpListener>>,
    /// The listeners, with the ports that the kernel chose.
    pub listeners: Vec<Listener>,
}

impl HttpListener {
    /// Makes the kernel drop connections from these addresses.
    pub(crate) fn set_filter(&self, refused: &AddressRanges) -> io::Result<()> {
        filter_connections(self.socket.as_fd(), self.family, refused)
    }
}

impl AsFd for HttpListener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl BoundHttpListeners {
    /// Duplicates the descriptors, for a process that is to adopt the sockets.
    ///
    /// # Errors
    /// When the process has no more descriptors.
    pub fn duplicates(&self) -> io::Result<Vec<InheritedSocket>> {
        let addresses: Vec<_> = self.listeners.iter().map(|listener| listener.address).collect();
        duplicate(SocketKind::Tcp, &addresses, &self.sockets_by_shard)
    }
}

/// Binds all listeners once for each shard, except those of sockets that are inherited. The kernel distributes connections among
/// the shards, and queues at most `backlog` for each socket, or [`BACKLOG_MAX`].
///
/// # Errors
/// When an address cannot be bound, or is in use: a group that another program joined would share its clients. When an
/// inherited socket cannot be used.
pub fn bind_http_listeners(
    addresses: &[(SocketAddr, Security)],
    shards: ShardCount,
    backlog: u32,
    inherited: &mut InheritedSockets,
) -> Result<BoundHttpListeners, BindError> {
    let mut bound = BoundHttpListeners {
        sockets_by_shard: shards.shards().map(|_| Vec::new()).collect(),
        listeners: Vec::new(),
    };
    for &(address, security) in addresses {
        let listener = Listener { scheme: scheme(security), address };
        let failed = |source| BindError::new(listener, source);
        let adopted = inherited.take(SocketKind::Tcp, address, shards);
        let (address, adopted) = match adopted.map_err(|source| BindError::Inherited { listener, source })? {
            Some(Adopted { address, sockets }) => (address, sockets),
            None => (reserve(address).map_err(failed)?, Vec::new()),
        };
        bound.listeners.push(Listener { address, ..listener });
        let mut adopted = adopted.into_iter();
        for sockets in &mut bound.sockets_by_shard {
            let socket = match (adopted.next(), inherited.giver()) {
                (Some(socket), Giver::Predecessor) => Ok(socket),
                (Some(socket), Giver::ServiceManager) => listen(socket, backlog),
                (None, _) => bind(address).and_then(|socket| listen(socket.into(), backlog)),
            };
            let socket = socket.map_err(failed)?;
            sockets.push(HttpListener { socket, security, family: AddressFamily::of(address.ip()) });
        }
    }
    Ok(bound)
}

const fn scheme(security: Security) -> Scheme {
    match security {
        Security::Plain => Scheme::Http,
        Security::Tls => Scheme::Https,
    }
}

fn bind(address: SocketAddr) -> io::Result<Socket> {
    let socket = open(address)?;
    socket.set_reuse_port(true)?;
    socket.bind(&address.into())?;
    Ok(socket)
}

/// Makes a bound socket listen, if it does not yet.
fn listen(socket: OwnedFd, backlog: u32) -> io::Result<OwnedFd> {
    set_options(socket.as_fd(), backlog)?;
    Ok(socket)
}

/// Makes a socket listen with its options, also one that listens already. Connections that wait in it stay.
pub(crate) fn set_options(socket: BorrowedFd<'_>, backlog: u32) -> io::Result<()> {
    let socket = SockRef::from(&socket);
    // Connections inherit it. An answer is sent in one write and has nothing to wait for.
    socket.set_tcp_nodelay(true)?;
    socket.set_recv_buffer_size(CONNECTION_RECEIVE_BUFFER_BYTES)?;
    socket.set_send_buffer_size(CONNECTION_SEND_BUFFER_BYTES)?;
    socket.set_nonblocking(true)?;
    socket.set_cloexec(true)?;
    socket.listen(backlog.min(BACKLOG_MAX).cast_signed())
}

fn open(address: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    // Connections that ended within the last minute still occupy the address.
    socket.set_reuse_address(true)?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    Ok(socket)
}

/// Checks that no other program has the address, and chooses a port where any will do. Otherwise the sockets would
/// silently join a group of another program of the same user.
fn reserve(address: SocketAddr) -> io::Result<SocketAddr> {
    let attempts = if address.port() == 0 { FREE_PORT_ATTEMPTS_MAX } else { 1 };
    let mut last = io::Error::from(io::ErrorKind::AddrInUse);
    for _ in 0..attempts {
        match bind_alone(address) {
            Ok(address) => return Ok(address),
            Err(error) => last = error,
        }
    }
    Err(last)
}

fn bind_alone(address: SocketAddr) -> io::Result<SocketAddr> {
    let socket = open(address)?;
    socket.bind(&address.into())?;
    socket.listen(1)?;
    let bound = socket.local_addr()?.as_socket();
    bound.ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))
}
