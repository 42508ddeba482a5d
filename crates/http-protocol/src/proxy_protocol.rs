//! The PROXY protocol, versions 1 and 2: what a proxy sends before anything else, to tell whose connection it is.
//!
//! It is only believed from proxies that the operator trusts, and there it has to come: the two cannot be told apart
//! from what a stranger sends.

mod v1;
mod v2;

use core::net::SocketAddr;

/// What stands at the front of the bytes of a connection from a proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProxyHeader {
    /// The beginning of a header, or nothing: more bytes have to come. Never said of
    /// [`crate::PROXY_V2_BYTES_MAX`] bytes.
    Incomplete,
    /// No header of either version: the connection is closed.
    Invalid,
    /// A header of so many bytes.
    Complete {
        /// Whose connection it is.
        source: ProxiedSource,
        /// Bytes that the header takes at the front.
        bytes: usize,
    },
}

/// Whose connection a proxy hands on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProxiedSource {
    /// The client's at this address.
    Client(SocketAddr),
    /// The proxy's own (`LOCAL`: a health check), or that of somebody without an IP address (`UNKNOWN`, Unix sockets).
    Proxy,
}

/// Reads the header of the PROXY protocol at the front of `bytes`. What is too short yet is read anew each time: it
/// is a few hundred bytes at most.
#[must_use]
pub fn read_proxy_header(bytes: &[u8]) -> ProxyHeader {
    if begins_like(bytes, v2::SIGNATURE) {
        v2::read(bytes)
    } else if begins_like(bytes, v1::PREFIX) {
        v1::read(bytes)
    } else {
        ProxyHeader::Invalid
    }
}

/// Whether `bytes` are, as far as they go, those of `start`.
fn begins_like(bytes: &[u8], start: &[u8]) -> bool {
    bytes.iter().zip(start).all(|(byte, expected)| byte == expected)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn either_version_is_told_by_its_first_byte() {
        assert_eq!(read_proxy_header(b""), ProxyHeader::Incomplete);
        assert_eq!(read_proxy_header(b"P"), ProxyHeader::Incomplete);
        assert_eq!(read_proxy_header(b"\r"), ProxyHeader::Incomplete);
        for other in [b"GET / HTTP/1.1\r\n\r\n".as_slice(), b"\x16\x03", b"PRI", b"\r\n\r\nG"] {
            assert_eq!(read_proxy_header(other), ProxyHeader::Invalid);
        }
    }
}
