use super::*;
use crate::forwarding::forwarder_settings;
use crate::http_settings::IdentityFiles;
use crate::memory::{PlanInputs, ceiling_bytes};
use config::live_keys;
use primitives::ShardCount;
use std::collections::BTreeSet;
use std::fmt::Debug;
use std::io::Write;

/// HTTPS, the management API over TLS, forwarding, and the statistics page.
const ALL_ON: &str = r#"
    https = { listen = "127.0.0.1:443", certificate_file = "/c", key_file = "/k" }
    api = { tokens = { ops = "0123456789abcdef" }, certificate_file = "/c", key_file = "/k" }
    forwarding.file = "/f"
    access = { mode = "listed", allow_file = "/a" }
    statistics.page = "on"
    proxy = { trusted = "192.0.2.1", header = "x-forwarded-for" }
"#;

/// Each key that can change at a reload, with another value than in [`ALL_ON`].
const OTHERS: &[(&str, &str)] = &[
    ("udp.path_mtu_bytes", "1400"),
    ("udp.coalesce_us", "100"),
    ("udp.filter", "\"off\""),
    ("udp.filter_wrong_ids_per_s", "100"),
    ("http.named_addresses_from", "\"10.0.0.0/8\""),
    ("http.full_scrape_every_s", "600"),
    ("http.scrape_torrents_max", "10"),
    ("http.connections_max", "1000"),
    ("http.connections_per_prefix_max", "5"),
    ("http.requests_per_connection_max", "10"),
    ("http.first_request_s", "5"),
    ("http.request_s", "5"),
    ("http.idle_s", "5"),
    ("http.answer_s", "5"),
    ("https.certificate_file", "\"/other\""),
    ("https.key_file", "\"/other\""),
    ("proxy.trusted", "\"192.0.2.2\""),
    ("proxy.header", "\"proxy-protocol\""),
    ("proxy.forwarded_index", "2"),
    ("websocket.enabled", "\"off\""),
    ("websocket.interval_s", "60"),
    ("websocket.idle_s", "100"),
    ("websocket.offers_per_announce_max", "5"),
    ("websocket.signals_per_second_max", "100"),
    ("websocket.torrents_per_connection_max", "10"),
    ("websocket.allow_origins", "\"https://example.org\""),
    ("websocket.deny_origins", "\"https://example.org\""),
    ("connection_ids.lifetime_s", "60"),
    ("connection_ids.invalid", "\"drop\""),
    ("announce.interval_s", "900"),
    ("announce.interval_s_max", "2000"),
    ("announce.interval_s_min", "30"),
    ("announce.interval_jitter_percent", "5"),
    ("announce.numwant_default", "40"),
    ("announce.numwant_max", "60"),
    ("announce.peer_lifetime_s", "3000"),
    ("access.mode", "\"private-listed\""),
    ("access.allow_file", "\"/other\""),
    ("access.deny_file", "\"/d\""),
    ("access.allow_clients", "\"-qB\""),
    ("access.deny_clients", "\"-XL\""),
    ("access.deny_networks", "\"192.0.2.0/24\""),
    ("access.torrents_max", "1000"),
    ("access.keys_max", "1000"),
    ("access.sessions_max", "1000"),
    ("access.peer_details", "\"on\""),
    ("sources.ipv4_prefix_bits", "24"),
    ("sources.ipv6_prefix_bits", "48"),
    ("sources.wider_prefix_factor", "4"),
    ("sources.requests_per_s", "100"),
    ("sources.new_peers_per_s", "10"),
    ("sources.new_torrents_per_s", "10"),
    ("sources.connections_per_s", "10"),
    ("sources.handshakes_per_s", "10"),
    ("sources.burst_s", "10"),
    ("sources.unproved_per_s", "1000"),
    ("sources.allow", "\"192.0.2.0/24\""),
    ("sources.ban_after_s", "5"),
    ("sources.ban_s", "10"),
    ("sources.ban_s_max", "3600"),
    ("sources.bans_max", "100"),
    ("forwarding.file", "\"/other\""),
    ("forwarding.timeout_s", "10"),
    ("forwarding.requests_max", "10"),
    ("forwarding.rate_per_second_max", "10"),
    ("forwarding.burst_max", "10"),
    ("forwarding.waiting_max", "1000"),
    ("forwarding.torrents_max", "1000"),
    ("forwarding.external_peers_max", "1000"),
    ("limits.swarms_max", "1000"),
    ("limits.peers_max", "1000"),
    ("limits.peers_per_swarm_max", "1000"),
    ("limits.peers_per_source_max", "8"),
    ("limits.memory_max_mib", "512"),
    ("database.flush_every_s", "10"),
    ("snapshot.interval_s", "600"),
    ("api.tokens", "{ ops = \"fedcba9876543210\" }"),
    ("api.tokens_file", "\"/t\""),
    ("api.certificate_file", "\"/other\""),
    ("api.key_file", "\"/other\""),
    ("metrics.token", "0123456789abcdef"),
    ("log.level", "\"warn\""),
    ("log.format", "\"json\""),
    ("statistics.interval_s", "10"),
    ("statistics.page", "\"off\""),
    ("statistics.redirect", "\"/stats\""),
    ("latency.directory", "\"/srv\""),
    ("latency.interval_s", "10"),
    ("latency.kernel_sample_every_s", "5"),
    ("shutdown.deadline_s", "5"),
];

