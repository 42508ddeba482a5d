//! Reads the configuration again while the tracker serves, and replaces the settings that can be replaced.
//!
//! All of it is read and checked before anything changes. Each part of the tracker then gets its own settings, which are
//! made of the same configuration by the same functions as at the start.

use crate::api::ApiParts;
use crate::api_tokens::use_tokens;
use crate::certificate::Certificate;
use crate::config_diff::Known;
use crate::forwarding::{Forwarding, forwarder_settings};
use crate::listen::connections_max;
use crate::logging::Logging;
use crate::management::live_settings;
use crate::memory::Plan;
use crate::prepare::plan_memory;
use crate::run::{statistics_windows, supervision_settings};
use crate::secret_files::warn_of_readable_secrets;
use crate::source::{NamedFiles, WatchedFiles};
use crate::tuning::{Machine, core_settings};
use anyhow::Context;
use config::{Configuration, Effect};
use control::management::{ListenerInfo, ManagementError, Reloaded};
use control::{Manager, ReloadRequest, SupervisionSettings, Windows};
use core_link::CoreSettings;
use std::sync::Arc;
use std::time::Duration;
use tls::ServerIdentity;
use tokio::sync::{mpsc, watch};
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::{MissedTickBehavior, interval, timeout};
use tracing::{error, info, warn};

/// Seconds between two looks at certificates and upstream trackers, whose files are a few kilobytes and change once in weeks.
const LOOK_EVERY_S: u64 = 10;

/// Seconds that such a look may take before it is given up: reloads wait meanwhile.
const LOOK_S_MAX: u64 = 5;

/// Seconds that each part of a reload may take. Lists of ten million torrents are read from a slow database within them.
const RELOAD_S_MAX: u64 = 300;

/// Everything that gets new settings at a reload.
pub(crate) struct Reload {
    pub(crate) known: Arc<Known>,
    /// The plan that is in use.
    pub(crate) memory: Plan,
    pub(crate) listeners: Vec<ListenerInfo>,
    pub(crate) manager: Arc<Manager>,
    pub(crate) api: ApiParts,
    /// The certificate of HTTPS, if it is served.
    pub(crate) certificate: Option<Certificate>,
    pub(crate) forwarding: Option<Forwarding>,
    pub(crate) logging: Logging,
    pub(crate) supervision: watch::Sender<SupervisionSettings>,
    pub(crate) statistics: watch::Sender<Option<Windows>>,
    pub(crate) troubles: Troubles,
}

/// Why files could not be used when they were last looked at, so that it is logged once and not every ten seconds.
#[derive(Default)]
pub(crate) struct Troubles {
    certificate: Option<String>,
    api_certificate: Option<String>,
    upstreams: Option<String>,
    /// The last look, if it has not ended: a file system may block forever, and each look takes a thread.
    late: Option<JoinHandle<WatchedFiles>>,
}

/// Waits for the file systems and the database, but not forever: other reloads wait meanwhile.
async fn in_time<T>(work: impl Future<Output = T>) -> anyhow::Result<T> {
    timeout(Duration::from_secs(RELOAD_S_MAX), work)
        .await
        .with_context(|| format!("the files or the database did not reply within {RELOAD_S_MAX} s"))
}

