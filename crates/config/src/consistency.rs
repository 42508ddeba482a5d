//! Rules that involve several keys.

mod listeners;

use std::fmt;

use crate::declare::Key;
use crate::file::Origin;
use crate::limits::ANNOUNCE_PEER_LIFETIME_SLACK_S;
use crate::load::Origins;
use crate::values::{Json, as_toml};
use crate::{
    Access, Announce, Api, ConfigError, Configuration, Https, Location, Proxy, ProxyHeader, Sources,
    Statistics, Switch,
};

/// Checks the rules that involve several keys, and returns the first violation.
pub(crate) fn check(configuration: &Configuration, origins: &Origins) -> Result<(), ConfigError> {
    let settings = Settings { values: configuration.redacted(), origins };
    numwant_default_within_max(&configuration.announce, &settings)?;
    peer_lifetime_outlasts_interval(&configuration.announce, &settings)?;
    interval_min_within_interval(&configuration.announce, &settings)?;
    allow_file_where_torrents_are_listed(&configuration.access, &settings)?;
    first_ban_within_longest(&configuration.sources, &settings)?;
    listeners::tcp_listeners_apart(configuration, &settings)?;
    certificate_where_https_is_served(&configuration.https, &settings)?;
    certificate_and_key_of_the_api(&configuration.api, &settings)?;
    page_where_it_is_redirected_to(&configuration.statistics, &settings)?;
    header_with_trusted_networks(&configuration.proxy, &settings)
}

/// Returns a warning for each setting that is allowed but probably unintended.
pub(crate) fn warnings(configuration: &Configuration) -> Vec<String> {
    api_in_the_clear(&configuration.api).collect()
}

/// The values of all keys as written in a file, with their origins.
struct Settings<'a> {
    values: Json,
    origins: &'a Origins,
}

impl Settings<'_> {
    fn of(&self, section: &'static str, name: &'static str) -> Setting<'_> {
        let key = Key { section, name };
        Setting { key, value: as_toml(&self.values[section][name]), origin: self.origins.of(key) }
    }
}

/// A key with its value and the origin of the value, as shown in messages.
struct Setting<'a> {
    key: Key,
    value: String,
    origin: &'a Origin,
}

impl Setting<'_> {
    /// Returns the error that names this value as the one to change.
    fn conflict(self, reason: String) -> ConfigError {
        let (key, origin) = (self.key.to_string(), self.origin.to_string());
        ConfigError::Conflict { key, value: self.value, origin, reason }
    }
}

impl fmt::Display for Setting<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} = {} ({})", self.key, self.value, self.origin)
    }
}

fn numwant_default_within_max(announce: &Announce, settings: &Settings<'_>) -> Result<(), ConfigError> {
    if announce.numwant_default <= announce.numwant_max {
        return Ok(());
    }
    let max = settings.of("announce", "numwant_max");
    Err(settings.of("announce", "numwant_default").conflict(format!("must be at most {max}")))
}

fn peer_lifetime_outlasts_interval(announce: &Announce, settings: &Settings<'_>) -> Result<(), ConfigError> {
    let shortest_s = peer_lifetime_shortest_s(announce);
    if u64::from(announce.peer_lifetime_s) >= shortest_s {
        return Ok(());
    }
    let interval = settings.of("announce", "interval_s");
    let jitter = settings.of("announce", "interval_jitter_percent");
    Err(settings.of("announce", "peer_lifetime_s").conflict(format!(
        "must be at least {shortest_s}: {interval}, plus {jitter}, plus {ANNOUNCE_PEER_LIFETIME_SLACK_S} s"
    )))
}

/// Returns the longest interval that a reply can carry, plus the slack.
fn peer_lifetime_shortest_s(announce: &Announce) -> u64 {
    let percent = 100 + u64::from(announce.interval_jitter_percent);
    (u64::from(announce.interval_s) * percent).div_ceil(100) + ANNOUNCE_PEER_LIFETIME_SLACK_S
}

fn interval_min_within_interval(announce: &Announce, settings: &Settings<'_>) -> Result<(), ConfigError> {
    if announce.interval_s_min <= announce.interval_s {
        return Ok(());
    }
    let interval = settings.of("announce", "interval_s");
    Err(settings.of("announce", "interval_s_min").conflict(format!("must be at most {interval}")))
}

