//! The bounds of every key, each with its reason.
//!
//! A bound is either what the field or the kernel can carry, or the point past which a value can only be a
//! mistake (a wrong unit, a digit too many).

/// A configuration file is far smaller; a bound keeps a wrong path (a device, a log) from filling the memory.
pub const FILE_BYTES_MAX: u64 = 1024 * 1024;

/// The kernel's fixed-size CPU mask (`cpu_set_t`) ends at core 1023.
pub const CORE_NUMBER_MAX: u64 = 1023;

/// Without an address nobody could reach the tracker.
pub const UDP_LISTEN_MIN: usize = 1;
/// Each address is one socket on every core; hosts with more addresses use a wildcard.
pub const UDP_LISTEN_MAX: usize = 16;

/// One datagram a call is the smallest batch that makes progress.
pub const UDP_BATCH_DATAGRAMS_MIN: u64 = 1;
/// Past this, a batch no longer fits the first-level caches and the first reply waits for the last request.
pub const UDP_BATCH_DATAGRAMS_MAX: u64 = 256;

/// Less than this holds fewer requests than one full batch.
pub const UDP_BUFFER_BYTES_MIN: u64 = 64 * 1024;
/// The kernel doubles the value and keeps it in a signed 32-bit field, which one gibibyte is the last to fit.
pub const UDP_BUFFER_BYTES_MAX: u64 = 1024 * 1024 * 1024;

/// The smallest packet that every IPv4 host has to accept.
pub const UDP_PATH_MTU_BYTES_MIN: u64 = 576;
/// The usual jumbo frame; larger ones do not leave the local network.
pub const UDP_PATH_MTU_BYTES_MAX: u64 = 9000;

/// A tracker may serve no plain HTTP, or no HTTPS.
pub const HTTP_LISTEN_MIN: usize = 0;
/// Each address is one socket on every core; hosts with more addresses use a wildcard.
pub const HTTP_LISTEN_MAX: usize = 16;
/// Fewer are taken by a handful of clients and a health check.
pub const HTTP_CONNECTIONS_MIN: u64 = 16;
/// A connection takes some kilobytes of the kernel's memory: this many take tens of gibibytes.
pub const HTTP_CONNECTIONS_MAX: u64 = 4_000_000;
/// With none, nobody could connect.
pub const HTTP_CONNECTIONS_PER_PREFIX_MIN: u64 = 1;
/// Past this it bounds nothing: a core rarely holds as many connections at all.
pub const HTTP_CONNECTIONS_PER_PREFIX_MAX: u64 = 1_000_000;
/// The largest networks that IPv4 was ever dealt out in.
pub const HTTP_IPV4_PREFIX_BITS_MIN: u64 = 8;
/// A whole IPv4 address.
pub const HTTP_IPV4_PREFIX_BITS_MAX: u64 = 32;
/// No provider was dealt a larger network than about this.
pub const HTTP_IPV6_PREFIX_BITS_MIN: u64 = 16;
/// A whole IPv6 address.
pub const HTTP_IPV6_PREFIX_BITS_MAX: u64 = 128;
/// Less would cut off honest clients on long paths.
pub const HTTP_DEADLINE_S_MIN: u64 = 1;
/// A request or an answer is a few packets: no path takes five minutes for them.
pub const HTTP_DEADLINE_S_MAX: u64 = 300;
/// Connections that are not to be kept at all are what `requests_per_connection_max` = 1 makes.
pub const HTTP_IDLE_S_MIN: u64 = 1;
/// Clients announce about twice an hour, and hardly one keeps its connection for that long.
pub const HTTP_IDLE_S_MAX: u64 = 3600;
/// One request is what a connection is for.
pub const HTTP_REQUESTS_PER_CONNECTION_MIN: u64 = 1;
/// Requests are counted in 32 bits.
pub const HTTP_REQUESTS_PER_CONNECTION_MAX: u64 = 4_294_967_295;
/// A scrape of no torrent has no use.
pub const HTTP_SCRAPE_TORRENTS_MIN: u64 = 1;
/// As many as over UDP (BEP 15), so that both take the same way.
pub const HTTP_SCRAPE_TORRENTS_MAX: u64 = 74;
/// A tracker that is scraped as a whole all the time does little else.
pub const HTTP_FULL_SCRAPE_EVERY_S_MIN: u64 = 1;
/// A day.
pub const HTTP_FULL_SCRAPE_EVERY_S_MAX: u64 = 86_400;

/// A list is searched for each connection or request that it concerns, from its front to its end.
pub const NETWORKS_MAX: usize = 256;
/// The right-most element is what the nearest proxy saw.
pub const PROXY_FORWARDED_INDEX_MIN: u64 = 1;
/// No chain of proxies is as long.
pub const PROXY_FORWARDED_INDEX_MAX: u64 = 64;

