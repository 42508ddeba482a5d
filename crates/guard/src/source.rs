use core::net::IpAddr;
use primitives::{AddressFamily, canonical_ip};

/// The address that a request comes from, never an IPv4-mapped one. It is made once, where a datagram or a connection
/// arrives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Source(IpAddr);

impl Source {
    /// Returns the source of a request from `ip`.
    #[must_use]
    pub const fn of(ip: IpAddr) -> Self {
        Self(canonical_ip(ip))
    }

    /// Returns the address.
    #[must_use]
    pub const fn ip(self) -> IpAddr {
        self.0
    }

    /// Returns the family of the address.
    #[must_use]
    pub const fn family(self) -> AddressFamily {
        match self.0 {
            IpAddr::V4(_) => AddressFamily::V4,
            IpAddr::V6(_) => AddressFamily::V6,
        }
    }
}
