//! Log lines of changes through the API.

use super::api::{Api, request_head};
use super::{TOKEN, launch, text, torrent};
use crate::http_client::HttpClient;

const KEY: &str = "8os3vCDpVHV9jy0WH5NTVVNnNNdNMwVF";
const OTHER_KEY: &str = "YZSl4lMZupRuOpSRC3krIKR5BPB14nrJ";

/// A change: the request for it, and the expected log line.
struct Change {
    method: &'static str,
    path: String,
    body: String,
    operation: &'static str,
    on: String,
    status: u16,
}

fn change(method: &'static str, path: &str, body: &str) -> Change {
    Change {
        method,
        path: path.to_owned(),
        body: body.to_owned(),
        operation: "",
        on: String::new(),
        status: 0,
    }
}

impl Change {
    fn logged(self, operation: &'static str, on: &str, status: u16) -> Self {
        Self { operation, on: on.to_owned(), status, ..self }
    }

    /// Sends the request, reads the whole answer and returns its status.
    fn ask(&self, api: &Api) -> u16 {
        let head = request_head(self.method, &self.path, TOKEN, self.body.len());
        let mut client = HttpClient::new(api.address());
        client.send(head.replacen("\r\n", "\r\nConnection: close\r\n", 1).as_bytes());
        client.send(self.body.as_bytes());
        let status = client.head().status;
        client.rest();
        status
    }

    fn line(&self) -> String {
        let Self { method, operation, on, status, .. } = self;
        format!(
            "management API token=\"tests\" operation=\"{method} {operation}\" on=\"{on}\" status={status}"
        )
    }
}

fn changes() -> Vec<Change> {
    let hash = torrent(7).to_string();
    let form = format!("{{\"key\":\"{KEY}\",\"seconds_valid\":60}}");
    let two_forms = format!("{form}\nnothing\n{}", form.replace(KEY, OTHER_KEY));
    vec![
        change("POST", &format!("whitelist/{hash}"), "").logged("/api/v1/whitelist/{info_hash}", &hash, 200),
        change("DELETE", &format!("denylist/{hash}"), "").logged("/api/v1/denylist/{info_hash}", &hash, 200),
        change("DELETE", &format!("torrent/{hash}"), "").logged("/api/v1/torrent/{info_hash}", &hash, 404),
        change("POST", "denylist", &format!("{hash}\nx\n")).logged("/api/v1/denylist", "1 info hashes", 200),
        change("POST", "keys", &form).logged("/api/v1/keys", "key 8os3...", 200),
        change("POST", "keys", "{}").logged("/api/v1/keys", "", 422),
        change("POST", &format!("key/{KEY}/reset"), "").logged(
            "/api/v1/key/{key_or_seconds}/reset",
            "key 8os3...",
            200,
        ),
        change("DELETE", &format!("key/{KEY}"), "").logged(
            "/api/v1/key/{key_or_seconds}",
            "key 8os3...",
            200,
        ),
        change("DELETE", &format!("key/{KEY}"), "").logged(
            "/api/v1/key/{key_or_seconds}",
            "key 8os3...",
            500,
        ),
        change("DELETE", &format!("key/{KEY}x"), "").logged("/api/v1/key/{key_or_seconds}", "", 400),
        change("POST", "keys/bulk", &two_forms).logged("/api/v1/keys/bulk", "2 of 3 keys", 200),
        change("DELETE", "keys", &format!("{KEY}\n{OTHER_KEY}\n")).logged("/api/v1/keys", "2 keys", 200),
        change("POST", "bans", "{\"network\":\"192.0.2.7/24\"}").logged(
            "/api/v1/bans",
            "network 192.0.2.0/24",
            200,
        ),
        change("DELETE", "bans?client=-XL", "").logged("/api/v1/bans", "client -XL", 404),
        change("POST", "forwarders", &format!("{{\"uri\":\"http://a.example.org/{KEY}/announce\"}}")).logged(
            "/api/v1/forwarders",
            "http://a.example.org",
            200,
        ),
        change("POST", &format!("forwarders/suspend?name=http://a.example.org/{KEY}/announce"), "").logged(
            "/api/v1/forwarders/suspend",
            "",
            404,
        ),
        change("DELETE", "forwarders?name=http://a.example.org", "").logged(
            "/api/v1/forwarders",
            "http://a.example.org",
            200,
        ),
        change("GET", "keys/reload", "").logged("/api/v1/keys/reload", "", 200),
        change("POST", "reload", "").logged("/api/v1/reload", "", 200),
        change("POST", "snapshot", "").logged("/api/v1/snapshot", "", 200),
    ]
}

#[test]
fn each_change_is_logged_with_its_token_operation_and_object_and_without_keys() {
    let no_upstreams = tempfile::NamedTempFile::new().unwrap();
    let tracker = launch("private-listed").set("forwarding.file", &text(no_upstreams.path())).start();
    let api = Api::of(&tracker);
    for change in changes() {
        let status = change.ask(&api);
        assert_eq!(status, change.status, "{} {}", change.method, change.path);
    }
    // Requests that only read are not logged.
    api.get("stats");
    api.get(&format!("torrents?info_hash={}", torrent(7)));
    let is_of_change = |line: &&String| line.contains("management API token=");
    let lines = tracker.wait_for_log("a line of each change", |lines| {
        let lines: Vec<String> = lines.iter().filter(is_of_change).cloned().collect();
        (lines.len() >= changes().len()).then_some(lines)
    });
    assert_eq!(lines.len(), changes().len(), "{lines:#?}");
    for change in changes() {
        assert!(lines.iter().any(|line| line.ends_with(&change.line())), "{}: {lines:#?}", change.line());
    }
    let log = tracker.log().join("\n");
    assert!(!log.contains(KEY) && !log.contains(OTHER_KEY), "{log}");
}
