//! Serving, from the configuration to the end.

use crate::banner::log_banner;
use crate::cores::keep_control_off;
use crate::data_plane::DataPlane;
use crate::latency_directory::latency_directory;
use crate::locked_memory::check_locked_memory;
use crate::mend;
use crate::prepare::Prepared;
use crate::service_manager::Systemd;
use crate::signals::requests_from_signals;
use crate::tuning::listener_options;
use anyhow::bail;
use config::Configuration;
use control::{End, LatencyDumps, Supervision, supervise};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};
use tracing::{info, warn};
use worker::{BindError, BoundListeners, bind_listeners};

/// Serves until a signal asks for the end.
pub(crate) fn run(prepared: &Prepared<'_>) -> anyhow::Result<()> {
    check_locked_memory()?;
    let listeners = listen(prepared)?;
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let result = serve(prepared, listeners, &runtime);
    // To drop it would wait for a thread that writes a dump, which a file system can keep for good.
    runtime.shutdown_background();
    result
}

fn serve(prepared: &Prepared<'_>, listeners: BoundListeners, runtime: &Runtime) -> anyhow::Result<()> {
    let requests = runtime.block_on(async { requests_from_signals() })?;
    log_banner(prepared, &listeners);
    let data_plane = DataPlane::start(prepared, listeners)?;
    keep_control_off(&prepared.cores);
    info!("ready");
    let manager = Systemd::ready();
    let supervision = supervision(prepared.configuration);
    let board = data_plane.board().clone();
    let end = runtime.block_on(supervise(&data_plane, &manager, &board, &supervision, requests));
    finish(end, data_plane)
}

fn supervision(configuration: &Configuration) -> Supervision {
    let logs_directory = std::env::var_os("LOGS_DIRECTORY");
    Supervision {
        statistics: configuration.statistics.interval_s,
        latency: LatencyDumps {
            directory: latency_directory(&configuration.latency.directory, logs_directory.as_deref()),
            interval: configuration.latency.interval_s,
        },
        shutdown_deadline: Duration::from_secs(u64::from(configuration.shutdown.deadline_s)),
    }
}

/// Binds the addresses. The built-in ones are of both families: on a kernel without IPv6 the rest serves.
fn listen(prepared: &Prepared<'_>) -> anyhow::Result<BoundListeners> {
    let udp = &prepared.configuration.udp;
    let options = listener_options(udp);
    let bind = |addresses: &[SocketAddr]| {
        bind_listeners(addresses, prepared.shards, &prepared.keys.steering, &options)
    };
    match bind(&udp.listen) {
        Err(BindError::NoSuchFamily(_)) if udp.listen == Configuration::default().udp.listen => {
            warn!("this kernel has no IPv6: the tracker serves IPv4 only");
            let rest: Vec<SocketAddr> = udp.listen.iter().copied().filter(SocketAddr::is_ipv4).collect();
            bind(&rest)
        }
        result => result,
    }
    .map_err(mend::bind_error)
}

fn finish(end: End, data_plane: DataPlane) -> anyhow::Result<()> {
    match end {
        End::Orderly => {
            data_plane.join()?;
            info!("stopped");
            Ok(())
        }
        End::WorkerLost => {
            data_plane.join_finished()?;
            bail!("a worker ended that nobody had told to")
        }
        End::DeadlinePassed => bail!("the workers did not end within shutdown.deadline_s"),
    }
}
