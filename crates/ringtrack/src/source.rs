//! Where the configuration comes from, and what the files that it names hold.

use crate::api_tokens::{all_tokens, token_of_figures};
use crate::forwarding::configured_upstreams;
use crate::http_settings::IdentityFiles;
use crate::keys::Keys;
use anyhow::Context;
use config::{ConfigError, Configuration, Loaded};
use control::check_list_file;
use forwarder::Upstream;
use rest_api::Token;
use std::env::vars_os;
use std::path::PathBuf;
use std::sync::Arc;
use tls::ServerIdentity;

/// The sources of the configuration, which are read at the start and at each reload.
#[derive(Debug, Clone, Default)]
pub(crate) struct Source {
    pub(crate) file: Option<PathBuf>,
    /// The list of upstream trackers, whatever `forwarding.file` is.
    pub(crate) forwarders: Option<PathBuf>,
}

impl Source {
    /// Loads the configuration from the file and the environment.
    pub(crate) fn load(&self) -> Result<Loaded, ConfigError> {
        let mut loaded = config::load(self.file.as_deref(), vars_os())?;
        if self.forwarders.is_some() {
            loaded.configuration.forwarding.file.clone_from(&self.forwarders);
        }
        Ok(loaded)
    }

    /// Loads the configuration and checks it as a start does, as far as that is possible without opening a socket or the
    /// database. It may block on a disk.
    pub(crate) fn load_and_check(&self) -> anyhow::Result<Loaded> {
        let loaded = self.load()?;
        NamedFiles::check(&loaded.configuration)?;
        Ok(loaded)
    }
}

/// What is read from the files that the configuration names.
#[derive(Debug, Clone)]
pub(crate) struct NamedFiles {
    /// The tokens of the management API, unless it has no address.
    pub(crate) tokens: Option<Arc<[Token]>>,
    /// The token that the figures require, if they require one.
    pub(crate) token_of_figures: Option<Token>,
    /// Certificate and key, if HTTPS is served.
    pub(crate) identity: Option<Arc<ServerIdentity>>,
    /// Certificate and key, if the management API is served over TLS.
    pub(crate) api_identity: Option<Arc<ServerIdentity>>,
    /// The trackers to which torrents are announced, if forwarding is on.
    pub(crate) upstreams: Option<Vec<Upstream>>,
}

impl NamedFiles {
    pub(crate) fn read(configuration: &Configuration) -> anyhow::Result<Self> {
        let WatchedFiles { identity, api_identity, upstreams } = WatchedFiles::read(configuration);
        let (identity, api_identity, upstreams) = (identity?, api_identity?, upstreams?);
        let api = &configuration.api;
        let tokens = (!api.listen.is_empty()).then(|| all_tokens(api)).transpose()?;
        let token_of_figures = token_of_figures(&configuration.metrics)?;
        Ok(Self { tokens, token_of_figures, identity, api_identity, upstreams })
    }

    /// Checks all files, those that are used elsewhere too.
    pub(crate) fn check(configuration: &Configuration) -> anyhow::Result<()> {
        Keys::make(configuration.connection_ids.key_file.as_deref(), None)?;
        let access = &configuration.access;
        for file in [&access.allow_file, &access.deny_file].into_iter().flatten() {
            check_list_file(file).context("access.allow_file or access.deny_file cannot be used")?;
        }
        Self::read(configuration).map(drop)
    }
}

/// The files of which changes are noticed without a reload.
pub(crate) struct WatchedFiles {
    pub(crate) identity: anyhow::Result<Option<Arc<ServerIdentity>>>,
    pub(crate) api_identity: anyhow::Result<Option<Arc<ServerIdentity>>>,
    pub(crate) upstreams: anyhow::Result<Option<Vec<Upstream>>>,
}

impl WatchedFiles {
    pub(crate) fn read(configuration: &Configuration) -> Self {
        let load = |files: Option<IdentityFiles>| files.map(|files| files.load()).transpose();
        let api = &configuration.api;
        Self {
            identity: load(IdentityFiles::of(configuration)),
            api_identity: load(IdentityFiles::of_api(api).filter(|_| api.is_wanted())),
            upstreams: configured_upstreams(configuration),
        }
    }
}
