//! The configuration that an import produces, as it grows.

use crate::limits::{INTERVAL_S, LIFETIME_S, NUMWANT};
use crate::report::excerpt;
use config::limits::ANNOUNCE_PEER_LIFETIME_SLACK_S;
use config::{Announce, ConfigError};
use database::DatabaseUrl;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf, absolute};

/// What is shown instead of a token.
const HIDDEN: &str = "(hidden)";

/// A value of Ringtrack's configuration.
#[derive(PartialEq, Eq)]
pub(crate) enum Value {
    Text(String),
    /// The path of a file, which is relative to the working directory.
    File(PathBuf),
    Number(u64),
    List(Vec<String>),
    Table(Vec<(String, String)>),
}

/// The keys that were translated so far, and the foreign keys that were not.
#[derive(Default)]
pub(crate) struct Translation {
    /// Each key with its value and the foreign key that it comes from.
    settings: BTreeMap<&'static str, (Value, String)>,
    /// Foreign keys whose meaning the configuration does not have, with the reason.
    pub(crate) not_translated: Vec<(String, String)>,
    pub(crate) unknown: Vec<String>,
}

impl Translation {
    /// Sets a key to the value of the foreign key `from`, unless the configuration refuses it or another foreign key has
    /// set it.
    pub(crate) fn set(&mut self, key: &'static str, value: Value, from: impl Into<String>) {
        self.set_together([(key, value)], from);
    }

