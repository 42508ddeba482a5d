use crate::inherited::{
    AdoptError, Adopted, Giver, InheritedSocket, InheritedSockets, SocketKind, duplicate,
};
use crate::limits::FREE_PORT_ATTEMPTS_MAX;
use primitives::{FilterRules, HotTorrent, InfoHash, ShardCount, SteeringKey};
use std::fmt;
use std::io;
use std::net::SocketAddr;
use udp_socket::{BatchSocket, DestinationInfo, PortSharing, SocketOptions, SteeringProgram};

/// Options of the UDP listeners' sockets.
#[derive(Debug, Clone, Copy)]
pub struct ListenerOptions {
    pub receive_buffer_bytes: usize,
    pub send_buffer_bytes: usize,
    /// Whether replies from wildcard addresses are sent from the address that received the request.
    pub wildcard_destination: DestinationInfo,
    pub steering: SteeringRequest,
}

/// Whether the kernel is asked to deliver each request to its owner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SteeringRequest {
    /// It is. If it refuses, requests are routed over the mesh.
    Auto,
    /// Requests are routed over the mesh.
    Off,
}

/// Whether the kernel steers.
#[derive(Debug)]
pub enum SteeringOutcome {
    On,
    /// Disabled by the configuration.
    Off,
    /// There is only one shard.
    NotNeeded,
    Refused(io::Error),
}

/// The sockets of all listeners.
#[derive(Debug)]
pub struct BoundListeners {
    /// The sockets of each shard, in the order of the addresses.
    pub sockets_by_shard: Vec<Vec<BatchSocket>>,
    /// The addresses, with the ports that the kernel chose.
    pub addresses: Vec<SocketAddr>,
    /// For sockets of a predecessor, [`take_over`](crate::take_over) returns it.
    pub steering: SteeringOutcome,
    /// Whether the kernel takes filters for the sockets.
    pub filter: io::Result<()>,
    /// Bytes of the smallest receive buffer. The kernel may grant less than was requested. Sockets of a predecessor do not count.
    pub receive_buffer_bytes: usize,
}

/// The protocol of a listener.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// BEP 15.
    Udp,
    /// BEP 3.
    Http,
    /// BEP 3 over TLS.
    Https,
}

/// A protocol and address that the tracker serves, displayed as a URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Listener {
    pub scheme: Scheme,
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

/// Why a listener could not be bound.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    #[error("{0} is in use by another program")]
    InUse(Listener),
    /// For example, ports below 1024 need a capability.
    #[error("{0}: no permission to bind it")]
    Forbidden(Listener),
    #[error("{0}: this machine does not have the address")]
    NoSuchAddress(Listener),
    /// IPv6 is not compiled into the kernel or is switched off.
    #[error("{0}: the kernel does not have this address family")]
    NoSuchFamily(Listener),
    #[error("{listener}: the socket that another process opened for it cannot be used")]
    Inherited {
        listener: Listener,
        #[source]
        source: AdoptError,
    },
    #[error("{listener} cannot be bound")]
    Other {
        listener: Listener,
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

    /// Returns the listener that could not be bound.
    #[must_use]
    pub const fn listener(&self) -> Listener {
        match self {
            Self::InUse(listener)
            | Self::Forbidden(listener)
            | Self::NoSuchAddress(listener)
            | Self::NoSuchFamily(listener)
            | Self::Inherited { listener, .. }
            | Self::Other { listener, .. } => *listener,
        }
    }
}

/// Binds all `addresses` once for each shard, except those of sockets that are inherited, and sets up the kernel's steering
/// between the shards.
///
/// # Errors
/// When an address cannot be bound, or is in use: a group that another program joined would share its clients. When an
/// inherited socket cannot be used.
///
/// # Panics
/// Never: there is at least one shard.
pub fn bind_listeners(
    addresses: &[SocketAddr],
    shards: ShardCount,
    steering_key: &SteeringKey,
    options: &ListenerOptions,
    inherited: &mut InheritedSockets,
) -> Result<BoundListeners, BindError> {
    let mut bound = BoundListeners {
        sockets_by_shard: shards.shards().map(|_| Vec::new()).collect(),
        addresses: Vec::new(),
        steering: initial_steering(shards, options.steering),
        filter: Ok(()),
        receive_buffer_bytes: options.receive_buffer_bytes,
    };
    for &address in addresses {
        let Group { adopted, own } = open_group(address, shards, options, inherited)?;
        // An adopted socket has the filter of a process that may still serve it.
        bound.filter = bound.filter.and_then(|()| own.first().map_or(Ok(()), try_filter));
        let is_served = !adopted.is_empty() && inherited.giver() == Giver::Predecessor;
        let first = adopted.iter().chain(&own).next().expect("there is at least one shard");
        bound.addresses.push(first.local_address());
        if !is_served {
            // The kernel reports twice the requested size, since it includes its own overhead.
            let granted_bytes = first.effective_receive_buffer_bytes().map_or(usize::MAX, |bytes| bytes / 2);
            bound.receive_buffer_bytes = bound.receive_buffer_bytes.min(granted_bytes);
            bound.steering = steer(bound.steering, first, &steering_program(steering_key, shards));
        }
        for (sockets, socket) in bound.sockets_by_shard.iter_mut().zip(adopted.into_iter().chain(own)) {
            sockets.push(socket);
        }
    }
    Ok(bound)
}

