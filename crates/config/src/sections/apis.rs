//! `[api]`, `[health_check_api]` and `[metrics]`: the management API, the health check, and the figures for Prometheus.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use crate::ConfigError;
use crate::declare::section;
use crate::file::{self, Origin};
use crate::limits::{ADDRESSES_MAX, API_TOKENS_FILE_BYTES_MAX};
use crate::values::list::list;
use crate::values::loopback;
use crate::values::path::{FILE, PEM_FILE, path};
use crate::values::tokens::{Token, Tokens, token, tokens};

section! {
    /// The management API.
    pub struct Api;

    /// The addresses and TCP ports on which the management API is served.
    ///
    /// Allowed: a list of 0 to 16 different socket addresses, IPv6 in brackets; [] disables it. It is also disabled as
    /// long as there are no tokens. Port 0 picks any free port. No address may conflict with one in the `listen` of
    /// `[http]`, `[https]`, `[health_check_api]` or `[metrics]`; a wildcard address conflicts with every address of its
    /// family and port.
    ///
    /// Anyone who can reach it and has a token controls the tracker. Other machines should reach it over TLS only: see
    /// `certificate_file`.
    // Minimum: the APIs can be disabled.
    listen: Vec<SocketAddr> = loopback(1212), list(0..=ADDRESSES_MAX);

    /// The tokens that grant access to the management API, each with a label that names its holder.
    ///
    /// Allowed: a table of up to 64 tokens such as `{ ops = "...", grafana.read-only = "..." }`. A label has 1 to 64
    /// letters, digits, `_` or `-`; a token has 16 to 256 printable ASCII characters without white space, commas and
    /// quotes. As an environment variable: `ops=token,grafana.read-only=token2`.
    ///
    /// With `.read-only` after its label, a token can read everything and change nothing. Without a token here or in
    /// `tokens_file`, the management API is not started, whatever `listen` is. 16 random letters and digits are
    /// impossible to guess; `head -c 24 /dev/urandom | base64` makes a longer token. Tokens are never logged or shown.
    tokens: Tokens = Tokens::default(), tokens;

    /// A file with more tokens.
    ///
    /// Allowed: the path of a file, or "" for none.
    ///
    /// Each line is `label = token` or `label.read-only = token`, without quotes; a line that begins with `#` is a
    /// comment. The file keeps the tokens out of this one, which others may read: with systemd,
    /// `LoadCredential=tokens:/etc/ringtrack/tokens` provides it as `/run/credentials/ringtrack.service/tokens`. It is
    /// read at the start and on SIGHUP.
    tokens_file: Option<PathBuf> = None, path(FILE);

    /// The PEM file with the certificate chain: the server's own certificate first, then the intermediate certificates.
    ///
    /// Allowed: the path of a file, or ""; set both this key and `key_file`, or neither.
    ///
    /// With both, the management API is served over TLS only. Without, everyone on the network path can read the
    /// tokens: keep `listen` on a loopback address then.
    certificate_file: Option<PathBuf> = None, path(PEM_FILE);

    /// The PEM file with the certificate's private key.
    ///
    /// Allowed: the path of a file, or ""; set both this key and `certificate_file`, or neither.
    ///
    /// Anyone who can read it can impersonate the management API: make it readable by the tracker's user only.
    key_file: Option<PathBuf> = None, path(PEM_FILE);
}

section! {
    /// The health check, for programs that monitor the tracker.
    pub struct HealthCheckApi;

    /// The addresses and TCP ports on which `/health_check` is served over plain HTTP.
    ///
    /// Allowed: a list of 0 to 16 different socket addresses, IPv6 in brackets; [] disables it. Port 0 picks any free
    /// port. No address may conflict with one in the `listen` of `[http]`, `[https]`, `[api]` or `[metrics]`; a wildcard
    /// address conflicts with every address of its family and port.
    ///
    /// Containers and load balancers use it to check whether the tracker is healthy. It requires no token, since it
    /// reveals little; do not make it reachable from the internet all the same.
    listen: Vec<SocketAddr> = loopback(1313), list(0..=ADDRESSES_MAX);
}

section! {
    /// The figures of the tracker, for Prometheus.
    pub struct Metrics;

    /// The addresses and TCP ports on which `/metrics` is served over plain HTTP.
    ///
    /// Allowed: a list of 0 to 16 different socket addresses, IPv6 in brackets; [] disables it. Port 0 picks any free
    /// port. No address may conflict with one in the `listen` of `[http]`, `[https]`, `[api]` or `[health_check_api]`; a
    /// wildcard address conflicts with every address of its family and port.
    ///
    /// Prometheus usually runs on another machine: then listen on an address that it reaches and others do not, or set
    /// `token`. Nothing can be changed here, and no client's address, torrent or key is shown.
    listen: Vec<SocketAddr> = loopback(1414), list(0..=ADDRESSES_MAX);

    /// The token that is required of those who read the figures.
    ///
    /// Allowed: a text of 16 to 256 printable ASCII characters without white space, commas and quotes, or "" for none.
    ///
    /// Prometheus sends it with `authorization: { credentials_file: ... }` in its scrape configuration. Without TLS, it
    /// can be read on the way. It is never logged or shown.
    token: Option<Token> = None, token;
}

