use core_link::PrefixLengths;
use primitives::canonical_ip;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::IpAddr;

/// The number of connections of each source prefix on this core.
#[derive(Debug)]
pub(super) struct Prefixes {
    connections: HashMap<Prefix, u32>,
    lengths: PrefixLengths,
    connections_max: u32,
}

/// The leading bits of an address, the others zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Prefix(IpAddr);

impl Prefix {
    fn of(ip: IpAddr, lengths: PrefixLengths) -> Self {
        Self(match canonical_ip(ip) {
            IpAddr::V4(ip) => {
                let mask = u32::MAX.checked_shl(32 - u32::from(lengths.ipv4_bits.min(32))).unwrap_or(0);
                IpAddr::V4((ip.to_bits() & mask).into())
            }
            IpAddr::V6(ip) => {
                let mask = u128::MAX.checked_shl(128 - u32::from(lengths.ipv6_bits.min(128))).unwrap_or(0);
                IpAddr::V6((ip.to_bits() & mask).into())
            }
        })
    }
}

impl Prefixes {
    pub(super) fn new(lengths: PrefixLengths, connections_max: u32) -> Self {
        Self { connections: HashMap::new(), lengths, connections_max }
    }

    /// Replaces the limits. Connections stay counted for the prefix that they entered.
    pub(super) const fn use_limits(&mut self, lengths: PrefixLengths, connections_max: u32) {
        self.lengths = lengths;
        self.connections_max = connections_max;
    }

    /// Counts a connection from `ip`. Returns `None` if its prefix has as many as it may have.
    pub(super) fn enter(&mut self, ip: IpAddr) -> Option<Prefix> {
        let prefix = Prefix::of(ip, self.lengths);
        let connections = self.connections.entry(prefix).or_insert(0);
        if *connections >= self.connections_max {
            return None;
        }
        *connections += 1;
        Some(prefix)
    }

    /// Counts a connection that has ended.
    pub(super) fn leave(&mut self, prefix: Prefix) {
        if let Entry::Occupied(mut connections) = self.connections.entry(prefix) {
            *connections.get_mut() -= 1;
            if *connections.get() == 0 {
                connections.remove();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LENGTHS: PrefixLengths = PrefixLengths { ipv4_bits: 24, ipv6_bits: 56 };

    #[test]
    fn the_connections_of_each_prefix_are_limited() {
        let mut prefixes = Prefixes::new(LENGTHS, 2);
        let entered = |prefixes: &mut Prefixes, ip: &str| prefixes.enter(ip.parse().unwrap());
        let first = entered(&mut prefixes, "192.0.2.1");
        assert!(first.is_some());
        assert!(entered(&mut prefixes, "::ffff:192.0.2.200").is_some());
        assert_eq!(entered(&mut prefixes, "192.0.2.3"), None);
        assert!(entered(&mut prefixes, "192.0.3.1").is_some());
        assert!(entered(&mut prefixes, "2001:db8:0:ff::1").is_some());
        assert!(entered(&mut prefixes, "2001:db8:0:1::1").is_some());
        assert_eq!(entered(&mut prefixes, "2001:db8::1"), None);
        prefixes.leave(first.unwrap());
        assert!(entered(&mut prefixes, "192.0.2.3").is_some());
    }

    #[test]
    fn prefixes_without_connections_take_no_memory() {
        let mut prefixes = Prefixes::new(LENGTHS, 2);
        let entered = prefixes.enter("192.0.2.1".parse().unwrap()).unwrap();
        prefixes.leave(entered);
        assert!(prefixes.connections.is_empty());
    }

    #[test]
    fn a_prefix_may_be_a_whole_address_or_empty() {
        let whole = PrefixLengths { ipv4_bits: 32, ipv6_bits: 128 };
        assert_eq!(Prefix::of("192.0.2.7".parse().unwrap(), whole), Prefix("192.0.2.7".parse().unwrap()));
        let nothing = PrefixLengths { ipv4_bits: 0, ipv6_bits: 0 };
        assert_eq!(Prefix::of("2001:db8::7".parse().unwrap(), nothing), Prefix("::".parse().unwrap()));
    }
}
