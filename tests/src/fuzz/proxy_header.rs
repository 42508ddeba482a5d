use http_protocol::{PROXY_V1_BYTES_MAX, PROXY_V2_BYTES_MAX, ProxiedSource, ProxyHeader, read_proxy_header};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

/// Parses `bytes`, and all of their prefixes, as what a proxy sends first. Once a prefix has a result, every
/// longer one has the same. A header must match a plain parser.
///
/// # Panics
/// If the results differ.
pub fn proxy_header(bytes: &[u8]) {
    let result = read_proxy_header(bytes);
    let first_said = (0..=bytes.len().min(PROXY_V2_BYTES_MAX + 1))
        .map(|length| read_proxy_header(&bytes[..length]))
        .find(|result| *result != ProxyHeader::Incomplete);
    assert_eq!(result, first_said.unwrap_or(ProxyHeader::Incomplete), "{}", bytes.escape_ascii());
    match result {
        ProxyHeader::Incomplete => assert!(bytes.len() < PROXY_V2_BYTES_MAX),
        ProxyHeader::Invalid => assert_eq!(expected(bytes), None, "{}", bytes.escape_ascii()),
        ProxyHeader::Complete { source, bytes: length } => {
            assert_eq!(expected(bytes), Some((source, length)), "{}", bytes.escape_ascii());
        }
    }
}

fn expected(bytes: &[u8]) -> Option<(ProxiedSource, usize)> {
    if bytes.starts_with(b"PROXY ") { expected_v1(bytes) } else { expected_v2(bytes) }
}

fn expected_v1(bytes: &[u8]) -> Option<(ProxiedSource, usize)> {
    let length = bytes.iter().position(|&byte| byte == b'\n')? + 1;
    let line = str::from_utf8(bytes[..length].strip_suffix(b"\r\n")?).ok()?;
    let words: Vec<&str> = line.split(' ').collect();
    let source = match words[..] {
        ["PROXY", "UNKNOWN", ..] => ProxiedSource::Proxy,
        ["PROXY", family, source, destination, source_port, destination_port] => {
            let ports: [u16; 2] = [source_port.parse().ok()?, destination_port.parse().ok()?];
            // No plus sign and no leading zeros.
            if ports.map(|port| port.to_string()) != [source_port, destination_port] {
                return None;
            }
            let source = match family {
                "TCP4" => {
                    destination.parse::<Ipv4Addr>().ok()?;
                    source.parse::<Ipv4Addr>().ok()?.into()
                }
                "TCP6" => {
                    destination.parse::<Ipv6Addr>().ok()?;
                    source.parse::<Ipv6Addr>().ok()?.into()
                }
                _ => return None,
            };
            ProxiedSource::Client(SocketAddr::new(source, ports[0]))
        }
        _ => return None,
    };
    (length <= PROXY_V1_BYTES_MAX).then_some((source, length))
}

fn expected_v2(bytes: &[u8]) -> Option<(ProxiedSource, usize)> {
    let rest = bytes.strip_prefix(b"\r\n\r\n\0\r\nQUIT\n")?;
    let &[command, family, high, low] = rest.first_chunk()?;
    let length = usize::from(u16::from_be_bytes([high, low]));
    let addresses = rest.get(4..4 + length)?;
    let port = |at: usize| u16::from_be_bytes([addresses[at], addresses[at + 1]]);
    let source = match (command, family, length) {
        (0x20, ..) | (0x21, 0x00, _) | (0x21, 0x31 | 0x32, 216..) => ProxiedSource::Proxy,
        (0x21, 0x11 | 0x12, 12..) => {
            let ip: [u8; 4] = addresses[..4].try_into().ok()?;
            ProxiedSource::Client(SocketAddr::new(ip.into(), port(8)))
        }
        (0x21, 0x21 | 0x22, 36..) => {
            let ip: [u8; 16] = addresses[..16].try_into().ok()?;
            ProxiedSource::Client(SocketAddr::new(ip.into(), port(32)))
        }
        _ => return None,
    };
    (length + 16 <= PROXY_V2_BYTES_MAX).then_some((source, length + 16))
}
