//! Integers within limits, and intervals.

use std::ops::RangeInclusive;

use toml::de::DeInteger;

use super::{Fault, Json, Value, Written, refused, wrong_type};

/// Reads an integer within the range.
pub(crate) fn integer<T: TryFrom<u64>>(
    range: RangeInclusive<u64>,
) -> impl FnOnce(&Value<'_>) -> Result<T, Fault> {
    move |value: &Value<'_>| {
        let expected = format!("an integer from {} to {}", range.start(), range.end());
        read(value, &expected, |number| range.contains(number))
    }
}

/// Reads an integer that is within the range, or 0 with a special meaning.
pub(crate) fn zero_or<T: TryFrom<u64>>(
    range: RangeInclusive<u64>,
) -> impl FnOnce(&Value<'_>) -> Result<T, Fault> {
    move |value: &Value<'_>| {
        let expected = format!("0 or an integer from {} to {}", range.start(), range.end());
        read(value, &expected, |number| *number == 0 || range.contains(number))
    }
}

fn read<T: TryFrom<u64>>(
    value: &Value<'_>,
    expected: &str,
    is_allowed: impl Fn(&u64) -> bool,
) -> Result<T, Fault> {
    let number = value.as_integer().and_then(parse).filter(is_of_64_bits);
    let number = u64::try_from(number.ok_or_else(|| wrong_type(value, expected))?).ok();
    let allowed = number.filter(is_allowed).and_then(|number| T::try_from(number).ok());
    allowed.ok_or_else(|| refused(value, expected))
}

fn parse(digits: &DeInteger<'_>) -> Option<i128> {
    i128::from_str_radix(digits.as_str(), digits.radix()).ok()
}

fn is_of_64_bits(number: &i128) -> bool {
    i64::try_from(*number).is_ok() || u64::try_from(*number).is_ok()
}

/// Describes an integer in an error, as serde does.
pub(super) fn described(digits: &DeInteger<'_>) -> String {
    match parse(digits) {
        Some(number) if is_of_64_bits(&number) => format!("integer `{number}`"),
        Some(number) => format!("integer `{number}` as i128"),
        None => format!("integer `{digits}`"),
    }
}

/// The interval of periodic work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Interval {
    /// Never.
    Off,
    /// An interval in seconds, at least 1.
    Every(u32),
}

impl TryFrom<u64> for Interval {
    type Error = std::num::TryFromIntError;

    fn try_from(seconds: u64) -> Result<Self, Self::Error> {
        Ok(match seconds.try_into()? {
            0 => Self::Off,
            seconds => Self::Every(seconds),
        })
    }
}

impl Written for Interval {
    fn written(&self) -> Json {
        match self {
            Self::Off => 0.into(),
            Self::Every(seconds) => (*seconds).into(),
        }
    }
}

macro_rules! written_integers {
    ($($Integer:ty),+) => {
        $(impl Written for $Integer {
            fn written(&self) -> Json {
                (*self).into()
            }
        })+
    };
}

written_integers!(u8, u16, u32, usize);

#[cfg(test)]
mod tests {
    use crate::Configuration;
    use crate::declare::keys;
    use crate::testing::{assert_refused, assert_variable_refused, load_environment, load_text};

