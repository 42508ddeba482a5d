//! Limits by source, and temporary bans, from the configuration.

use access::addresses_of;
use config::{Configuration, Sources};
use control::SourceSettings;
use guard::{Class, PrefixLengths, SourceLimits};
use std::sync::Arc;
use std::time::Duration;

/// Returns the limits of sources, as one core applies them.
pub(crate) fn source_limits(sources: &Sources) -> SourceLimits {
    let lengths = PrefixLengths::new(sources.ipv4_prefix_bits.lengths(), sources.ipv6_prefix_bits.lengths());
    SourceLimits {
        prefixes: lengths.expect("the configuration has few lengths, each shorter than the one before"),
        wider_factor: sources.wider_prefix_factor,
        per_s: Class::ALL.map(|class| per_s(sources, class)),
        burst_s: sources.burst_s,
        unproved_per_s: sources.unproved_per_s,
        allow: Arc::new(addresses_of(&sources.allow)),
    }
}

const fn per_s(sources: &Sources, class: Class) -> u32 {
    match class {
        Class::Requests => sources.requests_per_s,
        Class::NewPeers => sources.new_peers_per_s,
        Class::NewTorrents => sources.new_torrents_per_s,
        Class::Connections => sources.connections_per_s,
        Class::Handshakes => sources.handshakes_per_s,
    }
}

/// Returns the settings of the management. The APIs set no limits for the networks of proxies, behind which are many clients.
pub(crate) fn source_settings(configuration: &Configuration) -> SourceSettings {
    let Configuration { sources, proxy, .. } = configuration;
    let seconds = |seconds: u32| Duration::from_secs(seconds.into());
    let exempt = [proxy.trusted.as_slice(), &sources.allow].concat();
    let allow = Arc::new(addresses_of(&exempt));
    SourceSettings {
        limits: SourceLimits { allow, ..source_limits(sources) },
        ban_after: seconds(sources.ban_after_s),
        ban_first: seconds(sources.ban_s),
        ban_longest: seconds(sources.ban_s_max),
        exempt,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_of_proxies_and_allowed_ones_are_exempt_and_have_no_limits_at_the_apis() {
        let mut configuration = Configuration::default();
        configuration.proxy.trusted = vec!["192.0.2.0/24".parse().unwrap()];
        configuration.sources.allow = vec!["2001:db8::/32".parse().unwrap()];
        let settings = source_settings(&configuration);
        assert_eq!(settings.exempt.len(), 2);
        let allowed = ["2001:db8::1", "2001:db9::1", "192.0.2.1"].map(|ip| ip.parse().unwrap());
        assert_eq!(allowed.map(|ip| settings.limits.allow.contains(ip)), [true, false, true]);
        let of_cores = source_limits(&configuration.sources).allow;
        assert_eq!(allowed.map(|ip| of_cores.contains(ip)), [true, false, false]);
    }

    #[test]
    fn each_class_has_its_rate() {
        let sources = Sources {
            requests_per_s: 1,
            new_peers_per_s: 2,
            new_torrents_per_s: 3,
            connections_per_s: 4,
            handshakes_per_s: 5,
            unproved_per_s: 10,
            ..Sources::default()
        };
        let limits = source_limits(&sources);
        assert_eq!((limits.per_s, limits.unproved_per_s), ([1, 2, 3, 4, 5], 10));
        assert_eq!(limits.prefixes, PrefixLengths::USUAL);
    }
}
