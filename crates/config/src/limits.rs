//! The limits of every key, each with its reason.
//!
//! A limit is either what a protocol field or the kernel can represent, or the point past which a value can only be a
//! mistake (a wrong unit, an extra digit).

/// A configuration file is far smaller; the limit keeps a wrong path (a device, a log) from filling the memory.
pub const FILE_BYTES_MAX: u64 = 1024 * 1024;

/// The kernel's fixed-size CPU mask (`cpu_set_t`) ends at core 1023.
pub const CORE_NUMBER_MAX: u64 = 1023;

/// Without an address the tracker would be unreachable.
pub const UDP_LISTEN_MIN: usize = 1;
/// Each address is one socket on every core; hosts with more addresses use a wildcard.
pub const UDP_LISTEN_MAX: usize = 16;

/// One datagram per call is the smallest batch that makes progress.
pub const UDP_BATCH_DATAGRAMS_MIN: u64 = 1;
/// Past this, a batch no longer fits the first-level caches and the first reply waits for the last request.
pub const UDP_BATCH_DATAGRAMS_MAX: u64 = 256;

/// A smaller buffer holds fewer requests than one full batch.
pub const UDP_BUFFER_BYTES_MIN: u64 = 64 * 1024;
/// The kernel doubles the value and stores it in a signed 32-bit field: a larger value does not fit.
pub const UDP_BUFFER_BYTES_MAX: u64 = 1024 * 1024 * 1024;

/// The largest packet that every IPv4 host must accept (RFC 791).
pub const UDP_PATH_MTU_BYTES_MIN: u64 = 576;
/// The usual jumbo frame; larger packets do not leave the local network.
pub const UDP_PATH_MTU_BYTES_MAX: u64 = 9000;

/// A tracker may serve no plain HTTP, or no HTTPS.
pub const HTTP_LISTEN_MIN: usize = 0;
/// Each address is one socket on every core; hosts with more addresses use a wildcard.
pub const HTTP_LISTEN_MAX: usize = 16;
/// A few clients and a health check already take this many.
pub const HTTP_CONNECTIONS_MIN: u64 = 16;
/// A connection takes a few kilobytes of the kernel's memory: this many take tens of gibibytes.
pub const HTTP_CONNECTIONS_MAX: u64 = 4_000_000;
/// Without any, no client could connect.
pub const HTTP_CONNECTIONS_PER_PREFIX_MIN: u64 = 1;
/// A higher limit has no effect: a core rarely holds as many connections at all.
pub const HTTP_CONNECTIONS_PER_PREFIX_MAX: u64 = 1_000_000;
/// The largest networks in which IPv4 was ever allocated.
pub const HTTP_IPV4_PREFIX_BITS_MIN: u64 = 8;
/// A whole IPv4 address.
pub const HTTP_IPV4_PREFIX_BITS_MAX: u64 = 32;
/// No provider was allocated a much larger network.
pub const HTTP_IPV6_PREFIX_BITS_MIN: u64 = 16;
/// A whole IPv6 address.
pub const HTTP_IPV6_PREFIX_BITS_MAX: u64 = 128;
/// A shorter time would disconnect honest clients on long paths.
pub const HTTP_DEADLINE_S_MIN: u64 = 1;
/// A request or a response is a few packets: no path takes five minutes for them.
pub const HTTP_DEADLINE_S_MAX: u64 = 300;
/// To keep no connections at all, set `requests_per_connection_max` to 1.
pub const HTTP_IDLE_S_MIN: u64 = 1;
/// Clients announce about twice an hour, and hardly any keep their connection for that long.
pub const HTTP_IDLE_S_MAX: u64 = 3600;
/// A connection serves at least one request.
pub const HTTP_REQUESTS_PER_CONNECTION_MIN: u64 = 1;
/// Requests are counted in 32 bits.
pub const HTTP_REQUESTS_PER_CONNECTION_MAX: u64 = 4_294_967_295;
/// A scrape of no torrent has no use.
pub const HTTP_SCRAPE_TORRENTS_MIN: u64 = 1;
/// As many as over UDP (BEP 15), so that both are served in the same way.
pub const HTTP_SCRAPE_TORRENTS_MAX: u64 = 74;
/// A tracker that serves full scrapes all the time does little else.
pub const HTTP_FULL_SCRAPE_EVERY_S_MIN: u64 = 1;
/// One day.
pub const HTTP_FULL_SCRAPE_EVERY_S_MAX: u64 = 86_400;

/// A list is searched linearly for each connection or request that it concerns.
pub const NETWORKS_MAX: usize = 256;
/// The rightmost element is the address that the nearest proxy saw.
pub const PROXY_FORWARDED_INDEX_MIN: u64 = 1;
/// No chain of proxies is longer.
pub const PROXY_FORWARDED_INDEX_MAX: u64 = 64;

