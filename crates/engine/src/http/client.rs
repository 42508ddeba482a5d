use super::policy::{HttpPolicy, ProxyHeaderKind, Trust, contains};
use core::net::IpAddr;
use http_protocol::{Announce, Headers};
use primitives::{AddressFamily, canonical_ip};

/// Returns the address of the client; `None` where a trusted proxy does not report it.
pub(super) fn client_of_request(
    policy: &HttpPolicy,
    opened_by: IpAddr,
    trust: Trust,
    headers: Headers<'_>,
) -> Option<IpAddr> {
    let reported = match (trust, policy.proxy.header) {
        (Trust::Proxy, ProxyHeaderKind::ForwardedFor { from_right }) => {
            headers.forwarded_address_from_right(from_right)
        }
        (Trust::Proxy, ProxyHeaderKind::RealIp) => headers.real_ip(),
        (Trust::Proxy, ProxyHeaderKind::ProxyProtocol) => None,
        (Trust::Stranger, _) | (_, ProxyHeaderKind::None) => Some(opened_by),
    };
    reported.map(canonical_ip)
}

/// Returns the address under which an announcing client is listed: its own, or the one that it names if it may. Whether
/// peers can reach it is checked later.
pub(super) fn address_of_peer(policy: &HttpPolicy, client: IpAddr, announce: &Announce<'_>) -> IpAddr {
    if !contains(&policy.named_addresses_from, client) {
        return client;
    }
    let by_family = match AddressFamily::of(client) {
        AddressFamily::V4 => announce.ipv4().or_else(|| announce.ipv6()),
        AddressFamily::V6 => announce.ipv6().or_else(|| announce.ipv4()),
    };
    announce.ip().or(by_family).unwrap_or(client)
}
