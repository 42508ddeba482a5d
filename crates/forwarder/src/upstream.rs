//! An upstream tracker as it is configured.

use crate::limits::{HOST_BYTES_MAX, NAME_CHARS_MAX, SECRET_CHARS_MIN, URI_BYTES_MAX};
use hyper::http::uri::Authority;
use primitives::PeerAddress;
use std::borrow::Cow;
use std::cmp::Reverse;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use url::{Host, Url};

/// A tracker to which local torrents are announced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upstream {
    pub uri: UpstreamUri,
    /// Label in logs, figures and the management API.
    pub name: Arc<str>,
    /// The address to announce in place of ours.
    pub announced_ip: Option<IpAddr>,
    /// Replaces the host in the HTTP header `Host`.
    pub host: Option<String>,
}

/// The unchecked fields of an upstream tracker, from the file or the management API.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UpstreamFields {
    pub uri: String,
    pub name: Option<String>,
    pub ip: Option<String>,
    pub host: Option<String>,
}

/// The URI of an upstream tracker in a normal form. It may contain a passkey, so it has no printable form but
/// [`Self::origin`].
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct UpstreamUri(Url);

/// Why fields describe no upstream tracker.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct UpstreamError(pub(crate) String);

/// The port of a UDP tracker whose URI has none: that of opentracker, which most of them have.
const UDP_PORT_DEFAULT: u16 = 6969;

impl fmt::Debug for UpstreamUri {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.origin())
    }
}

impl UpstreamUri {
    /// Returns scheme, host and port.
    #[must_use]
    pub fn origin(&self) -> String {
        let host = self.0.host_str().unwrap_or_default();
        let port = self.0.port().map(|port| format!(":{port}")).unwrap_or_default();
        format!("{}://{host}{port}", self.0.scheme())
    }

    pub(crate) const fn url(&self) -> &Url {
        &self.0
    }

    /// Returns `text` without the parts of path and query that may be passkeys.
    pub(crate) fn without_secrets(&self, text: &str) -> String {
        let query = self.0.query().unwrap_or_default();
        let parts = self.0.path().split('/').chain(query.split(['&', '='])).map(Cow::Borrowed);
        let decoded = self.0.query_pairs().flat_map(|(key, value)| [key, value]);
        let mut secrets: Vec<_> = parts
            .chain(decoded)
            .filter(|part| part.chars().count() >= SECRET_CHARS_MIN && part != "announce")
            .collect();
        // The longest first, because a secret may contain another.
        secrets.sort_by_key(|secret| Reverse(secret.len()));
        secrets.iter().fold(text.to_owned(), |text, secret| text.replace(&**secret, "..."))
    }

