//! Exposure of the management API to other machines.

use crate::sections::api::Api;

/// Returns a warning for each address that other machines can reach without TLS.
pub(super) fn in_the_clear(api: &Api) -> impl Iterator<Item = String> {
    let is_clear = api.is_wanted() && api.certificate_file.path().is_none();
    let reachable = api.listen.iter().filter(|address| !address.ip().is_loopback());
    reachable.filter(move |_| is_clear).map(|address| {
        format!(
            "api.listen: the management API is served at {address} without TLS, so anyone on the network path can \
             read its tokens: set api.certificate_file and api.key_file, or listen on 127.0.0.1"
        )
    })
}

#[cfg(test)]
mod tests {
    use crate::load;
    use crate::testing::file_with;

    fn warnings(text: &str) -> Vec<String> {
        let file = file_with(&format!("[api]\n{text}\n"));
        load(Some(file.path()), []).unwrap().warnings
    }

    #[test]
    fn an_api_without_tls_that_other_machines_can_reach_causes_a_warning() {
        const TOKENS: &str = "tokens_file = \"/t\"";
        const FILES: &str = "certificate_file = \"/c\"\nkey_file = \"/k\"";
        for address in ["0.0.0.0:1212", "[::]:1212", "192.0.2.1:1212", "[2001:db8::1]:1212"] {
            let listen = format!("listen = [\"127.0.0.1:1213\", \"{address}\"]");
            let warned = warnings(&format!("{listen}\n{TOKENS}"));
            assert_eq!(warned.len(), 1, "{warned:?}");
            assert!(warned[0].contains(address) && warned[0].contains("without TLS"), "{warned:?}");
            assert!(warnings(&format!("{listen}\n{TOKENS}\n{FILES}")).is_empty());
            assert!(warnings(&listen).is_empty(), "without tokens it is off");
        }
        let loopback = "listen = [\"127.0.0.2:1\", \"[::1]:1\"]";
        assert!(warnings(&format!("{loopback}\n{TOKENS}")).is_empty());
    }
}
