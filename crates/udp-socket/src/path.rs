//! The two ends of a datagram's path, in the form that the kernel uses.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};

/// First field of a socket name, the kernel's `sa_family_t`.
#[allow(clippy::cast_possible_truncation, reason = "an address family fits sa_family_t by definition")]
const FAMILY_V4: u16 = libc::AF_INET as u16;
#[allow(clippy::cast_possible_truncation, reason = "an address family fits sa_family_t by definition")]
const FAMILY_V6: u16 = libc::AF_INET6 as u16;

/// A `sockaddr_in` or a `sockaddr_in6`, by family. The kernel can write either into it, and both can be read without
/// unsafe code: every bit pattern is valid.
#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct SocketName {
    family: u16,
    port_be: [u8; 2],
    /// `sin_addr` of an IPv4 name, `sin6_flowinfo` of an IPv6 name.
    v4_address_or_v6_flow: [u8; 4],
    /// Begins with the zero padding of an IPv4 name; the rest is unused there.
    v6_address: [u8; 16],
    v6_scope_id: u32,
}

const _: () = assert!(size_of::<SocketName>() == size_of::<libc::sockaddr_in6>());
const _: () = assert!(align_of::<SocketName>() == align_of::<libc::sockaddr_in6>());
const _: () = assert!(size_of::<SocketName>() >= size_of::<libc::sockaddr_in>());

impl SocketName {
    const UNSPECIFIED: Self = Self {
        family: FAMILY_V4,
        port_be: [0; 2],
        v4_address_or_v6_flow: [0; 4],
        v6_address: [0; 16],
        v6_scope_id: 0,
    };

    fn from_address(address: SocketAddr) -> Self {
        let port_be = address.port().to_be_bytes();
        match address {
            SocketAddr::V4(v4) => {
                Self { port_be, v4_address_or_v6_flow: v4.ip().octets(), ..Self::UNSPECIFIED }
            }
            SocketAddr::V6(v6) => Self {
                family: FAMILY_V6,
                port_be,
                v4_address_or_v6_flow: v6.flowinfo().to_ne_bytes(),
                v6_address: v6.ip().octets(),
                v6_scope_id: v6.scope_id(),
            },
        }
    }

    fn address(&self) -> SocketAddr {
        let port = u16::from_be_bytes(self.port_be);
        if self.family == FAMILY_V4 {
            SocketAddrV4::new(Ipv4Addr::from(self.v4_address_or_v6_flow), port).into()
        } else {
            let flow = u32::from_ne_bytes(self.v4_address_or_v6_flow);
            SocketAddrV6::new(Ipv6Addr::from(self.v6_address), port, flow, self.v6_scope_id).into()
        }
    }

    /// Bytes that the kernel is to read, by family; at most the size of the struct.
    pub(crate) fn length_bytes(&self) -> u32 {
        const V4_BYTES: u32 = 16;
        const V6_BYTES: u32 = 28;
        const _: () = assert!(V4_BYTES as usize == size_of::<libc::sockaddr_in>());
        const _: () = assert!(V6_BYTES as usize == size_of::<SocketName>());
        if self.family == FAMILY_V4 { V4_BYTES } else { V6_BYTES }
    }
}

/// The local end of a path: the address of this machine that the remote end uses.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct LocalEnd {
    pub(crate) address: IpAddr,
    /// Zero leaves the choice to the routing table. Only an IPv6 link-local address needs an interface.
    pub(crate) interface_index: u32,
}

/// The path of a datagram: the remote address and, if known, the local address.
///
/// A reply uses the path of its request: the remote address is passed back to the kernel unchanged, including an IPv6
/// scope id, and the reply leaves from the address that the request was sent to.
#[derive(Clone, Copy)]
pub struct Path {
    pub(crate) name: SocketName,
    pub(crate) local: Option<LocalEnd>,
}

const _: () = assert!(size_of::<Path>() <= 64, "a path is copied between cores, so it fits a cache line");

impl Path {
    pub(crate) const UNSPECIFIED: Self = Self { name: SocketName::UNSPECIFIED, local: None };

    /// Creates the path to `remote`, from the local address that the routing table prefers.
    pub fn new(remote: SocketAddr) -> Self {
        Self { name: SocketName::from_address(remote), local: None }
    }

    /// Returns the path with the local address `local`, which must be an address of this machine in the family of the
    /// sending socket. The kernel refuses other addresses, and ignores one of the other family.
    #[must_use]
    pub fn with_local(self, local: IpAddr) -> Self {
        let scope_id = if self.name.family == FAMILY_V6 { self.name.v6_scope_id } else { 0 };
        Self { local: Some(LocalEnd::new(local, scope_id)), ..self }
    }

    /// The remote address. IPv6 addresses include the scope id from the kernel.
    pub fn remote(&self) -> SocketAddr {
        self.name.address()
    }
}

impl LocalEnd {
    /// Keeps the interface only if the address needs it, so that other replies may leave through any interface
    /// (asymmetric routing).
    pub(crate) fn new(address: IpAddr, interface_index: u32) -> Self {
        let scoped = matches!(address, IpAddr::V6(v6) if v6.is_unicast_link_local());
        Self { address, interface_index: if scoped { interface_index } else { 0 } }
    }
}

impl fmt::Debug for Path {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Path").field("remote", &self.remote()).field("local", &self.local).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_returns_the_remote_address_it_was_created_from() {
        let v6 = SocketAddrV6::new("fe80::1:2".parse().unwrap(), 6969, 0x0102_0304, 7);
        for remote in ["192.0.2.7:1".parse().unwrap(), "[2001:db8::9]:65535".parse().unwrap(), v6.into()] {
            assert_eq!(Path::new(remote).remote(), remote);
            assert_eq!(Path::new(remote).local, None);
        }
    }

    #[test]
    fn only_a_link_local_address_keeps_its_interface() {
        assert_eq!(LocalEnd::new("fe80::1".parse().unwrap(), 3).interface_index, 3);
        assert_eq!(LocalEnd::new("2001:db8::1".parse().unwrap(), 3).interface_index, 0);
        assert_eq!(LocalEnd::new("192.0.2.1".parse().unwrap(), 3).interface_index, 0);
    }

    #[test]
    fn a_path_can_be_sent_between_threads() {
        fn travels<T: Copy + Send + Sync + 'static>() {}
        travels::<Path>();
    }
}