    /// Sets keys that depend on each other: all of them, or none. Returns whether they are set.
    pub(crate) fn set_together<const N: usize>(
        &mut self,
        settings: [(&'static str, Value); N],
        from: impl Into<String>,
    ) -> bool {
        let from = from.into();
        if let Some(reason) = settings.iter().find_map(|(key, value)| self.refusal(key, value)) {
            let keys = settings.map(|(key, _)| key).join(", ");
            let reason = if N == 1 { reason } else { format!("{reason}; left out are {keys}") };
            self.leave(from, &reason);
            return false;
        }
        for (key, value) in settings {
            self.settings.entry(key).or_insert_with(|| (value, from.clone()));
        }
        true
    }

    /// Returns why a key cannot be set to a value.
    fn refusal(&self, key: &str, value: &Value) -> Option<String> {
        match self.settings.get(key) {
            Some((earlier, _)) if earlier == value => None,
            Some((_, first)) => Some(format!("{key} is already set by {first}")),
            None => refusal(key, value).map(|reason| format!("{key}: {reason}")),
        }
    }

    pub(crate) fn set_text(&mut self, key: &'static str, text: &str, from: impl Into<String>) {
        self.set(key, Value::Text(text.to_owned()), from);
    }

    /// Trusts what proxies on this host say in a header.
    pub(crate) fn trust_local_proxies(&mut self, header: &str, from: String) {
        let loopback = ["127.0.0.0/8", "::1/128"].map(str::to_owned).to_vec();
        let header = ("proxy.header", Value::Text(header.to_owned()));
        if self.set_together([header, ("proxy.trusted", Value::List(loopback))], from.clone()) {
            self.leave(from, "only proxies on this host are trusted: add others to proxy.trusted");
        }
    }

    /// Sets a key to the number of its range that is nearest.
    pub(crate) fn set_number(&mut self, key: &'static str, number: u64, range: (u64, u64), from: String) {
        let nearest = number.clamp(range.0, range.1);
        if nearest != number {
            self.leave(from.clone(), &format!("{number} is out of range, {key} is {nearest}"));
        }
        self.set(key, Value::Number(nearest), from);
    }

    /// Sets how many peers a reply has, for clients that ask for a number and for those that do not.
    pub(crate) fn set_numwant(&mut self, number: u64, from: &str) {
        self.set_number("announce.numwant_max", number, NUMWANT, from.to_owned());
        let number = number.clamp(NUMWANT.0, NUMWANT.1);
        self.set("announce.numwant_default", Value::Number(number), from);
    }

    /// Sets the time between announces and the time for which peers are kept. A peer is kept at least until its next
    /// announce.
    pub(crate) fn set_times(&mut self, interval: Option<(u64, String)>, lifetime: Option<(u64, String)>) {
        let defaults = Announce::default();
        let percent = 100 + u64::from(defaults.interval_jitter_percent);
        let shortest =
            |interval_s: u64| (interval_s * percent).div_ceil(100) + ANNOUNCE_PEER_LIFETIME_SLACK_S;
        let kept_s = self.number("announce.peer_lifetime_s");
        if let Some((interval_s, from)) = interval {
            let shortest_s = shortest(interval_s.clamp(INTERVAL_S.0, INTERVAL_S.1));
            match kept_s.filter(|kept_s| *kept_s < shortest_s) {
                Some(_) => {
                    self.leave(from, "it is too long for announce.peer_lifetime_s, which is already set");
                }
                None => self.set_number("announce.interval_s", interval_s, INTERVAL_S, from),
            }
        }
        let interval_s = self.number("announce.interval_s").unwrap_or_else(|| defaults.interval_s.into());
        let shortest_s = shortest(interval_s);
        let range = (shortest_s.max(LIFETIME_S.0), LIFETIME_S.1);
        match lifetime {
            Some((lifetime_s, from)) => self.set_number("announce.peer_lifetime_s", lifetime_s, range, from),
            None if shortest_s > kept_s.unwrap_or_else(|| defaults.peer_lifetime_s.into()) => {
                self.set("announce.peer_lifetime_s", Value::Number(shortest_s), "announce.interval_s");
            }
            None => {}
        }
    }

    /// Sets the level of the log.
    pub(crate) fn set_log_level(&mut self, level: &str, from: String) {
        if level == "off" {
            self.leave(from.clone(), "the log cannot be turned off, log.level is \"error\"");
            return self.set_text("log.level", "error", from);
        }
        self.set_text("log.level", level, from);
    }

    /// Notes that a foreign key is not translated.
    pub(crate) fn leave(&mut self, from: impl Into<String>, reason: &str) {
        self.not_translated.push((from.into(), reason.to_owned()));
    }

    /// Returns whether the configuration contains tokens, or the password of a database.
    pub(crate) fn has_secrets(&self) -> bool {
        let is_server = |value: &Value| matches!(value, Value::Text(url) if !url.starts_with("sqlite:"));
        self.settings.contains_key("api.tokens")
            || self.settings.get("database.url").is_some_and(|(value, _)| is_server(value))
    }

    /// Returns the number of keys that are set.
    pub(crate) fn len(&self) -> usize {
        self.settings.len()
    }

    fn number(&self, key: &str) -> Option<u64> {
        match self.settings.get(key) {
            Some((Value::Number(number), _)) => Some(*number),
            _ => None,
        }
    }

    /// Returns the text of the configuration file. `origin` names the program and the file that it comes from.
    pub(crate) fn text(&self, origin: &str) -> String {
        self.text_with(origin, |_, value| toml(value))
    }

    /// Returns the same without tokens and passwords.
    pub(crate) fn text_without_secrets(&self, origin: &str) -> String {
        self.text_with(origin, |key, value| match (key, value) {
            ("api.tokens", Value::Table(pairs)) => {
                let hidden = pairs.iter().map(|(name, _)| (name.clone(), HIDDEN.to_owned()));
                toml(&Value::Table(hidden.collect()))
            }
            ("database.url", Value::Text(url)) => {
                // Its printed form has no password.
                let url = url.parse::<DatabaseUrl>();
                quoted(&url.map_or_else(|_| HIDDEN.to_owned(), |url| url.to_string()))
            }
            _ => toml(value),
        })
    }

    fn text_with(&self, origin: &str, shown: impl Fn(&str, &Value) -> String) -> String {
        let mut text = format!(
            "# Made by `ringtrack import` from {origin}. `ringtrack default-config` explains all keys.\n"
        );
        let mut last = "";
        for (key, (value, from)) in &self.settings {
            let (section, name) = key.split_once('.').unwrap_or(("", key));
            if section != last {
                let _never_fails = write!(text, "\n[{section}]\n");
                last = section;
            }
            let _never_fails = write!(text, "# {from}\n{name} = {}\n", shown(key, value));
        }
        let left = self.not_translated.iter().map(|(key, reason)| format!("# {key}: {reason}\n"));
        let unknown = self.unknown.iter().map(|key| format!("# {key}: unknown\n"));
        let left: String = left.chain(unknown).collect();
        if left.is_empty() { text } else { format!("{text}\n# Not translated:\n{left}") }
    }
}

/// The addresses of a foreign configuration.
#[derive(Debug, Default)]
pub(crate) struct Listeners {
    pub(crate) udp: Vec<SocketAddr>,
    pub(crate) http: Vec<SocketAddr>,
    pub(crate) https: Vec<SocketAddr>,
    certificate: Option<(String, String)>,
}

impl Listeners {
    /// Adds a certificate with its key. There can be one only.
    pub(crate) fn add_certificate(
        &mut self,
        files: (String, String),
        from: &str,
        translation: &mut Translation,
    ) {
        match &self.certificate {
            _ if files.0.is_empty() || files.1.is_empty() => {
                translation.leave(from, "TLS needs a certificate and its key");
            }
            None => self.certificate = Some(files),
            Some(first) if *first == files => {}
            Some((first, _)) => {
                let reason = format!("all addresses have the same certificate, {}", excerpt(first));
                translation.leave(from, &reason);
            }
        }
    }

    /// Sets the addresses and the certificate.
    pub(crate) fn set(self, from: &str, translation: &mut Translation) {
        let list = |addresses: &[SocketAddr]| {
            let mut texts: Vec<String> = addresses.iter().map(ToString::to_string).collect();
            texts.sort();
            texts.dedup();
            Value::List(texts)
        };
        if self.udp.is_empty() {
            let loopback = SocketAddr::new(Ipv4Addr::LOCALHOST.into(), 6969);
            translation.leave("UDP", "it is always served: here on a loopback address only");
            translation.set("udp.listen", list(&[loopback]), "no UDP listener");
        } else {
            translation.set("udp.listen", list(&self.udp), from);
        }
        translation.set("http.listen", list(&self.http), from);
        if !self.https.is_empty() {
            let [certificate, key] = identity(self.certificate.unwrap_or_default());
            let settings = [
                ("https.certificate_file", certificate),
                ("https.key_file", key),
                ("https.listen", list(&self.https)),
            ];
            translation.set_together(settings, from);
        }
    }
}

/// Returns the files of a certificate and its key as values.
pub(crate) fn identity((certificate, key): (String, String)) -> [Value; 2] {
    [certificate, key].map(|file| Value::File(file.into()))
}

/// Returns the addresses that serve the same clients: elsewhere the IPv6 wildcard address usually serves IPv4 too.
pub(crate) fn addresses(address: SocketAddr) -> Vec<SocketAddr> {
    match address.ip() {
        IpAddr::V6(ip) if ip.is_unspecified() => {
            vec![SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), address.port()), address]
        }
        _ => vec![address],
    }
}

