//! Serving, from the configuration to shutdown.

use crate::api::Apis;
use crate::banner::log_banner;
use crate::certificate::{Certificate, ShownAt};
use crate::config_diff::Known;
use crate::cores::keep_control_off;
use crate::data_plane::DataPlane;
use crate::forwarding::Forwarding;
use crate::http_settings::{IdentityFiles, web_socket_interval_s};
use crate::listen::{AllListeners, SharedSockets, listen};
use crate::logging::Logging;
use crate::management::{ManagementParts, start_management, tracker_listeners};
use crate::origin::Origin;
use crate::prepare::Prepared;
use crate::reload::{Reload, Troubles, settings_of_cores};
use crate::reply_source::follow_addresses;
use crate::resource_limits::check_locked_memory;
use crate::running_tracker::{Commands, Upgrade, accept_requests};
use crate::service_manager::{PassedSockets, Systemd, keep_sockets, while_starting};
use crate::signals::{forward_signals, hangups, reload_at_hangups, snapshot_signals, write_snapshot_at};
use crate::snapshots::Snapshots;
use crate::storage::Storage;
use crate::upgrade::{
    CaughtUp, HandedOn, HandedOver, Predecessor, UPGRADE_LOAD_MAX, Upgraded, Upgrader, WithStoredData,
};
use anyhow::{anyhow, bail};
use config::{Configuration, ReplySource, Switch, Udp, first_path};
use control::management::ListenerInfo;
use control::{
    End, FirstPanic, LatencyDumps, LatencySnapshot, Manager, ReloadRequest, Request, Supervision,
    SupervisionSettings, Windows, Workers, publish_statistics, supervise,
};
use core_link::{CoreCommand, CoreHandle};
use primitives::{AddressFamily, ShardId};
use std::ffi::OsStr;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::Signal;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::sync::{oneshot, watch};
use tokio::time::Instant;
use tracing::{info, warn};
use worker::{Giver, InheritedSockets};

/// Requests that may wait. More signals at the same moment add nothing.
const REQUESTS_MAX: usize = 8;

/// Serves until a signal requests a stop, or another process has taken over.
pub(crate) fn run(prepared: &Prepared<'_>, mut origin: Origin, logging: Logging) -> anyhow::Result<()> {
    check_locked_memory()?;
    let PassedSockets { sockets, names: kept } = origin.take_sockets(prepared.shards)?;
    let giver = if origin.predecessor.is_some() { Giver::Predecessor } else { Giver::ServiceManager };
    let mut inherited = InheritedSockets::new(sockets, giver);
    let listeners = listen(prepared, &mut inherited)?;
    let apis = Apis::bind(prepared, &mut inherited)?;
    close_rest(inherited);
    let Origin { program, predecessor, .. } = origin;
    let sockets = [listeners.duplicates()?, apis.duplicates()?].into_iter().flatten().collect();
    let handed_on = HandedOn { program, shared: SharedSockets::new(prepared, sockets) };
    let opened = Opened { listeners, apis, kept, handed_on };
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let panic = FirstPanic::watch();
    // A panic outside of all tasks ends the supervision itself. What is not written yet is lost, as in a crash.
    let result =
        catch_unwind(AssertUnwindSafe(|| serve(prepared, opened, predecessor, &runtime, logging, &panic)));
    // Dropping it would wait for a thread that writes a dump, which a file system can block forever.
    runtime.shutdown_background();
    match panic.description() {
        Some(panic) => Err(anyhow!("{panic}")),
        None => result.unwrap_or_else(|_| bail!("the main thread panicked")),
    }
}

/// What is open before the control plane runs.
struct Opened {
    listeners: AllListeners,
    apis: Apis,
    /// The names of the sockets that the service manager has kept.
    kept: Vec<String>,
    handed_on: HandedOn,
}

