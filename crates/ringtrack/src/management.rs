//! Starts the management of the running tracker, from the configuration.

use crate::data_plane::DataPlane;
use crate::listen::AllListeners;
use crate::memory::Plan;
use crate::source_settings::source_settings;
use crate::storage::Storage;
use crate::tuning::access_policy;
use anyhow::Context;
use config::{Proxy, ProxyHeader};
use control::management::{ListenerInfo, Preface, Service};
use control::{
    ConfiguredRules, LatencySnapshot, LiveSettings, Manager, ManagerSettings, MemorySettings, ReloadRequest,
    SnapshotSettings, Workers as _,
};
use forwarder::Forwarder;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use worker::{Listener, Scheme};

/// What the management needs besides the configuration.
pub(crate) struct ManagementParts<'a> {
    pub(crate) data_plane: &'a DataPlane,
    pub(crate) storage: Storage,
    pub(crate) forwarder: Option<Forwarder>,
    pub(crate) listeners: Vec<ListenerInfo>,
    pub(crate) latencies: Arc<LatencySnapshot>,
    pub(crate) reloads: mpsc::Sender<ReloadRequest>,
    pub(crate) snapshots: Option<SnapshotSettings>,
    /// Time to wait for the stored data.
    pub(crate) start_wait: Duration,
}

/// Starts to manage the workers, and sends them the lists, keys and bans.
pub(crate) async fn start_management(
    memory: &Plan,
    parts: ManagementParts<'_>,
) -> anyhow::Result<Arc<Manager>> {
    let ManagementParts {
        data_plane,
        storage,
        forwarder,
        listeners,
        latencies,
        reloads,
        snapshots,
        start_wait,
    } = parts;
    let live = live_settings(memory, &listeners);
    let settings = ManagerSettings {
        api_guard: data_plane.api_guard(live.sources.limits.clone()),
        live,
        totals: storage.totals,
        write_behind: storage.write_behind,
        start_wait,
        snapshot: data_plane.snapshot().clone(),
        latencies,
        forwarder,
        reloads,
        snapshots,
    };
    let manager = Manager::start(data_plane.cores().clone(), settings, storage.database).await;
    manager.context("access.allow_file or access.deny_file cannot be used")
}

/// Returns the settings of the management that can be replaced.
pub(crate) fn live_settings(memory: &Plan, listeners: &[ListenerInfo]) -> LiveSettings {
    let configuration = &memory.effective;
    let access = &configuration.access;
    LiveSettings {
        policy: access_policy(configuration),
        rules: ConfiguredRules {
            allowed_clients: access.allow_clients.clone(),
            denied_clients: access.deny_clients.clone(),
            denied_networks: access.deny_networks.clone(),
            temporary_bans_max: configuration.sources.bans_max,
        },
        sources: source_settings(configuration),
        list_files: [access.allow_file.clone(), access.deny_file.clone()],
        keys_max: access.keys_max as usize,
        torrents_max: u64::from(access.torrents_max),
        flush_every: Duration::from_secs(u64::from(configuration.database.flush_every_s)),
        memory: MemorySettings {
            shares: memory.shares.clone(),
            resident_bytes_max: memory.limits.resident_bytes_max,
            swarm_bytes_max: memory.limits.swarm_bytes_max,
        },
        snapshot_every: configuration.snapshot.interval_s,
        configuration: memory.configured.redacted(),
        listeners: with_prefaces(listeners, &configuration.proxy),
    }
}

/// Returns the listeners for announces and scrapes.
pub(crate) fn tracker_listeners(all: &AllListeners) -> Vec<ListenerInfo> {
    let udp = all.udp.addresses.iter().map(|&address| Listener { scheme: Scheme::Udp, address });
    let info = |Listener { scheme, address }| {
        let service = match scheme {
            Scheme::Udp => Service::Udp,
            Scheme::Http => Service::Http,
            Scheme::Https => Service::Https,
        };
        ListenerInfo { service, address, preface: Preface::None }
    };
    udp.chain(all.http.listeners.iter().copied()).map(info).collect()
}

/// Returns the listeners with what connections to them have to begin with.
fn with_prefaces(listeners: &[ListenerInfo], proxy: &Proxy) -> Vec<ListenerInfo> {
    let with_preface = |&listener: &ListenerInfo| match listener.service {
        Service::Http | Service::Https => {
            ListenerInfo { preface: preface(proxy, listener.address.ip()), ..listener }
        }
        Service::Udp | Service::Api | Service::ApiTls | Service::Figures => listener,
    };
    listeners.iter().map(with_preface).collect()
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