/// Each client's peer id is compared with each prefix of a list.
pub const CLIENTS_MAX: usize = 256;
/// A list that may have no torrent has no use.
pub const ACCESS_TORRENTS_MIN: u64 = 1;
/// What one core can keep, so that it holds on a machine with one, too. A list of torrents has a few millions at most.
pub const ACCESS_TORRENTS_MAX: u64 = 16_000_000;
/// A private tracker without a key serves nobody.
pub const ACCESS_KEYS_MIN: u64 = 1;
/// Every core has a copy of each key; no private tracker has as many users.
pub const ACCESS_KEYS_MAX: u64 = 10_000_000;
/// One peer of one torrent is the least that can be accounted.
pub const ACCESS_SESSIONS_MIN: u64 = 1;
/// What one core can keep, so that it holds on a machine with one, too: some 3 GB.
pub const ACCESS_SESSIONS_MAX: u64 = 16_000_000;

/// Every second is as often as a database on a disk can be asked to keep something.
pub const DATABASE_FLUSH_EVERY_S_MIN: u64 = 1;
/// What is not written yet is lost by a crash: an hour of it is more than anybody wants to lose.
pub const DATABASE_FLUSH_EVERY_S_MAX: u64 = 3600;
/// Fewer come in one call of the management API.
pub const DATABASE_PENDING_MIN: u64 = 1000;
/// About 10 GiB of memory.
pub const DATABASE_PENDING_MAX: u64 = 100_000_000;
/// Service managers lose patience earlier than this.
pub const DATABASE_START_WAIT_S_MAX: u64 = 300;

/// The APIs may be switched off.
pub const API_LISTEN_MIN: usize = 0;
/// As many as the tracker itself listens on.
pub const API_LISTEN_MAX: usize = 16;
/// A token of 16 random letters and digits has 95 bits, which nobody guesses over a network; shorter ones are words.
pub const API_TOKEN_CHARACTERS_MIN: usize = 16;
/// Longer ones are no safer, and have to fit a line of a request with all else.
pub const API_TOKEN_CHARACTERS_MAX: usize = 256;
/// A label is a name for people.
pub const API_LABEL_CHARACTERS_MAX: usize = 64;
/// Each request's token is compared with all of them.
pub const API_TOKENS_MAX: usize = 64;
/// All tokens with their labels, and as much for comments and white space.
pub const API_TOKENS_FILE_BYTES_MAX: u64 = 64 * 1024;

/// Shorter, and a client on a slow path loses its id between connect and announce.
pub const CONNECTION_ID_LIFETIME_S_MIN: u64 = 10;
/// An id that somebody overheard stays of use for up to two lifetimes; an hour is generous.
pub const CONNECTION_ID_LIFETIME_S_MAX: u64 = 3600;
/// The key of a 128-bit message authentication code: fewer bytes could be guessed.
pub const CONNECTION_ID_KEY_BYTES_MIN: usize = 16;

/// More than one announce a minute from every peer is load without use.
pub const ANNOUNCE_INTERVAL_S_MIN: u64 = 60;
/// Four hours: with the largest jitter, a peer that announces on time still fits in the longest lifetime.
pub const ANNOUNCE_INTERVAL_S_MAX: u64 = 14_400;
/// No jitter: every client gets the same interval.
pub const ANNOUNCE_INTERVAL_JITTER_PERCENT_MIN: u64 = 0;
/// At half of the interval, announces are already spread evenly; more only makes some clients late.
pub const ANNOUNCE_INTERVAL_JITTER_PERCENT_MAX: u64 = 50;
/// A tracker may give no peers to clients that do not ask for a number.
pub const ANNOUNCE_NUMWANT_DEFAULT_MIN: u64 = 0;
/// A tracker that gives no peer to anybody has no use.
pub const ANNOUNCE_NUMWANT_MAX_MIN: u64 = 1;
/// 200 IPv4 peers fill a reply of 1220 bytes, which is what fits a path of 1280 bytes.
pub const ANNOUNCE_NUMWANT_MAX: u64 = 200;
/// The shortest interval and its slack, so that no interval allows less.
pub const ANNOUNCE_PEER_LIFETIME_S_MIN: u64 = ANNOUNCE_INTERVAL_S_MIN + ANNOUNCE_PEER_LIFETIME_SLACK_S;
/// A peer's expiry is a 16-bit count of seconds of which half tells the past from the future.
pub const ANNOUNCE_PEER_LIFETIME_S_MAX: u64 = 32_000;
/// What a client that announces on time may still lose to a retry: its first resend comes after 15 s, its
/// second 30 s later.
pub const ANNOUNCE_PEER_LIFETIME_SLACK_S: u64 = 60;

