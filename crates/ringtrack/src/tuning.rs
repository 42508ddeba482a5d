//! Settings of the data plane, from the configuration.

use crate::http_settings::{http_limits, http_policy};
use crate::memory::Plan;
use crate::source_settings::source_limits;
use access::{
    AccessBounds, AccessPolicy, AccountBounds, CompletedCounts, DETAILS_MAX, DetailsBounds, DetailsKept,
    SESSIONS_MAX, TORRENT_TABLE_ENTRIES_MAX, TorrentAdmission, TorrentTableBounds, UserAdmission,
};
use config::limits::ANNOUNCE_PEER_LIFETIME_SLACK_S;
use config::{
    Announce, Configuration, Filter, Forwarding, Interval, InvalidConnectionId as Invalid, Latency,
    ReplySource, Steering, Switch, Udp,
};
use core_link::{CoreSettings, KernelFiltering, KernelSampling};
use engine::{AnnouncePolicy, EngineSettings, ForwardingBounds, InvalidConnectionId};
use primitives::{ShardCount, ShardId};
use std::num::NonZeroU32;
use std::time::Duration;
use swarm::{SwarmLimits, SwarmSettings};
use udp_socket::DestinationInfo;
use worker::{ListenerOptions, SteeringRequest};

/// Returns the options of the UDP sockets.
pub(crate) const fn listener_options(udp: &Udp) -> ListenerOptions {
    ListenerOptions {
        receive_buffer_bytes: udp.receive_buffer_bytes,
        send_buffer_bytes: udp.send_buffer_bytes,
        wildcard_destination: match udp.reply_source {
            ReplySource::Auto | ReplySource::Destination => DestinationInfo::Capture,
            ReplySource::Kernel => DestinationInfo::Ignore,
        },
        steering: match udp.steering {
            Steering::Auto => SteeringRequest::Auto,
            Steering::Off => SteeringRequest::Off,
        },
    }
}

fn kernel_sampling(latency: &Latency) -> KernelSampling {
    match latency.kernel_sample_every_s {
        Interval::Off => KernelSampling::Off,
        Interval::Every(seconds) => {
            NonZeroU32::new(seconds).map_or(KernelSampling::Off, KernelSampling::EveryS)
        }
    }
}

const fn kernel_filtering(udp: &Udp) -> KernelFiltering {
    match udp.filter {
        Filter::Off => KernelFiltering::Off,
        Filter::Auto => KernelFiltering::On { wrong_ids_per_s: udp.filter_wrong_ids_per_s },
    }
}

/// What the configuration has on this machine.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Machine<'a> {
    pub(crate) memory: &'a Plan,
    /// Connections that there are enough descriptors for.
    pub(crate) connections_max: u32,
}

/// Returns the settings of each core, in the order of the shards.
pub(crate) fn core_settings(machine: &Machine<'_>) -> Vec<CoreSettings> {
    let Machine { memory, connections_max } = *machine;
    let (configuration, shards) = (&memory.effective, memory.shards);
    let settings = |shard| CoreSettings {
        engine: engine_settings(memory, shard),
        sources: source_limits(&configuration.sources),
        http_policy: http_policy(configuration),
        http_limits: http_limits(memory, connections_max),
        kernel_sampling: kernel_sampling(&configuration.latency),
        kernel_filtering: kernel_filtering(&configuration.udp),
        coalesce: Duration::from_micros(configuration.udp.coalesce_us.into()),
    };
    shards.shards().map(settings).collect()
}