fn serve(
    prepared: &Prepared<'_>,
    opened: Opened,
    predecessor: Option<Predecessor>,
    runtime: &Runtime,
    logging: Logging,
    panic: &FirstPanic,
) -> anyhow::Result<()> {
    let Opened { listeners, apis, kept, handed_on } = opened;
    let requests = runtime.block_on(async { Requests::by_signals() })?;
    log_banner(prepared, &listeners);
    // Done before anything starts a thread, such as the database: threads inherit it. The workers choose their cores.
    keep_control_off(&prepared.cores);
    apis.log()?;
    let predecessor = match predecessor {
        Some(predecessor) => Some(runtime.block_on(predecessor.take_stored_data())?),
        None => None,
    };
    let storage = runtime.block_on(Storage::open(prepared.configuration()))?;
    let all_listeners = [tracker_listeners(&listeners), apis.listeners()?].concat();
    let lifetime_s = predecessor.as_ref().map(|predecessor| predecessor.connection_id_lifetime_s);
    let data_plane = DataPlane::start(prepared, listeners, lifetime_s)?;
    let control_plane = ControlPlane {
        prepared,
        data_plane: &data_plane,
        listeners: all_listeners,
        apis,
        kept,
        handed_on,
        logging,
        panic: panic.clone(),
        latencies: Arc::default(),
    };
    let end = runtime.block_on(control_plane.run(requests, storage, predecessor))?;
    finish(end, data_plane)
}

/// Requests to the tracker, by signals and by commands.
struct Requests {
    sender: Sender<Request>,
    inbox: Receiver<Request>,
    hangups: Signal,
    for_snapshots: Signal,
}

impl Requests {
    /// Catches the signals from now on.
    fn by_signals() -> io::Result<Self> {
        let (sender, inbox) = channel(REQUESTS_MAX);
        forward_signals(&sender)?;
        Ok(Self { sender, inbox, hangups: hangups()?, for_snapshots: snapshot_signals()? })
    }
}

/// The control plane before it serves.
struct ControlPlane<'a> {
    prepared: &'a Prepared<'a>,
    data_plane: &'a DataPlane,
    listeners: Vec<ListenerInfo>,
    apis: Apis,
    kept: Vec<String>,
    handed_on: HandedOn,
    logging: Logging,
    panic: FirstPanic,
    latencies: Arc<LatencySnapshot>,
}

/// The management with the state that the cores need to serve.
struct Loaded {
    management: Arc<Manager>,
    forwarding: Option<Forwarding>,
    reloads: Receiver<ReloadRequest>,
    statistics: watch::Sender<Option<Windows>>,
    /// The process whose state it is, if this one takes over from it.
    predecessor: Option<CaughtUp>,
}

