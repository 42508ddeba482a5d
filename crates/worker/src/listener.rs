use crate::limits::FREE_PORT_ATTEMPTS_MAX;
use primitives::{ShardCount, SteeringKey};
use std::fmt;
use std::io;
use std::net::SocketAddr;
use udp_socket::{BatchSocket, DestinationInfo, PortSharing, SocketOptions, SteeringProgram};

/// How the listeners' sockets are made.
#[derive(Debug, Clone, Copy)]
pub struct ListenerOptions {
    /// Bytes of each socket's receive buffer.
    pub receive_buffer_bytes: usize,
    /// Bytes of each socket's send buffer.
    pub send_buffer_bytes: usize,
    /// Whether replies from wildcard addresses come from the address that the request was sent to.
    pub wildcard_destination: DestinationInfo,
    /// Whether the kernel is asked to steer.
    pub steering: SteeringRequest,
}

/// Whether the kernel is asked to deliver each request to its owner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SteeringRequest {
    /// It is; if it refuses, the mesh does the work.
    Auto,
    /// The mesh does the work.
    Off,
}

/// Whether the kernel steers.
#[derive(Debug)]
pub enum SteeringOutcome {
    /// It does.
    On,
    /// The configuration asks for none.
    Off,
    /// There is one shard only.
    NotNeeded,
    /// The kernel refused.
    Refused(io::Error),
}

/// The sockets of all listeners.
#[derive(Debug)]
pub struct BoundListeners {
    /// For each shard its sockets, in the order of the addresses.
    pub sockets_by_shard: Vec<Vec<BatchSocket>>,
    /// The addresses, with the ports that the kernel chose.
    pub addresses: Vec<SocketAddr>,
    /// Whether the kernel steers.
    pub steering: SteeringOutcome,
    /// Bytes of the smallest receive buffer, as they were asked for: the kernel may give less.
    pub receive_buffer_bytes: usize,
}

/// What clients speak at a listener.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// BEP 15.
    Udp,
    /// BEP 3.
    Http,
    /// BEP 3 over TLS.
    Https,
}

/// A listener, as a client would name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Listener {
    /// What clients speak.
    pub scheme: Scheme,
    /// Where.
    pub address: SocketAddr,
}

impl fmt::Display for Listener {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = match self.scheme {
            Scheme::Udp => "udp",
            Scheme::Http => "http",
            Scheme::Https => "https",
        };
        write!(formatter, "{scheme}://{}", self.address)
    }
}

/// Why a listener could not be made.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// Another program has the port.
    #[error("{0} is in use by another program")]
    InUse(Listener),
    /// The port is below 1024, say, and the user may not.
    #[error("{0}: no permission to bind it")]
    Forbidden(Listener),
    /// No interface has the address.
    #[error("{0}: this machine does not have the address")]
    NoSuchAddress(Listener),
    /// The kernel has no such addresses: IPv6 is not compiled in or switched off.
    #[error("{0}: the kernel does not have this address family")]
    NoSuchFamily(Listener),
    /// Anything else.
    #[error("{listener} cannot be bound")]
    Other {
        /// The listener.
        listener: Listener,
        /// The kernel's word.
        #[source]
        source: io::Error,
    },
}

impl BindError {
    pub(crate) fn new(listener: Listener, source: io::Error) -> Self {
        if source.raw_os_error() == Some(ADDRESS_FAMILY_NOT_SUPPORTED) {
            return Self::NoSuchFamily(listener);
        }
        match source.kind() {
            io::ErrorKind::AddrInUse => Self::InUse(listener),
            io::ErrorKind::PermissionDenied => Self::Forbidden(listener),
            io::ErrorKind::AddrNotAvailable => Self::NoSuchAddress(listener),
            _ => Self::Other { listener, source },
        }
    }

    /// The listener that could not be made.
    #[must_use]
    pub const fn listener(&self) -> Listener {
        match self {
            Self::InUse(listener)
            | Self::Forbidden(listener)
            | Self::NoSuchAddress(listener)
            | Self::NoSuchFamily(listener)
            | Self::Other { listener, .. } => *listener,
        }
    }
}

