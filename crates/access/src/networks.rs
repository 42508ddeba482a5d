use crate::limits::NETWORKS_MAX;
use core::net::IpAddr;
use ipnet::{IpNet, Ipv6Net};
use primitives::{AddressRange, AddressRanges, FILTERED_IPV4_MAX, FILTERED_IPV6_MAX};
use std::sync::Arc;

/// The networks that are not served.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct BannedNetworks {
    all: AddressRanges,
    /// Of the first networks of each family.
    first: Arc<AddressRanges>,
}

/// Error: there are more networks than [`crate::NETWORKS_MAX`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0} networks are more than {NETWORKS_MAX}")]
pub struct TooManyNetworks(pub usize);

/// Error: the address is in a banned network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this network is banned here")]
pub struct NetworkRefused;

impl BannedNetworks {
    /// Bans networks. One of IPv4-mapped IPv6 addresses counts as IPv4; a wider IPv6 one contains no IPv4 address. The
    /// kernel's filter has room for [`FILTERED_IPV4_MAX`] and [`FILTERED_IPV6_MAX`] of them: the first in the order given.
    ///
    /// # Errors
    /// If there are more than [`crate::NETWORKS_MAX`].
    pub fn new(networks: &[IpNet]) -> Result<Self, TooManyNetworks> {
        if networks.len() > NETWORKS_MAX {
            return Err(TooManyNetworks(networks.len()));
        }
        let (v4, v6) = ranges(networks);
        let first_v4 = v4.iter().take(FILTERED_IPV4_MAX).copied().collect();
        let first_v6 = v6.iter().take(FILTERED_IPV6_MAX).copied().collect();
        let first = Arc::new(AddressRanges::new(first_v4, first_v6));
        Ok(Self { all: AddressRanges::new(v4, v6), first })
    }

    /// Whether an address is in a banned network.
    pub fn contains(&self, ip: IpAddr) -> bool {
        self.all.contains(ip)
    }

    /// Whether no network is banned.
    pub const fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// Returns the addresses that the kernel can filter.
    pub const fn filtered(&self) -> &Arc<AddressRanges> {
        &self.first
    }
}

/// Returns the addresses of networks.
#[must_use]
pub fn addresses_of(networks: &[IpNet]) -> AddressRanges {
    let (v4, v6) = ranges(networks);
    AddressRanges::new(v4, v6)
}

/// Returns the ranges of IPv4 and of IPv6, in the order of the networks.
fn ranges(networks: &[IpNet]) -> (Vec<AddressRange<u32>>, Vec<AddressRange<u128>>) {
    let (mut v4, mut v6) = (Vec::new(), Vec::new());
    for network in networks {
        match network {
            IpNet::V4(network) => {
                v4.push(AddressRange { first: network.network().into(), last: network.broadcast().into() });
            }
            IpNet::V6(network) => match mapped(network) {
                Some(range) => v4.push(range),
                None => {
                    v6.push(AddressRange {
                        first: network.network().into(),
                        last: network.broadcast().into(),
                    });
                }
            },
        }
    }
    (v4, v6)
}

