//! Forwarding from the configuration and the file of the upstream trackers.

use anyhow::Context;
use config::{Configuration, PrivatePeers};
use core_link::Cores;
use forwarder::{Forwarder, ForwarderSettings, Upstream, read_upstreams};
use std::num::NonZeroU32;
use std::time::Duration;
use tracing::info;

/// Returns the upstream trackers of the file, if forwarding is on.
pub(crate) fn configured_upstreams(configuration: &Configuration) -> anyhow::Result<Option<Vec<Upstream>>> {
    let upstreams = configuration.forwarding.file.as_deref().map(read_upstreams);
    upstreams.transpose().context("the list of upstream trackers cannot be used")
}

/// The forwarder, and the upstream trackers that were last in the file.
pub(crate) struct Forwarding {
    forwarder: Forwarder,
    used: Vec<Upstream>,
}

impl Forwarding {
    /// Starts to announce to these upstream trackers.
    pub(crate) fn start(configuration: &config::Forwarding, cores: Cores, upstreams: Vec<Upstream>) -> Self {
        let forwarder = Forwarder::start(cores, forwarder_settings(configuration), upstreams.clone());
        Self { forwarder, used: upstreams }
    }

    pub(crate) const fn forwarder(&self) -> &Forwarder {
        &self.forwarder
    }

    /// Uses these upstream trackers, if they are others.
    pub(crate) fn use_changed(&mut self, upstreams: Vec<Upstream>) {
        if upstreams != self.used {
            self.use_all(upstreams);
        }
    }

    /// Uses these upstream trackers. Those that refused for ever are tried again.
    pub(crate) fn use_all(&mut self, upstreams: Vec<Upstream>) {
        if upstreams != self.used {
            info!(upstreams = upstreams.len(), "the list of upstream trackers has changed");
        }
        self.used.clone_from(&upstreams);
        self.forwarder.use_file(upstreams);
    }
}

pub(crate) fn forwarder_settings(forwarding: &config::Forwarding) -> ForwarderSettings {
    let at_least_one = |number| NonZeroU32::new(number).unwrap_or(NonZeroU32::MIN);
    ForwarderSettings {
        timeout: Duration::from_secs(u64::from(forwarding.timeout_s)),
        requests_max: forwarding.requests_max as usize,
        rate_per_second_max: at_least_one(forwarding.rate_per_second_max),
        burst_max: at_least_one(forwarding.burst_max),
        waiting_max: forwarding.waiting_max as usize,
        torrents_max: forwarding.torrents_max as usize,
        private_peers: match forwarding.private_peers {
            PrivatePeers::Refuse => forwarder::PrivatePeers::Refused,
            PrivatePeers::Accept => forwarder::PrivatePeers::Accepted,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::path::Path;

    fn configuration(file: Option<&Path>) -> Configuration {
        let mut configuration = Configuration::default();
        configuration.forwarding.file = file.map(Path::to_owned);
        configuration
    }

    #[test]
    fn forwarding_is_on_if_there_is_a_file_and_a_wrong_file_is_an_error_that_names_it() {
        assert_eq!(configured_upstreams(&configuration(None)).unwrap(), None);
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("forwarders.yml");
        let error = configured_upstreams(&configuration(Some(&file))).unwrap_err();
        let error = format!("{error:#}");
        assert!(error.contains("forwarders.yml"), "{error}");
        fs::write(&file, "").unwrap();
        assert_eq!(configured_upstreams(&configuration(Some(&file))).unwrap(), Some(Vec::new()));
    }
}
