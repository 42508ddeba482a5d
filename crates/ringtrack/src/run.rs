//! Serving, from the configuration to shutdown.

use crate::api::Apis;
use crate::banner::log_banner;
use crate::certificate::{Certificate, ShownAt};
use crate::config_diff::Known;
use crate::cores::keep_control_off;
use crate::data_plane::DataPlane;
use crate::forwarding::Forwarding;
use crate::http_settings::{IdentityFiles, web_socket_interval_s};
use crate::listen::{AllListeners, listen};
use crate::logging::Logging;
use crate::management::{ManagementParts, start_management, tracker_listeners};
use crate::prepare::Prepared;
use crate::reload::{Reload, Troubles};
use crate::reply_source::follow_addresses;
use crate::resource_limits::check_locked_memory;
use crate::running_tracker::{Commands, accept_requests};
use crate::service_manager::Systemd;
use crate::signals::{forward_signals, hangups, reload_at_hangups};
use crate::storage::Storage;
use anyhow::bail;
use config::{Configuration, ReplySource, Switch, Udp, first_path};
use control::{
    End, LatencyDumps, LatencySnapshot, Manager, Request, Supervision, SupervisionSettings, Windows, Workers,
    publish_statistics, supervise,
};
use core_link::CoreHandle;
use primitives::AddressFamily;
use std::ffi::OsStr;
use std::panic::{set_hook, take_hook};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::mpsc::{Receiver, channel};
use tokio::sync::watch;
use tokio::time::Instant;
use tracing::{info, warn};

/// Requests that may wait. More signals at the same moment add nothing.
const REQUESTS_MAX: usize = 8;

/// Serves until a signal requests a stop.
pub(crate) fn run(prepared: &Prepared<'_>, logging: Logging) -> anyhow::Result<()> {
    check_locked_memory()?;
    let listeners = listen(prepared)?;
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let result = serve(prepared, listeners, &runtime, logging);
    // Dropping it would wait for a thread that writes a dump, which a file system can block forever.
    runtime.shutdown_background();
    result
}

fn serve(
    prepared: &Prepared<'_>,
    listeners: AllListeners,
    runtime: &Runtime,
    logging: Logging,
) -> anyhow::Result<()> {
    let (memory, configuration, panicked) = (&prepared.memory, prepared.configuration(), note_panics());
    let (requests, mut inbox) = channel(REQUESTS_MAX);
    let (reloads, reload_inbox) = channel(REQUESTS_MAX);
    let hangups = runtime.block_on(async { forward_signals(&requests).and_then(|()| hangups()) })?;
    log_banner(prepared, &listeners);
    // Done before anything starts a thread, such as the database: threads inherit it. The workers choose their cores.
    keep_control_off(&prepared.cores);
    let apis = runtime.block_on(async { Apis::bind(prepared) })?;
    apis.log()?;
    let storage = runtime.block_on(Storage::open(configuration))?;
    let is_api_served = apis.serve_management();
    let all_listeners = [tracker_listeners(&listeners), apis.listeners()?].concat();
    let data_plane = DataPlane::start(prepared, listeners)?;
    let latencies = Arc::<LatencySnapshot>::default();
    let end = runtime.block_on(async {
        let forwarding = prepared.files.upstreams.clone().map(|upstreams| {
            Forwarding::start(&configuration.forwarding, data_plane.cores().clone(), upstreams)
        });
        let parts = ManagementParts {
            data_plane: &data_plane,
            storage,
            forwarder: forwarding.as_ref().map(|forwarding| forwarding.forwarder().clone()),
            listeners: all_listeners.clone(),
            latencies: Arc::clone(&latencies),
            reloads,
        };
        let management = tokio::select! {
            management = start_management(memory, parts) => management?,
            () = until_stop(&mut inbox) => {
                info!("stopping before the lists and keys are read");
                data_plane.cores().request_stop();
                return Ok(End::Orderly);
            }
        };
        data_plane.serve()?;
        follow_addresses_if_configured(&configuration.udp, data_plane.cores().handles());
        reload_at_hangups(hangups, Arc::clone(&management) as _);
        let (settings, settings_in_use) = watch::channel(supervision_settings(configuration));
        let supervision = supervision(settings_in_use, latencies, panicked);
        let known = Arc::new(Known::new(prepared.source.clone(), memory.configured.clone(), is_api_served));
        let dumped = supervision.latency.requested.clone();
        if let Err(error) = accept_requests(Commands { requests, dumped, known: Arc::clone(&known) }) {
            warn!("`ringtrack dump-latency` will not find this tracker: {error:#}");
        }
        let (stop, stopped) = watch::channel(false);
        let (mut serving, api) = apis.serve(&(Arc::clone(&management) as _), &stopped);
        let reload = Reload {
            known,
            memory: memory.clone(),
            listeners: all_listeners,
            manager: Arc::clone(&management),
            api,
            certificate: https_certificate(prepared, &management),
            forwarding,
            logging,
            supervision: settings,
            statistics: publish_statistics_if_wanted(configuration, &data_plane),
            troubles: Troubles::default(),
        };
        tokio::spawn(reload.run(reload_inbox));
        info!("ready");
        let systemd = Systemd::ready(stop);
        let end = supervise(&data_plane, &systemd, data_plane.snapshot(), &supervision, inbox).await;
        systemd.stop.send_replace(true);
        while serving.join_next().await.is_some() {}
        let deadline = supervision.settings.borrow().shutdown_deadline;
        management.stop(Instant::now() + deadline).await;
        anyhow::Ok(end)
    })?;
    finish(end, data_plane)
}

/// Waits until a stop is requested.
async fn until_stop(requests: &mut Receiver<Request>) {
    while requests.recv().await == Some(Request::Report) {}
}

fn https_certificate(prepared: &Prepared<'_>, manager: &Arc<Manager>) -> Option<Certificate> {
    let shown = prepared.files.identity.clone()?;
    Some(Certificate::new(IdentityFiles::OF_HTTPS, shown, ShownAt::Cores(Arc::clone(manager))))
}

/// Publishes statistics while there are windows in the channel that it returns.
fn publish_statistics_if_wanted(
    configuration: &Configuration,
    data_plane: &DataPlane,
) -> watch::Sender<Option<Windows>> {
    let (windows, in_use) = watch::channel(statistics_windows(configuration));
    tokio::spawn(publish_statistics(data_plane.cores().clone(), data_plane.snapshot().clone(), in_use));
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
    panicked: Arc<AtomicBool>,
) -> Supervision {
    let latency = LatencyDumps { snapshot, requested: watch::Sender::default() };
    Supervision { settings, latency, panicked }
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

/// Records every panic, whichever thread or task it ends: the tracker cannot continue without any of them.
fn note_panics() -> Arc<AtomicBool> {
    let panicked = Arc::<AtomicBool>::default();
    let (noted, report) = (Arc::clone(&panicked), take_hook());
    set_hook(Box::new(move |panic| {
        report(panic);
        noted.store(true, Ordering::Relaxed);
    }));
    panicked
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
            bail!("a task of the control plane panicked, or a worker exited unexpectedly")
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
