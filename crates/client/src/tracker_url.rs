use crate::limits::{HOST_BYTES_MAX, SECRET_CHARS_MIN, URL_BYTES_MAX};
use std::borrow::Cow;
use std::cmp::Reverse;
use std::fmt;
use url::{Host, Url};

/// The URL of a tracker in a normal form, with the scheme `udp`, `http` or `https`. It may contain a passkey, so it has no printable
/// form but [`Self::origin`].
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TrackerUrl(Url);

/// Why a text is no URL of a tracker.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct TrackerUrlError(String);

/// The port of a UDP tracker whose URL has none: that of opentracker, which most of them have.
const UDP_PORT_DEFAULT: u16 = 6969;

impl fmt::Debug for TrackerUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.origin())
    }
}

impl TrackerUrl {
    /// Returns scheme, host and port.
    #[must_use]
    pub fn origin(&self) -> String {
        let host = self.0.host_str().unwrap_or_default();
        let port = self.0.port().map(|port| format!(":{port}")).unwrap_or_default();
        format!("{}://{host}{port}", self.0.scheme())
    }

    /// Returns the URL itself.
    #[must_use]
    pub const fn url(&self) -> &Url {
        &self.0
    }

    /// Returns `text` without the parts of path and query that may be passkeys.
    #[must_use]
    pub fn without_secrets(&self, text: &str) -> String {
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
    ///
    /// # Errors
    /// Says what is wrong.
    pub fn parse(text: &str) -> Result<Self, TrackerUrlError> {
        let wrong = |what: &str| TrackerUrlError(what.to_owned());
        if text.len() > URL_BYTES_MAX {
            return Err(wrong(&format!("it is longer than {URL_BYTES_MAX} bytes")));
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_have_a_normal_form_and_an_origin_without_passkey() {
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
            let url = TrackerUrl::parse(text).unwrap();
            assert_eq!(url.url().as_str(), normal, "{text}");
            assert_eq!(url.origin(), origin, "{text}");
        }
    }

    #[test]
    fn errors_keep_the_passkey_secret() {
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
            let error = TrackerUrl::parse(text).expect_err(text).to_string();
            assert!(error.contains(part), "{text}: {error}");
            assert!(!error.contains("KEY"), "{error}");
        }
    }

    #[test]
    fn parts_of_a_url_that_may_be_passkeys_are_secret() {
        for (url, text, shown) in [
            ("http://t.example/0123abcd/announce", "no 0123abcd, announce again", "no ..., announce again"),
            ("udp://t.example/0123abc?k=1", "0123abc?k=1", "0123abc?k=1"),
            ("udp://t.example?key=abcd%2Befgh", "abcd%2Befgh or abcd+efgh", "... or ..."),
            ("http://t.example/?0123abcd", "[0123abcd]", "[...]"),
            ("http://t.example/0123abcd/0123abcdef", "0123abcdef", "..."),
        ] {
            assert_eq!(TrackerUrl::parse(url).unwrap().without_secrets(text), shown, "{url}");
        }
    }
}