/// Returns the settings of one core's engine. Limits of the whole tracker are divided equally, as the info hashes are.
fn engine_settings(memory: &Plan, shard: ShardId) -> EngineSettings {
    let (configuration, shards) = (&memory.effective, memory.shards);
    let part = |bound: u64| bound.div_ceil(u64::from(shards.get()));
    let limits = &configuration.limits;
    EngineSettings {
        shards,
        shard,
        announce: announce_policy(&configuration.announce),
        path_mtu_bytes: configuration.udp.path_mtu_bytes,
        connection_id_lifetime_s: configuration.connection_ids.lifetime_s,
        invalid_connection_id: match configuration.connection_ids.invalid {
            Invalid::Error => InvalidConnectionId::Error,
            Invalid::Drop => InvalidConnectionId::Drop,
        },
        swarms: SwarmSettings {
            limits: SwarmLimits {
                swarms_max: part(u64::from(limits.swarms_max)),
                peers_max: part(u64::from(limits.peers_max)),
                swarm_peers_max: limits.peers_per_swarm_max,
                bytes_max: part(memory.limits.swarm_bytes_max),
                peers_per_host_max: limits.peers_per_source_max,
            },
            peer_lifetime_s: configuration.announce.peer_lifetime_s,
            interval_s_min: configuration.announce.interval_s_min,
        },
        access: access_policy(configuration),
        access_bounds: access_bounds(memory),
        forwarding: forwarding_bounds(&configuration.forwarding, shards),
    }
}

/// Returns the rules for users and torrents, and which optional data is kept.
pub(crate) fn access_policy(configuration: &Configuration) -> AccessPolicy {
    let (access, database) = (&configuration.access, &configuration.database);
    AccessPolicy {
        users: if access.mode.is_private() { UserAdmission::Private } else { UserAdmission::Public },
        torrents: if access.mode.is_listed() { TorrentAdmission::Listed } else { TorrentAdmission::Any },
        completed: match database.remember_completed {
            Switch::On => CompletedCounts::Remembered,
            Switch::Off => CompletedCounts::Forgotten,
        },
        details: match access.peer_details {
            Switch::On => DetailsKept::Kept,
            Switch::Off => DetailsKept::Dropped,
        },
    }
}

/// Returns the limits of what one core keeps: all keys, and a part of everything else, since it owns a part of the
/// torrents.
fn access_bounds(memory: &Plan) -> AccessBounds {
    let (configuration, shards) = (&memory.effective, memory.shards);
    let access = &configuration.access;
    let lifetime_s = configuration.announce.peer_lifetime_s;
    // Random parts are not exactly equal.
    let part = |bound: u32| bound.div_ceil(u32::from(shards.get())).saturating_add(bound / 100);
    let entries_max = part(access.torrents_max).min(TORRENT_TABLE_ENTRIES_MAX);
    let keys_max = access.keys_max as usize;
    AccessBounds {
        torrent_table: TorrentTableBounds { entries_max, counted_max: entries_max - entries_max / 4 },
        keys_max,
        accounts: AccountBounds {
            sessions_max: (part(access.sessions_max) as usize).min(SESSIONS_MAX),
            changed_max: keys_max,
            lifetime_s,
        },
        details: DetailsBounds {
            peers_max: (part(memory.limits.details_max) as usize).min(DETAILS_MAX),
            lifetime_s,
        },
    }
}

/// Returns the limits of what one core keeps for forwarding, if it is on.
fn forwarding_bounds(forwarding: &Forwarding, shards: ShardCount) -> Option<ForwardingBounds> {
    let part = |bound: u32| bound.div_ceil(u32::from(shards.get())) as usize;
    forwarding.file.as_ref().map(|_| ForwardingBounds {
        torrents_max: part(forwarding.torrents_max),
        peers_max: part(forwarding.external_peers_max),
    })
}

fn announce_policy(announce: &Announce) -> AnnouncePolicy {
    // A peer has to live until its next announce, which the jitter can delay.
    let kept_s = u64::from(announce.peer_lifetime_s).saturating_sub(ANNOUNCE_PEER_LIFETIME_SLACK_S);
    let outlasted_s = kept_s * 100 / (100 + u64::from(announce.interval_jitter_percent));
    let interval_s_max = u64::from(announce.interval_s_max).min(outlasted_s);
    AnnouncePolicy {
        interval_s: announce.interval_s,
        interval_s_max: u32::try_from(interval_s_max).unwrap_or(u32::MAX).max(announce.interval_s),
        interval_jitter_percent: announce.interval_jitter_percent,
        numwant_default: announce.numwant_default,
        numwant_max: announce.numwant_max,
    }
}
