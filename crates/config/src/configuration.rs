//! The root of the configuration: its sections.

use crate::declare::{Key, Section, SectionText};
use crate::sections::announces::{Access, Announce};
use crate::sections::apis::{Api, HealthCheckApi, Metrics};
use crate::sections::database::Database;
use crate::sections::forwarding::Forwarding;
use crate::sections::http::{Http, Https, Proxy};
use crate::sections::reports::{Latency, Log, Statistics};
use crate::sections::resources::{Limits, Shutdown, Workers};
use crate::sections::snapshot::Snapshot;
use crate::sections::sources::Sources;
use crate::sections::udp::{ConnectionIds, Udp};
use crate::sections::websocket::Websocket;
use crate::values::{Fault, Json, Value};

/// Declares the root: its documentation and its sections, in the order of the file.
macro_rules! configuration {
    (
        $(#[doc = $line:literal])+
        $visibility:vis struct $Configuration:ident;
        $($section:ident: $Section:ident,)+
    ) => {
        $(#[doc = $line])+
        #[derive(Debug, Clone, PartialEq, Eq, Default)]
        $visibility struct $Configuration {
            $($visibility $section: $Section,)+
        }

        impl $Configuration {
            pub(crate) const DOCUMENTATION: &'static [&'static str] = &[$($line),+];
            pub(crate) const SECTIONS: &'static [SectionText] =
                &[$(SectionText::of::<$Section>(stringify!($section))),+];

            /// Reads the value of a key.
            pub(crate) fn set(&mut self, key: Key, value: &Value<'_>) -> Result<(), Fault> {
                match key.section {
                    $(stringify!($section) => self.$section.set(key.name, value),)+
                    _ => unreachable!("a section is in the table of sections"),
                }
            }

            /// Returns the keys whose values differ, in the order of the configuration file.
            pub(crate) fn changed(&self, other: &Self) -> Vec<Key> {
                let mut keys = Vec::new();
                $(
                    let names = self.$section.changed(&other.$section).into_iter();
                    keys.extend(names.map(|name| Key { section: stringify!($section), name }));
                )+
                keys
            }

            /// Takes the value of a key from another configuration.
            pub(crate) fn take_over(&mut self, key: Key, from: &Self) {
                match key.section {
                    $(stringify!($section) => self.$section.take_over(key.name, &from.$section),)+
                    _ => unreachable!("a section is in the table of sections"),
                }
            }

            /// Returns an object of sections, each an object of keys with their current values, written as in a file.
            /// Secrets are omitted: a token is shown by its label only, and a database URL without its password and
            /// options.
            $visibility fn redacted(&self) -> Json {
                [$((stringify!($section), self.$section.written())),+].into_iter().collect()
            }
        }
    };
}

configuration! {
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
    /// On SIGHUP the tracker reads its configuration again. Changes take effect at once, except where a key says that they
    /// need a restart.
    ///
    /// `ringtrack check-config FILE` checks a file without starting the tracker; with `--diff` it shows what a reload of the
    /// running tracker would change.
    pub struct Configuration;

    workers: Workers,
    udp: Udp,
    http: Http,
    https: Https,
    proxy: Proxy,
    websocket: Websocket,
    connection_ids: ConnectionIds,
    announce: Announce,
    access: Access,
    sources: Sources,
    forwarding: Forwarding,
    limits: Limits,
    database: Database,
    snapshot: Snapshot,
    api: Api,
    health_check_api: HealthCheckApi,
    metrics: Metrics,
    log: Log,
    statistics: Statistics,
    latency: Latency,
    shutdown: Shutdown,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::testing::load_text;

    /// Returns an equivalent configuration file.
    fn as_file(redacted: &Json) -> String {
        let mut text = String::new();
        for (section, settings) in redacted.as_object().unwrap() {
            text += &format!("[{section}]\n");
            for (key, value) in settings.as_object().unwrap() {
                text += &format!("{key} = {value}\n");
            }
        }
        text
    }

    const DEFAULTS: &str = r#"[access]
allow_clients = []
allow_file = ""
deny_clients = []
deny_file = ""
deny_networks = []
keys_max = 1000000
mode = "public"
peer_details = "off"
sessions_max = 10000000
torrents_max = 10000000
[announce]
interval_jitter_percent = 10
interval_s = 1800
interval_s_max = 2400
interval_s_min = 60
numwant_default = 50
numwant_max = 50
peer_lifetime_s = 2700
[api]
certificate_file = ""
key_file = ""
listen = ["127.0.0.1:1212"]
tokens = {}
tokens_file = ""
[connection_ids]
invalid = "error"
key_file = ""
lifetime_s = 120
[database]
flush_every_s = 5
pending_max = 1000000
remember_completed = "off"
start_wait_s = 10
url = ""
[forwarding]
burst_max = 200
external_peers_max = 1000000
file = ""
private_peers = "refuse"
rate_per_second_max = 50
requests_max = 20
timeout_s = 15
torrents_max = 100000
waiting_max = 10000
[health_check_api]
listen = ["127.0.0.1:1313"]
[http]
answer_s = 20
connections_max = 65536
connections_per_prefix_max = 512
first_request_s = 10
full_scrape_every_s = 0
idle_s = 60
listen = ["0.0.0.0:6969","[::]:6969"]
named_addresses_from = []
request_s = 10
requests_per_connection_max = 1000000
scrape_torrents_max = 74
[https]
certificate_file = ""
key_file = ""
listen = []
[latency]
directory = ""
interval_s = 0
kernel_sample_every_s = 10
[limits]
memory_max_mib = 0
mesh_slots = 8192
peers_max = 100000000
peers_per_source_max = 4
peers_per_swarm_max = 1000000
swarms_max = 20000000
[log]
format = "text"
level = "info"
[metrics]
listen = ["127.0.0.1:1414"]
token = ""
[proxy]
forwarded_index = 1
header = "none"
trusted = []
[shutdown]
deadline_s = 10
[snapshot]
directory = ""
interval_s = 0
[sources]
allow = ["127.0.0.0/8","::1/128"]
ban_after_s = 10
ban_s = 60
ban_s_max = 86400
bans_max = 4096
burst_s = 60
connections_per_s = 200
handshakes_per_s = 100
ipv4_prefix_bits = [32,24]
ipv6_prefix_bits = [64,56,48]
new_peers_per_s = 200
new_torrents_per_s = 200
requests_per_s = 500
sources_max = 1048576
unproved_per_s = 200000
wider_prefix_factor = 8
[statistics]
interval_s = 60
page = "off"
redirect = ""
[udp]
batch_datagrams = 64
coalesce_us = 200
filter = "auto"
filter_wrong_ids_per_s = 5000
listen = ["0.0.0.0:6969","[::]:6969"]
path_mtu_bytes = 1280
receive_buffer_bytes = 4194304
reply_source = "auto"
send_buffer_bytes = 4194304
steering = "auto"
[websocket]
allow_origins = []
deny_origins = []
enabled = "on"
idle_s = 240
interval_s = 120
offers_per_announce_max = 10
signals_per_second_max = 500
torrents_per_connection_max = 1000
[workers]
cores = "auto"
"#;

    #[test]
    fn every_key_has_its_built_in_default() {
        assert_eq!(as_file(&Configuration::default().redacted()), DEFAULTS);
    }

    /// Keys of every section and kind, with values that are not the defaults.
    const CHANGED: &str = r#"
        workers.cores = [0, 2]
        udp.listen = ["127.0.0.1:0", "[::1]:7"]
        udp.reply_source = "kernel"
        http.named_addresses_from = ["10.0.0.0/8", "::1"]
        https = { listen = "127.0.0.1:443", certificate_file = "/c", key_file = "/k" }
        proxy = { trusted = "192.0.2.1", header = "x-real-ip" }
        connection_ids.key_file = "/key"
        announce.interval_s = 900
        access = { mode = "private-listed", allow_file = "/a", deny_clients = ["-XL"], deny_networks = "192.0.2.0/24" }
        forwarding = { file = "/f", private_peers = "accept" }
        sources = { ipv4_prefix_bits = 24, ipv6_prefix_bits = [128, 48], allow = "192.0.2.0/24" }
        limits.memory_max_mib = 512
        database = { url = "sqlite:/srv/r.db", remember_completed = "on" }
        snapshot.directory = "none"
        api = { tokens_file = "/tokens", certificate_file = "/c", key_file = "/k" }
        health_check_api.listen = []
        metrics.listen = "[::1]:9"
        log.level = "warn"
        statistics = { interval_s = 0, page = "on", redirect = "/stats" }
        latency.directory = "/srv"
        shutdown.deadline_s = 5
    "#;

    #[test]
    fn the_redacted_configuration_loads_to_the_same_configuration() {
        for configuration in [Configuration::default(), load_text(CHANGED).unwrap()] {
            assert_eq!(load_text(&as_file(&configuration.redacted())).unwrap(), configuration);
        }
    }

    #[test]
    fn no_printed_form_of_the_configuration_shows_a_secret() {
        let text = r#"
            [database]
            url = "postgres://ringtrack:hunter2@db.example:5433/tracker?sslpassword=hunter2"
            [api]
            certificate_file = "/c.pem"
            key_file = "/k.pem"
            tokens = { ops = "hunter2hunter2hunter2", website = "hunter2-hunter2-hunter2" }
        "#;
        let configuration = load_text(text).unwrap();
        let redacted = configuration.redacted();
        assert_eq!(redacted["api"]["tokens"], json!({ "ops": "(secret)", "website": "(secret)" }));
        assert_eq!(redacted["api"]["key_file"], "/k.pem");
        let url = "postgres://ringtrack:(secret)@db.example:5433/tracker?(secret)";
        assert_eq!(redacted["database"]["url"], url);
        for shown in [redacted.to_string(), format!("{configuration:?}"), format!("{configuration:#?}")] {
            assert!(!shown.contains("hunter2"), "{shown}");
        }
        let secrets: Vec<&str> = configuration.api.tokens.iter().map(|(_, token)| token.secret()).collect();
        assert_eq!(secrets, ["hunter2hunter2hunter2", "hunter2-hunter2-hunter2"]);
    }
}
