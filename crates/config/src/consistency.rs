//! Rules that involve several keys.

mod access;
mod announce;
mod api;
mod certificate;
mod listeners;
mod proxy;

use std::fmt;

use crate::assignment::Origin;
use crate::load::Origins;
use crate::{ConfigError, Configuration};

/// Checks the rules that involve several keys, and returns the first violation.
pub(crate) fn check(configuration: &Configuration, origins: &Origins) -> Result<(), ConfigError> {
    announce::numwant_default_within_max(&configuration.announce, origins)?;
    announce::peer_lifetime_outlasts_interval(&configuration.announce, origins)?;
    access::allow_file_where_torrents_are_listed(&configuration.access, origins)?;
    listeners::tcp_listeners_apart(configuration, origins)?;
    certificate::named_where_https_is_served(&configuration.https, origins)?;
    certificate::both_or_neither_for_the_api(&configuration.api, origins)?;
    proxy::header_with_trusted_networks(&configuration.proxy, origins)
}

/// Returns a warning for each setting that is allowed but probably unintended.
pub(crate) fn warnings(configuration: &Configuration) -> Vec<String> {
    api::in_the_clear(&configuration.api).collect()
}

/// A key with its value and the origin of the value, as shown in messages.
struct Setting<'a> {
    key: String,
    value: String,
    origin: &'a Origin,
}

impl<'a> Setting<'a> {
    fn new(origins: &'a Origins, section: &str, name: &str, value: &dyn ToString) -> Self {
        Self { key: format!("{section}.{name}"), value: value.to_string(), origin: origins.of(section, name) }
    }

    fn with_list(origins: &'a Origins, section: &str, name: &str, items: &[impl ToString]) -> Self {
        let items: Vec<String> = items.iter().map(ToString::to_string).collect();
        Self::new(origins, section, name, &format!("{items:?}"))
    }

    /// Returns the error that names this value as the one to change.
    fn conflict(self, reason: String) -> ConfigError {
        ConfigError::Conflict { key: self.key, value: self.value, origin: self.origin.to_string(), reason }
    }
}

impl fmt::Display for Setting<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} = {} ({})", self.key, self.value, self.origin)
    }
}