/// Binds all `addresses` once for each shard and has the kernel steer between the shards.
///
/// # Errors
/// When an address cannot be bound, or is in use: a group that another program joined would share its clients.
///
/// # Panics
/// Never: there is at least one shard.
pub fn bind_listeners(
    addresses: &[SocketAddr],
    shards: ShardCount,
    steering_key: &SteeringKey,
    options: &ListenerOptions,
) -> Result<BoundListeners, BindError> {
    let mut bound = BoundListeners {
        sockets_by_shard: shards.shards().map(|_| Vec::new()).collect(),
        addresses: Vec::new(),
        steering: initial_steering(shards, options.steering),
        receive_buffer_bytes: options.receive_buffer_bytes,
    };
    for &address in addresses {
        let group = bind_group(address, shards, options)?;
        let first = group.first().expect("there is at least one shard");
        bound.addresses.push(first.local_address());
        // The kernel tells twice what it was asked for, since it counts its own bookkeeping.
        let granted_bytes = first.effective_receive_buffer_bytes().map_or(usize::MAX, |bytes| bytes / 2);
        bound.receive_buffer_bytes = bound.receive_buffer_bytes.min(granted_bytes);
        if matches!(bound.steering, SteeringOutcome::On)
            && let Err(error) = first.steer(&steering_program(steering_key, shards))
        {
            bound.steering = SteeringOutcome::Refused(error);
        }
        for (sockets, socket) in bound.sockets_by_shard.iter_mut().zip(group) {
            sockets.push(socket);
        }
    }
    Ok(bound)
}

/// The kernel's copy of `SteeringKey::shard_of`: announces and scrapes both have their first info hash behind
/// 16 bytes; what is shorter than such a scrape has none and is spread.
fn steering_program(key: &SteeringKey, shards: ShardCount) -> SteeringProgram {
    const INFO_HASH_OFFSET: u32 = 16;
    const SHORTEST_SCRAPE_BYTES: u32 = 36;
    SteeringProgram {
        hash_offset: INFO_HASH_OFFSET,
        datagram_bytes_min: SHORTEST_SCRAPE_BYTES,
        addend: key.addend,
        multipliers: key.multipliers,
        shards: shards.get(),
    }
}

const fn initial_steering(shards: ShardCount, request: SteeringRequest) -> SteeringOutcome {
    match request {
        SteeringRequest::Off => SteeringOutcome::Off,
        SteeringRequest::Auto if shards.get() == 1 => SteeringOutcome::NotNeeded,
        SteeringRequest::Auto => SteeringOutcome::On,
    }
}

/// Linux's EAFNOSUPPORT, which has no `io::ErrorKind`.
const ADDRESS_FAMILY_NOT_SUPPORTED: i32 = 97;

/// One socket for each shard, in their order: the kernel counts the sockets of a group as they are bound.
fn bind_group(
    address: SocketAddr,
    shards: ShardCount,
    options: &ListenerOptions,
) -> Result<Vec<BatchSocket>, BindError> {
    let address = reserve(address)?;
    let destination =
        if address.ip().is_unspecified() { options.wildcard_destination } else { DestinationInfo::Ignore };
    let socket_options = SocketOptions {
        receive_buffer_bytes: Some(options.receive_buffer_bytes),
        send_buffer_bytes: Some(options.send_buffer_bytes),
        sharing: PortSharing::ReusePort,
        destination,
        ..SocketOptions::new(address)
    };
    let bind = |_| BatchSocket::bind(&socket_options).map_err(|error| bind_error(address, error));
    shards.shards().map(bind).collect()
}

/// Makes sure that nobody else has the address, and chooses a port where any will do. A group of sockets would
/// be joined silently if the same user's program had the port.
fn reserve(address: SocketAddr) -> Result<SocketAddr, BindError> {
    let attempts = if address.port() == 0 { FREE_PORT_ATTEMPTS_MAX } else { 1 };
    let mut last = None;
    for _ in 0..attempts {
        match BatchSocket::bind(&SocketOptions::new(address)) {
            Ok(alone) => return Ok(alone.local_address()),
            Err(error) => last = Some(error),
        }
    }
    Err(bind_error(address, last.expect("there was at least one attempt")))
}

fn bind_error(address: SocketAddr, source: io::Error) -> BindError {
    BindError::new(Listener { scheme: Scheme::Udp, address }, source)
}
