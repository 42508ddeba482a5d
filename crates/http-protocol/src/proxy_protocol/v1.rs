//! Version 1, a line of text: `PROXY TCP4 192.0.2.1 198.51.100.1 56324 80` (section 2.1).

use super::{ProxiedSource, ProxyHeader};
use crate::limits::PROXY_V1_BYTES_MAX;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use memchr::memchr;

pub(super) const PREFIX: &[u8] = b"PROXY ";

pub(super) fn read(bytes: &[u8]) -> ProxyHeader {
    let window = bytes.get(..PROXY_V1_BYTES_MAX).unwrap_or(bytes);
    let Some(newline) = memchr(b'\n', window) else {
        let is_full = bytes.len() >= PROXY_V1_BYTES_MAX;
        return if is_full { ProxyHeader::Invalid } else { ProxyHeader::Incomplete };
    };
    let line = window.get(..newline).and_then(|line| line.strip_suffix(b"\r"));
    match line.and_then(read_line) {
        Some(source) => ProxyHeader::Complete { source, bytes: newline.saturating_add(1) },
        None => ProxyHeader::Invalid,
    }
}

fn read_line(line: &[u8]) -> Option<ProxiedSource> {
    let line = str::from_utf8(line.strip_prefix(PREFIX)?).ok()?;
    // The rest of the line has no meaning.
    if line == "UNKNOWN" || line.starts_with("UNKNOWN ") {
        return Some(ProxiedSource::Proxy);
    }
    let mut fields = line.split(' ');
    let family = fields.next()?;
    let parse_ip = |text: &str| match family {
        "TCP4" => text.parse::<Ipv4Addr>().ok().map(IpAddr::V4),
        "TCP6" => text.parse::<Ipv6Addr>().ok().map(IpAddr::V6),
        _ => None,
    };
    let source = parse_ip(fields.next()?)?;
    parse_ip(fields.next()?)?;
    let port = parse_port(fields.next()?)?;
    parse_port(fields.next()?)?;
    fields.next().is_none().then_some(ProxiedSource::Client(SocketAddr::new(source, port)))
}

/// Parses digits without leading zeros.
fn parse_port(text: &str) -> Option<u16> {
    let is_canonical = text == "0" || text.starts_with(|first: char| matches!(first, '1'..='9'));
    is_canonical.then(|| text.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::super::read_proxy_header;
    use super::*;

    fn client(address: &str) -> ProxiedSource {
        ProxiedSource::Client(address.parse().unwrap())
    }

    #[test]
    fn a_line_contains_the_clients_address() {
        let v4 = b"PROXY TCP4 192.0.2.1 198.51.100.1 56324 80\r\nGET /";
        assert_eq!(
            read_proxy_header(v4),
            ProxyHeader::Complete { source: client("192.0.2.1:56324"), bytes: 44 }
        );
        let v6 = b"PROXY TCP6 2001:db8::1 2001:db8::2 56324 443\r\n";
        assert_eq!(
            read_proxy_header(v6),
            ProxyHeader::Complete { source: client("[2001:db8::1]:56324"), bytes: 46 }
        );
    }

    #[test]
    fn an_unknown_client_has_no_address() {
        for (line, bytes) in [("PROXY UNKNOWN\r\n", 15), ("PROXY UNKNOWN ffff::1 ::1 1 2\r\n", 31)] {
            let complete = ProxyHeader::Complete { source: ProxiedSource::Proxy, bytes };
            assert_eq!(read_proxy_header(line.as_bytes()), complete);
        }
    }

    #[test]
    fn the_longest_line_has_107_bytes() {
        let address = "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff";
        let line = format!("PROXY UNKNOWN {address} {address} 65535 65535\r\n");
        assert_eq!(line.len(), 107);
        assert!(matches!(read_proxy_header(line.as_bytes()), ProxyHeader::Complete { bytes: 107, .. }));
        assert_eq!(read_proxy_header(&line.as_bytes()[..106]), ProxyHeader::Incomplete);
        let longer = line.replace("\r\n", " \r\n");
        assert_eq!(read_proxy_header(longer.as_bytes()), ProxyHeader::Invalid);
    }

    #[test]
    fn a_malformed_line_is_invalid() {
        for line in [
            "PROXY TCP4 192.0.2.1 198.51.100.1 56324 80\n",
            "PROXY TCP4 192.0.2.1 198.51.100.1 56324 65536\r\n",
            "PROXY TCP4 192.0.2.1 198.51.100.1 056 80\r\n",
            "PROXY TCP4 192.0.2.1 198.51.100.1 +56 80\r\n",
            "PROXY TCP4 192.0.2.1 198.51.100.1 56324\r\n",
            "PROXY TCP4 192.0.2.1 198.51.100.1 56324 80 \r\n",
            "PROXY TCP4  192.0.2.1 198.51.100.1 56324 80\r\n",
            "PROXY TCP4 2001:db8::1 2001:db8::2 56324 80\r\n",
            "PROXY TCP6 192.0.2.1 198.51.100.1 56324 80\r\n",
            "PROXY UDP4 192.0.2.1 198.51.100.1 56324 80\r\n",
            "PROXY UNKNOWNS\r\n",
            "PROXY \r\n",
            "PROXY TCP4\r\n",
        ] {
            assert_eq!(read_proxy_header(line.as_bytes()), ProxyHeader::Invalid, "{line:?}");
        }
    }
}
