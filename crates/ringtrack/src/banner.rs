use crate::listen::AllListeners;
use crate::prepare::Prepared;
use config::{Configuration, Filter, Switch};
use core_loop::connection::FRAMES_UNSENT_BYTES_MAX;
use engine::{SIGNAL_BYTES_MAX, routed_requests_per_owner};
use http_protocol::HEAD_BYTES_MAX;
use std::io;
use tracing::{info, warn};
use worker::{DATAGRAM_BYTES_MAX, SteeringOutcome};

/// Logs where the tracker listens, on which cores it runs, whether the kernel steers, and every limit.
pub(crate) fn log_banner(prepared: &Prepared<'_>, all: &AllListeners) {
    let listeners = &all.udp;
    info!("ringtrack {}", env!("CARGO_PKG_VERSION"));
    for address in &listeners.addresses {
        info!("listening on udp://{address}");
    }
    for listener in &all.http.listeners {
        info!("listening on {listener}");
    }
    let cores = &prepared.cores;
    info!("{} shard(s), one worker on each of the cores {cores:?}", cores.len());
    log_steering(&listeners.steering);
    log_filter(prepared.configuration().udp.filter, &listeners.filter);
    log_bounds(prepared);
    prepared.memory.log();
    log_http_bounds(prepared, all.connections_max);
    log_forwarding(prepared);
    log_receive_buffer(prepared.configuration().udp.receive_buffer_bytes, listeners.receive_buffer_bytes);
}

fn log_http_bounds(prepared: &Prepared<'_>, connections_max: u32) {
    let http = &prepared.configuration().http;
    info!(
        connections = connections_max,
        connections_per_prefix = http.connections_per_prefix_max,
        requests_per_connection = http.requests_per_connection_max,
        request_bytes = HEAD_BYTES_MAX,
        scrape_torrents = http.scrape_torrents_max,
        routed_requests_per_owner = routed_requests_per_owner(prepared.shards),
        first_request_s = http.first_request_s,
        request_s = http.request_s,
        idle_s = http.idle_s,
        answer_s = http.answer_s,
        "limits of HTTP connections"
    );
    let websocket = &prepared.configuration().websocket;
    if websocket.enabled == Switch::On {
        info!(
            message_bytes = ws_protocol::MESSAGE_BYTES_MAX,
            torrents_per_connection = websocket.torrents_per_connection_max,
            offers_per_announce = websocket.offers_per_announce_max,
            signals_per_second = websocket.signals_per_second_max,
            signal_bytes = SIGNAL_BYTES_MAX,
            unsent_bytes = FRAMES_UNSENT_BYTES_MAX,
            idle_s = websocket.idle_s,
            "limits of WebSockets"
        );
    }
}

fn log_forwarding(prepared: &Prepared<'_>) {
    let Some(upstreams) = &prepared.files.upstreams else { return };
    let forwarding = &prepared.configuration().forwarding;
    info!("torrents are announced to {} upstream tracker(s)", upstreams.len());
    info!(
        torrents = forwarding.torrents_max,
        external_peers = forwarding.external_peers_max,
        requests = forwarding.requests_max,
        rate_per_second = forwarding.rate_per_second_max,
        burst = forwarding.burst_max,
        waiting = forwarding.waiting_max,
        timeout_s = forwarding.timeout_s,
        "limits of forwarding"
    );
}

/// Warns if the kernel has reduced the receive buffers, which it does silently.
fn log_receive_buffer(wanted_bytes: usize, granted_bytes: usize) {
    if granted_bytes < wanted_bytes {
        warn!(
            wanted_bytes,
            granted_bytes,
            "the kernel grants smaller receive buffers than udp.receive_buffer_bytes: raise the sysctl \
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

fn log_filter(filter: Filter, outcome: &io::Result<()>) {
    match (filter, outcome) {
        (Filter::Off, _) => info!("the kernel's filter is off by configuration"),
        (Filter::Auto, Ok(())) => info!("the kernel's filter drops banned networks and floods"),
        (Filter::Auto, Err(error)) => {
            warn!(%error, "the kernel's filter is off: the kernel refused; the tracker drops what it receives");
        }
    }
}

fn log_bounds(prepared: &Prepared<'_>) {
    let Configuration { limits, announce, udp, .. } = prepared.configuration();
    info!(
        memory_mib = prepared.memory.limits.swarm_bytes_max >> 20,
        swarms = limits.swarms_max,
        peers = limits.peers_max,
        peers_per_swarm = limits.peers_per_swarm_max,
        "limits of the swarms"
    );
    info!(
        numwant = announce.numwant_max,
        path_mtu_bytes = udp.path_mtu_bytes,
        datagram_bytes = DATAGRAM_BYTES_MAX,
        batch_datagrams = udp.batch_datagrams,
        coalesce_us = udp.coalesce_us,
        receive_buffer_bytes = udp.receive_buffer_bytes,
        send_buffer_bytes = udp.send_buffer_bytes,
        mesh_slots = limits.mesh_slots,
        "limits of requests and replies"
    );
}
