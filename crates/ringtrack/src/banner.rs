use crate::prepare::Prepared;
use config::Configuration;
use tracing::{info, warn};
use worker::{BoundListeners, DATAGRAM_BYTES_MAX, SteeringOutcome};

/// Says where the tracker listens, on which cores, whether the kernel steers, and every bound.
pub(crate) fn log_banner(prepared: &Prepared<'_>, listeners: &BoundListeners) {
    info!("ringtrack {}", env!("CARGO_PKG_VERSION"));
    for address in &listeners.addresses {
        info!("listening on udp://{address}");
    }
    let cores = &prepared.cores;
    info!("{} shard(s), one worker on each of the cores {cores:?}", cores.len());
    log_steering(&listeners.steering);
    log_bounds(prepared.configuration, prepared.memory_max_bytes);
    log_receive_buffer(prepared.configuration.udp.receive_buffer_bytes, listeners.receive_buffer_bytes);
}

/// The kernel cuts a buffer in silence.
fn log_receive_buffer(wanted_bytes: usize, granted_bytes: usize) {
    if granted_bytes < wanted_bytes {
        warn!(
            wanted_bytes,
            granted_bytes,
            "the kernel gives smaller receive buffers than udp.receive_buffer_bytes: raise the sysctl \
             net.core.rmem_max"
        );
    }
}

fn log_steering(steering: &SteeringOutcome) {
    match steering {
        SteeringOutcome::On => info!("steering is on: the kernel delivers each request to its owner"),
        SteeringOutcome::Off => info!("steering is off by configuration: the mesh delivers requests"),
        SteeringOutcome::NotNeeded => info!("steering is not needed with one shard"),
        SteeringOutcome::Refused(error) => {
            warn!(%error, "steering is off: the kernel refused; the mesh delivers requests");
        }
    }
}

fn log_bounds(configuration: &Configuration, memory_max_bytes: u64) {
    let (limits, announce, udp) = (&configuration.limits, &configuration.announce, &configuration.udp);
    info!(
        memory_mib = memory_max_bytes >> 20,
        swarms = limits.swarms_max,
        peers = limits.peers_max,
        peers_per_swarm = limits.peers_per_swarm_max,
        "bounds of the swarms"
    );
    info!(
        numwant = announce.numwant_max,
        path_mtu_bytes = udp.path_mtu_bytes,
        datagram_bytes = DATAGRAM_BYTES_MAX,
        batch_datagrams = udp.batch_datagrams,
        receive_buffer_bytes = udp.receive_buffer_bytes,
        send_buffer_bytes = udp.send_buffer_bytes,
        mesh_slots = limits.mesh_slots,
        "bounds of requests and replies"
    );
}