/// If the first address is IPv4-mapped, the prefix has at least 96 bits, so all addresses are.
fn mapped(network: &Ipv6Net) -> Option<AddressRange<u32>> {
    let (first, last) = (network.network().to_ipv4_mapped()?, network.broadcast().to_ipv4_mapped()?);
    Some(AddressRange { first: first.into(), last: last.into() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::net::{Ipv4Addr, Ipv6Addr};
    use proptest::prelude::*;

    fn banned(networks: &[&str]) -> BannedNetworks {
        let networks: Vec<IpNet> = networks.iter().map(|network| network.parse().unwrap()).collect();
        BannedNetworks::new(&networks).unwrap()
    }

    fn has(networks: &BannedNetworks, ip: &str) -> bool {
        networks.contains(ip.parse().unwrap())
    }

    #[test]
    fn a_network_contains_the_addresses_from_its_first_to_its_last() {
        let networks = banned(&["192.0.2.128/25", "10.1.2.3/32", "2001:db8::/32", "192.0.2.0/26"]);
        for ip in ["192.0.2.0", "192.0.2.63", "192.0.2.128", "192.0.2.255", "10.1.2.3", "2001:db8:ffff::1"] {
            assert!(has(&networks, ip), "{ip}");
        }
        for ip in ["192.0.2.64", "192.0.2.127", "192.0.3.0", "10.1.2.2", "10.1.2.4", "2001:db9::", "::"] {
            assert!(!has(&networks, ip), "{ip}");
        }
    }

    #[test]
    fn an_ipv4_mapped_address_is_an_ipv4_address_in_networks_and_in_look_ups() {
        let networks = banned(&["192.0.2.0/24", "::ffff:198.51.100.0/120"]);
        for ip in ["::ffff:192.0.2.7", "198.51.100.7", "::ffff:198.51.100.7"] {
            assert!(has(&networks, ip), "{ip}");
        }
        assert!(!has(&networks, "198.51.101.0"));
        assert!(has(&banned(&["::ffff:0:0/96"]), "255.255.255.255"));
        assert!(!has(&banned(&["::fffe:0:0/95"]), "255.255.255.255"));
    }

    #[test]
    fn all_of_ipv6_contains_no_ipv4_address_and_vice_versa() {
        let (all_v6, all_v4) = (banned(&["::/0"]), banned(&["0.0.0.0/0"]));
        assert!(has(&all_v6, "2001:db8::1") && !has(&all_v6, "192.0.2.1"));
        assert!(!has(&all_v4, "2001:db8::1") && has(&all_v4, "192.0.2.1"));
        assert!(banned(&[]).is_empty());
    }

    fn ranges(networks: &[&str]) -> (usize, usize) {
        let networks = banned(networks);
        (networks.all.v4().len(), networks.all.v6().len())
    }

    #[test]
    fn networks_within_others_take_no_memory() {
        assert_eq!(ranges(&["10.0.0.0/8", "10.1.0.0/16", "10.255.255.255/32"]), (1, 0));
        assert_eq!(ranges(&["10.0.0.0/8", "10.1.0.0/16", "2001:db8::/32"]), (1, 1));
    }

    #[test]
    fn at_most_65_536_networks_are_accepted() {
        let network: IpNet = "10.0.0.0/8".parse().unwrap();
        assert!(BannedNetworks::new(&vec![network; 65_536]).is_ok());
        assert_eq!(BannedNetworks::new(&vec![network; 65_537]), Err(TooManyNetworks(65_537)));
    }

    #[test]
    fn the_kernel_filters_the_first_networks_of_each_family() {
        let v4 = |number: u32| IpNet::new(Ipv4Addr::from(number << 8).into(), 24).unwrap();
        let v6 = |number: u128| IpNet::new(Ipv6Addr::from(number << 64).into(), 64).unwrap();
        let networks: Vec<IpNet> = (0..2000).rev().map(v4).chain((1..1000).rev().map(v6)).collect();
        let banned = BannedNetworks::new(&networks).unwrap();
        let filtered = banned.filtered();
        assert_eq!((filtered.v4().len(), filtered.v6().len()), (FILTERED_IPV4_MAX, FILTERED_IPV6_MAX));
        for (network, is_filtered) in [(v4(1999), true), (v4(0), false), (v6(999), true), (v6(1), false)] {
            assert_eq!(filtered.contains(network.addr()), is_filtered, "{network}");
            assert!(banned.contains(network.addr()), "{network}");
        }
    }

    proptest! {
        #[test]
        fn a_search_finds_the_same_addresses_as_a_scan_of_all_networks(
            networks in prop::collection::vec((0_u32..64, 26_u8..=32), 0..12),
        ) {
            let networks: Vec<IpNet> = networks
                .into_iter()
                .map(|(host, length)| IpNet::new(Ipv4Addr::from(host).into(), length).unwrap())
                .collect();
            let banned = BannedNetworks::new(&networks).unwrap();
            for host in 0_u32..130 {
                let ip = IpAddr::V4(Ipv4Addr::from(host));
                prop_assert_eq!(banned.contains(ip), networks.iter().any(|network| network.contains(&ip)));
            }
        }
    }
}
