//! Starts the management of the running tracker, from the configuration.

use crate::forwarding::start_forwarding;
use crate::listen::AllListeners;
use crate::storage::Storage;
use crate::tuning::access_policy;
use anyhow::Context;
use config::{Configuration, Proxy, ProxyHeader};
use control::management::{ListenerInfo, Preface, Service};
use control::{ConfiguredRules, LatencySnapshot, Manager, ManagerSettings, StatisticsSnapshot};
use core_link::Cores;
use forwarder::Upstream;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use worker::{Listener, Scheme};

/// What the management needs besides the configuration.
pub(crate) struct ManagementParts<'a> {
    pub(crate) cores: Cores,
    pub(crate) storage: Storage,
    pub(crate) upstreams: Option<&'a [Upstream]>,
    pub(crate) listeners: Vec<ListenerInfo>,
    pub(crate) snapshot: StatisticsSnapshot,
    pub(crate) latencies: Arc<LatencySnapshot>,
    pub(crate) reloads: watch::Sender<u64>,
}

/// Starts to manage the workers, and sends them the lists, keys and bans.
pub(crate) async fn start_management(
    configuration: &Configuration,
    parts: ManagementParts<'_>,
) -> anyhow::Result<Arc<Manager>> {
    let ManagementParts { cores, storage, upstreams, listeners, snapshot, latencies, reloads } = parts;
    let access = &configuration.access;
    let forwarding = &configuration.forwarding;
    let forwarder = start_forwarding(forwarding, cores.clone(), upstreams, reloads.subscribe());
    let settings = ManagerSettings {
        policy: access_policy(configuration),
        totals: storage.totals,
        rules: ConfiguredRules {
            allowed_clients: access.allow_clients.clone(),
            denied_clients: access.deny_clients.clone(),
            denied_networks: access.deny_networks.clone(),
        },
        list_files: [access.allow_file.clone(), access.deny_file.clone()],
        keys_max: access.keys_max as usize,
        write_behind: storage.write_behind,
        start_wait: Duration::from_secs(u64::from(configuration.database.start_wait_s)),
        configuration: configuration.redacted(),
        listeners,
        snapshot,
        latencies,
        forwarder,
        reloads,
    };
    let manager = Manager::start(cores, settings, storage.database).await;
    manager.context("access.allow_file or access.deny_file cannot be used")
}

/// Returns the listeners for announces and scrapes.
pub(crate) fn tracker_listeners(all: &AllListeners, proxy: &Proxy) -> Vec<ListenerInfo> {
    let udp = all.udp.addresses.iter().map(|&address| Listener { scheme: Scheme::Udp, address });
    let core_events = |Listener { scheme, address }| {
        let (service, preface) = match scheme {
            Scheme::Udp => (Service::Udp, Preface::None),
            Scheme::Http => (Service::Http, preface(proxy, address.ip())),
            Scheme::Https => (Service::Https, preface(proxy, address.ip())),
        };
        ListenerInfo { service, address, preface }
    };
    udp.chain(all.http.listeners.iter().copied()).map(core_events).collect()
}

/// Returns what connections from this machine to one of its addresses have to begin with. Their source is that same
/// address.
fn preface(proxy: &Proxy, address: IpAddr) -> Preface {
    let source = match address {
        IpAddr::V4(Ipv4Addr::UNSPECIFIED) => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(Ipv6Addr::UNSPECIFIED) => Ipv6Addr::LOCALHOST.into(),
        address => address,
    };
    let is_trusted = proxy.trusted.iter().any(|network| network.contains(&source));
    if is_trusted && proxy.header == ProxyHeader::ProxyProtocol {
        Preface::ProxyHeader
    } else {
        Preface::None
    }
}
