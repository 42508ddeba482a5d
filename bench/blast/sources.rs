use crate::cli::Options;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// Returns the number of source addresses that a load on this target can use.
pub(crate) fn sources(options: &Options, target: SocketAddr) -> u32 {
    match target.ip() {
        IpAddr::V4(ip) if ip.is_loopback() => options.sources,
        _ => 1,
    }
}

/// Returns the address of the source of this number. All of 127.0.0.0/8 is this machine; for other targets the
/// kernel chooses.
pub(crate) fn source_address(target: SocketAddr, source: u32) -> Option<Ipv4Addr> {
    match target.ip() {
        IpAddr::V4(ip) if ip.is_loopback() => Some(loopback_source(source)),
        _ => None,
    }
}

/// Returns 127.1.0.1 and up, without 0 and 255 in the last byte.
fn loopback_source(source: u32) -> Ipv4Addr {
    let [_, _, third, fourth] = (((source / 254) << 8) + source % 254 + 1).to_be_bytes();
    Ipv4Addr::new(127, 1, third, fourth)
}

/// Returns the number of the source that a tracker at `target` sees at this address; `None` if it is not an
/// address of the load. Off the loopback, routing and NAT decide what the tracker sees.
pub(crate) fn source_number(target: SocketAddr, ip: IpAddr) -> Option<u32> {
    match (target.ip(), ip) {
        (IpAddr::V4(target), IpAddr::V4(ip)) if target.is_loopback() => number_of_loopback_source(ip),
        (IpAddr::V6(target), ip) if target.is_loopback() => (ip == target).then_some(0),
        _ => (!ip.is_unspecified() && !ip.is_multicast()).then_some(0),
    }
}

fn number_of_loopback_source(ip: Ipv4Addr) -> Option<u32> {
    match ip.octets() {
        [127, 1, third, fourth @ 1..=254] => Some(u32::from(third) * 254 + u32::from(fourth) - 1),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_is_recognized_by_its_address() {
        for source in 0..60_000 {
            assert_eq!(number_of_loopback_source(loopback_source(source)), Some(source));
        }
        let target = SocketAddr::from(([192, 0, 2, 1], 6969));
        assert_eq!(source_number(target, Ipv4Addr::UNSPECIFIED.into()), None);
        assert_eq!(source_number(target, Ipv4Addr::new(198, 51, 100, 7).into()), Some(0));
    }

    #[test]
    fn sources_are_different_addresses_on_the_loopback() {
        let sources: std::collections::HashSet<_> = (0..60_000).map(loopback_source).collect();
        assert_eq!(sources.len(), 60_000);
        assert!(sources.iter().all(|ip| ip.is_loopback() && !matches!(ip.octets()[3], 0 | 255)));
    }
}
