//! IP networks.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use serde::de::Error;

use super::Fault;
use super::list::Item;

/// The prefix length of IPv4 addresses in IPv6 form (`::ffff:0:0/96`).
const MAPPED_PREFIX_BITS: u8 = 96;

impl Item for IpNet {
    const EXPECTED: &'static str = "a network such as \"192.0.2.0/24\", \"2001:db8::/32\" or \"192.0.2.1\"";
    const LIST: &'static str = "networks such as [\"192.0.2.0/24\", \"2001:db8::/32\"]";

    fn parse(text: &str) -> Result<Option<Self>, Fault> {
        let Ok(network) = text.parse().or_else(|_| text.parse::<IpAddr>().map(Self::from)) else {
            return Ok(None);
        };
        if let Some(plain) = mapped(network) {
            return Err(Fault::custom(format_args!(
                "{network} is an IPv4 network in IPv6 form, expected \"{plain}\""
            )));
        }
        // Bits after the prefix are a mistake in the address, or in the prefix, which would then cover too much.
        if network != network.trunc() {
            return Err(Fault::custom(format_args!(
                "{network} has bits set after its prefix, expected \"{}\" or \"{}\"",
                network.trunc(),
                network.addr(),
            )));
        }
        Ok(Some(network))
    }

    fn conflict(&self, later: &Self) -> Option<String> {
        (self == later).then(|| format!("{self} occurs twice"))
    }

    fn text(&self) -> String {
        self.to_string()
    }
}

/// Returns the IPv4 form of a network of IPv4 addresses in IPv6 form. Such a network would never match, since clients
/// are identified by the IPv4 form of their addresses.
fn mapped(network: IpNet) -> Option<Ipv4Net> {
    let IpNet::V6(network) = network else { return None };
    let (prefix, ip): (u8, Ipv6Addr) = (Ipv6Net::prefix_len(&network), network.addr());
    Ipv4Net::new(ip.to_ipv4_mapped()?, prefix.checked_sub(MAPPED_PREFIX_BITS)?).ok()
}

/// Returns the networks of loopback addresses.
pub(crate) fn loopback() -> Vec<IpNet> {
    vec![
        Ipv4Net::new_assert(Ipv4Addr::new(127, 0, 0, 0), 8).into(),
        Ipv6Net::new_assert(Ipv6Addr::LOCALHOST, 128).into(),
    ]
}

#[cfg(test)]
mod tests {
    use ipnet::IpNet;

    use crate::testing::{assert_refused, load_text};

    fn named_from(networks: &str) -> Vec<IpNet> {
        load_text(&format!("[http]\nnamed_addresses_from = {networks}\n")).unwrap().http.named_addresses_from
    }

    #[track_caller]
    fn assert_networks_refused(networks: &str, parts: &[&str]) {
        let text = format!("[http]\nnamed_addresses_from = {networks}\n");
        assert_refused(&text, 2, &[&["http.named_addresses_from"], parts].concat());
    }

    fn many(count: usize) -> String {
        let networks: Vec<String> =
            (0..count).map(|n| format!("\"10.{}.{}.0/24\"", n / 256, n % 256)).collect();
        format!("[{}]", networks.join(", "))
    }

    #[test]
    fn at_most_256_networks_are_accepted() {
        assert!(named_from("[]").is_empty());
        assert_eq!(named_from(&many(256)).len(), 256);
        assert_networks_refused(&many(257), &["257", "a list of 0 to 256", "192.0.2.0/24"]);
        let proxy = format!("[proxy]\nheader = \"x-real-ip\"\ntrusted = {}\n", many(257));
        assert_refused(&proxy, 3, &["proxy.trusted", "a list of 0 to 256"]);
    }

    #[test]
    fn networks_of_both_families_and_single_addresses_are_accepted() {
        let expected = ["10.0.0.0/8", "2001:db8::/32", "0.0.0.0/0", "::/0", "192.0.2.7/32", "::1/128"];
        let expected: Vec<IpNet> = expected.iter().map(|network| network.parse().unwrap()).collect();
        let written = r#"["10.0.0.0/8", "2001:db8::/32", "0.0.0.0/0", "::/0", "192.0.2.7", "::1"]"#;
        assert_eq!(named_from(written), expected);
    }

    #[test]
    fn a_duplicate_network_is_refused() {
        let parts = ["192.0.2.7/32 occurs twice", "different"];
        assert_networks_refused(r#"["192.0.2.7", "192.0.2.7/32"]"#, &parts);
    }

    #[test]
    fn bits_after_the_prefix_are_refused_with_the_probable_alternatives() {
        assert_networks_refused("\"10.1.2.3/8\"", &["\"10.0.0.0/8\" or \"10.1.2.3\""]);
        assert_networks_refused("[\"2001:db8::1/32\"]", &["\"2001:db8::/32\" or \"2001:db8::1\""]);
    }

    #[test]
    fn an_ipv4_network_in_ipv6_form_is_refused_with_its_ipv4_form() {
        assert_networks_refused("\"::ffff:10.0.0.0/104\"", &["expected \"10.0.0.0/8\""]);
        assert_networks_refused("\"::ffff:192.0.2.7\"", &["expected \"192.0.2.7/32\""]);
    }

    #[test]
    fn an_invalid_network_is_refused_with_an_example() {
        for bad in
            ["\"10.0.0.0/33\"", "\"::/129\"", "\"10.0/8\"", "\"localhost\"", "\"1.2.3.4:80\"", "\"\"", "8"]
        {
            assert_networks_refused(&format!("[{bad}]"), &["such as", "192.0.2.0/24"]);
            assert_networks_refused(bad, &["such as", "192.0.2.0/24"]);
        }
    }
}
