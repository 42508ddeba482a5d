//! Version 2, in binary (section 2.2): signature, version and command, family and transport, length, addresses, and
//! extensions that are skipped.

use super::{ProxiedSource, ProxyHeader};
use crate::limits::PROXY_V2_BYTES_MAX;
use core::net::{IpAddr, SocketAddr};
use zerocopy::byteorder::network_endian::U16;
use zerocopy::{FromBytes, Immutable, KnownLayout, Unaligned};

pub(super) const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";

/// The fixed part of a header, 16 bytes.
#[derive(FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct Fixed {
    signature: [u8; 12],
    version_and_command: u8,
    family_and_transport: u8,
    /// Number of bytes after the fixed part.
    length: U16,
}

/// IP addresses of this many bytes and ports.
#[derive(FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct Addresses<const BYTES: usize> {
    source: [u8; BYTES],
    destination: [u8; BYTES],
    source_port: U16,
    destination_port: U16,
}

const LOCAL: u8 = 0x20;
const PROXY: u8 = 0x21;
const UNSPECIFIED: u8 = 0x00;
const TCP_OVER_IPV4: u8 = 0x11;
const UDP_OVER_IPV4: u8 = 0x12;
const TCP_OVER_IPV6: u8 = 0x21;
const UDP_OVER_IPV6: u8 = 0x22;
const UNIX_STREAM: u8 = 0x31;
const UNIX_DATAGRAM: u8 = 0x32;

/// Size of the addresses of Unix sockets.
const UNIX_ADDRESSES_BYTES: usize = 216;

/// Reads a header whose bytes are those of the signature as far as they go.
pub(super) fn read(bytes: &[u8]) -> ProxyHeader {
    let Ok((fixed, rest)) = Fixed::ref_from_prefix(bytes) else { return ProxyHeader::Incomplete };
    let length = usize::from(fixed.length.get());
    let bytes = size_of::<Fixed>().saturating_add(length);
    if bytes > PROXY_V2_BYTES_MAX || !matches!(fixed.version_and_command, LOCAL | PROXY) {
        return ProxyHeader::Invalid;
    }
    let Some(addresses) = rest.get(..length) else { return ProxyHeader::Incomplete };
    match source(fixed, addresses) {
        Some(source) => ProxyHeader::Complete { source, bytes },
        None => ProxyHeader::Invalid,
    }
}

fn source(fixed: &Fixed, addresses: &[u8]) -> Option<ProxiedSource> {
    if fixed.version_and_command == LOCAL {
        return Some(ProxiedSource::Proxy);
    }
    match fixed.family_and_transport {
        UNSPECIFIED => Some(ProxiedSource::Proxy),
        TCP_OVER_IPV4 | UDP_OVER_IPV4 => client::<4>(addresses),
        TCP_OVER_IPV6 | UDP_OVER_IPV6 => client::<16>(addresses),
        UNIX_STREAM | UNIX_DATAGRAM => {
            (addresses.len() >= UNIX_ADDRESSES_BYTES).then_some(ProxiedSource::Proxy)
        }
        _ => None,
    }
}

fn client<const BYTES: usize>(addresses: &[u8]) -> Option<ProxiedSource>
where
    IpAddr: From<[u8; BYTES]>,
{
    let (addresses, _) = Addresses::<BYTES>::ref_from_prefix(addresses).ok()?;
    Some(ProxiedSource::Client(SocketAddr::new(addresses.source.into(), addresses.source_port.get())))
}

#[cfg(test)]
mod tests {
    use super::super::read_proxy_header;
    use super::*;
    use core::net::Ipv6Addr;

    fn header(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
        let length = u16::try_from(rest.len()).unwrap().to_be_bytes();
        [b"\x0d\x0a\x0d\x0a\x00\x0d\x0a\x51\x55\x49\x54\x0a".as_slice(), &[command, family], &length, rest]
            .concat()
    }

    const V4: &[u8] = &[192, 0, 2, 1, 198, 51, 100, 1, 0xdc, 0x04, 0, 80];

    fn complete(address: &str, bytes: usize) -> ProxyHeader {
        ProxyHeader::Complete { source: ProxiedSource::Client(address.parse().unwrap()), bytes }
    }

    #[test]
    fn a_header_contains_the_clients_address() {
        assert_eq!(read_proxy_header(&header(0x21, 0x11, V4)), complete("192.0.2.1:56324", 28));
        let mut v6 = [0; 36];
        v6[..16].copy_from_slice(&"2001:db8::1".parse::<Ipv6Addr>().unwrap().octets());
        v6[32..34].copy_from_slice(&443_u16.to_be_bytes());
        assert_eq!(read_proxy_header(&header(0x21, 0x21, &v6)), complete("[2001:db8::1]:443", 52));
    }

    #[test]
    fn extensions_and_bytes_after_the_header_are_ignored() {
        let extended = [V4, b"\x03\x00\x04crc!"].concat();
        let mut bytes = header(0x21, 0x11, &extended);
        bytes.extend_from_slice(b"GET /");
        assert_eq!(read_proxy_header(&bytes), complete("192.0.2.1:56324", 35));
    }

    #[test]
    fn a_connection_of_the_proxy_itself_has_no_client() {
        for (command, family, rest, bytes) in [
            (0x20, 0x00, &[][..], 16),
            (0x20, 0x11, V4, 28),
            (0x21, 0x00, &[1, 2], 18),
            (0x21, 0x31, &[0; 216], 232),
        ] {
            let expected = ProxyHeader::Complete { source: ProxiedSource::Proxy, bytes };
            assert_eq!(read_proxy_header(&header(command, family, rest)), expected);
        }
    }

    #[test]
    fn a_header_of_536_bytes_is_read_and_a_longer_one_is_not() {
        let longest = [V4, &[0; 508]].concat();
        assert_eq!(read_proxy_header(&header(0x21, 0x11, &longest)), complete("192.0.2.1:56324", 536));
        let longer = [V4, &[0; 509]].concat();
        assert_eq!(read_proxy_header(&header(0x21, 0x11, &longer)), ProxyHeader::Invalid);
        assert_eq!(read_proxy_header(&header(0x21, 0x11, &longer)[..16]), ProxyHeader::Invalid);
    }

    #[test]
    fn another_version_command_or_family_is_invalid() {
        for (command, family, rest) in
            [(0x11, 0x11, V4), (0x22, 0x11, V4), (0x21, 0x13, V4), (0x21, 0x41, V4), (0x21, 0x11, &V4[1..])]
        {
            assert_eq!(read_proxy_header(&header(command, family, rest)), ProxyHeader::Invalid);
        }
        assert_eq!(read_proxy_header(&header(0x21, 0x21, V4)), ProxyHeader::Invalid);
        assert_eq!(read_proxy_header(&header(0x21, 0x31, &[0; 215])), ProxyHeader::Invalid);
    }
}
