//! The command `import` of the real program, with data of real trackers.

use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use database::{Database, StoredKey};
use primitives::{InfoHash, TorrentList};
use ringtrack_tests::client::url_data;
use ringtrack_tests::http_client::announce_target;
use tempfile::TempDir;
use zerocopy::IntoBytes;

use crate::command_line::assert_file_error;
use crate::databases::{Backend, Place, all, block_on, execute};
use crate::http_client::{HttpClient, scrape_target};
use crate::opentracker::{free_address, opentracker};
use crate::patience::wait_for;
use crate::program::{in_checkout, program};
use crate::real_clients::process::Process;
use crate::tracker::{Launch, Tracker};
use crate::udp_client::{Answer, Client};

const PERMANENT: &str = "PermanentKeyPermanentKeyPermanen";
const LONG_LIVED: &str = "LongLivedKeyLongLivedKeyLongLive";
const EXPIRED: &str = "ExpiredKeyExpiredKeyExpiredKeyEx";
const UNKNOWN: &str = "UnknownKeyUnknownKeyUnknownKeyUn";

fn fixture(name: &str) -> String {
    in_checkout("crates/import/tests/fixtures").join(name).to_str().unwrap().to_owned()
}

fn torrent(digit: u8) -> InfoHash {
    InfoHash([digit * 0x11; 20])
}

/// A folder to import in. The configuration file becomes `ringtrack.toml`.
struct Scene(TempDir);

impl Scene {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(program());
        command.arg("import").args(arguments).env_clear().current_dir(self.0.path()).stdin(Stdio::null());
        command
    }

    fn import(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// Imports, and returns the report.
    #[track_caller]
    fn imported(&self, arguments: &[&str]) -> String {
        Self::report(self.command(arguments))
    }

    #[track_caller]
    fn report(mut command: Command) -> String {
        let output = command.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// The URL of a database in the folder.
    fn url(&self) -> String {
        format!("sqlite:{}", self.path("ringtrack.db").display())
    }

    /// Starts a tracker with the produced configuration, but on free ports.
    fn start(&self) -> Tracker {
        let launch = Launch::on_loopback().config(&self.path("ringtrack.toml"));
        launch.set("api.listen", "[]").set("database.url", &self.url()).start()
    }
}

/// Why a client with a key is refused, over HTTP.
fn refusal_over_http(tracker: SocketAddr, key: &str, torrent: InfoHash) -> Option<String> {
    let target = announce_target(torrent, 6881, "&left=1&compact=1");
    HttpClient::new(tracker).get(&target.replace("/announce", &format!("/announce/{key}"))).reason()
}

/// Why a client with a key is refused, over UDP.
fn refusal_over_udp(tracker: SocketAddr, key: &str, torrent: InfoHash) -> Option<String> {
    let client = Client::new(tracker);
    let request = client.leecher(torrent, 6882);
    client.send(&[request.as_bytes(), &url_data(&[b"/announce/", key.as_bytes()])].concat());
    match client.receive().1 {
        Answer::Announced(_) => None,
        Answer::Error(text) => Some(text),
        other => panic!("not the answer to an announce: {other:?}"),
    }
}

/// Asserts that the tracker serves the keys, torrents and counts of the fixture, and no others.
fn assert_serves_what_torrust_did(tracker: &Tracker) {
    for (key, number, refusal) in [
        (PERMANENT, 1, None),
        (LONG_LIVED, 3, None),
        (EXPIRED, 1, Some("key has expired")),
        (UNKNOWN, 1, Some("key is not known")),
        (PERMANENT, 4, Some("is not whitelisted")),
    ] {
        for refused in [
            refusal_over_http(tracker.http_v4(), key, torrent(number)),
            refusal_over_udp(tracker.v4(), key, torrent(number)),
        ] {
            let is_right = match (&refused, refusal) {
                (Some(text), Some(part)) => text.contains(part),
                (found, expected) => found.is_none() && expected.is_none(),
            };
            assert!(is_right, "{key} and torrent {number}: {refused:?} and not {refusal:?}");
        }
    }
    let torrents = [1, 2, 3].map(torrent);
    let target = scrape_target(&torrents).replace("/scrape", &format!("/scrape/{PERMANENT}"));
    // Counts are read last at the start.
    wait_for(|| {
        let scraped = HttpClient::new(tracker.http_v4()).get(&target).scraped();
        let counts = torrents.map(|torrent| scraped[&torrent].downloaded);
        if counts == [3, 1, 0] { Ok(()) } else { Err(format!("{counts:?}")) }
    });
}

#[test]
fn keys_whitelist_and_counts_of_torrust_work_after_an_import() {
    let scene = Scene::new();
    let (config, database, into) = (fixture("torrust.toml"), fixture("torrust.db"), scene.url());
    let arguments = ["torrust", "--config", &config, "--database", &database, "--into", &into];
    let dry = scene.imported(&[&arguments[..], &["--dry-run"]].concat());
    assert!(dry.contains("keys: 3 read, 3 written") && dry.contains("nothing was written"), "{dry}");
    assert!(dry.contains("mode = \"private-listed\"") && !dry.contains("0123456789abcdefghij"), "{dry}");
    assert_eq!(scene.0.path().read_dir().unwrap().count(), 0);

    let report = scene.imported(&arguments);
    assert!(report.contains("torrents: 3 read, 2 written, 0 there already, 1 zero, 0 invalid"), "{report}");
    assert!(report.contains("wrote ringtrack.toml"), "{report}");
    let mode = scene.path("ringtrack.toml").metadata().unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "it has a token");

    let tracker = scene.start();
    assert_serves_what_torrust_did(&tracker);
    let output = scene.import(&arguments);
    assert_file_error(&output, &["ringtrack.db cannot be used: it is in use by another tracker, process"]);
    tracker.stop();
    assert!(scene.imported(&arguments).contains("keys: 3 read, 0 written, 3 there already"));
    let other = scene.import(&[&arguments[..5], &["--force", "--into", "sqlite:other.db"]].concat());
    assert!(other.status.success(), "--force overwrites the configuration");
    assert_file_error(&scene.import(&arguments), &["ringtrack.toml exists already", "--output", "--force"]);
}

