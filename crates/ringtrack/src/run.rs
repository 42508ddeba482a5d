//! Serving, from the configuration to shutdown.

use crate::api::Apis;
use crate::banner::log_banner;
use crate::certificate_watch::{CertificateWatch, Showing, watch_certificate};
use crate::cores::keep_control_off;
use crate::data_plane::DataPlane;
use crate::dump_latency::accept_requests;
use crate::http_settings::IdentityFiles;
use crate::listen::{AllListeners, listen};
use crate::management::{ManagementParts, start_management, tracker_listeners};
use crate::prepare::Prepared;
use crate::reply_source::follow_addresses;
use crate::resource_limits::check_locked_memory;
use crate::service_manager::Systemd;
use crate::signals::{forward_signals, hangups, reload_at_hangups};
use crate::storage::Storage;
use anyhow::bail;
use config::{Configuration, ReplySource, Udp, first_path};
use control::{End, LatencyDumps, LatencySnapshot, Request, Supervision, Workers, supervise};
use core_link::{CoreCommand, CoreHandle};
use primitives::AddressFamily;
use std::ffi::OsStr;
use std::panic::{set_hook, take_hook};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tls::ServerIdentity;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::mpsc::{Receiver, channel};
use tokio::sync::watch;
use tokio::time::Instant;
use tracing::{info, warn};

/// Requests that may wait. More signals at the same moment add nothing.
const REQUESTS_MAX: usize = 8;

/// Serves until a signal requests a stop.
pub(crate) fn run(prepared: &Prepared<'_>) -> anyhow::Result<()> {
    check_locked_memory()?;
    let listeners = listen(prepared)?;
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let result = serve(prepared, listeners, &runtime);
    // Dropping it would wait for a thread that writes a dump, which a file system can block forever.
    runtime.shutdown_background();
    result
}

fn serve(prepared: &Prepared<'_>, listeners: AllListeners, runtime: &Runtime) -> anyhow::Result<()> {
    let (configuration, panicked) = (prepared.configuration, note_panics());
    let (requests, mut inbox) = channel(REQUESTS_MAX);
    let hangups = runtime.block_on(async { forward_signals(&requests).and_then(|()| hangups()) })?;
    log_banner(prepared, &listeners);
    // Done before anything starts a thread, such as the database: threads inherit it. The workers choose their cores.
    keep_control_off(&prepared.cores);
    let apis = runtime.block_on(async { Apis::bind(prepared) })?;
    apis.log()?;
    let storage = runtime.block_on(Storage::open(configuration))?;
    let all_listeners = [tracker_listeners(&listeners, &configuration.proxy), apis.listeners()?].concat();
    let data_plane = DataPlane::start(prepared, listeners)?;
    let (latencies, reloads) = (Arc::<LatencySnapshot>::default(), watch::Sender::new(0));
    let parts = ManagementParts {
        cores: data_plane.cores().clone(),
        storage,
        upstreams: prepared.upstreams.as_deref(),
        listeners: all_listeners,
        snapshot: data_plane.snapshot().clone(),
        latencies: Arc::clone(&latencies),
        reloads: reloads.clone(),
    };
    let end = runtime.block_on(async {
        let management = tokio::select! {
            management = start_management(configuration, parts) => management?,
            () = until_stop(&mut inbox) => {
                info!("stopping before the lists and keys are read");
                data_plane.cores().request_stop();
                return Ok(End::Orderly);
            }
        };
        data_plane.serve()?;
        if let Some(certificate) = certificate_watch(prepared, &data_plane) {
            watch_certificate(reloads.subscribe(), certificate);
        }
        follow_addresses_if_configured(&configuration.udp, data_plane.cores().handles());
        reload_at_hangups(hangups, Arc::clone(&management) as _);
        let supervision = supervision(configuration, latencies, panicked);
        if let Err(error) = accept_requests(requests, &supervision.latency.requested) {
            warn!("`ringtrack dump-latency` will not find this tracker: {error:#}");
        }
        let (stop, stopped) = watch::channel(false);
        let mut serving = apis.serve(&(Arc::clone(&management) as _), &reloads, &stopped);
        info!("ready");
        let systemd = Systemd::ready(stop);
        let end = supervise(&data_plane, &systemd, data_plane.snapshot(), &supervision, inbox).await;
        systemd.stop.send_replace(true);
        while serving.join_next().await.is_some() {}
        management.stop(Instant::now() + supervision.shutdown_deadline).await;
        anyhow::Ok(end)
    })?;
    finish(end, data_plane)
}

/// Waits until a stop is requested.
async fn until_stop(requests: &mut Receiver<Request>) {
    while requests.recv().await == Some(Request::Report) {}
}

fn certificate_watch(prepared: &Prepared<'_>, data_plane: &DataPlane) -> Option<CertificateWatch> {
    let files = IdentityFiles::of(prepared.configuration)?;
    let cores = data_plane.cores().handles().to_vec();
    let show = move |identity: &Arc<ServerIdentity>| {
        let accepts =
            |core: &CoreHandle| core.command(CoreCommand::UseIdentity(Arc::clone(identity))).is_ok();
        // A core that accepts no commands is tried again at the next look.
        if cores.iter().all(accepts) { Showing::Shown } else { Showing::Later }
    };
    Some(CertificateWatch::new(files, prepared.identity.clone()?, Box::new(show)))
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
    configuration: &Configuration,
    snapshot: Arc<LatencySnapshot>,
    panicked: Arc<AtomicBool>,
) -> Supervision {
    let logs_directory = std::env::var_os("LOGS_DIRECTORY");
    Supervision {
        statistics: configuration.statistics.interval_s,
        latency: LatencyDumps {
            directory: latency_directory(
                configuration.latency.directory.as_deref(),
                logs_directory.as_deref(),
            ),
            interval: configuration.latency.interval_s,
            snapshot,
            requested: watch::Sender::default(),
        },
        shutdown_deadline: Duration::from_secs(u64::from(configuration.shutdown.deadline_s)),
        panicked,
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