/// The program itself, its sockets' batches and an empty table need this much.
pub const MEMORY_MIB_MIN: u64 = 16;
/// 16 TiB: more than the machines of today have, and its count of bytes is far from overflowing 64 bits.
pub const MEMORY_MIB_MAX: u64 = 16 * 1024 * 1024;
/// A tracker without a swarm could answer nobody.
pub const SWARMS_MIN: u64 = 1;
/// Swarms are counted in 32 bits.
pub const SWARMS_MAX: u64 = 4_000_000_000;
/// A tracker without a peer could answer nobody.
pub const PEERS_MIN: u64 = 1;
/// Peers are counted in 32 bits.
pub const PEERS_MAX: u64 = 4_000_000_000;
/// A swarm of one peer is the smallest.
pub const PEERS_PER_SWARM_MIN: u64 = 1;
/// The bound of the storage, which keeps the block of memory of one swarm below 384 MiB.
pub const PEERS_PER_SWARM_MAX: u64 = 4_000_000;
/// One full batch of the default size, so that a batch for one core alone always fits an empty ring.
pub const MESH_SLOTS_MIN: u64 = 64;
/// There is a ring for every ordered pair of cores: the memory grows with the square of the cores.
pub const MESH_SLOTS_MAX: u64 = 65_536;

/// A line every second is as often as an eye can follow.
pub const STATISTICS_INTERVAL_S_MIN: u64 = 1;
/// One day.
pub const STATISTICS_INTERVAL_S_MAX: u64 = 86_400;

/// A dump every second is as often as anyone can look at.
pub const LATENCY_INTERVAL_S_MIN: u64 = 1;
/// One day.
pub const LATENCY_INTERVAL_S_MAX: u64 = 86_400;
/// A tenth of all datagrams is stamped then.
pub const LATENCY_KERNEL_SAMPLE_EVERY_S_MIN: u64 = 1;
/// Past an hour, hardly a dump has samples.
pub const LATENCY_KERNEL_SAMPLE_EVERY_S_MAX: u64 = 3600;

/// Less would cut off replies that are already on their way out.
pub const SHUTDOWN_DEADLINE_S_MIN: u64 = 1;
/// Service managers lose patience earlier than this.
pub const SHUTDOWN_DEADLINE_S_MAX: u64 = 300;

#[cfg(test)]
mod tests {
    use confique::Config;
    use confique::meta::FieldKind;

    use crate::Configuration;
    use crate::key::keys;
    use crate::testing::{assert_refused, assert_variable_refused, load_environment, load_text};

    /// Every key that takes an integer, with its least and its largest value.
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

    /// Keys for which 0 has a meaning of its own, outside of the range.
    const ZERO_IS_SPECIAL: &[&str] = &[
        "http.full_scrape_every_s",
        "limits.memory_max_mib",
        "statistics.interval_s",
        "latency.interval_s",
        "latency.kernel_sample_every_s",
    ];

    /// Other values that a bound of this key would contradict at their defaults.
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
    fn both_bounds_of_every_range_are_accepted() {
        for (section, name, min, max) in RANGES {
            for value in [*min, *max] {
                let loaded = load_text(&text(section, name, value));
                assert!(loaded.is_ok(), "{section}.{name} = {value}: {loaded:?}");
            }
        }
    }

    #[test]
    fn one_below_and_one_above_every_range_are_refused_with_file_line_key_and_range() {
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
    fn out_of_range_in_the_environment_is_refused_with_variable_key_and_range() {
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
    fn a_word_or_a_fraction_where_an_integer_belongs_is_refused_with_the_range() {
        for (section, name, min, max) in RANGES {
            let key = format!("{section}.{name}");
            let allowed = format!("an integer from {min} to {max}");
            for value in ["\"many\"", "1.5", "true", "[1]", "{ a = 1 }", "1979-05-27"] {
                assert_refused(&format!("\n[{section}]\n{name} = {value}\n"), 3, &[&key, &allowed]);
            }
        }
    }

    #[test]
    fn zero_is_accepted_where_it_has_a_meaning_of_its_own() {
        assert!(load_text("[limits]\nmemory_max_mib = 0\n[statistics]\ninterval_s = 0\n").is_ok());
        assert!(load_environment(&[("RINGTRACK_STATISTICS_INTERVAL_S", "0")]).is_ok());
        assert_refused("[limits]\nmemory_max_mib = 1\n", 2, &["0 or an integer from 16 to 16777216"]);
    }

    #[test]
    fn the_documentation_of_every_range_says_the_same_numbers() {
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

    /// The paragraph of the key's documentation that says what is allowed, on one line.
    fn allowed_line(section: &str, name: &str) -> String {
        let section = Configuration::META.fields.iter().find(|field| field.name == section).unwrap();
        let FieldKind::Nested { meta } = section.kind else { panic!("{} is no section", section.name) };
        let field = meta.fields.iter().find(|field| field.name == name).unwrap();
        let from_allowed = field.doc.iter().skip_while(|line| !line.starts_with(" Allowed: "));
        from_allowed.take_while(|line| !line.is_empty()).copied().collect()
    }
}
