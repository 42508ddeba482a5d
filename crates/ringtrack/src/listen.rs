//! Binds the sockets, before any worker is started.

use crate::hints;
use crate::http_settings::http_addresses;
use crate::prepare::Prepared;
use crate::resource_limits::connections_with_descriptors;
use crate::tuning::listener_options;
use config::Configuration;
use core_loop::Security;
use primitives::ShardCount;
use std::net::SocketAddr;
use tracing::warn;
use worker::{BindError, BoundHttpListeners, BoundListeners, bind_http_listeners, bind_listeners};

/// The bound listeners for announces and scrapes.
pub(crate) struct AllListeners {
    pub(crate) udp: BoundListeners,
    pub(crate) http: BoundHttpListeners,
    /// Connections that there are enough descriptors for.
    pub(crate) connections_max: u32,
}

/// Binds the addresses. The default ones are of both families: on a kernel without IPv6, those of IPv4 are served.
pub(crate) fn listen(prepared: &Prepared<'_>) -> anyhow::Result<AllListeners> {
    let connections_max = connections_max(prepared.configuration(), prepared.shards)?;
    let udp = listen_udp(prepared).map_err(hints::bind_error)?;
    let http = listen_http(prepared).map_err(hints::bind_error)?;
    Ok(AllListeners { udp, http, connections_max })
}

/// Returns how many connections there are enough descriptors for, at most as many as are configured.
pub(crate) fn connections_max(configuration: &Configuration, shards: ShardCount) -> anyhow::Result<u32> {
    let is_http_served = !http_addresses(configuration).is_empty();
    let connections_max = if is_http_served { configuration.http.connections_max } else { 0 };
    connections_with_descriptors(connections_max, shards)
}

fn listen_udp(prepared: &Prepared<'_>) -> Result<BoundListeners, BindError> {
    let udp = &prepared.configuration().udp;
    let options = listener_options(udp);
    let bind = |addresses: &[SocketAddr]| {
        bind_listeners(addresses, prepared.shards, &prepared.keys.steering, &options)
    };
    match bind(&udp.listen) {
        Err(BindError::NoSuchFamily(_)) if udp.listen == Configuration::default().udp.listen => {
            warn!("this kernel has no IPv6: the tracker serves UDP over IPv4 only");
            let rest: Vec<SocketAddr> = udp.listen.iter().copied().filter(SocketAddr::is_ipv4).collect();
            bind(&rest)
        }
        result => result,
    }
}

fn listen_http(prepared: &Prepared<'_>) -> Result<BoundHttpListeners, BindError> {
    let addresses = http_addresses(prepared.configuration());
    let is_default = prepared.configuration().http.listen == Configuration::default().http.listen;
    let backlog = u32::try_from(prepared.memory.fixed.backlog).unwrap_or(u32::MAX);
    match bind_http_listeners(&addresses, prepared.shards, backlog) {
        Err(BindError::NoSuchFamily(_)) if is_default => {
            warn!("this kernel has no IPv6: the tracker serves HTTP over IPv4 only");
            let rest: Vec<(SocketAddr, Security)> =
                addresses.into_iter().filter(|(address, _)| address.is_ipv4()).collect();
            bind_http_listeners(&rest, prepared.shards, backlog)
        }
        result => result,
    }
}