fn allow_file_where_torrents_are_listed(access: &Access, settings: &Settings<'_>) -> Result<(), ConfigError> {
    if access.allow_file.is_none() || access.mode.is_listed() {
        return Ok(());
    }
    let mode = settings.of("access", "mode");
    Err(settings.of("access", "allow_file").conflict(format!(
        "has no effect, since {mode}: expected \"\" here, or the mode \"listed\" or \"private-listed\""
    )))
}

fn first_ban_within_longest(sources: &Sources, settings: &Settings<'_>) -> Result<(), ConfigError> {
    if sources.ban_s <= sources.ban_s_max {
        return Ok(());
    }
    let max = settings.of("sources", "ban_s_max");
    Err(settings.of("sources", "ban_s").conflict(format!("must be at most {max}")))
}

fn certificate_where_https_is_served(https: &Https, settings: &Settings<'_>) -> Result<(), ConfigError> {
    let missing = match https {
        https if https.listen.is_empty() => return Ok(()),
        Https { certificate_file: None, .. } => "certificate_file",
        Https { key_file: None, .. } => "key_file",
        _ => return Ok(()),
    };
    let (missing, listen) = (settings.of("https", missing), settings.of("https", "listen"));
    Err(missing.conflict(format!("must be the path of a file in PEM, since {listen}")))
}

fn certificate_and_key_of_the_api(api: &Api, settings: &Settings<'_>) -> Result<(), ConfigError> {
    let (missing, named) = match (&api.certificate_file, &api.key_file) {
        (None, Some(_)) => ("certificate_file", "key_file"),
        (Some(_), None) => ("key_file", "certificate_file"),
        (None, None) | (Some(_), Some(_)) => return Ok(()),
    };
    let (missing, named) = (settings.of("api", missing), settings.of("api", named));
    Err(missing.conflict(format!("must be the path of a file in PEM, since {named}")))
}

fn page_where_it_is_redirected_to(
    statistics: &Statistics,
    settings: &Settings<'_>,
) -> Result<(), ConfigError> {
    let leads_to_page = |location: &Location| matches!(location.as_str(), "/stats" | "/stats.json");
    if statistics.page == Switch::On || !statistics.redirect.as_ref().is_some_and(leads_to_page) {
        return Ok(());
    }
    let page = settings.of("statistics", "page");
    Err(settings.of("statistics", "redirect").conflict(format!("leads to nothing, since {page}")))
}

fn header_with_trusted_networks(proxy: &Proxy, settings: &Settings<'_>) -> Result<(), ConfigError> {
    let (trusted, header) = (settings.of("proxy", "trusted"), settings.of("proxy", "header"));
    match (proxy.header == ProxyHeader::None, proxy.trusted.is_empty()) {
        (true, false) => {
            let others = "\"x-forwarded-for\", \"x-real-ip\" or \"proxy-protocol\"";
            Err(header.conflict(format!("must be {others}, since {trusted}")))
        }
        (false, true) => {
            Err(trusted.conflict(format!("must name the networks of the proxies, since {header}")))
        }
        (true, true) | (false, false) => Ok(()),
    }
}

/// Returns a warning for each address of the management API that other machines can reach without TLS.
fn api_in_the_clear(api: &Api) -> impl Iterator<Item = String> {
    let is_clear = api.is_wanted() && api.certificate_file.is_none();
    let reachable = api.listen.iter().filter(|address| !address.ip().is_loopback());
    reachable.filter(move |_| is_clear).map(|address| {
        format!(
            "api.listen: the management API is served at {address} without TLS, so anyone on the network path can \
             read its tokens: set api.certificate_file and api.key_file, or listen on 127.0.0.1"
        )
    })
}

#[cfg(test)]
mod tests {
    use crate::load;
    use crate::testing::{
        assert_contains, assert_refused, assert_variable_refused, environment, file_with, load_text,
    };

    #[test]
    fn a_lifetime_of_the_longest_interval_plus_a_minute_is_accepted() {
        for (interval, lifetime_s) in [
            ("", 2040),
            // 61 s plus half of it is 91.5 s.
            ("interval_s = 61\ninterval_jitter_percent = 50", 152),
            ("interval_s = 14400\ninterval_jitter_percent = 50", 21_660),
        ] {
            let text = format!("[announce]\n{interval}\npeer_lifetime_s = {lifetime_s}\n");
            assert!(load_text(&text).is_ok(), "{text}");
        }
    }

