//! Reloads of the configuration of a running tracker.

mod live;
mod load;

use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use primitives::InfoHash;
use rustix::process::Signal;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::http_client::{HttpAnswer, HttpClient, announce_target};
use crate::management::TOKEN;
use crate::management::api::Api;
use crate::program::program;
use crate::tracker::{Launch, Tracker};

/// A running tracker, and its configuration file.
struct Scene {
    tracker: Tracker,
    api: Api,
    folder: TempDir,
    /// The lines of the file.
    text: String,
}

impl Scene {
    /// Starts a tracker with the management API and forwarding to no upstream tracker, and with these lines in its file.
    fn start(lines: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("ringtrack.toml");
        std::fs::write(folder.path().join("upstreams.yml"), "[]\n").unwrap();
        let forwarding = folder.path().join("upstreams.yml");
        let text = format!(
            "udp.listen = \"127.0.0.1:0\"\nhttp.listen = \"127.0.0.1:0\"\n\
             health_check_api.listen = []\nmetrics.listen = []\n\
             api.listen = \"127.0.0.1:0\"\napi.tokens.tests = \"{TOKEN}\"\nforwarding.file = {forwarding:?}\n{lines}\n"
        );
        std::fs::write(&file, &text).unwrap();
        let tracker = Launch::with_default_listeners().config(&file).start();
        Self { api: Api::of(&tracker), tracker, folder, text }
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("ringtrack.toml")
    }

    /// Replaces the file by one with these lines as well.
    fn add(&mut self, lines: &str) {
        self.text += lines;
        self.text += "\n";
        std::fs::write(self.file(), &self.text).unwrap();
    }

    /// Reloads the file with a line that is refused, and takes that out again.
    #[track_caller]
    fn refuse(&self, line: &str) {
        std::fs::write(self.file(), format!("{}{line}\n", self.text)).unwrap();
        self.refused();
        std::fs::write(self.file(), &self.text).unwrap();
    }

    /// Reloads the file, and returns the changed keys and those that need a restart.
    #[track_caller]
    fn reload(&self) -> [Value; 2] {
        let answer = self.api.ask("POST", "reload", "");
        assert_eq!(answer.status, 200, "{}", answer.text());
        let answer: Value = serde_json::from_slice(&answer.body).unwrap();
        assert_eq!(answer["status"], "ok");
        [answer["changed"].clone(), answer["needs_restart"].clone()]
    }

    /// Reloads the file, and returns why that is refused.
    #[track_caller]
    fn refused(&self) -> String {
        let answer = self.api.ask("POST", "reload", "");
        assert_eq!(answer.status, 500, "{}", answer.text());
        answer.text()
    }

    fn http(&self, target: &str) -> HttpAnswer {
        HttpClient::new(self.tracker.http_v4()).get(target)
    }

    /// Announces a leecher over HTTP.
    fn announce(&self, torrent: InfoHash) -> HttpAnswer {
        self.http(&announce_target(torrent, 1001, 1))
    }

    /// Returns the interval of a known peer: the first one is shorter where torrents are forwarded.
    fn interval_s(&self) -> u32 {
        self.announce(InfoHash([1; 20]));
        self.announce(InfoHash([1; 20])).announced().common.interval_s
    }

    fn config(&self) -> Value {
        self.api.get("config")
    }

    /// Asks the tracker what a reload with its present file would change.
    fn diff(&self) -> Output {
        let mut command = Command::new(program());
        command.arg("check-config").arg(self.file()).args([
            "--diff",
            "--pid",
            &self.tracker.id().to_string(),
        ]);
        command.env_clear().stdin(Stdio::null()).output().expect("the program starts")
    }

    #[track_caller]
    fn wait_for_line(&self, part: &str) {
        self.tracker.wait_for_log(part, |lines| lines.iter().any(|line| line.contains(part)).then_some(()));
    }
}

const FIXED_INTERVAL: &str = "announce.interval_jitter_percent = 0\nannounce.interval_s_max = 60";

#[test]
fn a_reload_names_what_changed_and_again_and_again_what_needs_a_restart() {
    let mut scene = Scene::start(FIXED_INTERVAL);
    scene.add("announce.interval_s = 900\nlimits.mesh_slots = 4096");
    assert_eq!(scene.reload(), [json!(["announce.interval_s"]), json!(["limits.mesh_slots"])]);
    assert_eq!(scene.interval_s(), 900);
    scene.add("log.level = \"debug\"");
    assert_eq!(scene.reload(), [json!(["log.level"]), json!(["limits.mesh_slots"])]);
    assert_eq!(scene.config()["limits"]["mesh_slots"], 8192, "the one in use is shown");
    scene.wait_for_line(
        "INFO reloaded the configuration changed=\"announce.interval_s\" needs_restart=\"limits.mesh_slots\"",
    );
}

