//! A proxy header requires trusted networks, and trusted networks require a header.

use crate::consistency::Setting;
use crate::load::Origins;
use crate::values::choice;
use crate::{ConfigError, Proxy, ProxyHeader};

pub(super) fn header_with_trusted_networks(proxy: &Proxy, origins: &Origins) -> Result<(), ConfigError> {
    let trusted = Setting::with_list(origins, "proxy", "trusted", &proxy.trusted);
    let header = Setting::new(origins, "proxy", "header", &choice::quoted(proxy.header));
    match (proxy.header, proxy.trusted.is_empty()) {
        (ProxyHeader::None, true) => Ok(()),
        (ProxyHeader::None, false) => {
            let others = "\"x-forwarded-for\", \"x-real-ip\" or \"proxy-protocol\"";
            Err(header.conflict(format!("must be {others}, since {trusted}")))
        }
        (_, true) => Err(trusted.conflict(format!("must name the networks of the proxies, since {header}"))),
        (_, false) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{assert_refused, assert_variable_refused, load_text};

    const HEADERS: [&str; 3] = ["x-forwarded-for", "x-real-ip", "proxy-protocol"];

    #[test]
    fn a_header_without_trusted_networks_is_refused() {
        for header in HEADERS {
            let since = format!("since proxy.header = \"{header}\"");
            let parts = ["proxy.trusted = [] (default)", "name the networks", &since];
            assert_refused(&format!("[proxy]\nheader = \"{header}\"\n"), 2, &parts);
            assert_variable_refused("RINGTRACK_PROXY_HEADER", header, &parts);
        }
    }

    #[test]
    fn trusted_networks_without_a_header_are_refused() {
        let parts = [
            "proxy.header = \"none\" (default)",
            "\"x-forwarded-for\", \"x-real-ip\" or \"proxy-protocol\"",
            "since proxy.trusted = [\"10.0.0.0/8\", \"::1/128\"] (/",
        ];
        assert_refused("[proxy]\ntrusted = [\"10.0.0.0/8\", \"::1\"]\n", 2, &parts);
    }

    #[test]
    fn a_header_with_trusted_networks_is_accepted() {
        for header in HEADERS {
            let text = format!("[proxy]\ntrusted = \"10.0.0.0/8\"\nheader = \"{header}\"\n");
            assert!(load_text(&text).is_ok(), "{header}");
        }
    }
}