impl Reload {
    /// Serves requests to reload, and looks at files that may have changed, until there are no more requests.
    pub(crate) async fn run(mut self, mut requests: mpsc::Receiver<ReloadRequest>) {
        let mut looks = interval(Duration::from_secs(LOOK_EVERY_S));
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                request = requests.recv() => match request {
                    // A requester that has gone misses the answer only.
                    Some(request) => drop(request.send(self.reload().await)),
                    None => return,
                },
                _ = looks.tick() => self.look().await,
            }
        }
    }

    /// Reloads the configuration, and logs in one line what has changed, or why nothing has.
    async fn reload(&mut self) -> Result<Reloaded, ManagementError> {
        let outcome = self.replace_all().await;
        self.troubles = Troubles::default();
        match &outcome {
            Ok(Reloaded { changed, needs_restart }) => {
                let [changed, needs_restart] = [changed, needs_restart].map(|keys| keys.join(" "));
                info!(changed, needs_restart, "reloaded the configuration");
            }
            Err(error) => error!("{error}"),
        }
        outcome
    }

    async fn replace_all(&mut self) -> Result<Reloaded, ManagementError> {
        let known = Arc::clone(&self.known);
        let refused = |error: anyhow::Error| ManagementError::Configuration(format!("{error:#}"));
        let read = in_time(spawn_blocking(move || {
            let loaded = known.source.load_and_check()?;
            let difference = known.difference(&loaded.configuration);
            // Those that wait for a restart with their keys are checked, but not used.
            let files = NamedFiles::read(&difference.reloaded)?;
            anyhow::Ok((loaded.warnings, difference, files))
        }));
        let (warnings, difference, files) =
            read.await.and_then(|read| read.map_err(anyhow::Error::from).flatten()).map_err(refused)?;
        let memory = self.plan(&difference.reloaded, &files).map_err(refused)?;
        if let Err(error) = self.use_in_cores(&memory).await {
            self.go_back().await;
            return Err(refused(error));
        }
        if memory.shares != self.memory.shares {
            memory.log();
        }
        self.memory = memory;
        for warning in warnings {
            warn!("{warning}");
        }
        warn_of_readable_secrets(&difference.reloaded);
        let used = self.use_files(files).await;
        self.use_elsewhere();
        let keys = |effect| {
            let changes = difference.changes.iter().filter(|change| change.effect == effect);
            changes.map(|change| change.key.clone()).collect()
        };
        let reloaded =
            Reloaded { changed: keys(Effect::AtReload), needs_restart: keys(Effect::AfterRestart) };
        self.known.set_running(difference.reloaded);
        used.map(|()| reloaded)
    }

    fn plan(&self, configuration: &Configuration, files: &NamedFiles) -> anyhow::Result<Plan> {
        plan_memory(configuration, self.memory.shards, files, Some(self.memory.fixed))
    }

    /// Replaces the settings of the management and of the cores.
    async fn use_in_cores(&self, memory: &Plan) -> anyhow::Result<()> {
        let live = live_settings(memory, &self.listeners);
        Ok(in_time(self.manager.use_settings(live, settings_of_cores(memory)?)).await??)
    }

    /// Goes back to the settings of the running configuration.
    async fn go_back(&self) {
        let went_back = match settings_of_cores(&self.memory) {
            Ok(cores) => in_time(self.manager.go_back(&cores)).await.and_then(|outcome| Ok(outcome?)),
            Err(error) => Err(error),
        };
        if let Err(error) = went_back {
            error!("some settings of the reload stay in use: {error:#}");
        }
    }

    /// Uses all of the files, whatever fails.
    async fn use_files(&mut self, files: NamedFiles) -> Result<(), ManagementError> {
        let NamedFiles { tokens, token_of_figures, identity, api_identity, upstreams } = files;
        self.api.token_of_figures.send_replace(token_of_figures);
        if let Some(tokens) = tokens {
            use_tokens(&self.api.tokens, tokens);
        }
        let used = self.use_certificates(identity, api_identity).await;
        if let (Some(forwarding), Some(upstreams)) = (&mut self.forwarding, upstreams) {
            forwarding.use_all(upstreams);
        }
        used
    }

    async fn use_certificates(
        &mut self,
        identity: Option<Arc<ServerIdentity>>,
        api_identity: Option<Arc<ServerIdentity>>,
    ) -> Result<(), ManagementError> {
        let https = self.certificate.as_mut().zip(identity);
        let api = self.api.certificate.as_mut().zip(api_identity);
        let mut outcome = Ok(());
        for (certificate, identity) in https.into_iter().chain(api) {
            outcome = outcome.and(certificate.use_identity(identity).await);
        }
        outcome.map_err(|error| ManagementError::Certificate(error.to_string()))
    }

    /// Replaces what neither the cores nor the management use.
    fn use_elsewhere(&mut self) {
        let configuration = &self.memory.effective;
        if let Some(forwarding) = &self.forwarding {
            forwarding.forwarder().use_settings(forwarder_settings(&configuration.forwarding));
        }
        self.logging.use_settings(&configuration.log);
        self.supervision.send_replace(supervision_settings(configuration));
        self.statistics.send_replace(statistics_windows(configuration));
    }

    /// Uses certificates and upstream trackers whose files have changed.
    async fn look(&mut self) {
        let running = self.known.running();
        let late = self.troubles.late.take();
        let was_late = late.is_some();
        let mut reading = late.unwrap_or_else(|| spawn_blocking(move || WatchedFiles::read(&running)));
        let Ok(read) = timeout(Duration::from_secs(LOOK_S_MAX), &mut reading).await else {
            if !was_late {
                error!(
                    "certificates and upstream trackers stay as they were: reading takes over {LOOK_S_MAX} s"
                );
            }
            self.troubles.late = Some(reading);
            return;
        };
        let Ok(read) = read else { return };
        let Troubles { certificate, api_certificate, upstreams, .. } = &mut self.troubles;
        let kept = "the certificate stays as it was";
        let identity = usable(read.identity, kept, certificate);
        let api_identity = usable(read.api_identity, kept, api_certificate);
        let upstreams = usable(read.upstreams, "the upstream trackers stay as they were", upstreams);
        if let Err(error) = self.use_certificates(identity, api_identity).await {
            error!("{error}");
        }
        if let (Some(forwarding), Some(upstreams)) = (&mut self.forwarding, upstreams) {
            forwarding.use_changed(upstreams);
        }
    }
}

pub(crate) fn settings_of_cores(memory: &Plan) -> anyhow::Result<Vec<CoreSettings>> {
    let connections_max = connections_max(&memory.effective, memory.shards)?;
    Ok(core_settings(&Machine { memory, connections_max }))
}

/// Returns what was read. A new error is logged.
fn usable<T>(read: anyhow::Result<Option<T>>, kept: &str, trouble: &mut Option<String>) -> Option<T> {
    let (usable, found) = match read {
        Ok(usable) => (usable, None),
        Err(error) => (None, Some(format!("{error:#}"))),
    };
    if let Some(found) = found.as_ref().filter(|_| *trouble != found) {
        error!("{kept}: {found}");
    }
    *trouble = found;
    usable
}

#[cfg(test)]
mod tests;