impl ControlPlane<'_> {
    async fn run(
        self,
        mut requests: Requests,
        storage: Storage,
        predecessor: Option<WithStoredData>,
    ) -> anyhow::Result<End> {
        let loaded = tokio::select! {
            loaded = self.load(storage, predecessor) => loaded?,
            () = until_stop(&mut requests.inbox) => {
                info!("stopping before the lists, keys and swarms are read");
                self.data_plane.cores().request_stop();
                if let Some(Snapshots { found: Some(found), .. }) = &self.prepared.snapshots {
                    found.give_back_keys().await;
                }
                return Ok(End::Orderly);
            }
            () = self.panic.occurs() => bail!("stopping before the lists and keys are read"),
        };
        if loaded.predecessor.is_some() {
            self.use_own_lifetime(&loaded.management).await?;
            self.handed_on.shared.take_over()?;
        }
        self.data_plane.serve()?;
        self.serve(requests, loaded).await
    }

    /// Has the cores use the configured lifetime of connection ids. Those that the predecessor has issued by its own stay valid.
    async fn use_own_lifetime(&self, manager: &Manager) -> anyhow::Result<()> {
        let settings = settings_of_cores(&self.prepared.memory)?;
        let of = |shard: ShardId| Box::new(settings[shard.index()].clone());
        Ok(manager.command_all(|shard, reply| CoreCommand::UseSettings(of(shard), reply)).await?)
    }

    /// Sends the cores lists, keys, bans and swarms.
    async fn load(&self, storage: Storage, predecessor: Option<WithStoredData>) -> anyhow::Result<Loaded> {
        let Self { prepared, data_plane, listeners, latencies, .. } = self;
        let forwarding = prepared.files.upstreams.clone().map(|upstreams| {
            Forwarding::start(&prepared.configuration().forwarding, data_plane.cores().clone(), upstreams)
        });
        let (sender, reloads) = channel(REQUESTS_MAX);
        let start_wait = match &predecessor {
            // It serves meanwhile.
            Some(_) => UPGRADE_LOAD_MAX,
            None => Duration::from_secs(prepared.configuration().database.start_wait_s.into()),
        };
        let parts = ManagementParts {
            data_plane,
            storage,
            forwarder: forwarding.as_ref().map(|forwarding| forwarding.forwarder().clone()),
            listeners: listeners.clone(),
            latencies: Arc::clone(latencies),
            reloads: sender,
            snapshots: prepared.snapshots.as_ref().map(|found| found.settings(prepared.keys.lasting())),
            start_wait,
        };
        let management = start_management(&prepared.memory, parts);
        let management = while_starting("loading lists, keys and swarms", management).await?;
        let predecessor = match predecessor {
            Some(predecessor) => Some(predecessor.take_state(data_plane, &management).await?),
            None => None,
        };
        let statistics = publish_statistics_if_wanted(prepared.configuration(), data_plane).await;
        Ok(Loaded { management, forwarding, reloads, statistics, predecessor })
    }

    /// Serves until a stop is requested, or another process has taken over.
    async fn serve(self, requests: Requests, loaded: Loaded) -> anyhow::Result<End> {
        let Self { prepared, data_plane, listeners, apis, kept, handed_on, logging, panic, latencies } = self;
        let Loaded { management, forwarding, reloads, statistics, predecessor } = loaded;
        let (memory, configuration) = (&prepared.memory, prepared.configuration());
        follow_addresses_if_configured(&configuration.udp, data_plane.cores().handles());
        write_snapshot_at(requests.for_snapshots, Arc::clone(&management) as _);
        management.begin_regular_snapshots();
        let (settings, settings_in_use) = watch::channel(supervision_settings(configuration));
        let supervision = supervision(settings_in_use, latencies, panic);
        let is_api_served = apis.serve_management();
        let known = Arc::new(Known::new(prepared.source.clone(), memory.configured.clone(), is_api_served));
        let (stop, stopped) = watch::channel(false);
        let handed_over = HandedOver::default();
        reload_at_hangups(requests.hangups, Arc::clone(&management) as _, handed_over.clone());
        let upgrader = Upgrader::new(Upgraded {
            handed_on,
            secrets: prepared.keys.lasting(),
            start: data_plane.start_of_time(),
            cores: data_plane.cores().clone(),
            snapshot: data_plane.snapshot().clone(),
            manager: Arc::clone(&management),
            known: Arc::clone(&known),
            supervision: supervision.settings.clone(),
            requests: requests.sender.clone(),
            stop: stop.clone(),
            handed_over: handed_over.clone(),
        });
        let (upgrade, dumped) = (upgrade_on_request(upgrader.clone()), supervision.latency.requested.clone());
        let commands = Commands { requests: requests.sender, dumped, known: Arc::clone(&known), upgrade };
        if let Err(error) = accept_requests(commands, stopped.clone()) {
            warn!("the commands of ringtrack will not find this tracker: {error:#}");
        }
        let (mut serving, api) = apis.serve(&(Arc::clone(&management) as _), &stopped);
        let reload = Reload {
            known,
            memory: memory.clone(),
            listeners,
            manager: Arc::clone(&management),
            api,
            certificate: https_certificate(prepared, &management),
            forwarding,
            logging,
            supervision: settings,
            statistics,
            troubles: Troubles::default(),
        };
        tokio::spawn(reload.run(reloads));
        if let Some(predecessor) = predecessor {
            predecessor.note_serving(&management, upgrader.begin()).await;
        }
        // The service manager listens to the main process of the service only.
        keep_sockets(&kept, upgrader.sockets());
        // Its sockets are closed when no commands are accepted any more.
        drop(upgrader);
        info!("ready");
        let systemd = Systemd::ready(stop, handed_over.clone());
        let last_work = async |until| {
            if !handed_over.get() {
                management.write_last_snapshot(until).await;
            }
        };
        let end =
            supervise(data_plane, &systemd, data_plane.snapshot(), &supervision, requests.inbox, last_work)
                .await;
        systemd.stop.send_replace(true);
        while serving.join_next().await.is_some() {}
        if !handed_over.get() {
            let deadline = supervision.settings.borrow().shutdown_deadline;
            management.stop(Instant::now() + deadline).await;
        }
        handed_over.check().map(|()| end)
    }
}

fn upgrade_on_request(upgrader: Upgrader) -> Upgrade {
    Box::new(move || {
        let upgrader = upgrader.clone();
        Box::pin(async move { upgrader.reply().await })
    })
}

/// Closes inherited sockets whose addresses are not configured.
fn close_rest(inherited: InheritedSockets) {
    for (kind, address) in inherited.addresses() {
        info!("{address} is not configured any more: its {kind:?} socket is closed");
    }
    drop(inherited);
}