#[test]
fn a_wrong_configuration_ends_with_code_2_and_a_missing_file_with_code_1() {
    let scene = Scene::new();
    std::fs::write(scene.path("wrong.toml"), "core.private = 1\n").unwrap();
    for (file, code, part) in [
        ("wrong.toml", 2, "wrong.toml: core.private: expected true or false"),
        ("missing.toml", 1, "missing.toml: No such file"),
    ] {
        let output = scene.import(&["torrust", "--config", file]);
        let message = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{message}");
        assert!(message.contains(part) && message.lines().count() == 1, "{message}");
    }
}

#[test]
fn a_source_that_contradicts_itself_is_written_and_ends_with_code_2() {
    let scene = Scene::new();
    let tracker = "bind_address = \"127.0.0.1:7070\"\n";
    let text = format!("[[http_trackers]]\n{tracker}[health_check_api]\n{tracker}");
    std::fs::write(scene.path("tracker.toml"), text).unwrap();
    let output = scene.import(&["torrust", "--config", "tracker.toml", "--database", &fixture("torrust.db")]);
    let (report, message) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(2), "{message}");
    assert!(message.contains("health_check_api.listen") && message.contains("ringtrack.toml:"), "{message}");
    assert!(
        report.contains("keys: 3 read, 3 written") && report.contains("wrote ringtrack.toml"),
        "{report}"
    );
    assert!(std::fs::read_to_string(scene.path("ringtrack.toml")).unwrap().contains("127.0.0.1:7070"));
}

#[test]
fn data_is_found_again_from_another_working_directory() {
    let scene = Scene::new();
    let missing = scene.import(&[
        "torrust",
        "--config",
        &fixture("torrust.toml"),
        "--database",
        &fixture("torrust.db"),
        "--output",
        "missing/ringtrack.toml",
    ]);
    assert_file_error(&missing, &["missing/ringtrack.toml: "]);
    assert!(!scene.path("ringtrack.db").exists(), "the output is checked before data is copied");
    scene.imported(&["torrust", "--config", &fixture("torrust.toml"), "--database", &fixture("torrust.db")]);
    let tracker = Launch::on_loopback().config(&scene.path("ringtrack.toml")).set("api.listen", "[]").start();
    assert_serves_what_torrust_did(&tracker);
}

/// The tables of Torrust Tracker in MySQL.
const MYSQL_TABLES: &str = "
    CREATE TABLE whitelist (id INTEGER PRIMARY KEY AUTO_INCREMENT, info_hash VARCHAR(40) NOT NULL UNIQUE);
    CREATE TABLE torrents (id INTEGER PRIMARY KEY AUTO_INCREMENT, info_hash VARCHAR(40) NOT NULL UNIQUE,
        completed INTEGER DEFAULT 0 NOT NULL);
    CREATE TABLE `keys` (id INT NOT NULL AUTO_INCREMENT, `key` VARCHAR(32) NOT NULL, valid_until INT(10),
        PRIMARY KEY (id), UNIQUE (`key`));
    INSERT INTO whitelist (info_hash) VALUES (REPEAT('1', 40)), (REPEAT('2', 40)), ('no hash');
    INSERT INTO torrents (info_hash, completed) VALUES (REPEAT('1', 40), 7);
    INSERT INTO `keys` (`key`, valid_until) VALUES ('PermanentKeyPermanentKeyPermanen', NULL),
        ('ExpiredKeyExpiredKeyExpiredKeyEx', 1796004255)";

