//! Rules between keys: what no single value can be checked for.

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

/// Checks the rules between keys.
pub(crate) fn check(configuration: &Configuration, origins: &Origins) -> Result<(), ConfigError> {
    announce::numwant_default_within_max(&configuration.announce, origins)?;
    announce::peer_lifetime_outlasts_interval(&configuration.announce, origins)?;
    access::allow_file_where_torrents_are_listed(&configuration.access, origins)?;
    listeners::tcp_listeners_apart(configuration, origins)?;
    certificate::named_where_https_is_served(&configuration.https, origins)?;
    certificate::both_or_neither_for_the_api(&configuration.api, origins)?;
    proxy::header_with_trusted_networks(&configuration.proxy, origins)
}

/// What is allowed but hardly meant.
pub(crate) fn warnings(configuration: &Configuration) -> Vec<String> {
    api::in_the_clear(&configuration.api).collect()
}

/// A key with its value and where that comes from, as messages name them.
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

    /// The error that this is the value to be changed.
    fn conflict(self, reason: String) -> ConfigError {
        ConfigError::Conflict { key: self.key, value: self.value, origin: self.origin.to_string(), reason }
    }
}

impl fmt::Display for Setting<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} = {} ({})", self.key, self.value, self.origin)
    }
}
