//! Serving, from the configuration to the end.

use crate::banner::log_banner;
use crate::cores::{choose_cores, keep_control_off};
use crate::data_plane::{DataPlane, Parts};
use crate::keys::Keys;
use crate::logging::start_logging;
use crate::memory::memory_max_bytes;
use crate::service_manager::Systemd;
use crate::signals::requests_from_signals;
use crate::tuning::listener_options;
use anyhow::{Context, bail};
use config::Configuration;
use control::{End, Supervision, supervise};
use primitives::ShardCount;
use std::time::Duration;
use tracing::info;
use worker::bind_listeners;

/// Serves until a signal asks for the end.
pub(crate) fn run(configuration: &Configuration) -> anyhow::Result<()> {
    start_logging(&configuration.log)?;
    let cores = choose_cores(&configuration.workers.cores)?;
    let shards = ShardCount::new(cores.len())?;
    let keys = Keys::make(&configuration.connection_ids.key_file)?;
    let memory_max_bytes = memory_max_bytes(configuration.limits.memory_max_mib)?;
    let options = listener_options(&configuration.udp);
    let listeners = bind_listeners(&configuration.udp.listen, shards, &keys.steering, &options)
        .context("set other addresses with the key udp.listen, or end the program that has this one")?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let requests = runtime.block_on(async { requests_from_signals() })?;
    log_banner(configuration, &cores, &listeners, memory_max_bytes);
    let data_plane =
        DataPlane::start(Parts { configuration, cores: &cores, keys: &keys, memory_max_bytes }, listeners)?;
    keep_control_off(&cores);
    info!("ready");
    let manager = Systemd::ready();
    let supervision = Supervision {
        statistics: configuration.statistics.interval_s,
        shutdown_deadline: Duration::from_secs(u64::from(configuration.shutdown.deadline_s)),
    };
    let board = data_plane.board().clone();
    let end = runtime.block_on(supervise(&data_plane, &manager, &board, supervision, requests));
    finish(end, data_plane)
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
