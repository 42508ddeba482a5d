//! Socket addresses to listen on.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use serde::de::Error;

use super::Fault;
use super::list::Item;

impl Item for SocketAddr {
    const EXPECTED: &'static str = "a socket address such as \"192.0.2.1:6969\" or \"[2001:db8::1]:6969\"";
    const LIST: &'static str = "socket addresses such as [\"192.0.2.1:6969\", \"[2001:db8::1]:6969\"]";

    fn parse(text: &str) -> Result<Option<Self>, Fault> {
        let Ok(address) = text.parse::<Self>() else { return Ok(None) };
        match address.ip() {
            // The sockets accept IPv6 only, and such sockets cannot be bound to an address of this form.
            IpAddr::V6(ip) if ip.to_ipv4_mapped().is_some() => Err(Fault::custom(format_args!(
                "{address} is an IPv4 address in IPv6 form, expected \"{}\"",
                Self::new(ip.to_canonical(), address.port())
            ))),
            _ => Ok(Some(address)),
        }
    }

    fn conflict(&self, later: &Self) -> Option<String> {
        if self == later {
            return Some(format!("{later} occurs twice"));
        }
        overlap(*self, *later)
            .then(|| format!("{self} and {later} overlap: a wildcard address covers its whole port"))
    }

    fn text(&self) -> String {
        self.to_string()
    }
}

/// Returns the wildcard addresses of both families with this port.
pub(crate) fn wildcards(port: u16) -> Vec<SocketAddr> {
    vec![(Ipv4Addr::UNSPECIFIED, port).into(), (Ipv6Addr::UNSPECIFIED, port).into()]
}

/// Returns the loopback address with this port, as a list.
pub(crate) fn loopback(port: u16) -> Vec<SocketAddr> {
    vec![(Ipv4Addr::LOCALHOST, port).into()]
}

/// Returns whether two addresses of one protocol cannot both be listened on. Each port 0 becomes a different port.
pub(crate) fn clash(one: SocketAddr, two: SocketAddr) -> bool {
    one.port() != 0 && (one == two || overlap(one, two))
}

/// Returns whether the addresses have the same port and one is a wildcard that covers the other.
fn overlap(one: SocketAddr, two: SocketAddr) -> bool {
    let is_wildcard = one.ip().is_unspecified() || two.ip().is_unspecified();
    one.port() != 0 && one.port() == two.port() && one.is_ipv4() == two.is_ipv4() && is_wildcard
}

#[cfg(test)]
mod tests {
    use crate::testing::{assert_refused, load_environment, load_text};

    #[test]
    fn a_wildcard_and_an_address_of_the_same_port_and_family_are_refused() {
        let text = |other: &str| format!("[udp]\nlisten = [\"0.0.0.0:7\", \"{other}\"]\n");
        assert_refused(&text("127.0.0.1:7"), 2, &["udp.listen", "0.0.0.0:7 and 127.0.0.1:7 overlap"]);
        for apart in ["127.0.0.1:8", "[::]:7"] {
            assert!(load_text(&text(apart)).is_ok(), "{apart}");
        }
    }

    fn text(section: &str, count: usize) -> String {
        let addresses: Vec<String> = (1..=count).map(|port| format!("\"127.0.0.1:{port}\"")).collect();
        let keys = "certificate_file = \"/c\"\nkey_file = \"/k\"\n";
        let keys = if section == "https" { keys } else { "" };
        format!("[{section}]\nlisten = [{}]\n{keys}", addresses.join(", "))
    }

    #[test]
    fn one_to_sixteen_addresses_are_accepted() {
        for count in [1, 16] {
            assert_eq!(load_text(&text("udp", count)).unwrap().udp.listen.len(), count);
            assert_eq!(load_text(&text("http", count)).unwrap().http.listen.len(), count);
            assert_eq!(load_text(&text("https", count)).unwrap().https.listen.len(), count);
        }
    }

    #[test]
    fn an_empty_list_disables_http_and_https_and_is_refused_for_udp() {
        assert!(load_text(&text("http", 0)).unwrap().http.listen.is_empty());
        assert!(load_environment(&[("RINGTRACK_HTTP_LISTEN", "[]")]).unwrap().http.listen.is_empty());
        assert!(load_text(&text("https", 0)).unwrap().https.listen.is_empty());
        assert_refused(&text("udp", 0), 2, &["udp.listen", "a list of 1 to 16", "192.0.2.1:6969"]);
    }

    #[test]
    fn seventeen_addresses_are_refused() {
        for (section, allowed) in [("udp", "1 to 16"), ("http", "0 to 16"), ("https", "0 to 16")] {
            let parts = [&format!("{section}.listen"), &format!("a list of {allowed}"), "192.0.2.1:6969"];
            assert_refused(&text(section, 17), 2, &parts);
        }
    }

    #[test]
    fn a_duplicate_address_is_refused() {
        let twice = "[udp]\nlisten = [\"127.0.0.1:0\", \"127.0.0.1:0\"]\n";
        assert_refused(twice, 2, &["udp.listen", "127.0.0.1:0 occurs twice", "different"]);
    }

    #[test]
    fn an_invalid_socket_address_is_refused_with_an_example() {
        for bad in
            ["\"127.0.0.1\"", "\"localhost:6969\"", "\"::1:6969\"", "\"0.0.0.0:65536\"", "\"\"", "6969"]
        {
            assert_refused(&format!("[udp]\nlisten = [{bad}]\n"), 2, &["udp.listen", "such as"]);
            assert_refused(&format!("[udp]\nlisten = {bad}\n"), 2, &["udp.listen", "such as"]);
        }
    }

    #[test]
    fn an_ipv4_address_in_ipv6_form_is_refused_with_its_ipv4_form() {
        let mapped = "[udp]\nlisten = [\"[::ffff:192.0.2.1]:6969\"]\n";
        assert_refused(mapped, 2, &["udp.listen", "expected \"192.0.2.1:6969\""]);
    }
}
