//! HTTP and HTTPS listen side by side.

use std::net::SocketAddr;

use crate::consistency::Setting;
use crate::load::Origins;
use crate::values::addresses::clash;
use crate::{ConfigError, Http, Https};

pub(super) fn http_and_https_apart(http: &Http, https: &Https, origins: &Origins) -> Result<(), ConfigError> {
    let Some((plain, tls)) = first_clash(&http.listen, &https.listen) else { return Ok(()) };
    let other = Setting::with_list(origins, "http", "listen", &http.listen);
    let listen = Setting::with_list(origins, "https", "listen", &https.listen);
    Err(listen.conflict(format!("{tls} is taken by {plain} of {other}, expected other ports or addresses")))
}

fn first_clash(plain: &[SocketAddr], tls: &[SocketAddr]) -> Option<(SocketAddr, SocketAddr)> {
    let mut pairs = plain.iter().flat_map(|plain| tls.iter().map(move |tls| (*plain, *tls)));
    pairs.find(|(plain, tls)| clash(*plain, *tls))
}

#[cfg(test)]
mod tests {
    use crate::testing::{assert_refused, assert_variable_refused, load_text};

    fn text(plain: &str, tls: &str) -> String {
        let files = "certificate_file = \"/c\"\nkey_file = \"/k\"\n";
        format!("http.listen = \"{plain}\"\n[https]\nlisten = \"{tls}\"\n{files}")
    }

    #[test]
    fn an_address_for_both_http_and_https_is_refused_with_both_keys() {
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
    fn a_wildcard_of_one_takes_its_port_from_the_other() {
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

    #[test]
    fn a_port_of_udp_is_free_for_https() {
        let text = text("127.0.0.1:80", "127.0.0.1:443");
        assert!(load_text(&format!("udp.listen = \"127.0.0.1:443\"\n{text}")).is_ok());
    }
}