/// Each client's peer id is compared with each prefix of a list.
pub const CLIENTS_MAX: usize = 256;
/// A list without torrents has no use.
pub const ACCESS_TORRENTS_MIN: u64 = 1;
/// The capacity of one core, so that the limit also holds with one core. Lists have at most a few million torrents.
pub const ACCESS_TORRENTS_MAX: u64 = 16_000_000;
/// A private tracker without a key serves no clients.
pub const ACCESS_KEYS_MIN: u64 = 1;
/// Every core has a copy of each key; no private tracker has more users.
pub const ACCESS_KEYS_MAX: u64 = 10_000_000;
/// One session is the least that can be accounted.
pub const ACCESS_SESSIONS_MIN: u64 = 1;
/// The capacity of one core, so that the limit also holds with one core: about 3 GB.
pub const ACCESS_SESSIONS_MAX: u64 = 16_000_000;

/// A database on a disk should not be asked to store something more often than every second.
pub const DATABASE_FLUSH_EVERY_S_MIN: u64 = 1;
/// A crash loses the changes not yet written: an hour of them is more than any operator wants to lose.
pub const DATABASE_FLUSH_EVERY_S_MAX: u64 = 3600;
/// A single call of the management API makes fewer changes.
pub const DATABASE_PENDING_MIN: u64 = 1000;
/// About 10 GiB of memory.
pub const DATABASE_PENDING_MAX: u64 = 100_000_000;
/// Service managers time out earlier.
pub const DATABASE_START_WAIT_S_MAX: u64 = 300;

/// The APIs can be disabled.
pub const API_LISTEN_MIN: usize = 0;
/// As many addresses as the tracker itself listens on.
pub const API_LISTEN_MAX: usize = 16;
/// 16 random letters and digits have 95 bits and cannot be guessed over a network; shorter tokens are words.
pub const API_TOKEN_CHARACTERS_MIN: usize = 16;
/// Longer tokens are no safer, and must fit into a line of a request with everything else.
pub const API_TOKEN_CHARACTERS_MAX: usize = 256;
/// A label is a short name for people to read.
pub const API_LABEL_CHARACTERS_MAX: usize = 64;
/// Each request's token is compared with all of them.
pub const API_TOKENS_MAX: usize = 64;
/// All tokens with their labels, and about as much for comments and white space.
pub const API_TOKENS_FILE_BYTES_MAX: u64 = 64 * 1024;

/// With a shorter lifetime, a client on a slow path loses its id between connect and announce.
pub const CONNECTION_ID_LIFETIME_S_MIN: u64 = 10;
/// An intercepted id stays valid for up to two lifetimes; an hour is generous.
pub const CONNECTION_ID_LIFETIME_S_MAX: u64 = 3600;
/// The key length of a 128-bit message authentication code: a shorter key could be guessed.
pub const CONNECTION_ID_KEY_BYTES_MIN: usize = 16;

/// More than one announce per minute from every peer is load without use.
pub const ANNOUNCE_INTERVAL_S_MIN: u64 = 60;
/// Four hours: with the largest jitter, the longest lifetime still outlasts the interval.
pub const ANNOUNCE_INTERVAL_S_MAX: u64 = 14_400;
/// No jitter: every client gets the same interval.
pub const ANNOUNCE_INTERVAL_JITTER_PERCENT_MIN: u64 = 0;
/// At half of the interval, announces are already spread evenly; more only delays some clients.
pub const ANNOUNCE_INTERVAL_JITTER_PERCENT_MAX: u64 = 50;
/// A tracker may return no peers to clients that do not ask for a number.
pub const ANNOUNCE_NUMWANT_DEFAULT_MIN: u64 = 0;
/// A tracker that never returns a peer has no use.
pub const ANNOUNCE_NUMWANT_MAX_MIN: u64 = 1;
/// A reply with 200 IPv4 peers has 1220 bytes, and its packet fits a path of 1280 bytes.
pub const ANNOUNCE_NUMWANT_MAX: u64 = 200;
/// The shortest interval plus the slack: no interval allows a shorter lifetime.
pub const ANNOUNCE_PEER_LIFETIME_S_MIN: u64 = ANNOUNCE_INTERVAL_S_MIN + ANNOUNCE_PEER_LIFETIME_SLACK_S;
/// A peer's expiry is a 16-bit count of seconds, half of whose range distinguishes the past from the future.
pub const ANNOUNCE_PEER_LIFETIME_S_MAX: u64 = 32_000;
/// The delay of a client that announces on time but has to retry: its first resend comes after 15 s, its second 30 s
/// later.
pub const ANNOUNCE_PEER_LIFETIME_SLACK_S: u64 = 60;