/// Returns where a file is that a program reads after it has changed its root directory, which it does only if it is
/// started by root.
pub(crate) fn below(root: Option<&Path>, file: &Path) -> PathBuf {
    let Some(root) = root else { return file.to_owned() };
    let inside = root.join(file.strip_prefix("/").unwrap_or(file));
    if file.is_absolute() && !inside.exists() { file.to_owned() } else { inside }
}

/// Returns why the configuration does not accept a value, by itself.
pub(crate) fn refusal(key: &str, value: &Value) -> Option<String> {
    if let Value::File(path) = value {
        match path.to_str() {
            None => return Some("the path is not UTF-8".to_owned()),
            Some("") => return Some("the path is missing".to_owned()),
            Some(_) => {}
        }
    }
    match config::load_text(Path::new(""), &format!("{key} = {}\n", toml(value)), []) {
        Err(ConfigError::Value { reason, .. }) => Some(reason),
        Err(ConfigError::UnknownKey { .. }) => Some("there is no such key".to_owned()),
        // Other keys may be set later.
        _ => None,
    }
}

fn toml(value: &Value) -> String {
    match value {
        Value::Text(text) => quoted(text),
        Value::File(path) => quoted(&absolute(path).unwrap_or_else(|_| path.clone()).to_string_lossy()),
        Value::Number(number) => number.to_string(),
        Value::List(texts) => {
            format!("[{}]", texts.iter().map(|text| quoted(text)).collect::<Vec<_>>().join(", "))
        }
        Value::Table(pairs) => {
            let pairs = pairs.iter().map(|(name, text)| format!("{} = {}", quoted(name), quoted(text)));
            format!("{{ {} }}", pairs.collect::<Vec<_>>().join(", "))
        }
    }
}

/// Returns a text as a TOML string.
fn quoted(text: &str) -> String {
    let mut quoted = String::from('"');
    for character in text.chars() {
        match character {
            '"' | '\\' => quoted.extend(['\\', character]),
            character if character.is_control() => {
                let _never_fails = write!(quoted, "\\u{:04x}", u32::from(character));
            }
            character => quoted.push(character),
        }
    }
    quoted.push('"');
    quoted
}
