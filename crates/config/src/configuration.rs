//! The root of the configuration: its sections.
#![allow(unused_qualifications, reason = "the code derived for nested sections qualifies every type")]

use confique::{Config, Layer};

use crate::sections::access::Access;
use crate::sections::announce::Announce;
use crate::sections::api::Api;
use crate::sections::capacity::Limits;
use crate::sections::connection_ids::ConnectionIds;
use crate::sections::database::Database;
use crate::sections::health_check_api::HealthCheckApi;
use crate::sections::http::Http;
use crate::sections::https::Https;
use crate::sections::latency::Latency;
use crate::sections::log::Log;
use crate::sections::proxy::Proxy;
use crate::sections::shutdown::Shutdown;
use crate::sections::statistics::Statistics;
use crate::sections::udp::Udp;
use crate::sections::workers::Workers;

/// The configuration of the tracker Ringtrack.
///
/// Each key is listed with its meaning, the allowed values, what a change gains or costs, and its default. A line
/// that starts with `#key` is commented out and shows the default: remove the `#` to change it.
///
/// Each key can also be set by the environment variable that is named with it. Its value is written as in this file,
/// but the quotes around a single word may be omitted, and a list may be written as its items with commas between
/// them. A variable with an empty value counts as not set. The environment takes precedence over this file, and this
/// file over the defaults.
///
/// `ringtrack check-config FILE` checks a file without starting the tracker.
#[derive(Debug, Clone, PartialEq, Config)]
pub struct Configuration {
    /// ----- Processor cores -----
    #[config(nested)]
    pub workers: Workers,

    /// ----- UDP sockets -----
    #[config(nested)]
    pub udp: Udp,

    /// ----- HTTP announces and scrapes, unencrypted; the limits also apply to HTTPS -----
    #[config(nested)]
    pub http: Http,

    /// ----- HTTPS announces and scrapes -----
    #[config(nested)]
    pub https: Https,

    /// ----- Proxies in front of HTTP and HTTPS, which report the client's address -----
    #[config(nested)]
    pub proxy: Proxy,

    /// ----- Connection ids: how a UDP client proves that it owns its address -----
    #[config(nested)]
    pub connection_ids: ConnectionIds,

    /// ----- Replies to announces -----
    #[config(nested)]
    pub announce: Announce,

    /// ----- Which clients and torrents are served -----
    #[config(nested)]
    pub access: Access,

    /// ----- Limits: requests that would exceed one are answered and counted, but nothing is stored -----
    #[config(nested)]
    pub limits: Limits,

    /// ----- The database: data that survives a restart -----
    #[config(nested)]
    pub database: Database,

    /// ----- The management API -----
    #[config(nested)]
    pub api: Api,

    /// ----- The health check, for programs that monitor the tracker -----
    #[config(nested)]
    pub health_check_api: HealthCheckApi,

    /// ----- The log -----
    #[config(nested)]
    pub log: Log,

    /// ----- Statistics -----
    #[config(nested)]
    pub statistics: Statistics,

    /// ----- Reply latency histograms: dumped on SIGUSR1, by `ringtrack dump-latency` and at an interval -----
    #[config(nested)]
    pub latency: Latency,

    /// ----- Shutdown -----
    #[config(nested)]
    pub shutdown: Shutdown,
}

impl Default for Configuration {
    /// Returns the built-in defaults, without reading a file or the environment.
    fn default() -> Self {
        Self::from_layer(<Self as Config>::Layer::default_values()).expect("every key has a default")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        AccessMode, ConnectionIdKey, Cores, DatabaseUrl, Interval, InvalidConnectionId, LatencyDirectory,
        LogFormat, LogLevel, MemoryLimit, NamedFile, PemFile, ProxyHeader, ReplySource, Steering, Switch,
        Tokens,
    };

    fn default_access() -> Access {
        Access {
            mode: AccessMode::Public,
            allow_file: NamedFile::Unset,
            deny_file: NamedFile::Unset,
            allow_clients: Vec::new(),
            deny_clients: Vec::new(),
            deny_networks: Vec::new(),
            torrents_max: 10_000_000,
            keys_max: 1_000_000,
            sessions_max: 10_000_000,
            peer_details: Switch::Off,
        }
    }

    fn default_database() -> Database {
        Database {
            url: DatabaseUrl::Automatic,
            flush_every_s: 5,
            pending_max: 1_000_000,
            remember_completed: Switch::Off,
            start_wait_s: 10,
        }
    }

    fn default_api() -> Api {
        Api {
            listen: vec!["127.0.0.1:1212".parse().unwrap()],
            tokens: Tokens::default(),
            tokens_file: NamedFile::Unset,
            certificate_file: PemFile::Unset,
            key_file: PemFile::Unset,
        }
    }

    #[test]
    fn every_key_has_its_built_in_default() {
        let expected = Configuration {
            workers: Workers { cores: Cores::Auto },
            udp: Udp {
                listen: vec!["0.0.0.0:6969".parse().unwrap(), "[::]:6969".parse().unwrap()],
                steering: Steering::Auto,
                batch_datagrams: 64,
                receive_buffer_bytes: 4_194_304,
                send_buffer_bytes: 4_194_304,
                path_mtu_bytes: 1280,
                reply_source: ReplySource::Destination,
            },
            http: Http {
                listen: vec!["0.0.0.0:6969".parse().unwrap(), "[::]:6969".parse().unwrap()],
                connections_max: 65_536,
                connections_per_prefix_max: 512,
                ipv4_prefix_bits: 32,
                ipv6_prefix_bits: 56,
                first_request_s: 10,
                request_s: 10,
                idle_s: 60,
                answer_s: 20,
                requests_per_connection_max: 1_000_000,
                scrape_torrents_max: 74,
                full_scrape_every_s: Interval::Off,
                named_addresses_from: Vec::new(),
            },
            https: Https { listen: Vec::new(), certificate_file: PemFile::Unset, key_file: PemFile::Unset },
            proxy: Proxy { trusted: Vec::new(), header: ProxyHeader::None, forwarded_index: 1 },
            connection_ids: ConnectionIds {
                lifetime_s: 120,
                key_file: ConnectionIdKey::Random,
                invalid: InvalidConnectionId::Error,
            },
            announce: Announce {
                interval_s: 1800,
                interval_jitter_percent: 10,
                numwant_default: 50,
                numwant_max: 50,
                peer_lifetime_s: 2700,
            },
            access: default_access(),
            limits: Limits {
                memory_max_mib: MemoryLimit::Automatic,
                swarms_max: 20_000_000,
                peers_max: 100_000_000,
                peers_per_swarm_max: 1_000_000,
                mesh_slots: 8192,
            },
            database: default_database(),
            api: default_api(),
            health_check_api: HealthCheckApi { listen: vec!["127.0.0.1:1313".parse().unwrap()] },
            log: Log { level: LogLevel::Info, format: LogFormat::Text },
            statistics: Statistics { interval_s: Interval::Every(60) },
            latency: Latency {
                directory: LatencyDirectory::Automatic,
                interval_s: Interval::Off,
                kernel_sample_every_s: Interval::Every(10),
            },
            shutdown: Shutdown { deadline_s: 10 },
        };

        assert_eq!(Configuration::default(), expected);
    }
}
