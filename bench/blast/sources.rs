use crate::cli::Options;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// First source address on the loopback, all of which is this machine.
const FIRST_ON_LOOPBACK: Ipv4Addr = Ipv4Addr::new(127, 1, 0, 1);

/// The source addresses that a load on one target uses: consecutive ones without 0 and 255 in the last byte.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sources {
    pub(crate) target: SocketAddr,
    /// `None` if the kernel chooses the only address.
    first: Option<Ipv4Addr>,
    count: u32,
}

impl Sources {
    /// Returns the sources for a target. Off the loopback there are several only from `--first-source` on.
    pub(crate) fn new(options: &Options, target: SocketAddr) -> Self {
        let on_loopback = target.ip().is_loopback().then_some(FIRST_ON_LOOPBACK);
        let first = options.first_source.or(on_loopback).filter(|_| target.is_ipv4());
        Self { target, first, count: if first.is_some() { options.sources } else { 1 } }
    }

    pub(crate) const fn count(self) -> u32 {
        self.count
    }

    /// Returns the address of the source of this number; `None` if the kernel chooses it.
    pub(crate) fn address(self, source: u32) -> Option<Ipv4Addr> {
        self.first.map(|first| address_at(place_of(first).wrapping_add(source)))
    }

    /// Returns the number of the source that a tracker sees at this address; `None` if it is not an address of the
    /// load. Where the kernel chooses the address, routing and NAT decide what the tracker sees.
    pub(crate) fn number(self, ip: IpAddr) -> Option<u32> {
        match (self.first, ip) {
            (Some(first), IpAddr::V4(ip)) if !matches!(ip.octets()[3], 0 | 255) => {
                place_of(ip).checked_sub(place_of(first))
            }
            (Some(_), _) => None,
            (None, ip) if self.target.ip().is_loopback() => (ip == self.target.ip()).then_some(0),
            (None, ip) => (!ip.is_unspecified() && !ip.is_multicast()).then_some(0),
        }
    }
}

/// Returns the place of an address among those without 0 and 255 in the last byte.
const fn place_of(ip: Ipv4Addr) -> u32 {
    let bits = ip.to_bits();
    (bits >> 8).wrapping_mul(254).wrapping_add((bits & 255).saturating_sub(1))
}

const fn address_at(place: u32) -> Ipv4Addr {
    Ipv4Addr::from_bits(((place / 254) << 8) + place % 254 + 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;
    use std::collections::HashSet;

    fn sources(arguments: &[&str]) -> Sources {
        let options = Options::parse_from([&["ringtrack-blast", "--target"], arguments].concat());
        Sources::new(&options, options.target[0].address)
    }

    #[test]
    fn sources_are_different_addresses_that_are_recognized() {
        for (arguments, first) in [
            (&["127.0.0.1:1"][..], [127, 1, 0, 1]),
            (&["198.18.0.1:1", "--first-source", "198.18.200.7"], [198, 18, 200, 7]),
            (&["198.18.0.1:1", "--first-source", "223.255.3.254"], [223, 255, 3, 254]),
        ] {
            let sources = sources(arguments);
            let addresses: HashSet<_> = (0..60_000).filter_map(|source| sources.address(source)).collect();
            assert_eq!((addresses.len(), sources.address(0)), (60_000, Some(first.into())));
            for source in 0..60_000 {
                let ip = sources.address(source).expect("a source of its own");
                assert!(!matches!(ip.octets()[3], 0 | 255), "{ip}");
                assert_eq!(sources.number(ip.into()), Some(source));
            }
        }
    }

    #[test]
    fn addresses_of_others_are_no_sources() {
        let of_load = sources(&["127.0.0.1:1"]);
        for other in [[127, 0, 0, 1], [127, 1, 0, 0], [127, 1, 0, 255]] {
            assert_eq!(of_load.number(Ipv4Addr::from(other).into()), None);
        }
        let chosen_by_kernel = sources(&["192.0.2.1:6969"]);
        assert_eq!((chosen_by_kernel.count(), chosen_by_kernel.address(0)), (1, None));
        assert_eq!(chosen_by_kernel.number(Ipv4Addr::UNSPECIFIED.into()), None);
        assert_eq!(chosen_by_kernel.number(Ipv4Addr::new(198, 51, 100, 7).into()), Some(0));
    }
}
