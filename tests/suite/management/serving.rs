//! Whether the API is served, its tokens, and the secrets that it does not show.

use std::fs;
use std::net::TcpListener;

use rustix::process::Signal;

use super::api::{Api, request_head};
use super::{FREE_PORT, TOKEN, launch, text};
use crate::http_client::{HttpAnswer, HttpClient};
use crate::startup_failures::{assert_fails, assert_is_refused};
use crate::tracker::{Launch, Tracker};

fn without_tokens() -> Launch {
    Launch::with_defaults().set("udp.listen", FREE_PORT).set("http.listen", FREE_PORT)
}

fn is_on(tracker: &Tracker) -> bool {
    tracker.log().iter().any(|line| line.contains("the management API is at"))
}

fn ask_with(tracker: &Tracker, token: &str) -> HttpAnswer {
    let mut client = HttpClient::new(Api::of(tracker).address());
    client.send(request_head("GET", "stats", token, 0).as_bytes());
    client.answer()
}

#[test]
fn without_a_token_the_api_is_off() {
    // Its port, which another program may use, is not even bound.
    let tracker = without_tokens().start();
    assert!(!is_on(&tracker));
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    assert!(!is_on(&without_tokens().set("api.listen", &address).start()));
}

#[test]
fn a_token_file_without_tokens_leaves_the_api_off_with_a_warning() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("tokens");
    fs::write(&file, "# nobody yet\n").unwrap();
    let launch = without_tokens().set("api.listen", FREE_PORT).set("api.tokens_file", &text(&file));
    let tracker = launch.start();
    assert!(!is_on(&tracker));
    let warning = "the management API is off: api.tokens_file has no token";
    assert!(tracker.log().iter().any(|line| line.contains("WARN") && line.contains(warning)));
}

#[test]
fn tokens_of_the_file_and_of_the_environment_are_accepted() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("tokens");
    fs::write(&file, "# for the web site\nwebsite = token-out-of-a-file-1\n\nops=token-out-of-a-file-2\n")
        .unwrap();
    let tracker = launch("public").set("api.tokens_file", &text(&file)).start();
    for token in [TOKEN, "token-out-of-a-file-1", "token-out-of-a-file-2"] {
        assert_eq!(ask_with(&tracker, token).status, 200, "{token}");
    }
    assert_eq!(ask_with(&tracker, "token-out-of-a-file-3").status, 500);
}

fn wait_for_line(tracker: &Tracker, part: &str) {
    tracker.wait_for_log(part, |lines| lines.iter().any(|line| line.contains(part)).then_some(()));
}

/// The statuses of a read and of the creation of a key with this token.
fn statuses(tracker: &Tracker, token: &str) -> [u16; 2] {
    let mut client = HttpClient::new(Api::of(tracker).address());
    client.send(request_head("POST", "key/60", token, 0).as_bytes());
    [ask_with(tracker, token).status, client.answer().status]
}

#[test]
fn tokens_of_the_file_and_the_configuration_are_reloaded_on_a_hang_up_signal() {
    let folder = tempfile::tempdir().unwrap();
    let [file, configuration] = ["tokens", "ringtrack.toml"].map(|name| folder.path().join(name));
    let configure = |tokens: &str| {
        fs::write(&configuration, format!("api.tokens_file = {file:?}\napi.tokens = {{ {tokens} }}\n"))
            .unwrap();
    };
    fs::write(&file, "old.read-only = token-of-the-file-1").unwrap();
    configure("old-ops = \"token-of-the-configuration-1\"");
    let launch = without_tokens().set("api.listen", FREE_PORT).set("access.mode", "private");
    let tracker = launch.config(&configuration).start();
    assert_eq!(statuses(&tracker, "token-of-the-file-1"), [200, 403]);
    assert_eq!(statuses(&tracker, "token-of-the-configuration-1"), [200, 200]);

    fs::write(&file, "new = token-of-the-file-2").unwrap();
    configure("ops.read-only = \"token-of-the-configuration-2\"");
    tracker.signal(Signal::HUP);
    wait_for_line(&tracker, "INFO the tokens of the management API have changed");
    assert_eq!(statuses(&tracker, "token-of-the-file-2"), [200, 200]);
    assert_eq!(statuses(&tracker, "token-of-the-configuration-2"), [200, 403]);
    assert_eq!(statuses(&tracker, "token-of-the-file-1"), [500, 500]);
    assert_eq!(statuses(&tracker, "token-of-the-configuration-1"), [500, 500]);

    fs::write(&file, "nonsense").unwrap();
    tracker.signal(Signal::HUP);
    wait_for_line(&tracker, "ERROR the configuration stays as it was: ");
    assert_eq!(statuses(&tracker, "token-of-the-file-2"), [200, 200]);
    let log = tracker.log().join("\n");
    assert!(!log.contains("token-of") && !log.contains("nonsense"), "{log}");
}