/// Waits until a stop is requested.
async fn until_stop(requests: &mut Receiver<Request>) {
    while requests.recv().await == Some(Request::Report) {}
}

fn https_certificate(prepared: &Prepared<'_>, manager: &Arc<Manager>) -> Option<Certificate> {
    let shown = prepared.files.identity.clone()?;
    Some(Certificate::new(IdentityFiles::OF_HTTPS, shown, ShownAt::Cores(Arc::clone(manager))))
}

/// Publishes statistics while there are windows in the channel that it returns. The cores have the first ones before they serve.
async fn publish_statistics_if_wanted(
    configuration: &Configuration,
    data_plane: &DataPlane,
) -> watch::Sender<Option<Windows>> {
    let (windows, in_use) = watch::channel(statistics_windows(configuration));
    let (first, until_first) = oneshot::channel();
    let (cores, snapshot) = (data_plane.cores().clone(), data_plane.snapshot().clone());
    tokio::spawn(publish_statistics(cores, snapshot, in_use, first));
    // It is dropped and never sent.
    let _dropped = until_first.await;
    windows
}

/// Returns the windows of the client software on the statistics page, if there is a page.
pub(crate) fn statistics_windows(configuration: &Configuration) -> Option<Windows> {
    let seconds = |interval_s: u32| Duration::from_secs(interval_s.into());
    (configuration.statistics.page == Switch::On).then(|| Windows {
        interval: seconds(configuration.announce.interval_s),
        web_rtc_interval: seconds(web_socket_interval_s(configuration)),
    })
}

fn follow_addresses_if_configured(udp: &Udp, cores: &[CoreHandle]) {
    let has_wildcard = |family: &AddressFamily| {
        udp.listen.iter().any(|at| at.ip().is_unspecified() && AddressFamily::of(at.ip()) == *family)
    };
    let families: Vec<_> = AddressFamily::ALL.into_iter().filter(has_wildcard).collect();
    if udp.reply_source == ReplySource::Auto
        && !families.is_empty()
        && let Err(error) = follow_addresses(&families, cores.to_vec())
    {
        warn!(%error, "each reply leaves from the address that received the request: this host's addresses cannot be watched");
    }
}

fn supervision(
    settings: watch::Receiver<SupervisionSettings>,
    snapshot: Arc<LatencySnapshot>,
    panic: FirstPanic,
) -> Supervision {
    let latency = LatencyDumps { snapshot, requested: watch::Sender::default() };
    Supervision { settings, latency, panic }
}

/// Returns the settings of the supervision that can be replaced.
pub(crate) fn supervision_settings(configuration: &Configuration) -> SupervisionSettings {
    let logs_directory = std::env::var_os("LOGS_DIRECTORY");
    let latency = &configuration.latency;
    SupervisionSettings {
        statistics: configuration.statistics.interval_s,
        latency_directory: latency_directory(latency.directory.as_deref(), logs_directory.as_deref()),
        latency_interval: latency.interval_s,
        shutdown_deadline: Duration::from_secs(u64::from(configuration.shutdown.deadline_s)),
    }
}

/// Returns the directory for dumps of latencies. `logs_directory` is the variable `LOGS_DIRECTORY`.
fn latency_directory(configured: Option<&Path>, logs_directory: Option<&OsStr>) -> PathBuf {
    configured.or_else(|| logs_directory.and_then(first_path)).unwrap_or(Path::new(".")).to_owned()
}

fn finish(end: End, data_plane: DataPlane) -> anyhow::Result<()> {
    match end {
        End::Orderly => {
            data_plane.join()?;
            info!("stopped");
            Ok(())
        }
        End::Failed => {
            data_plane.join_finished()?;
            bail!("a worker exited unexpectedly")
        }
        End::DeadlinePassed => bail!("the workers did not end within shutdown.deadline_s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_configuration_precedes_the_service_manager_and_both_precede_the_working_directory() {
        let listed = Some(OsStr::new("/var/log/ringtrack:/var/log/more"));
        let configured = Some(Path::new("/srv/latency"));
        assert_eq!(latency_directory(configured, listed), Path::new("/srv/latency"));
        assert_eq!(latency_directory(None, listed), Path::new("/var/log/ringtrack"));
        assert_eq!(latency_directory(None, Some(OsStr::new(""))), Path::new("."));
        assert_eq!(latency_directory(None, None), Path::new("."));
    }
}
