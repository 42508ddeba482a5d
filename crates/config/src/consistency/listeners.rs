//! The TCP listeners of different sections must not conflict.

use std::net::SocketAddr;

use super::Settings;
use crate::values::clash;
use crate::{ConfigError, Configuration};

/// The addresses of a section that listens on TCP.
#[derive(Clone, Copy)]
struct Listener<'a> {
    section: &'static str,
    listen: &'a [SocketAddr],
}

pub(super) fn tcp_listeners_apart(
    configuration: &Configuration,
    settings: &Settings<'_>,
) -> Result<(), ConfigError> {
    let listeners = listeners(configuration);
    for (index, later) in listeners.iter().enumerate() {
        for earlier in &listeners[..index] {
            apart(*earlier, *later, settings)?;
        }
    }
    Ok(())
}

fn listeners(configuration: &Configuration) -> [Listener<'_>; 5] {
    let api = &configuration.api;
    [
        Listener { section: "http", listen: &configuration.http.listen },
        Listener { section: "https", listen: &configuration.https.listen },
        // Without tokens it is not served, whatever its addresses are.
        Listener { section: "api", listen: if api.is_wanted() { &api.listen } else { &[] } },
        Listener { section: "health_check_api", listen: &configuration.health_check_api.listen },
        Listener { section: "metrics", listen: &configuration.metrics.listen },
    ]
}

fn apart(earlier: Listener<'_>, later: Listener<'_>, settings: &Settings<'_>) -> Result<(), ConfigError> {
    let Some((taken, address)) = first_clash(earlier.listen, later.listen) else { return Ok(()) };
    let (other, listen) = (settings.of(earlier.section, "listen"), settings.of(later.section, "listen"));
    Err(listen
        .conflict(format!("{address} is taken by {taken} of {other}, expected other ports or addresses")))
}

fn first_clash(earlier: &[SocketAddr], later: &[SocketAddr]) -> Option<(SocketAddr, SocketAddr)> {
    let mut pairs = earlier.iter().flat_map(|earlier| later.iter().map(move |later| (*earlier, *later)));
    pairs.find(|(earlier, later)| clash(*earlier, *later))
}

#[cfg(test)]
mod tests {
    use crate::testing::{assert_refused, assert_variable_refused, load_text};

    fn text(plain: &str, tls: &str) -> String {
        let files = "certificate_file = \"/c\"\nkey_file = \"/k\"\n";
        format!("http.listen = \"{plain}\"\n[https]\nlisten = \"{tls}\"\n{files}")
    }

    #[test]
    fn an_address_of_both_http_and_https_is_refused_and_both_keys_are_named() {
        let parts = [
            "https.listen = [\"127.0.0.1:80\"]",
            "127.0.0.1:80 is taken by 127.0.0.1:80",
            "http.listen = [\"127.0.0.1:80\"] (/",
            "expected other",
        ];
        assert_refused(&text("127.0.0.1:80", "127.0.0.1:80"), 3, &parts);
        let parts = ["https.listen", "taken by [::]:6969", "http.listen", "(default)"];
        assert_variable_refused("RINGTRACK_HTTPS_LISTEN", "[::]:6969", &parts);
    }

    #[test]
    fn a_wildcard_address_conflicts_with_its_port_in_the_other_section() {
        for (plain, tls) in [("0.0.0.0:80", "127.0.0.1:80"), ("[::1]:80", "[::]:80")] {
            assert_refused(&text(plain, tls), 3, &["https.listen", &format!("{tls} is taken by {plain}")]);
        }
    }

    #[test]
    fn another_port_address_or_family_and_any_free_port_are_accepted() {
        let apart = [
            ("0.0.0.0:80", "0.0.0.0:443"),
            ("127.0.0.1:80", "127.0.0.2:80"),
            ("0.0.0.0:80", "[::]:80"),
            ("127.0.0.1:0", "127.0.0.1:0"),
            ("0.0.0.0:0", "127.0.0.1:0"),
        ];
        for (plain, tls) in apart {
            assert!(load_text(&text(plain, tls)).is_ok(), "{plain} {tls}");
        }
    }

    const TOKENS: &str = "[api]\ntokens = { ops = \"0123456789abcdef\" }\n";

    #[test]
    fn an_address_of_an_api_conflicts_with_all_other_tcp_listeners() {
        let health = "health_check_api.listen = \"127.0.0.1:6969\"\n";
        assert_refused(health, 1, &["health_check_api.listen", "taken by 0.0.0.0:6969 of http.listen"]);
        let api = "api.listen = \"127.0.0.1:443\"\napi.tokens_file = \"/x\"\n";
        let parts = ["api.listen", "taken by 127.0.0.1:443 of https.listen"];
        assert_refused(&format!("{api}{}", text("127.0.0.1:80", "127.0.0.1:443")), 1, &parts);
        let both = format!("health_check_api.listen = \"0.0.0.0:1212\"\n{TOKENS}");
        let parts = ["health_check_api.listen", "taken by 127.0.0.1:1212 of api.listen", "(default)"];
        assert_refused(&both, 1, &parts);
        let parts = ["metrics.listen", "taken by 127.0.0.1:1313 of health_check_api.listen", "(default)"];
        assert_refused("metrics.listen = \"0.0.0.0:1313\"\n", 1, &parts);
    }

    #[test]
    fn an_api_without_tokens_occupies_no_address() {
        assert!(load_text("http.listen = \"127.0.0.1:1212\"\n").is_ok());
        let refused = format!("http.listen = \"127.0.0.1:1212\"\n{TOKENS}");
        assert_refused(&refused, 1, &["api.listen = [\"127.0.0.1:1212\"] (default)", "http.listen"]);
    }

    #[test]
    fn a_udp_port_can_be_used_for_https_and_the_apis() {
        let udp = "udp.listen = [\"127.0.0.1:443\", \"127.0.0.1:1212\", \"127.0.0.1:1313\"]";
        let https = text("127.0.0.1:80", "127.0.0.1:443");
        assert!(load_text(&format!("{udp}\n{https}{TOKENS}")).is_ok());
    }
}
