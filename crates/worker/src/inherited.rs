//! Listening sockets that another process has opened: the tracker before this one, or the service manager.

use primitives::ShardCount;
use socket2::{SockRef, Type};
use std::collections::BTreeSet;
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, OwnedFd};

/// The protocol below that of the tracker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum SocketKind {
    Udp,
    Tcp,
}

/// A listening socket of another process.
#[derive(Debug)]
pub struct InheritedSocket {
    pub kind: SocketKind,
    /// The address that it is bound to.
    pub address: SocketAddr,
    /// The shard that it belonged to; `None` if it belonged to none.
    pub shard: Option<usize>,
    pub fd: OwnedFd,
}

/// Who has had inherited sockets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Giver {
    /// It serves none of them: they get their options when they are adopted.
    #[default]
    ServiceManager,
    /// It serves them until this process does, and again if this one fails: until [`take_over`](crate::take_over), their options
    /// are its own.
    Predecessor,
}

/// The listening sockets of another process that no listener has adopted. Those that are left are closed with it.
#[derive(Debug, Default)]
pub struct InheritedSockets {
    sockets: Vec<InheritedSocket>,
    giver: Giver,
}

/// The sockets of a listener that are inherited.
#[derive(Debug)]
pub struct Adopted {
    pub address: SocketAddr,
    /// In the order of the shards: the kernel numbers the sockets of a group in it. At most one for each shard.
    pub sockets: Vec<OwnedFd>,
}

/// Why a listener cannot adopt a socket.
#[derive(Debug, thiserror::Error)]
pub enum AdoptError {
    #[error("there are {sockets}, but only {workers} workers")]
    TooMany { sockets: usize, workers: u16 },
    #[error("it has another protocol")]
    OtherKind,
    #[error("it is bound to {0}")]
    OtherAddress(SocketAddr),
    #[error("it does not listen")]
    NotListening,
    /// For systemd, `ReusePort=yes`.
    #[error("it does not share its port (SO_REUSEPORT), so that not every worker can have a socket")]
    NotShared,
    /// For systemd, `BindIPv6Only=ipv6-only`.
    #[error("it receives IPv4 too, which needs a socket of its own (IPV6_V6ONLY)")]
    BothFamilies,
    #[error(transparent)]
    Socket(#[from] io::Error),
}

impl InheritedSockets {
    /// Returns the sockets in the order in which they were handed over.
    #[must_use]
    pub const fn new(sockets: Vec<InheritedSocket>, giver: Giver) -> Self {
        Self { sockets, giver }
    }

    pub(crate) const fn giver(&self) -> Giver {
        self.giver
    }

    /// Duplicates the descriptors. The sockets are the same.
    ///
    /// # Errors
    /// When the process has no more descriptors.
    pub fn try_clone(&self) -> io::Result<Self> {
        let each =
            self.sockets.iter().map(|socket| Ok(InheritedSocket { fd: socket.fd.try_clone()?, ..*socket }));
        Ok(Self { sockets: each.collect::<io::Result<_>>()?, giver: self.giver })
    }

    /// Returns the addresses of those that are left, each once.
    pub fn addresses(&self) -> BTreeSet<(SocketKind, SocketAddr)> {
        self.sockets.iter().map(|socket| (socket.kind, socket.address)).collect()
    }

    /// Takes the sockets of an address, if there are some. Port 0 stands for the first one with this IP address.
    ///
    /// # Errors
    /// When a socket is not what it is said to be, or when there are more than shards.
    pub fn take(
        &mut self,
        kind: SocketKind,
        address: SocketAddr,
        shards: ShardCount,
    ) -> Result<Option<Adopted>, AdoptError> {
        let has_address = |socket: &InheritedSocket| {
            let port = address.port();
            let has_port = port == 0 || port == socket.address.port();
            socket.kind == kind && socket.address.ip() == address.ip() && has_port
        };
        let Some(first) = self.sockets.iter().find(|socket| has_address(socket)) else { return Ok(None) };
        let address = first.address;
        let is_of_group = |socket: &mut InheritedSocket| socket.kind == kind && socket.address == address;
        let mut group: Vec<_> = self.sockets.extract_if(.., is_of_group).collect();
        if group.len() > usize::from(shards.get()) {
            return Err(AdoptError::TooMany { sockets: group.len(), workers: shards.get() });
        }
        group.iter().try_for_each(|socket| socket.check(shards))?;
        group.sort_by_key(|socket| socket.shard);
        Ok(Some(Adopted { address, sockets: group.into_iter().map(|socket| socket.fd).collect() }))
    }
}

impl InheritedSocket {
    fn check(&self, shards: ShardCount) -> Result<(), AdoptError> {
        let socket = SockRef::from(&self.fd);
        let wanted = match self.kind {
            SocketKind::Udp => Type::DGRAM,
            SocketKind::Tcp => Type::STREAM,
        };
        if socket.r#type()? != wanted {
            return Err(AdoptError::OtherKind);
        }
        let address = socket.local_addr()?.as_socket().ok_or(AdoptError::OtherKind)?;
        if (address.ip(), address.port()) != (self.address.ip(), self.address.port()) {
            return Err(AdoptError::OtherAddress(address));
        }
        if self.kind == SocketKind::Tcp && !socket.is_listener()? {
            return Err(AdoptError::NotListening);
        }
        if shards.get() > 1 && !socket.reuse_port()? {
            return Err(AdoptError::NotShared);
        }
        if self.address.is_ipv6() && self.address.ip().is_unspecified() && !socket.only_v6()? {
            return Err(AdoptError::BothFamilies);
        }
        Ok(())
    }
}

/// Duplicates the sockets of listeners, which each shard has in the order of their addresses.
pub(crate) fn duplicate(
    kind: SocketKind,
    addresses: &[SocketAddr],
    sockets_by_shard: &[Vec<impl AsFd>],
) -> io::Result<Vec<InheritedSocket>> {
    let mut duplicates = Vec::new();
    for (shard, sockets) in sockets_by_shard.iter().enumerate() {
        for (&address, socket) in addresses.iter().zip(sockets) {
            let fd = socket.as_fd().try_clone_to_owned()?;
            duplicates.push(InheritedSocket { kind, address, shard: Some(shard), fd });
        }
    }
    Ok(duplicates)
}

#[cfg(test)]
mod tests;