/// The program itself, the batches of its sockets and empty tables need this much.
pub const MEMORY_MIB_MIN: u64 = 16;
/// 16 TiB: more than current machines have, and far from overflowing 64 bits in bytes.
pub const MEMORY_MIB_MAX: u64 = 16 * 1024 * 1024;
/// A tracker without a swarm has no use.
pub const SWARMS_MIN: u64 = 1;
/// Swarms are counted in 32 bits.
pub const SWARMS_MAX: u64 = 4_000_000_000;
/// A tracker without a peer has no use.
pub const PEERS_MIN: u64 = 1;
/// Peers are counted in 32 bits.
pub const PEERS_MAX: u64 = 4_000_000_000;
/// The smallest swarm has one peer.
pub const PEERS_PER_SWARM_MIN: u64 = 1;
/// The limit of the storage, which keeps the memory block of one swarm below 384 MiB.
pub const PEERS_PER_SWARM_MAX: u64 = 4_000_000;
/// One full batch of the default size, so that a batch for a single core always fits into an empty ring.
pub const MESH_SLOTS_MIN: u64 = 64;
/// There is a ring for every ordered pair of cores: the memory grows with the square of their number.
pub const MESH_SLOTS_MAX: u64 = 65_536;

/// More than one line per second cannot be read.
pub const STATISTICS_INTERVAL_S_MIN: u64 = 1;
/// One day.
pub const STATISTICS_INTERVAL_S_MAX: u64 = 86_400;

/// More than one dump per second cannot be read.
pub const LATENCY_INTERVAL_S_MIN: u64 = 1;
/// One day.
pub const LATENCY_INTERVAL_S_MAX: u64 = 86_400;
/// A tenth of all datagrams is then timestamped.
pub const LATENCY_KERNEL_SAMPLE_EVERY_S_MIN: u64 = 1;
/// With a longer period, hardly any dump has samples.
pub const LATENCY_KERNEL_SAMPLE_EVERY_S_MAX: u64 = 3600;

/// A shorter deadline would lose replies that are about to be sent.
pub const SHUTDOWN_DEADLINE_S_MIN: u64 = 1;
/// Service managers time out earlier.
pub const SHUTDOWN_DEADLINE_S_MAX: u64 = 300;

#[cfg(test)]
mod tests {
    use confique::Config;
    use confique::meta::FieldKind;

    use crate::Configuration;
    use crate::key::keys;
    use crate::testing::{assert_refused, assert_variable_refused, load_environment, load_text};

    /// Every key that takes an integer, with its smallest and its largest value.
    const RANGES: &[(&str, &str, i64, i64)] = &[
        ("udp", "batch_datagrams", 1, 256),
        ("udp", "receive_buffer_bytes", 65_536, 1_073_741_824),
        ("udp", "send_buffer_bytes", 65_536, 1_073_741_824),
        ("udp", "path_mtu_bytes", 576, 9000),
        ("http", "connections_max", 16, 4_000_000),
        ("http", "connections_per_prefix_max", 1, 1_000_000),
        ("http", "ipv4_prefix_bits", 8, 32),
        ("http", "ipv6_prefix_bits", 16, 128),
        ("http", "first_request_s", 1, 300),
        ("http", "request_s", 1, 300),
        ("http", "idle_s", 1, 3600),
        ("http", "answer_s", 1, 300),
        ("http", "requests_per_connection_max", 1, 4_294_967_295),
        ("http", "scrape_torrents_max", 1, 74),
        ("http", "full_scrape_every_s", 1, 86_400),
        ("proxy", "forwarded_index", 1, 64),
        ("access", "torrents_max", 1, 16_000_000),
        ("access", "keys_max", 1, 10_000_000),
        ("access", "sessions_max", 1, 16_000_000),
        ("database", "flush_every_s", 1, 3600),
        ("database", "pending_max", 1000, 100_000_000),
        ("database", "start_wait_s", 0, 300),
        ("connection_ids", "lifetime_s", 10, 3600),
        ("announce", "interval_s", 60, 14_400),
        ("announce", "interval_jitter_percent", 0, 50),
        ("announce", "numwant_default", 0, 200),
        ("announce", "numwant_max", 1, 200),
        ("announce", "peer_lifetime_s", 120, 32_000),
        ("limits", "memory_max_mib", 16, 16_777_216),
        ("limits", "swarms_max", 1, 4_000_000_000),
        ("limits", "peers_max", 1, 4_000_000_000),
        ("limits", "peers_per_swarm_max", 1, 4_000_000),
        ("limits", "mesh_slots", 64, 65_536),
        ("statistics", "interval_s", 1, 86_400),
        ("latency", "interval_s", 1, 86_400),
        ("latency", "kernel_sample_every_s", 1, 3600),
        ("shutdown", "deadline_s", 1, 300),
    ];