    #[test]
    fn a_lifetime_below_the_longest_interval_plus_a_minute_is_refused() {
        let parts = ["announce.peer_lifetime_s = 2039", "at least 2040", "interval_s = 1800 (default)"];
        assert_refused("[announce]\npeer_lifetime_s = 2039\n", 2, &parts);
        let text = "interval_s = 61\ninterval_jitter_percent = 50\npeer_lifetime_s = 151\n";
        assert_refused(&format!("[announce]\n{text}"), 4, &["at least 152"]);
    }

    #[test]
    fn an_interval_too_long_for_the_default_lifetime_is_named_with_its_line() {
        let parts = ["announce.peer_lifetime_s = 2700 (default)", "announce.interval_s = 3600 (/"];
        assert_refused("[announce]\ninterval_s = 3600\n", 2, &parts);
    }

    #[test]
    fn a_minimum_interval_above_the_interval_is_refused() {
        let parts = ["announce.interval_s_min = 1801", "at most announce.interval_s = 1800 (default)"];
        assert_refused("[announce]\ninterval_s_min = 1801\n", 2, &parts);
        assert!(load_text("[announce]\ninterval_s_min = 1800\n").is_ok());
    }

    #[test]
    fn a_default_number_of_peers_above_the_maximum_is_refused() {
        let parts = ["announce.numwant_default = 51", "at most announce.numwant_max = 50 (default)"];
        assert_refused("[announce]\nnumwant_default = 51\n", 2, &parts);
        let parts = ["announce.numwant_default = 50 (default)", "announce.numwant_max = 49"];
        assert_variable_refused("RINGTRACK_ANNOUNCE_NUMWANT_MAX", "49", &parts);
    }

    #[test]
    fn a_first_ban_longer_than_the_longest_is_refused() {
        let parts = ["sources.ban_s = 61", "at most sources.ban_s_max = 60 (/"];
        assert_refused("[sources]\nban_s = 61\nban_s_max = 60\n", 2, &parts);
    }

    #[test]
    fn each_value_of_a_conflict_is_named_with_its_own_origin() {
        let file = file_with("[announce]\nnumwant_default = 60\n");
        let variables = environment(&[("RINGTRACK_ANNOUNCE_NUMWANT_MAX", "40")]);
        let message = load(Some(file.path()), variables).unwrap_err().to_string();
        let place = format!("{}:2", file.path().display());
        assert_contains(&message, &[&place, "40 (environment variable RINGTRACK_ANNOUNCE_NUMWANT_MAX)"]);
    }

    #[test]
    fn an_allow_file_in_an_unlisted_mode_is_refused_and_both_keys_are_named() {
        let parts = [
            "access.allow_file = \"/x\" (",
            "since access.mode = \"public\" (default)",
            "\"private-listed\"",
        ];
        assert_refused("[access]\nallow_file = \"/x\"\n", 2, &parts);
        assert_variable_refused("RINGTRACK_ACCESS_ALLOW_FILE", "/x", &parts);
        let text = "[access]\nmode = \"private\"\nallow_file = \"/x\"\n";
        assert_refused(text, 3, &["access.allow_file", "access.mode = \"private\" (/"]);
    }

    #[test]
    fn a_listed_mode_needs_no_allow_file_and_a_deny_file_needs_no_listed_mode() {
        for mode in ["listed", "private-listed"] {
            for file in ["", "allow_file = \"/x\""] {
                assert!(
                    load_text(&format!("[access]\nmode = \"{mode}\"\n{file}\n")).is_ok(),
                    "{mode} {file}"
                );
            }
        }
        assert!(load_text("[access]\ndeny_file = \"/x\"\n").is_ok());
    }

    fn warnings(text: &str) -> Vec<String> {
        let file = file_with(&format!("[api]\n{text}\n"));
        load(Some(file.path()), []).unwrap().warnings
    }