impl Api {
    /// Returns whether the management API is to be served: there is an address, and a token or a tokens file.
    pub fn is_wanted(&self) -> bool {
        !self.listen.is_empty() && (!self.tokens.is_empty() || self.tokens_file.is_some())
    }

    /// Reads `tokens_file` and returns its tokens together with those of the configuration.
    ///
    /// # Errors
    ///
    /// If the file cannot be read, a line of it is invalid, or a label occurs twice.
    pub fn all_tokens(&self) -> Result<Tokens, ConfigError> {
        let mut tokens = self.tokens.clone();
        if let Some(file) = &self.tokens_file {
            let text = file::read(file, API_TOKENS_FILE_BYTES_MAX, "a tokens file")
                .map_err(|reason| ConfigError::UnreadableTokens { file: file.clone(), reason })?;
            add_lines(&mut tokens, file, &text)?;
        }
        Ok(tokens)
    }
}

fn add_lines(tokens: &mut Tokens, file: &Path, text: &str) -> Result<(), ConfigError> {
    for (index, line) in text.lines().map(str::trim).enumerate() {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        tokens.add_pair(line).map_err(|error| ConfigError::Value {
            origin: Origin::File { file: file.to_owned(), line: index + 1 }.to_string(),
            key: "api.tokens_file".to_owned(),
            reason: error.to_string(),
        })?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Configuration;
    use crate::testing::{assert_contains, file_with, load_text};

    const SECRET: &str = "hunter2hunter2==";

    fn with_file(text: &str, tokens: &str) -> (tempfile::NamedTempFile, Api) {
        let file = file_with(text);
        let path = file.path().display();
        let api = load_text(&format!("[api]\ntokens_file = \"{path}\"\ntokens = {tokens}\n")).unwrap().api;
        (file, api)
    }

    fn all(text: &str, tokens: &str) -> Result<Vec<(String, String)>, ConfigError> {
        let (_file, api) = with_file(text, tokens);
        let pair = |(label, token): (&str, &Token)| (label.to_owned(), token.secret().to_owned());
        Ok(api.all_tokens()?.iter().map(pair).collect())
    }

    #[test]
    fn tokens_of_the_file_are_added_to_those_of_the_configuration() {
        let text = format!("# ours\r\n\n  ops = {SECRET}  \r\nweb={SECRET}");
        let tokens = all(&text, "{ ci = \"0123456789abcdef\" }").unwrap();
        let expected = [("ci", "0123456789abcdef"), ("ops", SECRET), ("web", SECRET)];
        assert_eq!(tokens, expected.map(|(label, token)| (label.to_owned(), token.to_owned())));
        assert_eq!(all("", "{}").unwrap(), []);
        assert!(Configuration::default().api.all_tokens().unwrap().is_empty());
    }

    #[test]
    fn an_invalid_line_is_refused_with_its_number_and_not_shown() {
        let long = "hunter2".repeat(40);
        for (line, part) in [
            ("hunter2hunter2hunter2", "label = token"),
            ("ops = hunter2", "the token of ops has 7 characters, expected 16 to 256"),
            (&format!("ops = {long}"), "the token of ops has 280 characters"),
            ("ops = \"hunter2hunter2hunter2\"", "the token of ops has white space, a comma, a quote"),
            ("ops x = hunter2hunter2hunter2", "1 to 64 letters"),
        ] {
            let message = all(&format!("# one\n{line}\n"), "{}").unwrap_err().to_string();
            assert_contains(&message, &[":2: api.tokens_file: ", part]);
            assert!(!message.contains("hunter2"), "{message}");
        }
    }

    #[test]
    fn a_label_in_both_places_is_refused() {
        let tokens = "{ ops = \"0123456789abcdef\" }";
        let message = all(&format!("ops = {SECRET}\n"), tokens).unwrap_err().to_string();
        assert_contains(&message, &[":1: api.tokens_file: the label ops occurs twice"]);
    }

    #[test]
    fn a_missing_or_too_long_file_is_refused() {
        let (file, api) = with_file(&"#".repeat(65_537), "{}");
        let message = api.all_tokens().unwrap_err().to_string();
        assert_contains(&message, &[file.path().to_str().unwrap(), "longer than 65536 bytes"]);
        drop(file);
        let message = api.all_tokens().unwrap_err().to_string();
        assert_contains(&message, &["cannot read the tokens of the management API", "os error"]);
        assert!(all(&"#".repeat(65_536), "{}").is_ok());
    }

    #[test]
    fn the_management_api_is_served_if_it_has_an_address_and_a_source_of_tokens() {
        let is_wanted = |text: &str| load_text(&format!("[api]\n{text}\n")).unwrap().api.is_wanted();
        assert!(!is_wanted(""));
        assert!(is_wanted("tokens_file = \"/x\""));
        assert!(is_wanted(&format!("tokens = {{ ops = \"{SECRET}\" }}")));
        assert!(!is_wanted(&format!("listen = []\ntokens = {{ ops = \"{SECRET}\" }}")));
    }
}
