use std::fmt;
use std::net::{SocketAddr, ToSocketAddrs};
use std::str::FromStr;

/// A tracker's address and protocol.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) address: SocketAddr,
    pub(crate) protocol: Protocol,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Protocol {
    Udp,
    Http(HttpPlace),
    /// The WebTorrent protocol.
    WebSocket(HttpPlace),
}

/// The location of a tracker on an HTTP server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HttpPlace {
    pub(crate) security: Security,
    /// The host without its port.
    pub(crate) host: String,
    /// Host and port as in the URL.
    pub(crate) authority: String,
    /// Path and query of announces.
    pub(crate) path: String,
}

/// The transport below HTTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Security {
    Plain,
    Tls,
}

impl HttpPlace {
    /// Returns the path and query of scrapes. By convention, "scrape" replaces the last "announce" that begins a
    /// part of the path. `None` if there is no such part.
    pub(crate) fn scrape_path(&self) -> Option<String> {
        let path_bytes = self.path.find('?').unwrap_or(self.path.len());
        let slash = self.path[..path_bytes].rfind("/announce")?;
        let (before, after) = (&self.path[..slash], &self.path[slash + "/announce".len()..]);
        Some(format!("{before}/scrape{after}"))
    }
}

impl Target {
    /// Returns its location if it is on an HTTP server, which WebSocket is too.
    pub(crate) const fn http(&self) -> Option<&HttpPlace> {
        match &self.protocol {
            Protocol::Udp => None,
            Protocol::Http(place) | Protocol::WebSocket(place) => Some(place),
        }
    }

    pub(crate) const fn is_over_websocket(&self) -> bool {
        matches!(self.protocol, Protocol::WebSocket(_))
    }
}

impl FromStr for Target {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once("://") {
            None => Self::udp(text),
            Some(("udp", rest)) => Self::udp(rest.split('/').next().unwrap_or(rest)),
            Some(("http", rest)) => Self::over_http(Security::Plain, rest),
            Some(("https", rest)) => Self::over_http(Security::Tls, rest),
            Some(("ws", rest)) => Self::over_websocket(Security::Plain, rest),
            Some(("wss", rest)) => Self::over_websocket(Security::Tls, rest),
            Some((scheme, _)) => Err(format!("{scheme} is not supported: use udp, http, https, ws or wss")),
        }
    }
}

impl Target {
    fn udp(authority: &str) -> Result<Self, String> {
        Ok(Self { address: resolve(authority)?, protocol: Protocol::Udp })
    }

    fn over_http(security: Security, rest: &str) -> Result<Self, String> {
        let (address, place) = HttpPlace::locate(security, rest)?;
        Ok(Self { address, protocol: Protocol::Http(place) })
    }

    /// The path is often left out.
    fn over_websocket(security: Security, rest: &str) -> Result<Self, String> {
        let root = if rest.contains('/') { "" } else { "/" };
        let (address, place) = HttpPlace::locate(security, &format!("{rest}{root}"))?;
        Ok(Self { address, protocol: Protocol::WebSocket(place) })
    }
}

impl HttpPlace {
    /// Returns the address and the location in a URL without its scheme.
    fn locate(security: Security, rest: &str) -> Result<(SocketAddr, Self), String> {
        let path_at = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(path_at);
        if path.bytes().any(|byte| !byte.is_ascii_graphic()) || !path.starts_with('/') {
            return Err("a path in printable ASCII, such as /announce, must follow the host".to_owned());
        }
        let (host, with_port) = match authority.rsplit_once(':').filter(|(_, port)| !port.ends_with(']')) {
            Some((host, _)) => (host, authority.to_owned()),
            None => (authority, format!("{authority}:{}", security.usual_port())),
        };
        let place = Self {
            security,
            host: host.trim_matches(['[', ']']).to_owned(),
            authority: authority.to_owned(),
            path: path.to_owned(),
        };
        Ok((resolve(&with_port)?, place))
    }
}

impl Security {
    const fn usual_port(self) -> u16 {
        match self {
            Self::Plain => 80,
            Self::Tls => 443,
        }
    }

    const fn scheme(self) -> &'static str {
        match self {
            Self::Plain => "http",
            Self::Tls => "https",
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.protocol {
            Protocol::Udp => write!(f, "{}", self.address),
            Protocol::Http(place) => {
                write!(f, "{}://{}{}", place.security.scheme(), place.authority, place.path)
            }
            Protocol::WebSocket(place) => {
                let scheme = if place.security == Security::Tls { "wss" } else { "ws" };
                write!(f, "{scheme}://{}{}", place.authority, place.path)
            }
        }
    }
}

fn resolve(authority: &str) -> Result<SocketAddr, String> {
    let mut addresses = authority.to_socket_addrs().map_err(|error| format!("{authority}: {error}"))?;
    addresses.next().ok_or_else(|| format!("{authority} has no address"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn http(text: &str) -> (SocketAddr, HttpPlace) {
        match text.parse::<Target>() {
            Ok(Target { address, protocol: Protocol::Http(place) }) => (address, place),
            other => panic!("{text}: {other:?}"),
        }
    }

    #[test]
    fn an_address_without_a_scheme_is_a_udp_tracker() {
        for text in ["127.0.0.1:6969", "udp://127.0.0.1:6969", "udp://127.0.0.1:6969/announce"] {
            let target: Target = text.parse().expect(text);
            assert_eq!(target.protocol, Protocol::Udp);
            assert_eq!(target.to_string(), "127.0.0.1:6969");
        }
        assert!("[::1]:6969".parse::<Target>().is_ok_and(|target| target.address.is_ipv6()));
    }

    #[test]
    fn a_url_locates_the_tracker() {
        let (address, place) = http("https://127.0.0.1:8443/announce/KEY");
        assert_eq!(address, SocketAddr::from(([127, 0, 0, 1], 8443)));
        assert_eq!((place.security, place.host.as_str()), (Security::Tls, "127.0.0.1"));
        assert_eq!((place.authority.as_str(), place.path.as_str()), ("127.0.0.1:8443", "/announce/KEY"));
    }

    #[test]
    fn a_url_without_a_port_uses_the_default_port() {
        assert_eq!(http("http://127.0.0.1/announce").0.port(), 80);
        let (address, place) = http("https://[::1]/announce");
        assert_eq!((address.port(), place.host.as_str(), place.authority.as_str()), (443, "::1", "[::1]"));
    }

    #[test]
    fn a_websocket_needs_no_path() {
        for (text, shown) in [
            ("ws://127.0.0.1:1", "ws://127.0.0.1:1/"),
            ("wss://127.0.0.1:1/announce", "wss://127.0.0.1:1/announce"),
        ] {
            let target: Target = text.parse().expect(text);
            assert!(target.is_over_websocket());
            assert_eq!(target.to_string(), shown);
        }
    }

    #[test]
    fn an_invalid_target_is_refused() {
        for wrong in ["127.0.0.1", "ftp://127.0.0.1:1/", "http://127.0.0.1:1", "http://127.0.0.1:1/a b", ""] {
            assert!(wrong.parse::<Target>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn scrapes_go_where_the_announces_go() {
        let scrape_path = |path: &str| http(&format!("http://127.0.0.1:1{path}")).1.scrape_path();
        for (announce, scrape) in [
            ("/announce", "/scrape"),
            ("/announce/KEY", "/scrape/KEY"),
            ("/x/announce.php?key=/announce", "/x/scrape.php?key=/announce"),
        ] {
            assert_eq!(scrape_path(announce).as_deref(), Some(scrape));
        }
        assert_eq!(scrape_path("/a"), None);
    }
}
