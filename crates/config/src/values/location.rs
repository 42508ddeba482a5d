//! Where a redirect leads.

use super::{Fault, Json, Value, Written, refused, text};
use crate::limits::LOCATION_CHARACTERS_MAX;

/// The place to which a redirect leads: a path other than `/`, or a URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Location(String);

const EXPECTED: &str =
    "\"\" for none, a path such as \"/stats\", or a URL that begins with \"http://\" or \"https://\"";

impl Location {
    /// Returns it as in the header of a response: printable ASCII without blanks.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Reads a location or "".
pub(crate) fn location(value: &Value<'_>) -> Result<Option<Location>, Fault> {
    let location = text(value, EXPECTED)?;
    // A URL without a scheme begins with two slashes, and a redirect from / to / would never end.
    let is_path = location.starts_with('/') && !location.starts_with("//") && location != "/";
    let url = location.strip_prefix("https://").or_else(|| location.strip_prefix("http://"));
    let is_url = url.is_some_and(|rest| !rest.is_empty() && !rest.starts_with('/'));
    let is_printable =
        location.len() <= LOCATION_CHARACTERS_MAX && location.bytes().all(|byte| byte.is_ascii_graphic());
    match location {
        "" => Ok(None),
        _ if is_printable && (is_path || is_url) => Ok(Some(Location(location.to_owned()))),
        _ => Err(refused(value, EXPECTED)),
    }
}

impl Written for Option<Location> {
    fn written(&self) -> Json {
        self.as_ref().map(Location::as_str).unwrap_or_default().into()
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{assert_refused, load_text};

    fn line(location: &str) -> String {
        format!("[statistics]\nredirect = {location:?}\n")
    }

    #[test]
    fn a_path_or_a_url_is_accepted_and_nothing_else() {
        for good in ["/about", "/a?b=c#d", "https://example.org", "http://[::1]:80/x"] {
            let loaded = load_text(&line(good)).unwrap().statistics.redirect;
            assert_eq!(loaded.as_ref().map(super::Location::as_str), Some(good));
        }
        assert_eq!(load_text(&line("")).unwrap().statistics.redirect, None);
        let long = format!("/{}", "a".repeat(1024));
        for bad in [
            "/",
            "//host",
            "about",
            "ftp://host",
            "https://",
            "https:///a",
            "/a b",
            "/a\r\nB: c",
            "/\u{e4}",
            &long,
        ] {
            assert_refused(&line(bad), 2, &["statistics.redirect", "a path such as \"/stats\""]);
        }
        assert_refused("[statistics]\nredirect = 5\n", 2, &["statistics.redirect"]);
    }
}
