//! An upstream tracker as it is configured.

use crate::limits::NAME_CHARS_MAX;
use ::client::{HOST_BYTES_MAX, TrackerUrl, is_plain};
use hyper::http::uri::Authority;
use primitives::PeerAddress;
use std::net::IpAddr;
use std::sync::Arc;

/// A tracker to which local torrents are announced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upstream {
    pub uri: TrackerUrl,
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

/// Why fields describe no upstream tracker.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct UpstreamError(pub(crate) String);

impl Upstream {
    /// Checks the fields. Without a name, the origin is the name.
    ///
    /// # Errors
    /// Names the field that is wrong, and what is allowed.
    pub fn new(fields: &UpstreamFields) -> Result<Self, UpstreamError> {
        let uri = TrackerUrl::parse(&fields.uri).map_err(|error| UpstreamError(format!("uri: {error}")))?;
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
    fn without_a_name_the_origin_is_the_name() {
        let upstream = upstream("udp://Tracker.example/announce/KEY").unwrap();
        assert_eq!(
            (upstream.uri.origin().as_str(), &*upstream.name),
            ("udp://tracker.example:6969", "udp://tracker.example:6969")
        );
    }

    #[test]
    fn an_error_names_the_field_and_keeps_the_passkey_secret() {
        let error = upstream("ftp://t.example/KEY").expect_err("another scheme").to_string();
        assert_eq!(error, "uri: the scheme must be udp, http or https");
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
}
