use crate::PeerReference;
use core::hash::Hash;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// An IP address family.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AddressFamily {
    V4,
    V6,
}

impl AddressFamily {
    /// Both families, in the order used by the statistics.
    pub const ALL: [Self; 2] = [Self::V4, Self::V6];

    /// Returns the family of `ip` after [`canonical_ip`].
    pub const fn of(ip: IpAddr) -> Self {
        match canonical_ip(ip) {
            IpAddr::V4(_) => Self::V4,
            IpAddr::V6(_) => Self::V6,
        }
    }

    /// Returns the other family.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::V4 => Self::V6,
            Self::V6 => Self::V4,
        }
    }
}

/// A family of swarms. The IPv4, IPv6 and WebRTC peers of a torrent form three swarms.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SwarmFamily {
    V4,
    V6,
    WebRtc,
}

impl SwarmFamily {
    /// All families, in the order used by the statistics.
    pub const ALL: [Self; 3] = [Self::V4, Self::V6, Self::WebRtc];
}

/// Converts an IPv4-mapped IPv6 address (`::ffff:a.b.c.d`, RFC 4291, 2.5.5.2) to the IPv4 address.
pub const fn canonical_ip(ip: IpAddr) -> IpAddr {
    match ip {
        IpAddr::V4(_) => ip,
        IpAddr::V6(v6) => v6.to_canonical(),
    }
}

/// A peer's address and port in the compact form of replies (BEP 23, BEP 7, BEP 15): network byte order, the port
/// last.
pub trait CompactAddress: PeerReference + Eq + Hash + Into<PeerAddress> {
    /// Family of all addresses of this type.
    const FAMILY: AddressFamily;
}

/// The address and port of an IPv4 peer in 6 bytes.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned,
)]
#[repr(transparent)]
pub struct CompactIpv4(pub [u8; 6]);

/// The address and port of an IPv6 peer in 18 bytes.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned,
)]
#[repr(transparent)]
pub struct CompactIpv6(pub [u8; 18]);

impl PeerReference for CompactIpv4 {
    const BYTES: usize = 6;
    const HOST_BYTES: usize = 4;
    const SWARM_FAMILY: SwarmFamily = SwarmFamily::V4;
    const UNSPECIFIED: Self = Self([0; 6]);

    fn address(&self) -> Option<PeerAddress> {
        Some((*self).into())
    }
}

impl CompactAddress for CompactIpv4 {
    const FAMILY: AddressFamily = AddressFamily::V4;
}

impl PeerReference for CompactIpv6 {
    const BYTES: usize = 18;
    const HOST_BYTES: usize = 8;
    const SWARM_FAMILY: SwarmFamily = SwarmFamily::V6;
    const UNSPECIFIED: Self = Self([0; 18]);

    fn address(&self) -> Option<PeerAddress> {
        Some((*self).into())
    }
}

impl CompactAddress for CompactIpv6 {
    const FAMILY: AddressFamily = AddressFamily::V6;
}

impl CompactIpv4 {
    /// Encodes `ip` and `port`.
    pub const fn new(ip: Ipv4Addr, port: u16) -> Self {
        let [a, b, c, d] = ip.octets();
        let [high, low] = port.to_be_bytes();
        Self([a, b, c, d, high, low])
    }

    /// Decodes the address and port.
    pub const fn socket_address(self) -> SocketAddr {
        let [a, b, c, d, high, low] = self.0;
        SocketAddr::new(IpAddr::V4(Ipv4Addr::new(a, b, c, d)), u16::from_be_bytes([high, low]))
    }
}

impl CompactIpv6 {
    /// Encodes `ip` and `port`.
    pub fn new(ip: Ipv6Addr, port: u16) -> Self {
        let mut bytes = [0; 18];
        let (address, port_bytes) = bytes.split_at_mut(16);
        address.copy_from_slice(&ip.octets());
        port_bytes.copy_from_slice(&port.to_be_bytes());
        Self(bytes)
    }