impl BoundListeners {
    /// Duplicates the descriptors, for a process that is to adopt the sockets.
    ///
    /// # Errors
    /// When the process has no more descriptors.
    pub fn duplicates(&self) -> io::Result<Vec<InheritedSocket>> {
        duplicate(SocketKind::Udp, &self.addresses, &self.sockets_by_shard)
    }
}

/// The sockets of a listener, in the order of the shards: the kernel numbers the sockets of a group in the order of binding.
struct Group {
    adopted: Vec<BatchSocket>,
    own: Vec<BatchSocket>,
}

/// Sets up the steering of a socket's group after that of others with this outcome, and returns the outcome of all.
pub(crate) fn steer(
    others: SteeringOutcome,
    socket: &BatchSocket,
    program: &SteeringProgram,
) -> SteeringOutcome {
    match others {
        SteeringOutcome::On => match socket.steer(program) {
            Ok(()) => SteeringOutcome::On,
            Err(error) => SteeringOutcome::Refused(error),
        },
        SteeringOutcome::Off => {
            // Only an adopted group may be steered. If it still is, it is served as well.
            drop(socket.stop_steering());
            SteeringOutcome::Off
        }
        outcome => outcome,
    }
}

/// Attaches and removes a filter that drops nothing: the shards attach theirs when they need them.
fn try_filter(socket: &BatchSocket) -> io::Result<()> {
    let hot = Some(HotTorrent { info_hash: InfoHash([0; 20]), passed: u32::MAX });
    socket.set_filter(&FilterRules { hot, ..FilterRules::default() })?;
    socket.set_filter(&FilterRules::default()).map(drop)
}

/// Returns the kernel's version of `SteeringKey::shard_of`. Announces and scrapes both have their first info hash at
/// offset 16. Shorter datagrams have none and are spread over the shards.
pub(crate) fn steering_program(key: &SteeringKey, shards: ShardCount) -> SteeringProgram {
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

pub(crate) const fn initial_steering(shards: ShardCount, request: SteeringRequest) -> SteeringOutcome {
    match request {
        SteeringRequest::Off => SteeringOutcome::Off,
        SteeringRequest::Auto if shards.get() == 1 => SteeringOutcome::NotNeeded,
        SteeringRequest::Auto => SteeringOutcome::On,
    }
}

/// Linux's EAFNOSUPPORT, which has no `io::ErrorKind`.
const ADDRESS_FAMILY_NOT_SUPPORTED: i32 = 97;

/// Adopts the sockets of a listener that are inherited, and binds the others.
fn open_group(
    address: SocketAddr,
    shards: ShardCount,
    options: &ListenerOptions,
    inherited: &mut InheritedSockets,
) -> Result<Group, BindError> {
    let listener = Listener { scheme: Scheme::Udp, address };
    let adopted = inherited.take(SocketKind::Udp, address, shards);
    let (address, sockets) = match adopted.map_err(|source| BindError::Inherited { listener, source })? {
        Some(Adopted { address, sockets }) => (address, sockets),
        None => (reserve(address)?, Vec::new()),
    };
    let socket_options = socket_options(address, options);
    let failed = |error| bind_error(address, error);
    let missing = usize::from(shards.get()) - sockets.len();
    let adopted = sockets.into_iter().map(|descriptor| {
        let socket = BatchSocket::adopt(descriptor, PortSharing::ReusePort)?;
        match inherited.giver() {
            Giver::ServiceManager => socket.set_options(&socket_options)?,
            Giver::Predecessor => {}
        }
        Ok(socket)
    });
    let adopted = adopted.collect::<io::Result<_>>().map_err(failed)?;
    let own = (0..missing).map(|_| BatchSocket::bind(&socket_options));
    Ok(Group { adopted, own: own.collect::<io::Result<_>>().map_err(failed)? })
}

pub(crate) fn socket_options(address: SocketAddr, options: &ListenerOptions) -> SocketOptions {
    let destination =
        if address.ip().is_unspecified() { options.wildcard_destination } else { DestinationInfo::Ignore };
    SocketOptions {
        receive_buffer_bytes: Some(options.receive_buffer_bytes),
        send_buffer_bytes: Some(options.send_buffer_bytes),
        sharing: PortSharing::ReusePort,
        destination,
        ..SocketOptions::new(address)
    }
}

/// Checks that no other program has the address, and chooses a port where any will do. Otherwise the sockets would
/// silently join a group of another program of the same user.
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