#[test]
fn a_hang_up_signal_reloads_everything_and_a_bad_file_changes_nothing_and_is_logged_in_one_line() {
    let mut scene = Scene::start(FIXED_INTERVAL);
    scene.add("announce.interval_s = 900");
    scene.tracker.signal(Signal::HUP);
    scene.wait_for_line("reloaded the configuration");
    assert_eq!(scene.interval_s(), 900);

    let before = scene.config();
    let good = scene.text.clone();
    let missing = scene.folder.path().join("missing");
    let cases = [
        ("announce.numwant_max = 0".to_owned(), "announce.numwant_max".to_owned()),
        ("announce.peer_lifetime_s = 130".to_owned(), "must be at least".to_owned()),
        ("no_such.key = 1".to_owned(), "there is no such key".to_owned()),
        ("= nonsense".to_owned(), "not valid TOML".to_owned()),
        (format!("access.deny_file = {missing:?}"), missing.display().to_string()),
        (format!("api.tokens_file = {missing:?}"), missing.display().to_string()),
        (format!("connection_ids.key_file = {missing:?}"), missing.display().to_string()),
        (
            format!(
                "https = {{ listen = \"127.0.0.1:0\", certificate_file = {missing:?}, key_file = {missing:?} }}"
            ),
            missing.display().to_string(),
        ),
        ("workers.cores = [9999]".to_owned(), "workers.cores".to_owned()),
    ];
    for (lines, reason) in &cases {
        scene.text.clone_from(&good);
        scene.add(&format!("announce.numwant_default = 7\n{lines}"));
        let refused = scene.refused();
        assert!(refused.contains(reason) && refused.contains("stays as it was"), "{lines}: {refused}");
        assert_eq!(scene.config(), before, "{lines}");
    }
    assert_eq!(scene.interval_s(), 900);
    let wait_for_errors = |scene: &Scene, wanted: usize| {
        let is_error = |line: &&String| line.contains("ERROR the configuration stays as it was: ");
        scene.tracker.wait_for_log("the errors", |lines| {
            (lines.iter().filter(is_error).count() == wanted).then_some(())
        });
    };
    wait_for_errors(&scene, cases.len());
    scene.tracker.signal(Signal::HUP);
    wait_for_errors(&scene, cases.len() + 1);
    scene.text = good;
    scene.add("");
    assert_eq!(scene.reload(), [json!([]), json!([])]);
}

#[test]
fn check_config_diff_shows_what_a_reload_would_change_and_changes_nothing() {
    let mut scene = Scene::start("");
    let output = scene.diff();
    assert_eq!((output.status.code(), output.stdout.as_slice()), (Some(0), &b""[..]));

    scene.add(
        "announce.interval_s = 900\nworkers.cores = [0]\napi.tokens.other = \"a-secret-of-these-tests\"",
    );
    let output = scene.diff();
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(3), "{text}");
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[0], "workers.cores: \"auto\" -> [0] (needs a restart)");
    assert_eq!(lines[1], "announce.interval_s: 1800 -> 900");
    assert!(lines[2].starts_with("api.tokens: ") && lines[2].contains("(secret)"), "{text}");
    assert!(lines.len() == 3 && !text.contains("of-these-tests"), "{text}");
    assert_eq!(scene.config()["announce"]["interval_s"], 1800);

    scene.add("announce.numwant_max = 0");
    let output = scene.diff();
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{error}");
    assert!(error.contains("announce.numwant_max") && error.lines().count() == 1, "{error}");
}

#[test]
fn no_line_above_debug_has_the_address_of_a_client() {
    const CLIENT: [u8; 4] = [127, 77, 66, 55];
    let scene = Scene::start("statistics.interval_s = 1\naccess.deny_networks = \"127.77.66.56/32\"");
    let tracker = &scene.tracker;
    let udp = crate::udp_client::Client::from(CLIENT, tracker.v4());
    udp.announce(udp.leecher(InfoHash([1; 20]), 1001));
    for request in [&b"nonsense"[..], &[0; 16], &[0xff; 98]] {
        udp.send(request);
    }
    let mut http = HttpClient::from(CLIENT, tracker.http_v4());
    assert_eq!(http.get(&announce_target(InfoHash([1; 20]), 1002, 1)).reason(), None);
    assert!(http.get("/announce?info_hash=x").reason().is_some());
    for (source, bytes) in
        [(CLIENT, &b"\x16\x03\x01 no HTTP\r\n\r\n"[..]), ([127, 77, 66, 56], b"GET / HTTP/1.1\r\n\r\n")]
    {
        let mut client = HttpClient::from(source, tracker.http_v4());
        client.send(bytes);
        drop(client);
    }
    let mut wrong_token = HttpClient::from(CLIENT, scene.api.address());
    wrong_token
        .send(crate::management::api::request_head("GET", "stats", "a-wrong-token-here", 0).as_bytes());
    assert_eq!(wrong_token.answer().status, 500);
    scene.wait_for_line(" statistics received/s=");
    drop((http, wrong_token));
    let ended = scene.tracker.stop();
    let with_address: Vec<_> = ended.log.iter().filter(|line| line.contains("127.77.66.55")).collect();
    assert!(with_address.is_empty(), "{with_address:#?}");
}