#[test]
fn settings_that_are_allowed_but_likely_mistakes_cause_a_warning() {
    let launch =
        launch("public").set("api.listen", r#"["0.0.0.0:0"]"#).env("RINGTRACK_PORT", "tcp://10.0.0.1:80");
    let tracker = launch.env("RINGTRACK_LOG_LEVLE", "error").start();
    for warning in [
        "WARN environment variable RINGTRACK_PORT: it sets no key and is ignored",
        "WARN environment variable RINGTRACK_LOG_LEVLE: it sets no key and is ignored; the nearest that does is \
         RINGTRACK_LOG_LEVEL",
        "WARN api.listen: the management API is served at 0.0.0.0:0 without TLS",
    ] {
        assert!(tracker.log().iter().any(|line| line.contains(warning)), "{warning}: {:#?}", tracker.log());
    }
}

#[test]
fn a_port_in_use_by_another_program_is_an_error_that_names_the_key() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    for key in ["api.listen", "health_check_api.listen", "metrics.listen"] {
        let ended = launch("public").set(key, &address).run_to_end();
        assert_fails(&ended, &[key, &address, "in use"]);
    }
}

#[test]
fn unreadable_files_are_errors_that_name_them() {
    let ended = launch("public").set("api.tokens_file", "/nonexistent/tokens").run_to_end();
    assert_fails(&ended, &["/nonexistent/tokens", "No such file"]);
    let both = launch("public").set("api.certificate_file", "/nonexistent/certificate.pem");
    let ended = both.set("api.key_file", "/nonexistent/key.pem").run_to_end();
    assert_fails(&ended, &["/nonexistent/certificate.pem", "No such file"]);
    let half = launch("public").set("api.certificate_file", "/nonexistent/certificate.pem").run_to_end();
    assert_is_refused(&half, &["api.certificate_file", "api.key_file"]);
    let nowhere = launch("public").set("database.url", "sqlite:/nonexistent/tracker.db").run_to_end();
    assert_fails(&nowhere, &["/nonexistent/tracker.db"]);
}

#[test]
fn a_missing_list_at_the_start_is_an_error_so_that_no_denied_torrent_is_served() {
    for (mode, key) in [("listed", "access.allow_file"), ("public", "access.deny_file")] {
        let ended = launch(mode).set(key, "/nonexistent/list").run_to_end();
        assert_fails(&ended, &["access.deny_file", "/nonexistent/list", "No such file"]);
    }
}

#[test]
fn neither_the_shown_configuration_nor_the_log_contains_a_secret() {
    // No server listens there, and the start does not wait for one.
    let url = "mysql://ringtrack:hunter2hunter2@127.0.0.1:9/tracker";
    let launch = launch("private").set("database.url", url).set("database.start_wait_s", "0");
    let tracker = launch.start();
    let shown = Api::of(&tracker).get("config");
    assert_eq!(shown["access"]["mode"], "private");
    assert!(shown["database"]["url"].as_str().unwrap().contains("127.0.0.1:9/tracker"), "{shown}");
    let log = tracker.log().join("\n");
    for secret in [TOKEN, "hunter2hunter2"] {
        assert!(!shown.to_string().contains(secret), "{shown}");
        assert!(!log.contains(secret), "{log}");
    }
}