fn load(text: &str, key: &str, value: &str) -> Configuration {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    let name = format!("RINGTRACK_{}", key.replace('.', "_").to_uppercase());
    let variable = (name.into(), value.into());
    config::load(Some(file.path()), [variable]).unwrap_or_else(|error| panic!("{error}")).configuration
}

/// Returns everything that a reload hands out, except for the configuration that the management API shows.
fn handed_out(configuration: &Configuration) -> impl PartialEq + Debug {
    let inputs = PlanInputs {
        shards: ShardCount::ONE,
        ceiling_bytes: ceiling_bytes(configuration.limits.memory_max_mib).unwrap(),
        upstreams: 0,
        running: None,
    };
    let memory = Plan::new(configuration, inputs).unwrap();
    let connections_max = memory.effective.http.connections_max;
    let machine = Machine { memory: &memory, connections_max };
    let configuration = &memory.effective;
    let mut live = live_settings(&memory, &[]);
    drop(std::mem::take(&mut live.configuration));
    (
        core_settings(&machine),
        live,
        supervision_settings(configuration),
        forwarder_settings(&configuration.forwarding),
        configuration.log.clone(),
        [IdentityFiles::of(configuration), IdentityFiles::of_api(&configuration.api)],
        (configuration.api.tokens.clone(), configuration.api.tokens_file.clone()),
        (configuration.metrics.token.clone(), statistics_windows(configuration)),
        configuration.forwarding.file.clone(),
    )
}

#[test]
fn each_key_is_handed_out_at_a_reload_or_in_the_table_of_those_that_need_a_restart() {
    let listed: BTreeSet<String> = OTHERS.iter().map(|(key, _)| (*key).to_owned()).collect();
    assert_eq!(listed, live_keys().collect(), "a new key needs a line in one of the tables");
    let old = load(ALL_ON, "udp.path_mtu_bytes", "1280");
    for (key, value) in OTHERS {
        let new = load(ALL_ON, key, value);
        let difference = config::difference(&old, &old, &new);
        let changed: Vec<&str> = difference.changes.iter().map(|change| change.key.as_str()).collect();
        assert_eq!(changed, [*key]);
        assert!(handed_out(&difference.reloaded) != handed_out(&old), "{key} changes nothing");
    }
}

#[test]
fn an_error_in_a_file_is_logged_once_and_again_after_it_was_usable() {
    let mut trouble = None;
    let mut look = |error: Option<&'static str>| {
        let before = trouble.clone();
        let read = error.map_or(Ok(Some(7)), |error| Err(anyhow::anyhow!(error)));
        let used = usable(read, "it stays as it was", &mut trouble);
        (used, trouble != before && trouble.is_some())
    };
    assert_eq!(look(None), (Some(7), false));
    assert_eq!(look(Some("gone")), (None, true));
    assert_eq!(look(Some("gone")), (None, false));
    assert_eq!(look(Some("no permission")), (None, true));
    assert_eq!(look(None), (Some(7), false));
    assert_eq!(look(Some("no permission")), (None, true));
}
