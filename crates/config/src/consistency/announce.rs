//! Rules between the keys of `[announce]`.

use crate::consistency::Setting;
use crate::limits::ANNOUNCE_PEER_LIFETIME_SLACK_S;
use crate::load::Origins;
use crate::{Announce, ConfigError};

pub(super) fn numwant_default_within_max(announce: &Announce, origins: &Origins) -> Result<(), ConfigError> {
    if announce.numwant_default <= announce.numwant_max {
        return Ok(());
    }
    let max = Setting::new(origins, "announce", "numwant_max", &announce.numwant_max);
    let default = Setting::new(origins, "announce", "numwant_default", &announce.numwant_default);
    Err(default.conflict(format!("must be at most {max}")))
}

pub(super) fn peer_lifetime_outlasts_interval(
    announce: &Announce,
    origins: &Origins,
) -> Result<(), ConfigError> {
    let shortest_s = peer_lifetime_shortest_s(announce);
    if u64::from(announce.peer_lifetime_s) >= shortest_s {
        return Ok(());
    }
    let interval = Setting::new(origins, "announce", "interval_s", &announce.interval_s);
    let percent = &announce.interval_jitter_percent;
    let jitter = Setting::new(origins, "announce", "interval_jitter_percent", percent);
    let lifetime = Setting::new(origins, "announce", "peer_lifetime_s", &announce.peer_lifetime_s);
    Err(lifetime.conflict(format!(
        "must be at least {shortest_s}: {interval}, plus {jitter}, plus {ANNOUNCE_PEER_LIFETIME_SLACK_S} s"
    )))
}

/// Returns the longest interval that a reply can carry, plus the slack.
fn peer_lifetime_shortest_s(announce: &Announce) -> u64 {
    let percent = 100 + u64::from(announce.interval_jitter_percent);
    (u64::from(announce.interval_s) * percent).div_ceil(100) + ANNOUNCE_PEER_LIFETIME_SLACK_S
}

#[cfg(test)]
mod tests {
    use crate::load;
    use crate::testing::{
        assert_contains, assert_refused, assert_variable_refused, environment, file_with, load_text,
    };

    #[test]
    fn a_lifetime_of_the_longest_interval_plus_a_minute_is_accepted() {
        assert!(load_text("[announce]\npeer_lifetime_s = 2040\n").is_ok());
        // 61 s plus half of it is 91.5 s.
        let text = "interval_s = 61\ninterval_jitter_percent = 50\npeer_lifetime_s = 152\n";
        assert!(load_text(&format!("[announce]\n{text}")).is_ok());
    }

    #[test]
    fn a_lifetime_below_the_longest_interval_plus_a_minute_is_refused() {
        let parts = ["announce.peer_lifetime_s = 2039", "at least 2040", "interval_s = 1800 (default)"];
        assert_refused("[announce]\npeer_lifetime_s = 2039\n", 2, &parts);
        let text = "interval_s = 61\ninterval_jitter_percent = 50\npeer_lifetime_s = 151\n";
        assert_refused(&format!("[announce]\n{text}"), 4, &["at least 152"]);
    }

    #[test]
    fn an_interval_too_long_for_the_default_lifetime_is_named_with_its_line() {
        let parts = ["announce.peer_lifetime_s = 2700 (default)", "announce.interval_s = 3600 (/"];
        assert_refused("[announce]\ninterval_s = 3600\n", 2, &parts);
    }

    #[test]
    fn the_longest_interval_with_the_largest_jitter_allows_a_lifetime() {
        let text = "interval_s = 14400\ninterval_jitter_percent = 50\npeer_lifetime_s = 21660\n";
        assert!(load_text(&format!("[announce]\n{text}")).is_ok());
    }

    #[test]
    fn a_default_number_of_peers_above_the_maximum_is_refused() {
        let parts = ["announce.numwant_default = 51", "at most announce.numwant_max = 50 (default)"];
        assert_refused("[announce]\nnumwant_default = 51\n", 2, &parts);
        let parts = ["announce.numwant_default = 50 (default)", "announce.numwant_max = 49"];
        assert_variable_refused("RINGTRACK_ANNOUNCE_NUMWANT_MAX", "49", &parts);
    }

    #[test]
    fn each_value_of_a_conflict_is_named_with_its_own_origin() {
        let file = file_with("[announce]\nnumwant_default = 60\n");
        let variables = environment(&[("RINGTRACK_ANNOUNCE_NUMWANT_MAX", "40")]);
        let message = load(Some(file.path()), variables).unwrap_err().to_string();
        let place = format!("{}:2", file.path().display());
        assert_contains(&message, &[&place, "40 (environment variable RINGTRACK_ANNOUNCE_NUMWANT_MAX)"]);
    }
}
