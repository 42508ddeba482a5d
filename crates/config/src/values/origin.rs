//! Origins of web pages (RFC 6454).

use super::Fault;
use super::list::Item;

/// The origin of a web page, or a word for clients without one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin(String);

impl Origin {
    /// Returns the origin as browsers write it, in lower case; "null" or "none".
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Item for Origin {
    const EXPECTED: &'static str =
        "an origin such as \"https://example.org\" without a path, \"null\" or \"none\"";
    const LIST: &'static str = "origins such as [\"https://example.org\", \"http://localhost:8080\"]";

    fn parse(text: &str) -> Result<Option<Self>, Fault> {
        let is_host =
            |host: &str| !host.is_empty() && host.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'/');
        let is_origin =
            text.split_once("://").is_some_and(|(scheme, host)| !scheme.is_empty() && is_host(host));
        Ok((is_origin || matches!(text, "null" | "none")).then(|| Self(text.to_ascii_lowercase())))
    }

    fn conflict(&self, later: &Self) -> Option<String> {
        (self == later).then(|| format!("{:?} occurs twice", self.as_str()))
    }

    fn text(&self) -> String {
        self.0.clone()
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{assert_refused, load_text};

    #[test]
    fn origins_are_read_in_any_case_and_have_no_path() {
        let allowed =
            |origins: &str| load_text(&format!("[websocket]\nallow_origins = {origins}\n")).unwrap();
        let loaded =
            allowed("[\"https://Example.org\", \"http://[::1]:8080\", \"null\", \"none\"]").websocket;
        let texts: Vec<_> = loaded.allow_origins.iter().map(super::Origin::as_str).collect();
        assert_eq!(texts, ["https://example.org", "http://[::1]:8080", "null", "none"]);
        for wrong in ["example.org", "https://", "https://a/", "://a", "", "*"] {
            let text = format!("[websocket]\nallow_origins = [{wrong:?}]\n");
            assert_refused(&text, 2, &["websocket.allow_origins", "without a path"]);
        }
        assert_refused(
            "[websocket]\ndeny_origins = [\"null\", \"null\"]\n",
            2,
            &["websocket.deny_origins", "occurs twice"],
        );
    }
}