    /// Every key that takes an integer, with its smallest and its largest value.
    const RANGES: &[(&str, &str, i64, i64)] = &[
        ("udp", "filter_wrong_ids_per_s", 0, 10_000_000),
        ("udp", "batch_datagrams", 1, 256),
        ("udp", "coalesce_us", 0, 10_000),
        ("udp", "receive_buffer_bytes", 65_536, 1_073_741_824),
        ("udp", "send_buffer_bytes", 65_536, 1_073_741_824),
        ("udp", "path_mtu_bytes", 576, 9000),
        ("http", "connections_max", 16, 4_000_000),
        ("http", "connections_per_prefix_max", 1, 1_000_000),
        ("http", "first_request_s", 1, 300),
        ("http", "request_s", 1, 300),
        ("http", "idle_s", 1, 3600),
        ("http", "answer_s", 1, 300),
        ("http", "requests_per_connection_max", 1, 4_294_967_295),
        ("http", "scrape_torrents_max", 1, 74),
        ("http", "full_scrape_every_s", 1, 86_400),
        ("proxy", "forwarded_index", 1, 64),
        ("websocket", "interval_s", 10, 3600),
        ("websocket", "idle_s", 10, 3600),
        ("websocket", "offers_per_announce_max", 1, 50),
        ("websocket", "signals_per_second_max", 1, 100_000),
        ("websocket", "torrents_per_connection_max", 1, 10_000),
        ("access", "torrents_max", 1, 16_000_000),
        ("access", "keys_max", 1, 10_000_000),
        ("access", "sessions_max", 1, 16_000_000),
        ("sources", "wider_prefix_factor", 1, 65_536),
        ("sources", "requests_per_s", 0, 10_000_000),
        ("sources", "new_peers_per_s", 0, 10_000_000),
        ("sources", "new_torrents_per_s", 0, 10_000_000),
        ("sources", "connections_per_s", 0, 10_000_000),
        ("sources", "handshakes_per_s", 0, 10_000_000),
        ("sources", "burst_s", 1, 3600),
        ("sources", "unproved_per_s", 0, 100_000_000),
        ("sources", "sources_max", 65_536, 134_217_728),
        ("sources", "ban_after_s", 1, 3600),
        ("sources", "ban_s", 0, 2_592_000),
        ("sources", "ban_s_max", 1, 2_592_000),
        ("sources", "bans_max", 1, 16_384),
        ("forwarding", "timeout_s", 1, 120),
        ("forwarding", "requests_max", 1, 1000),
        ("forwarding", "rate_per_second_max", 1, 100_000),
        ("forwarding", "burst_max", 1, 100_000),
        ("forwarding", "waiting_max", 1, 1_000_000),
        ("forwarding", "torrents_max", 1, 1_000_000),
        ("forwarding", "external_peers_max", 1, 100_000_000),
        ("database", "flush_every_s", 1, 3600),
        ("database", "pending_max", 1000, 100_000_000),
        ("database", "start_wait_s", 0, 300),
        ("snapshot", "interval_s", 60, 86_400),
        ("connection_ids", "lifetime_s", 10, 3600),
        ("announce", "interval_s", 60, 14_400),
        ("announce", "interval_s_max", 60, 14_400),
        ("announce", "interval_s_min", 0, 3600),
        ("announce", "interval_jitter_percent", 0, 50),
        ("announce", "numwant_default", 0, 200),
        ("announce", "numwant_max", 1, 200),
        ("announce", "peer_lifetime_s", 120, 32_000),
        ("limits", "memory_max_mib", 16, 16_777_216),
        ("limits", "swarms_max", 1, 4_000_000_000),
        ("limits", "peers_max", 1, 4_000_000_000),
        ("limits", "peers_per_swarm_max", 1, 4_000_000),
        ("limits", "peers_per_source_max", 0, 64),
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
        "snapshot.interval_s",
        "statistics.interval_s",
        "latency.interval_s",
        "latency.kernel_sample_every_s",
    ];

    /// Values of other keys that this value requires, because their defaults contradict it.
    fn companions(key: &str, value: i64) -> String {
        match key {
            "announce.interval_s" => "peer_lifetime_s = 32000".to_owned(),
            "announce.interval_s_min" => "interval_s = 3600\npeer_lifetime_s = 32000".to_owned(),
            "announce.interval_jitter_percent" => "peer_lifetime_s = 2760".to_owned(),
            "announce.numwant_default" => "numwant_max = 200".to_owned(),
            "announce.numwant_max" => format!("numwant_default = {value}"),
            "sources.ban_s" => "ban_s_max = 2592000".to_owned(),
            "sources.ban_s_max" => "ban_s = 0".to_owned(),
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
        let section = Configuration::SECTIONS.iter().find(|known| known.name == section).unwrap();
        let key = section.keys.iter().find(|key| key.name == name).unwrap();
        let from_allowed = key.documentation.iter().skip_while(|line| !line.starts_with(" Allowed: "));
        from_allowed.take_while(|line| !line.is_empty()).copied().collect()
    }
}