    /// Checks `text`. The errors do not contain it, because of the passkey.
    fn parse(text: &str) -> Result<Self, UpstreamError> {
        let wrong = |what: &str| UpstreamError(format!("uri: {what}"));
        if text.len() > URI_BYTES_MAX {
            return Err(wrong(&format!("it is longer than {URI_BYTES_MAX} bytes")));
        }
        let mut url = Url::parse(text).map_err(|error| {
            wrong(&format!("{error}; it must be like udp://tracker.example:6969/announce"))
        })?;
        if !["udp", "http", "https"].contains(&url.scheme()) {
            return Err(wrong("the scheme must be udp, http or https"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(wrong("a user and a password are not allowed; a passkey belongs in path or query"));
        }
        if url.fragment().is_some() {
            return Err(wrong("a fragment (#) is not allowed"));
        }
        if url.host_str().unwrap_or_default().is_empty() {
            return Err(wrong("there is no host"));
        }
        if url.port() == Some(0) {
            return Err(wrong("the port must be from 1 to 65535"));
        }
        if url.scheme() == "udp" {
            use_udp_forms(&mut url).map_err(|error| wrong(&error))?;
        }
        if url.host_str().is_some_and(|host| host.len() > HOST_BYTES_MAX) {
            return Err(wrong("the host is too long"));
        }
        Ok(Self(url))
    }
}

/// Brings the host to the form that `Url` uses for HTTP, and adds what a UDP URI leaves out.
fn use_udp_forms(url: &mut Url) -> Result<(), String> {
    let host = Host::parse(url.host_str().unwrap_or_default()).map_err(|error| error.to_string())?;
    url.set_host(Some(&host.to_string())).map_err(|error| error.to_string())?;
    let port = url.port().unwrap_or(UDP_PORT_DEFAULT);
    url.set_port(Some(port)).map_err(|()| "the port cannot be used".to_owned())?;
    if url.path() == "/" && url.query().is_none() {
        url.set_path("");
    }
    Ok(())
}

impl Upstream {
    /// Checks the fields. Without a name, the origin is the name.
    ///
    /// # Errors
    /// Names the field that is wrong, and what is allowed.
    pub fn new(fields: &UpstreamFields) -> Result<Self, UpstreamError> {
        let uri = UpstreamUri::parse(&fields.uri)?;
        let name = fields.name.as_deref().map(checked_name).transpose()?;
        let name = name.map_or_else(|| uri.origin().into(), Arc::from);
        let announced_ip = fields.ip.as_deref().map(checked_ip).transpose()?;
        if uri.url().scheme() == "udp" && announced_ip.is_some_and(|ip| ip.is_ipv6()) {
            let wrong = "ip: it must be an IPv4 address, because a UDP announce has no room for another";
            return Err(UpstreamError(wrong.to_owned()));
        }
        let host = fields.host.as_deref().map(checked_host).transpose()?;
        Ok(Self { uri, name, announced_ip, host })
    }
}

/// Returns whether logs and terminals show a character as it is: those that change the direction, hide or break a line are not
/// plain.
pub(crate) fn is_plain(character: char) -> bool {
    character.is_alphanumeric() || character.is_ascii_graphic() || character == ' '
}

fn checked_name(name: &str) -> Result<&str, UpstreamError> {
    let has_length = (1..=NAME_CHARS_MAX).contains(&name.chars().count());
    if has_length && !name.trim().is_empty() && name.chars().all(is_plain) {
        Ok(name)
    } else {
        Err(UpstreamError(format!("name: it must have 1 to {NAME_CHARS_MAX} printable characters")))
    }
}

fn checked_ip(text: &str) -> Result<IpAddr, UpstreamError> {
    let ip: IpAddr = text
        .parse()
        .map_err(|_| UpstreamError("ip: it must be an IPv4 or IPv6 address without a port".to_owned()))?;
    PeerAddress::new(ip, 1).map_err(|error| UpstreamError(format!("ip: {error}")))?;
    Ok(ip.to_canonical())
}

fn checked_host(host: &str) -> Result<String, UpstreamError> {
    let is_host = host.len() <= HOST_BYTES_MAX
        && !host.contains('@')
        && host.parse().is_ok_and(|authority: Authority| !authority.host().is_empty());
    let wrong = "host: it must be a name or an address, with a port or without, as in the HTTP header Host";
    if is_host { Ok(host.to_owned()) } else { Err(UpstreamError(wrong.to_owned())) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn upstream(uri: &str) -> Result<Upstream, UpstreamError> {
        Upstream::new(&UpstreamFields { uri: uri.to_owned(), ..UpstreamFields::default() })
    }

    #[test]
    fn uris_have_a_normal_form_and_an_origin_without_passkey() {
        for (text, normal, origin) in [
            ("udp://Tracker.example", "udp://tracker.example:6969", "udp://tracker.example:6969"),
            ("udp://tracker.example:80/", "udp://tracker.example:80", "udp://tracker.example:80"),
            ("udp://t.example:1/announce?k=1", "udp://t.example:1/announce?k=1", "udp://t.example:1"),
            ("udp://192.0.2.1", "udp://192.0.2.1:6969", "udp://192.0.2.1:6969"),
            ("udp://[2001:DB8::1]/", "udp://[2001:db8::1]:6969", "udp://[2001:db8::1]:6969"),
            (
                "udp://b\u{fc}cher.example",
                "udp://xn--bcher-kva.example:6969",
                "udp://xn--bcher-kva.example:6969",
            ),
            ("http://t.example:80/a/KEY?x=%ff", "http://t.example/a/KEY?x=%ff", "http://t.example"),
            ("https://T.example:8443", "https://t.example:8443/", "https://t.example:8443"),
            ("HTTPS://[2001:db8::1]/a", "https://[2001:db8::1]/a", "https://[2001:db8::1]"),
        ] {
            let upstream = upstream(text).unwrap();
            assert_eq!(upstream.uri.url().as_str(), normal, "{text}");
            assert_eq!((upstream.uri.origin(), &*upstream.name), (origin.to_owned(), origin), "{text}");
        }
    }

    #[test]
    fn errors_name_the_field_and_keep_the_passkey_secret() {
        let long = format!("http://t.example/{}", "KEY".repeat(700));
        for (text, part) in [
            ("", "relative URL"),
            ("t.example/KEY", "relative URL"),
            ("ftp://t.example/KEY", "udp, http or https"),
            ("wss://t.example/KEY", "udp, http or https"),
            ("udp:t.example/KEY", "no host"),
            ("udp:///KEY", "no host"),
            ("http:///", "host"),
            ("http://user@t.example/KEY", "user"),
            ("udp://:KEY@t.example", "user"),
            ("http://t.example/KEY#x", "fragment"),
            ("http://t.example:0/KEY", "port"),
            ("udp://t.example:0/KEY", "port"),
            ("udp://t.example:65536/KEY", "port"),
            ("udp://a b/KEY", "invalid"),
            ("udp://1.2.3.400/KEY", "invalid"),
            (&long, "2048 bytes"),
            (&format!("udp://{}.example/KEY", "a".repeat(260)), "too long"),
        ] {
            let error = upstream(text).expect_err(text).to_string();
            assert!(error.starts_with("uri: ") && error.contains(part), "{text}: {error}");
            assert!(!error.contains("KEY"), "{error}");
        }
    }

    #[test]
    fn the_other_fields_are_checked() {
        let wrong = |name: &str, ip: &str, host: &str| {
            let field = |text: &str| (text != "-").then(|| text.to_owned());
            let uri = "http://t.example".to_owned();
            Upstream::new(&UpstreamFields { uri, name: field(name), ip: field(ip), host: field(host) })
                .err()
                .map(|error| error.to_string().split(':').next().unwrap_or_default().to_owned())
        };
        for (name, ip, host) in
            [("-", "-", "-"), ("Größter", "192.0.2.1", "t.example"), ("a b", "::1", "[::1]:80")]
        {
            assert_eq!(wrong(name, ip, host), None, "{name} {ip} {host}");
        }
        for name in ["", "  ", "a\nb", "a\u{202e}b", "a\u{2028}", "\u{200b}a", &"n".repeat(101)] {
            assert_eq!(wrong(name, "-", "-").as_deref(), Some("name"), "{name:?}");
        }
        for ip in ["", "t.example", "192.0.2.1:80", "0.0.0.0", "255.255.255.255", "fe80::1", "ff02::1"] {
            assert_eq!(wrong("-", ip, "-").as_deref(), Some("ip"), "{ip:?}");
        }
        for host in ["", ":80", "a b", "a/b", "u@a", "a\r\nX: y", &"h".repeat(260)] {
            assert_eq!(wrong("-", "-", host).as_deref(), Some("host"), "{host:?}");
        }
    }

    #[test]
    fn a_udp_announce_has_room_for_an_ipv4_address_only() {
        for (uri, ip, is_allowed) in [
            ("udp://t.example", "192.0.2.1", true),
            ("udp://t.example", "::ffff:192.0.2.1", true),
            ("udp://t.example", "2001:db8::1", false),
            ("https://t.example", "2001:db8::1", true),
        ] {
            let (uri, ip) = (uri.to_owned(), Some(ip.to_owned()));
            let upstream = Upstream::new(&UpstreamFields { uri, ip, ..UpstreamFields::default() });
            assert_eq!(upstream.is_ok(), is_allowed, "{upstream:?}");
        }
    }

    #[test]
    fn parts_of_a_uri_that_may_be_passkeys_are_secret() {
        for (uri, text, shown) in [
            ("http://t.example/0123abcd/announce", "no 0123abcd, announce again", "no ..., announce again"),
            ("udp://t.example/0123abc?k=1", "0123abc?k=1", "0123abc?k=1"),
            ("udp://t.example?key=abcd%2Befgh", "abcd%2Befgh or abcd+efgh", "... or ..."),
            ("http://t.example/?0123abcd", "[0123abcd]", "[...]"),
            ("http://t.example/0123abcd/0123abcdef", "0123abcdef", "..."),
        ] {
            assert_eq!(upstream(uri).unwrap().uri.without_secrets(text), shown, "{uri}");
        }
    }
}
