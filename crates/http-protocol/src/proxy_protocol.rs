//! The PROXY protocol, versions 1 and 2: a header with the client's address that a proxy sends before anything else.
//!
//! It is only accepted from proxies that the operator trusts, and it is required from them: otherwise a client could
//! send the header itself.

mod v1;
mod v2;

use core::net::SocketAddr;

/// The result of reading the front of a connection from a proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProxyHeader {
    /// The start of a header, or nothing: more bytes are needed. Not returned for [`crate::PROXY_V2_BYTES_MAX`] bytes.
    Incomplete,
    /// Not a header of either version: the connection is to be closed.
    Invalid,
    Complete {
        source: ProxiedSource,
        /// Size of the header, after which the requests start.
        bytes: usize,
    },
}

/// The source of a connection that a proxy forwards.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProxiedSource {
    Client(SocketAddr),
    /// The proxy itself (`LOCAL`: a health check), or a client without an IP address (`UNKNOWN`, Unix sockets).
    Proxy,
}

/// Reads the header of the PROXY protocol at the front of `bytes`. An incomplete header is read again from its start
/// each time, because it has at most a few hundred bytes.
pub fn read_proxy_header(bytes: &[u8]) -> ProxyHeader {
    if begins_like(bytes, v2::SIGNATURE) {
        v2::read(bytes)
    } else if begins_like(bytes, v1::PREFIX) {
        v1::read(bytes)
    } else {
        ProxyHeader::Invalid
    }
}

/// Compares only as many bytes as both have.
fn begins_like(bytes: &[u8], start: &[u8]) -> bool {
    bytes.iter().zip(start).all(|(byte, expected)| byte == expected)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_bytes_determine_the_version() {
        assert_eq!(read_proxy_header(b""), ProxyHeader::Incomplete);
        assert_eq!(read_proxy_header(b"P"), ProxyHeader::Incomplete);
        assert_eq!(read_proxy_header(b"\r"), ProxyHeader::Incomplete);
        for other in [b"GET / HTTP/1.1\r\n\r\n".as_slice(), b"\x16\x03", b"PRI", b"\r\n\r\nG"] {
            assert_eq!(read_proxy_header(other), ProxyHeader::Invalid);
        }
    }
}
