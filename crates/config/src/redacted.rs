//! The configuration without its secrets.

use serde_json::{Map, Value, json};

use crate::Configuration;

impl Configuration {
    /// Returns an object of sections, each an object of keys with their current values, written as in a file. Secrets
    /// are omitted: a token is shown by its label only, and a database URL without its password and options.
    pub fn redacted(&self) -> Value {
        // The types of secret values, `Tokens` and `DatabaseUrl`, serialize without the secret.
        let sections = [
            ("workers", json!(self.workers)),
            ("udp", json!(self.udp)),
            ("http", json!(self.http)),
            ("https", json!(self.https)),
            ("proxy", json!(self.proxy)),
            ("connection_ids", json!(self.connection_ids)),
            ("announce", json!(self.announce)),
            ("access", json!(self.access)),
            ("limits", json!(self.limits)),
            ("database", json!(self.database)),
            ("api", json!(self.api)),
            ("health_check_api", json!(self.health_check_api)),
            ("log", json!(self.log)),
            ("statistics", json!(self.statistics)),
            ("latency", json!(self.latency)),
            ("shutdown", json!(self.shutdown)),
        ];
        Value::Object(sections.map(|(name, keys)| (name.to_owned(), keys)).into_iter().collect::<Map<_, _>>())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::keys;
    use crate::testing::load_text;

    /// Keys of every section and kind, with values that are not the defaults.
    const CHANGED: &str = r#"
        workers.cores = [0, 2]
        udp.listen = ["127.0.0.1:0", "[::1]:7"]
        udp.reply_source = "kernel"
        http.named_addresses_from = ["10.0.0.0/8", "::1"]
        https = { listen = "127.0.0.1:443", certificate_file = "/c", key_file = "/k" }
        proxy = { trusted = "192.0.2.1", header = "x-real-ip" }
        connection_ids.key_file = "/key"
        announce.interval_s = 900
        access = { mode = "private-listed", allow_file = "/a", deny_clients = ["-XL"], deny_networks = "192.0.2.0/24" }
        limits.memory_max_mib = 512
        database = { url = "sqlite:/srv/r.db", remember_completed = "on" }
        api = { tokens_file = "/tokens", certificate_file = "/c", key_file = "/k" }
        health_check_api.listen = []
        log.level = "warn"
        statistics.interval_s = 0
        latency.directory = "/srv"
        shutdown.deadline_s = 5
    "#;

    /// Returns an equivalent configuration file.
    fn as_file(redacted: &Value) -> String {
        let mut text = String::new();
        for (section, settings) in redacted.as_object().unwrap() {
            text += &format!("[{section}]\n");
            for (key, value) in settings.as_object().unwrap() {
                text += &format!("{key} = {value}\n");
            }
        }
        text
    }

    #[test]
    fn the_redacted_configuration_loads_to_the_same_configuration() {
        for configuration in [Configuration::default(), load_text(CHANGED).unwrap()] {
            assert_eq!(load_text(&as_file(&configuration.redacted())).unwrap(), configuration);
        }
    }

    #[test]
    fn the_redacted_configuration_contains_every_key_and_nothing_else() {
        let redacted = Configuration::default().redacted();
        let mut shown = 0;
        for (section, settings) in redacted.as_object().unwrap() {
            for key in settings.as_object().unwrap().keys() {
                assert!(keys().any(|known| known.section == section && known.name == key), "{section}.{key}");
                shown += 1;
            }
        }
        assert_eq!(shown, keys().count());
    }

    #[test]
    fn no_printed_form_of_the_configuration_shows_a_secret() {
        let text = r#"
            [database]
            url = "postgres://ringtrack:hunter2@db.example:5433/tracker?sslpassword=hunter2"
            [api]
            certificate_file = "/c.pem"
            key_file = "/k.pem"
            tokens = { ops = "hunter2hunter2hunter2", website = "hunter2-hunter2-hunter2" }
        "#;
        let configuration = load_text(text).unwrap();
        let redacted = configuration.redacted();
        assert_eq!(redacted["api"]["tokens"], json!({ "ops": "(secret)", "website": "(secret)" }));
        assert_eq!(redacted["api"]["key_file"], "/k.pem");
        let url = "postgres://ringtrack:(secret)@db.example:5433/tracker?(secret)";
        assert_eq!(redacted["database"]["url"], url);
        for shown in [redacted.to_string(), format!("{configuration:?}"), format!("{configuration:#?}")] {
            assert!(!shown.contains("hunter2"), "{shown}");
        }
        let secrets: Vec<&str> = configuration.api.tokens.iter().map(|(_, token)| token.secret()).collect();
        assert_eq!(secrets, ["hunter2hunter2hunter2", "hunter2-hunter2-hunter2"]);
    }
}