    /// Keys for which 0, outside of the range, has a special meaning.
    const ZERO_IS_SPECIAL: &[&str] = &[
        "http.full_scrape_every_s",
        "limits.memory_max_mib",
        "statistics.interval_s",
        "latency.interval_s",
        "latency.kernel_sample_every_s",
    ];

    /// Values of other keys that this value requires, because their defaults contradict it.
    fn companions(key: &str, value: i64) -> String {
        match key {
            "announce.interval_s" => "peer_lifetime_s = 32000".to_owned(),
            "announce.interval_jitter_percent" => "peer_lifetime_s = 2760".to_owned(),
            "announce.numwant_default" => "numwant_max = 200".to_owned(),
            "announce.numwant_max" => format!("numwant_default = {value}"),
            "announce.peer_lifetime_s" => "interval_s = 60\ninterval_jitter_percent = 0".to_owned(),
            _ => String::new(),
        }
    }

    fn text(section: &str, name: &str, value: i64) -> String {
        let companions = companions(&format!("{section}.{name}"), value);
        format!("[{section}]\n{name} = {value}\n{companions}\n")
    }

    #[test]
    fn both_ends_of_every_range_are_accepted() {
        for (section, name, min, max) in RANGES {
            for value in [*min, *max] {
                let loaded = load_text(&text(section, name, value));
                assert!(loaded.is_ok(), "{section}.{name} = {value}: {loaded:?}");
            }
        }
    }

    #[test]
    fn values_just_outside_every_range_are_refused_with_file_line_key_and_range() {
        for (section, name, min, max) in RANGES {
            let key = format!("{section}.{name}");
            let allowed = format!("an integer from {min} to {max}");
            let below = if ZERO_IS_SPECIAL.contains(&key.as_str()) && *min == 1 { -1 } else { min - 1 };
            for value in [below, max + 1, i64::MIN, i64::MAX] {
                let parts = [key.as_str(), &format!("`{value}`"), &allowed];
                assert_refused(&format!("[{section}]\n{name} = {value}\n"), 2, &parts);
            }
        }
    }

    #[test]
    fn an_out_of_range_variable_is_refused_with_its_name_key_and_range() {
        for (section, name, min, max) in RANGES {
            let key = format!("{section}.{name}");
            let variable = format!("RINGTRACK_{section}_{name}").to_uppercase();
            let allowed = format!("an integer from {min} to {max}");
            for value in [(max + 1).to_string(), "99999999999999999999999".to_owned()] {
                assert_variable_refused(&variable, &value, &[&key, &allowed]);
            }
        }
    }

    #[test]
    fn a_value_that_is_not_an_integer_is_refused_with_the_range() {
        for (section, name, min, max) in RANGES {
            let key = format!("{section}.{name}");
            let allowed = format!("an integer from {min} to {max}");
            for value in ["\"many\"", "1.5", "true", "[1]", "{ a = 1 }", "1979-05-27"] {
                assert_refused(&format!("\n[{section}]\n{name} = {value}\n"), 3, &[&key, &allowed]);
            }
        }
    }

    #[test]
    fn zero_is_accepted_where_it_has_a_special_meaning() {
        assert!(load_text("[limits]\nmemory_max_mib = 0\n[statistics]\ninterval_s = 0\n").is_ok());
        assert!(load_environment(&[("RINGTRACK_STATISTICS_INTERVAL_S", "0")]).is_ok());
        assert_refused("[limits]\nmemory_max_mib = 1\n", 2, &["0 or an integer from 16 to 16777216"]);
    }

    #[test]
    fn the_documentation_of_every_range_states_the_same_numbers() {
        for (section, name, min, max) in RANGES {
            let allowed = allowed_line(section, name);
            assert!(allowed.contains(&format!("{min} to")), "{section}.{name}: {allowed}");
            assert!(allowed.contains(&format!("to {max} ")), "{section}.{name}: {allowed}");
        }
    }

    #[test]
    fn every_key_with_an_integer_default_is_in_the_table_of_ranges() {
        for key in keys() {
            let documented = allowed_line(key.section, key.name);
            let starts_with_number =
                documented.trim_start_matches(" Allowed: ").starts_with(|c: char| c.is_ascii_digit());
            let listed = RANGES.iter().any(|range| (range.0, range.1) == (key.section, key.name));
            assert_eq!(starts_with_number, listed, "{key}");
        }
    }

    /// Returns the paragraph of the key's documentation that states what is allowed, on one line.
    fn allowed_line(section: &str, name: &str) -> String {
        let section = Configuration::META.fields.iter().find(|field| field.name == section).unwrap();
        let FieldKind::Nested { meta } = section.kind else { panic!("{} has no keys", section.name) };
        let field = meta.fields.iter().find(|field| field.name == name).unwrap();
        let from_allowed = field.doc.iter().skip_while(|line| !line.starts_with(" Allowed: "));
        from_allowed.take_while(|line| !line.is_empty()).copied().collect()
    }
}
