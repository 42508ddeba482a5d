use crate::cli::Options;
use crate::target::{Protocol, Security, Target};
use clap::ValueEnum;
use std::net::IpAddr;

/// A way to misuse a tracker. Without `--rate` each goes at full speed, whether or not the tracker responds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Attack {
    /// The requests of the load, from sources that proved their addresses (UDP)
    Flood,
    /// Connects, and requests with the connection id of this machine's own address, from made-up source addresses all
    /// over IPv4, by a raw socket (UDP, as root, to 198.18.0.0/15 only)
    Spoofed,
    /// Connections that send one byte of an endless request at a time (HTTP)
    Slow,
    /// Connections that send nothing (HTTP)
    Silent,
    /// Connections that send requests and never read a response (HTTP)
    Pipelining,
    /// Connections that end after a full TLS handshake (HTTPS)
    Handshakes,
}

/// Returns a text for an attack that does not fit the other options.
pub(crate) fn contradiction(options: &Options) -> Option<String> {
    let attack = options.attack?;
    if options.fill || options.verify {
        return Some("--attack excludes --fill and --verify".to_owned());
    }
    let is_of_protocol = |target: &Target| match attack {
        Attack::Flood | Attack::Spoofed => target.http().is_none(),
        Attack::Slow | Attack::Silent | Attack::Pipelining => matches!(target.protocol, Protocol::Http(_)),
        Attack::Handshakes => {
            matches!(&target.protocol, Protocol::Http(place) if place.security == Security::Tls)
        }
    };
    if !options.target.iter().all(is_of_protocol) {
        return Some("--attack is for another protocol than that of --target".to_owned());
    }
    let is_harmless = |target: &Target| match target.address.ip() {
        ip if is_for_benchmarks(ip) => true,
        ip => ip.is_loopback() && attack != Attack::Spoofed,
    };
    (!options.target.iter().all(is_harmless)).then(|| {
        "--attack is only for trackers of this machine: on its loopback, or in 198.18.0.0/15, the network for \
         benchmarks (spoofed: only there)"
            .to_owned()
    })
}

/// Returns whether an address is in the network for benchmarks (RFC 2544), which is routed nowhere.
fn is_for_benchmarks(ip: IpAddr) -> bool {
    matches!(ip, IpAddr::V4(ip) if matches!(ip.octets(), [198, 18 | 19, ..]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    fn refusal(attack: &str, target: &str, more: &[&str]) -> Option<String> {
        let fixed = ["ringtrack-blast", "--attack", attack, "--target", target];
        contradiction(&Options::parse_from(fixed.iter().chain(more)))
    }

    #[test]
    fn an_attack_fits_its_protocol_and_stays_on_this_machine() {
        for (attack, target) in [
            ("flood", "127.0.0.1:1"),
            ("flood", "198.19.255.1:1"),
            ("spoofed", "198.18.0.1:1"),
            ("slow", "http://127.0.0.1:1/announce"),
            ("handshakes", "https://198.18.0.1:1/announce"),
        ] {
            assert_eq!(refusal(attack, target, &[]), None, "{attack} {target}");
        }
        for (attack, target) in [
            ("flood", "192.0.2.1:1"),
            ("flood", "198.17.0.1:1"),
            ("flood", "[2001:db8::1]:1"),
            ("spoofed", "127.0.0.1:1"),
            ("silent", "https://192.0.2.1:1/announce"),
            ("slow", "127.0.0.1:1"),
            ("flood", "http://127.0.0.1:1/announce"),
            ("pipelining", "ws://127.0.0.1:1"),
            ("handshakes", "http://127.0.0.1:1/announce"),
        ] {
            assert!(refusal(attack, target, &[]).is_some(), "{attack} {target}");
        }
        assert!(refusal("flood", "127.0.0.1:1", &["--fill"]).is_some());
    }
}
