use crate::limits::ADDRESS_TEXT_BYTES_MAX;
use core::net::{IpAddr, Ipv6Addr, SocketAddr};

/// Parses an address: `192.0.2.1`, `2001:db8::1`, either with a port (`192.0.2.1:6881`, `[2001:db8::1]:6881`), or an
/// IPv6 address in brackets. The port is ignored: that of a proxy is the client's end of the connection, and the port
/// where a client listens is in `port`.
pub fn parse_address(text: &[u8]) -> Option<IpAddr> {
    if text.len() > ADDRESS_TEXT_BYTES_MAX {
        return None;
    }
    let text = str::from_utf8(text).ok()?;
    let bracketed = text.strip_prefix('[').and_then(|text| text.strip_suffix(']'));
    match bracketed {
        Some(inner) => inner.parse::<Ipv6Addr>().ok().map(IpAddr::V6),
        None => text.parse().ok().or_else(|| text.parse().ok().map(|address: SocketAddr| address.ip())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_with_and_without_a_port() {
        for (text, address) in [
            ("192.0.2.1", "192.0.2.1"),
            ("192.0.2.1:6881", "192.0.2.1"),
            ("2001:db8::1", "2001:db8::1"),
            ("[2001:db8::1]", "2001:db8::1"),
            ("[2001:db8::1]:6881", "2001:db8::1"),
            ("::ffff:192.0.2.1", "::ffff:192.0.2.1"),
        ] {
            assert_eq!(parse_address(text.as_bytes()), address.parse().ok(), "{text}");
        }
    }

    #[test]
    fn anything_else_is_not_an_address() {
        let long = "1".repeat(65);
        for text in ["", "example.org", "192.0.2", "192.0.2.01", "[192.0.2.1]", "unknown", "_hidden", &long] {
            assert_eq!(parse_address(text.as_bytes()), None, "{text}");
        }
        assert_eq!(parse_address(b"\xff"), None);
    }
}