    #[test]
    fn an_api_without_tls_that_other_machines_can_reach_causes_a_warning() {
        const TOKENS: &str = "tokens_file = \"/t\"";
        const FILES: &str = "certificate_file = \"/c\"\nkey_file = \"/k\"";
        for address in ["0.0.0.0:1212", "[::]:1212", "192.0.2.1:1212", "[2001:db8::1]:1212"] {
            let listen = format!("listen = [\"127.0.0.1:1213\", \"{address}\"]");
            let warned = warnings(&format!("{listen}\n{TOKENS}"));
            assert_eq!(warned.len(), 1, "{warned:?}");
            assert!(warned[0].contains(address) && warned[0].contains("without TLS"), "{warned:?}");
            assert!(warnings(&format!("{listen}\n{TOKENS}\n{FILES}")).is_empty());
            assert!(warnings(&listen).is_empty(), "without tokens it is off");
        }
        let loopback = "listen = [\"127.0.0.2:1\", \"[::1]:1\"]";
        assert!(warnings(&format!("{loopback}\n{TOKENS}")).is_empty());
    }

    const LISTEN: &str = "[https]\nlisten = \"127.0.0.1:443\"\n";

    #[test]
    fn https_with_only_one_of_its_files_is_refused_and_the_missing_one_is_named() {
        let since = "since https.listen = [\"127.0.0.1:443\"] (/";
        let cases = [("certificate_file", "key_file"), ("key_file", "certificate_file")];
        for (missing, named) in cases {
            let parts = [&format!("https.{missing} = \"\" (default)"), "path of a file in PEM", since];
            assert_refused(&format!("{LISTEN}{named} = \"/x\"\n"), 2, &parts);
            let emptied = format!("{LISTEN}{named} = \"/x\"\n{missing} = \"\"\n");
            assert_refused(&emptied, 4, &[&format!("https.{missing} = \"\" (/"), since]);
        }
        let parts = ["https.certificate_file = \"\" (default)", "https.listen = [\"[::]:443\"]"];
        assert_variable_refused("RINGTRACK_HTTPS_LISTEN", "[::]:443", &parts);
    }

    #[test]
    fn an_api_with_only_one_of_its_files_is_refused_and_the_missing_one_is_named() {
        let cases = [("certificate_file", "key_file"), ("key_file", "certificate_file")];
        for (missing, named) in cases {
            let since = format!("since api.{named} = \"/x\" (/");
            let parts = [&format!("api.{missing} = \"\" (default)"), "path of a file in PEM", &since];
            assert_refused(&format!("[api]\n{named} = \"/x\"\n"), 2, &parts);
        }
        assert!(load_text("[api]\ncertificate_file = \"/c\"\nkey_file = \"/k\"\n").is_ok());
    }

    #[test]
    fn https_with_both_files_and_files_without_https_are_accepted() {
        let files = "certificate_file = \"/c\"\nkey_file = \"/k\"\n";
        assert!(load_text(&format!("{LISTEN}{files}")).is_ok());
        assert!(load_text(&format!("[https]\n{files}")).is_ok());
        assert!(load_text("[https]\nkey_file = \"/k\"\n").is_ok());
    }

    #[test]
    fn a_redirect_to_the_statistics_page_needs_the_page() {
        for path in ["/stats", "/stats.json"] {
            let redirect = format!("[statistics]\nredirect = \"{path}\"\n");
            let parts = [&format!("statistics.redirect = \"{path}\""), "statistics.page = \"off\" (default)"];
            assert_refused(&redirect, 2, &parts.map(|part| part));
            assert!(load_text(&format!("{redirect}page = \"on\"\n")).is_ok());
        }
        assert!(load_text("[statistics]\nredirect = \"/about\"\n").is_ok());
    }

    #[test]
    fn a_header_without_trusted_networks_is_refused() {
        for header in ["x-forwarded-for", "x-real-ip", "proxy-protocol"] {
            let since = format!("since proxy.header = \"{header}\"");
            let parts = ["proxy.trusted = [] (default)", "name the networks", &since];
            assert_refused(&format!("[proxy]\nheader = \"{header}\"\n"), 2, &parts);
            assert_variable_refused("RINGTRACK_PROXY_HEADER", header, &parts);
        }
    }

    #[test]
    fn trusted_networks_without_a_header_are_refused() {
        let parts = [
            "proxy.header = \"none\" (default)",
            "\"x-forwarded-for\", \"x-real-ip\" or \"proxy-protocol\"",
            "since proxy.trusted = [\"10.0.0.0/8\", \"::1/128\"] (/",
        ];
        assert_refused("[proxy]\ntrusted = [\"10.0.0.0/8\", \"::1\"]\n", 2, &parts);
    }
}
