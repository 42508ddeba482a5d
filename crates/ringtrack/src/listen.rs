//! Binds the sockets, before any worker is started.

use crate::hints;
use crate::http_settings::http_addresses;
use crate::keys::Keys;
use crate::prepare::Prepared;
use crate::resource_limits::connections_with_descriptors;
use crate::tuning::listener_options;
use anyhow::Context;
use config::Configuration;
use core_loop::Security;
use primitives::{ShardCount, SteeringKey};
use std::net::SocketAddr;
use tracing::warn;
use worker::{
    BindError, BoundHttpListeners, BoundListeners, InheritedSocket, InheritedSockets, ListenerOptions,
    SteeringOutcome, bind_http_listeners, bind_listeners, take_over,
};

/// The bound listeners for announces and scrapes.
pub(crate) struct AllListeners {
    pub(crate) udp: BoundListeners,
    pub(crate) http: BoundHttpListeners,
    /// Connections that there are enough descriptors for.
    pub(crate) connections_max: u32,
}

impl AllListeners {
    /// Duplicates the descriptors of the sockets.
    pub(crate) fn duplicates(&self) -> anyhow::Result<Vec<InheritedSocket>> {
        let udp = self.udp.duplicates().and_then(|udp| Ok([udp, self.http.duplicates()?]));
        Ok(udp.context("the sockets of the listeners cannot be duplicated")?.into_iter().flatten().collect())
    }
}

/// Binds the addresses that are not inherited. The default ones are of both families: on a kernel without IPv6, those of IPv4 are served.
pub(crate) fn listen(
    prepared: &Prepared<'_>,
    inherited: &mut InheritedSockets,
) -> anyhow::Result<AllListeners> {
    let connections_max = connections_max(prepared.configuration(), prepared.shards)?;
    let udp = listen_udp(prepared, inherited).map_err(hints::bind_error)?;
    let http = listen_http(prepared, inherited).map_err(hints::bind_error)?;
    Ok(AllListeners { udp, http, connections_max })
}

/// The listening sockets that two processes have during an upgrade, with the options of one of them.
pub(crate) struct SharedSockets {
    pub(crate) sockets: Vec<InheritedSocket>,
    shards: ShardCount,
    steering: SteeringKey,
    options: ListenerOptions,
    backlog: u32,
}

impl SharedSockets {
    pub(crate) fn new(prepared: &Prepared<'_>, sockets: Vec<InheritedSocket>) -> Self {
        let options = listener_options(&prepared.configuration().udp);
        let Prepared { shards, keys: Keys { steering, .. }, .. } = *prepared;
        Self { sockets, shards, steering, options, backlog: backlog(prepared) }
    }

    /// Gives them the options of this process, right before it serves them in place of the other one, or again after that one has
    /// failed: until then they have the options of the process that serves them.
    pub(crate) fn take_over(&self) -> anyhow::Result<()> {
        let Self { sockets, shards, steering, options, backlog } = self;
        match take_over(sockets, *shards, steering, options, *backlog) {
            Ok(SteeringOutcome::Refused(error)) => {
                warn!(%error, "steering is off: the kernel refused; the mesh delivers requests");
                Ok(())
            }
            outcome => outcome.map(drop).context("the sockets of the other process cannot be taken over"),
        }
    }
}

fn backlog(prepared: &Prepared<'_>) -> u32 {
    u32::try_from(prepared.memory.fixed.backlog).unwrap_or(u32::MAX)
}

/// Returns how many connections there are enough descriptors for, at most as many as are configured.
pub(crate) fn connections_max(configuration: &Configuration, shards: ShardCount) -> anyhow::Result<u32> {
    let is_http_served = !http_addresses(configuration).is_empty();
    let connections_max = if is_http_served { configuration.http.connections_max } else { 0 };
    connections_with_descriptors(connections_max, shards)
}

fn listen_udp(
    prepared: &Prepared<'_>,
    inherited: &mut InheritedSockets,
) -> Result<BoundListeners, BindError> {
    let udp = &prepared.configuration().udp;
    let options = listener_options(udp);
    let mut bind = |addresses: &[SocketAddr]| {
        bind_listeners(addresses, prepared.shards, &prepared.keys.steering, &options, inherited)
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

fn listen_http(
    prepared: &Prepared<'_>,
    inherited: &mut InheritedSockets,
) -> Result<BoundHttpListeners, BindError> {
    let addresses = http_addresses(prepared.configuration());
    let is_default = prepared.configuration().http.listen == Configuration::default().http.listen;
    let backlog = backlog(prepared);
    match bind_http_listeners(&addresses, prepared.shards, backlog, inherited) {
        Err(BindError::NoSuchFamily(_)) if is_default => {
            warn!("this kernel has no IPv6: the tracker serves HTTP over IPv4 only");
            let rest: Vec<(SocketAddr, Security)> =
                addresses.into_iter().filter(|(address, _)| address.is_ipv4()).collect();
            bind_http_listeners(&rest, prepared.shards, backlog, inherited)
        }
        result => result,
    }
}
