//! `[api]`: the management API.

use std::fs::File;
use std::io::{self, Read};
use std::net::SocketAddr;
use std::path::Path;

use confique::Config;
use serde::Serialize;

use crate::ConfigError;
use crate::assignment::Origin;
use crate::limits::{self, API_TOKENS_FILE_BYTES_MAX};
use crate::values::addresses;
use crate::values::named_file::NamedFile;
use crate::values::path;
use crate::values::tokens::{Tokens, TokensError};

use super::https::PemFile;

/// The management API.
#[derive(Debug, Clone, PartialEq, Eq, Config, Serialize)]
pub struct Api {
    /// The addresses and TCP ports on which the management API is served.
    ///
    /// Allowed: a list of 0 to 16 different socket addresses, IPv6 in brackets; [] disables it. It is also disabled as
    /// long as there are no tokens. Port 0 picks any free port. No address may conflict with one in the `listen` of
    /// `[http]`, `[https]` or `[health_check_api]`; a wildcard address conflicts with every address of its family and
    /// port.
    ///
    /// Anyone who can reach it and has a token controls the tracker. Other machines should reach it over TLS only: see
    /// `certificate_file`.
    #[config(
        env = "RINGTRACK_API_LISTEN",
        default = ["127.0.0.1:1212"],
        deserialize_with = addresses::listen::<{ limits::API_LISTEN_MIN }, { limits::API_LISTEN_MAX }, _>
    )]
    pub listen: Vec<SocketAddr>,

    /// The tokens that grant access to the management API, each with a label that names its holder.
    ///
    /// Allowed: a table of up to 64 tokens such as `{ ops = "...", grafana.read-only = "..." }`. A label has 1 to 64
    /// letters, digits, `_` or `-`; a token has 16 to 256 printable ASCII characters without white space, commas and
    /// quotes. As an environment variable: `ops=token,grafana.read-only=token2`.
    ///
    /// With `.read-only` after its label, a token can read everything and change nothing. Without a token here or in
    /// `tokens_file`, the management API is not started, whatever `listen` is. 16 random letters and digits are
    /// impossible to guess; `head -c 24 /dev/urandom | base64` makes a longer token. Tokens are never logged or shown.
    /// On SIGHUP they are reloaded, unlike all other keys of this file.
    #[config(env = "RINGTRACK_API_TOKENS", default = {})]
    pub tokens: Tokens,

    /// A file with more tokens.
    ///
    /// Allowed: the path of a file, or "" for none.
    ///
    /// Each line is `label = token` or `label.read-only = token`, without quotes; a line that begins with `#` is a
    /// comment. The file keeps the tokens out of this one, which others may read: with systemd,
    /// `LoadCredential=tokens:/etc/ringtrack/tokens` provides it as `/run/credentials/ringtrack.service/tokens`. It is
    /// read at the start and on SIGHUP.
    #[config(env = "RINGTRACK_API_TOKENS_FILE", default = "", deserialize_with = path::or_nothing)]
    #[serde(serialize_with = "path::show")]
    pub tokens_file: NamedFile,

    /// The PEM file with the certificate chain: the server's own certificate first, then the intermediate certificates.
    ///
    /// Allowed: the path of a file, or ""; set both this key and `key_file`, or neither.
    ///
    /// With both, the management API is served over TLS only. Without, everyone on the network path can read the
    /// tokens: keep `listen` on a loopback address then.
    #[config(env = "RINGTRACK_API_CERTIFICATE_FILE", default = "", deserialize_with = path::or_nothing)]
    #[serde(serialize_with = "path::show")]
    pub certificate_file: PemFile,

    /// The PEM file with the certificate's private key.
    ///
    /// Allowed: the path of a file, or ""; set both this key and `certificate_file`, or neither.
    ///
    /// Anyone who can read it can impersonate the management API: make it readable by the tracker's user only.
    #[config(env = "RINGTRACK_API_KEY_FILE", default = "", deserialize_with = path::or_nothing)]
    #[serde(serialize_with = "path::show")]
    pub key_file: PemFile,
}

impl Api {
    /// Returns whether the management API is to be served: there is an address, and a token or a tokens file.
    pub fn is_wanted(&self) -> bool {
        !self.listen.is_empty() && (!self.tokens.is_empty() || self.tokens_file.path().is_some())
    }

    /// Reads `tokens_file` and returns its tokens together with those of the configuration.
    ///
    /// # Errors
    ///
    /// If the file cannot be read, a line of it is invalid, or a label occurs twice.
    pub fn all_tokens(&self) -> Result<Tokens, ConfigError> {
        let mut tokens = self.tokens.clone();
        if let Some(file) = self.tokens_file.path() {
            add_lines(&mut tokens, file, &read(file)?)?;
        }
        Ok(tokens)
    }
}

fn read(file: &Path) -> Result<String, ConfigError> {
    let mut text = String::new();
    let read = File::open(file)
        .and_then(|open| open.take(API_TOKENS_FILE_BYTES_MAX + 1).read_to_string(&mut text))
        .map_err(|reason| ConfigError::UnreadableTokens { file: file.to_owned(), reason })?;
    if read as u64 > API_TOKENS_FILE_BYTES_MAX {
        let reason = format!("longer than {API_TOKENS_FILE_BYTES_MAX} bytes, the limit of a tokens file");
        let reason = io::Error::new(io::ErrorKind::FileTooLarge, reason);
        return Err(ConfigError::UnreadableTokens { file: file.to_owned(), reason });
    }
    Ok(text)
}

fn add_lines(tokens: &mut Tokens, file: &Path, text: &str) -> Result<(), ConfigError> {
    for (index, line) in text.lines().map(str::trim).enumerate() {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        tokens.add_pair(line).map_err(|error| invalid_line(file, index + 1, &error))?;
    }
    Ok(())
}

fn invalid_line(file: &Path, line: usize, error: &TokensError) -> ConfigError {
    let origin = Origin::File { file: file.to_owned(), line }.to_string();
    ConfigError::Value { origin, key: "api.tokens_file".to_owned(), reason: error.to_string() }
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
        let pair = |(label, token): (&str, &crate::Token)| (label.to_owned(), token.secret().to_owned());
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