#[test]
fn a_mysql_database_of_torrust_is_imported_into_each_kind_of_server() {
    let source = Place::new(Backend::MariaDb, "import_torrust");
    block_on(execute(&source, MYSQL_TABLES));
    let config = fixture("torrust.toml");
    for target in [Place::new(Backend::MariaDb, "import_into"), Place::new(Backend::Postgres, "import_into")]
    {
        let scene = Scene::new();
        let arguments = ["torrust", "--config", &config, "--database", &source.url, "--into", &target.url];
        // The database exists, without tables.
        let dry = scene.imported(&[&arguments[..], &["--dry-run"]].concat());
        // Passwords on the command line are visible to others: both URLs have another place.
        let text = format!("core.database.path = \"{}\"\n", source.url);
        std::fs::write(scene.path("tracker.toml"), text).unwrap();
        let mut command = scene.command(&["torrust", "--config", "tracker.toml"]);
        command.env("RINGTRACK_DATABASE_URL", &target.url);
        let report = Scene::report(command);
        assert!(std::fs::read_to_string(scene.path("ringtrack.toml")).unwrap().contains(&target.url));
        for report in [&dry, &report] {
            assert!(report.contains("whitelist: 3 read, 2 written, 0 there already, 1 invalid"), "{report}");
            assert!(!report.contains("hunter2"), "a password is a secret: {report}");
        }
        let (lists, counts, keys) = block_on(async {
            let database = Database::reader(&target.url.parse().unwrap());
            let list = all(database.load_list(TorrentList::Allowed)).await;
            (list, all(database.load_completed()).await, all(database.load_keys()).await)
        });
        assert_eq!((lists, counts), (vec![torrent(1), torrent(2)], vec![(torrent(1), 7)]));
        let expiry = |key: &StoredKey| (key.key.reveal().to_owned(), key.valid_until_unix_s);
        let expected = [(EXPIRED.to_owned(), Some(1_796_004_255)), (PERMANENT.to_owned(), None)];
        assert_eq!(keys.iter().map(expiry).collect::<Vec<_>>(), expected);
    }
    let scene = Scene::new();
    // The second is another name of the same server.
    for into in [&source.url, &source.url.replace("/socket", "/./socket")] {
        let output =
            scene.import(&["torrust", "--config", &config, "--database", &source.url, "--into", into]);
        assert_eq!(output.status.code(), Some(2));
        assert!(String::from_utf8_lossy(&output.stderr).contains("is a database of Torrust Tracker"));
    }
}

/// Starts Debian's build of opentracker, which serves only listed torrents.
fn start_opentracker(config: &Path, address: SocketAddr) -> Process {
    let mut command = opentracker(Command::new("setpriv"));
    command.arg("-f").arg(config);
    let running = Process::start(command, &config.with_extension("log"));
    wait_for(|| TcpStream::connect(address));
    running
}

#[test]
fn list_and_counts_of_the_real_opentracker_work_after_an_import() {
    let scene = Scene::new();
    std::fs::set_permissions(scene.0.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    let address = free_address();
    let (config, folder) = (scene.path("opentracker.conf"), scene.0.path().display().to_string());
    let text = format!(
        "listen.tcp_udp {address}\ntracker.rootdir {folder}\naccess.whitelist list\naccess.stats 127.0.0.1\n"
    );
    std::fs::write(&config, text).unwrap();
    std::fs::write(scene.path("list"), format!("{}\n{}\n", torrent(1), torrent(2))).unwrap();
    let running = start_opentracker(&config, address);
    for port in [1001, 1002] {
        let target = announce_target(torrent(1), port, "&left=0&event=completed&uploaded=0&downloaded=0");
        // It reads the list after it has begun to answer.
        wait_for(|| HttpClient::new(address).get(&target).reason().map_or(Ok(()), Err));
    }
    let dump = HttpClient::new(address).get("/stats?mode=statedump").body;
    std::fs::write(scene.path("dump"), dump).unwrap();
    drop(running);

    let into = scene.url();
    let arguments = ["opentracker", "--config", "opentracker.conf", "--statedump", "dump", "--into", &into];
    let report = scene.imported(&arguments);
    assert!(report.contains("\"dump\": 1 read, 1 written, 0 there already, 0 invalid"), "{report}");
    assert!(report.contains("not translated: access.stats"), "{report}");
    let tracker = scene.start();
    let client = Client::new(tracker.v4());
    wait_for(|| match client.scrape(&[torrent(1)])[0].downloaded {
        2 => Ok(()),
        other => Err(format!("{other} instead of 2")),
    });
    for (number, is_served) in [(1, true), (2, true), (3, false)] {
        let target = announce_target(torrent(number), 1003, "&left=1&compact=1");
        let refusal = HttpClient::new(tracker.http_v4()).get(&target).reason();
        assert_eq!(refusal.is_none(), is_served, "torrent {number}: {refusal:?}");
    }
}

#[test]
#[ignore = "`bench/compare --only torrust-tracker` builds what it needs"]
fn a_database_that_the_real_torrust_tracker_makes_now_is_imported() {
    let torrust = in_checkout("target/compare/torrust-tracker-3.0.0/bin/torrust-tracker");
    let scene = Scene::new();
    let status =
        Command::new(fixture("make")).arg(torrust).arg(scene.0.path()).stdout(Stdio::null()).status();
    assert!(status.unwrap().success());
    scene.imported(&[
        "torrust",
        "--config",
        &fixture("torrust.toml"),
        "--database",
        "torrust.db",
        "--into",
        &scene.url(),
    ]);
    assert_serves_what_torrust_did(&scene.start());
}