    /// Decodes the address and port.
    pub fn socket_address(self) -> SocketAddr {
        let [address @ .., high, low] = self.0;
        SocketAddr::new(IpAddr::V6(Ipv6Addr::from(address)), u16::from_be_bytes([high, low]))
    }
}

/// A peer's address and port in either family. [`PeerAddress::new`] rejects those that no client can connect to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PeerAddress {
    V4(CompactIpv4),
    /// An IPv6 peer. Never an IPv4-mapped address.
    V6(CompactIpv6),
}

/// Error for an address that no client can connect to. Its text is sent to the client as a failure reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no peer can be reached at this address")]
pub struct UnreachableAddress;

impl From<CompactIpv4> for PeerAddress {
    fn from(address: CompactIpv4) -> Self {
        Self::V4(address)
    }
}

impl From<CompactIpv6> for PeerAddress {
    fn from(address: CompactIpv6) -> Self {
        Self::V6(address)
    }
}

impl PeerAddress {
    /// Creates the address of a peer from `ip` (made canonical) and `port`. Port 0 stands for a client that does not
    /// listen; such a peer is never listed.
    ///
    /// # Errors
    /// If `ip` is unspecified, broadcast, multicast, or an IPv6 link-local address, because a compact address has no
    /// room for the zone.
    pub fn new(ip: IpAddr, port: u16) -> Result<Self, UnreachableAddress> {
        let (address, is_unreachable) = match canonical_ip(ip) {
            IpAddr::V4(ip) => {
                let is_unreachable = ip.is_unspecified() | ip.is_multicast() | ip.is_broadcast();
                (Self::V4(CompactIpv4::new(ip, port)), is_unreachable)
            }
            IpAddr::V6(ip) => {
                let is_unreachable = ip.is_unspecified() | ip.is_multicast() | ip.is_unicast_link_local();
                (Self::V6(CompactIpv6::new(ip, port)), is_unreachable)
            }
        };
        if is_unreachable { Err(UnreachableAddress) } else { Ok(address) }
    }

    /// Decodes the address and port.
    pub fn socket_address(self) -> SocketAddr {
        match self {
            Self::V4(address) => address.socket_address(),
            Self::V6(address) => address.socket_address(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ipv4_mapped_peer_is_an_ipv4_peer() {
        let mapped: IpAddr = "::ffff:192.0.2.1".parse().unwrap();
        let expected = PeerAddress::V4(CompactIpv4([192, 0, 2, 1, 0x1a, 0xe1]));
        assert_eq!(PeerAddress::new(mapped, 6881), Ok(expected));
        assert_eq!(AddressFamily::of(mapped), AddressFamily::V4);
    }

    #[test]
    fn compact_addresses_round_trip() {
        let v4: SocketAddr = "203.0.113.9:51413".parse().unwrap();
        let v6: SocketAddr = "[2001:db8::7]:51413".parse().unwrap();
        for address in [v4, v6] {
            let peer = PeerAddress::new(address.ip(), address.port()).unwrap();
            assert_eq!(peer.socket_address(), address);
        }
    }

    #[test]
    fn unreachable_addresses_are_rejected() {
        let is_reachable = |ip: &str| PeerAddress::new(ip.parse().unwrap(), 6881).is_ok();
        for ip in [
            "0.0.0.0",
            "255.255.255.255",
            "224.0.0.1",
            "239.255.255.255",
            "::",
            "::ffff:0.0.0.0",
            "::ffff:224.0.0.1",
            "::ffff:255.255.255.255",
            "ff02::1",
            "ff0e::1",
            "fe80::1",
            "febf:ffff::1",
        ] {
            assert!(!is_reachable(ip), "{ip}");
        }
        for ip in ["127.0.0.1", "::1", "10.0.0.1", "169.254.0.1", "223.255.255.255", "fc00::1", "fec0::1"] {
            assert!(is_reachable(ip), "{ip}");
        }
    }
}
