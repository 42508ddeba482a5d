use super::{Scene, block_on, fixture, numbers, opentracker, torrust};
use database::{Change, Creation, Database, Pages, StoredKey, WriteBatch};
use flate2::Compression;
use flate2::write::GzEncoder;
use import::{Mode, Overwrite, Part, Source, check_output, write_output};
use primitives::{AuthenticationKey, InfoHash, TorrentList};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Executor};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// Everything that is stored: the lists, the counts, the keys and the total.
type Stored = ([Vec<InfoHash>; 2], Vec<(InfoHash, u64)>, Vec<StoredKey>, Option<u64>);

impl Scene {
    async fn open(&self) -> Database {
        Database::open(&self.url().parse().unwrap(), Creation::Now).await.unwrap()
    }

    fn stored(&self) -> Stored {
        block_on(async {
            let database = self.open().await;
            let mut lists = [Vec::new(), Vec::new()];
            for (stored, list) in lists.iter_mut().zip(TorrentList::ALL) {
                *stored = all(database.load_list(list)).await;
            }
            let (counts, keys) = (all(database.load_completed()).await, all(database.load_keys()).await);
            let totals = database.load_totals().await.unwrap();
            database.close().await;
            let total = totals.into_iter().find(|total| total.name == "completed").map(|total| total.value);
            (lists, counts, keys, total)
        })
    }

    /// A copy of the database that the real Torrust Tracker made, changed by these statements.
    fn torrust_database(&self, statements: &str) -> PathBuf {
        let path = self.file("torrust.db", std::fs::read(fixture("torrust.db")).unwrap());
        block_on(async {
            let mut connection = SqliteConnectOptions::new().filename(&path).connect().await.unwrap();
            let statements = sqlx::raw_sql(AssertSqlSafe(statements.to_owned()));
            connection.execute(statements).await.unwrap();
            connection.close().await.unwrap();
        });
        path
    }
}

async fn all<T: Send>(mut pages: Pages<T>) -> Vec<T> {
    let mut records = Vec::new();
    while let Some(page) = pages.next().await.unwrap() {
        records.extend(page);
    }
    records
}

fn torrent(digit: u8) -> InfoHash {
    InfoHash([digit * 0x11; 20])
}

fn key(text: &str, valid_until_unix_s: Option<u64>) -> StoredKey {
    let key = AuthenticationKey::parse(text.as_bytes()).unwrap();
    StoredKey { key, valid_until_unix_s, uploaded: 0, downloaded: 0, last_seen_unix_s: None }
}

fn real_torrust(database: &Path) -> Source {
    torrust(fixture("torrust.toml"), database)
}

const PERMANENT: &str = "PermanentKeyPermanentKeyPermanen";
const LONG_LIVED: &str = "LongLivedKeyLongLivedKeyLongLive";
const EXPIRED: &str = "ExpiredKeyExpiredKeyExpiredKeyEx";

#[test]
fn the_data_of_the_real_torrust_tracker_is_copied_once() {
    let scene = Scene::new();
    let source = real_torrust(&fixture("torrust.db"));
    let report = scene.import(&source, Mode::Run).unwrap();
    let found: Vec<_> = report.parts.iter().map(|part| (part.name.as_str(), numbers(part))).collect();
    let expected = [
        ("whitelist", [3, 3, 0, 0, 0]),
        ("keys", [3, 3, 0, 0, 0]),
        ("torrents", [3, 2, 0, 1, 0]),
        ("total of completed events", [1, 1, 0, 0, 0]),
    ];
    assert_eq!(found, expected, "{report}");
    let (lists, counts, keys, total) = scene.stored();
    assert_eq!(lists, [vec![torrent(1), torrent(2), torrent(3)], vec![]]);
    assert_eq!(counts, [(torrent(1), 3), (torrent(2), 1)]);
    assert_eq!(keys, [key(EXPIRED, Some(1)), key(LONG_LIVED, Some(4_102_444_800)), key(PERMANENT, None)]);
    assert_eq!(total, Some(4));

    let again = scene.import(&source, Mode::Run).unwrap();
    assert!(again.parts.iter().all(|part| part.written == 0), "{again}");
    assert_eq!(scene.stored(), (lists, counts, keys, total));
}

#[test]
fn a_second_import_keeps_what_the_tracker_has_changed() {
    let scene = Scene::new();
    let source = real_torrust(&fixture("torrust.db"));
    scene.import(&source, Mode::Run).unwrap();
    let used = StoredKey { uploaded: 7, last_seen_unix_s: Some(9), ..key(PERMANENT, Some(11)) };
    block_on(async {
        let database = scene.open().await;
        let mut batch = WriteBatch::default();
        batch.insert(Change::PutKey(used));
        batch.insert(Change::Completed(torrent(1), 100));
        batch.insert(Change::Total(database::TotalName::new("completed"), 101));
        database.store(&batch).await.unwrap();
        database.close().await;
    });
    let before = scene.stored();
    scene.import(&source, Mode::Run).unwrap();
    assert_eq!(scene.stored(), before);
}

#[test]
fn a_dry_run_reports_the_same_and_changes_nothing() {
    let scene = Scene::new();
    let source = real_torrust(&scene.torrust_database("SELECT 1"));
    let before = scene.files();
    let dry = scene.import(&source, Mode::DryRun).unwrap();
    assert_eq!(scene.files(), before);
    assert_eq!(dry.parts, scene.import(&source, Mode::Run).unwrap().parts);
    let after = scene.files();
    let dry = scene.import(&source, Mode::DryRun).unwrap();
    assert!(dry.parts.iter().all(|part| part.written == 0), "{dry}");
    assert_eq!(scene.files(), after);
}

#[test]
fn invalid_rows_are_counted_and_the_first_are_shown() {
    let scene = Scene::new();
    let statements = "INSERT INTO whitelist (info_hash) VALUES ('hunter'), (x'ff00'), (''), (printf('%.*c', 1000000, 'x'));
        INSERT INTO whitelist (info_hash) VALUES ('4444444444444444444444444444444444444444'), ('a'), ('b'), ('c');
        INSERT INTO keys (key, valid_until) VALUES ('hunter2hunter2hunter2', 1), ('4hunter2hunter2hunter2hunter2_xx', 'x'),
            ('hunter2ahunter2bhunter2chunter2d', printf('%.*c', 1000000, 'x'));
        INSERT INTO torrents (info_hash, completed) VALUES ('z', 1),
            ('5555555555555555555555555555555555555555', -1), ('6666666666666666666666666666666666666666', 'many'),
            ('7777777777777777777777777777777777777777', 9223372036854775807)";
    let report = scene.import(&real_torrust(&scene.torrust_database(statements)), Mode::Run).unwrap();
    let found: Vec<_> = report.parts.iter().map(numbers).collect();
    assert_eq!(found, [[11, 4, 0, 0, 7], [6, 3, 0, 0, 3], [7, 3, 0, 1, 3], [1, 1, 0, 0, 0]], "{report}");
    assert_eq!(report.parts[0].first_invalid.len(), 5);
    assert!(report.to_string().contains("invalid: row 4: \"hunter\""), "{report}");
    assert!(!report.to_string().contains("hunter2"), "a key is a secret: {report}");
    let (lists, counts, keys, _) = scene.stored();
    assert_eq!((lists[0].len(), counts.len(), keys.len()), (4, 3, 3));
}

#[test]
fn totals_and_keys_are_read_as_torrust_means_them() {
    let scene = Scene::new();
    let database = scene.torrust_database(
        "CREATE TABLE torrent_aggregate_metrics (id INTEGER PRIMARY KEY, metric_name TEXT, value INTEGER);
         INSERT INTO torrent_aggregate_metrics VALUES (1, 'another', 70), (2, 'torrents_downloads_total', 50)",
    );
    let config = scene.file("tracker.toml", "[core]\nprivate_mode.check_keys_expiration = false\n");
    let report = scene.import(&torrust(config, &database), Mode::Run).unwrap();
    assert_eq!(numbers(&report.parts[3]), [1, 1, 0, 0, 0], "{report}");
    let (_, _, keys, total) = scene.stored();
    assert_eq!(total, Some(50));
    assert_eq!(keys, [key(EXPIRED, None), key(LONG_LIVED, None), key(PERMANENT, None)]);
}

#[test]
fn a_large_database_is_copied_page_by_page() {
    let scene = Scene::new();
    let database = scene.torrust_database(
        "WITH RECURSIVE numbers(n) AS (SELECT 1000 UNION ALL SELECT n + 3 FROM numbers LIMIT 10000)
         INSERT INTO torrents SELECT n, printf('%040x', n), n FROM numbers",
    );
    let report = scene.import(&real_torrust(&database), Mode::Run).unwrap();
    assert_eq!(numbers(&report.parts[2]), [10_003, 10_002, 0, 1, 0]);
    let (_, counts, _, total) = scene.stored();
    assert_eq!(counts.len(), 10_002);
    assert_eq!(total, Some(4 + (0..10_000).map(|number| 1000 + 3 * number).sum::<u64>()));
}

#[test]
fn a_page_that_ends_with_an_id_that_is_no_number_is_an_error() {
    let scene = Scene::new();
    let database = scene.torrust_database(
        "DROP TABLE torrents; CREATE TABLE torrents (id, info_hash TEXT, completed INTEGER);
         WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers LIMIT 5000)
         INSERT INTO torrents SELECT 'x' || n, printf('%040x', n), n FROM numbers",
    );
    let error = scene.import(&real_torrust(&database), Mode::Run).unwrap_err();
    assert!(error.to_string().contains("the table torrents has an id that is not a number"), "{error}");
}

#[test]
fn a_database_in_use_or_the_source_itself_is_refused() {
    let scene = Scene::new();
    let source = real_torrust(&fixture("torrust.db"));
    block_on(async {
        let tracker = scene.open().await;
        let plan = import::Plan::new(&source, None).unwrap();
        let into = scene.url().into();
        let error = plan.copy(Some(&into), &config::Configuration::default(), Mode::Run).await.unwrap_err();
        assert!(error.to_string().contains("in use by another tracker, process"), "{error}");
        assert!(!error.is_wrong_text());
        tracker.close().await;
    });
    // Elsewhere, because a log of SQLite that is left of a database is applied to another one of its name.
    let scene = Scene::new();
    let database = scene.torrust_database("SELECT 1");
    std::fs::rename(&database, scene.path("ringtrack.db")).unwrap();
    let before = scene.files();
    let error = scene.import(&real_torrust(&scene.path("ringtrack.db")), Mode::Run).unwrap_err();
    assert!(error.to_string().contains("is a database of Torrust Tracker"), "{error}");
    // Another database of Torrust is refused too.
    let error = scene.import(&source, Mode::Run).unwrap_err();
    assert!(
        error.is_wrong_text() && error.to_string().contains("is a database of Torrust Tracker"),
        "{error}"
    );
    assert_eq!(scene.files(), before);
}

#[test]
fn lists_and_a_state_dump_of_opentracker_are_copied() {
    let scene = Scene::new();
    let list = "1111111111111111111111111111111111111111\r\n\
                AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n\n# a comment\n\
                2222222222222222222222222222222222222222 its name\n\
                aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n\
                111111111111111111111111111111111111111\nno hash\n2222222222222222222222222222222222222222";
    let dump = "1111111111111111111111111111111111111111:29933401:2\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA:29933401:0\n\
                2222222222222222222222222222222222222222:29933401:40\n1:2:3\n2222222222222222222222222222222222222222:1\n";
    let mut compressed = GzEncoder::new(Vec::new(), Compression::default());
    compressed.write_all(dump.as_bytes()).unwrap();
    let compressed = compressed.finish().unwrap();
    for (dump, written) in [(dump.as_bytes(), 2), (&compressed, 0)] {
        let source = Source::Opentracker {
            config: scene.file("opentracker.conf", ""),
            whitelist: Some(scene.file("white", list)),
            blacklist: Some(scene.file("black", "3333333333333333333333333333333333333333")),
            statedump: Some(scene.file("dump", dump)),
        };
        let report = scene.import(&source, Mode::Run).unwrap();
        assert_eq!(report.parts[0].read, 7);
        assert_eq!(report.parts[0].first_invalid.len(), 2, "{report}");
        assert_eq!(numbers(&report.parts[2]), [5, written, 2 - written, 1, 2], "{report}");
    }
    let (lists, counts, keys, total) = scene.stored();
    assert_eq!(lists, [vec![torrent(1), torrent(2), torrent(0xa)], vec![torrent(3)]]);
    assert_eq!(counts, [(torrent(1), 2), (torrent(2), 40)]);
    assert_eq!((keys.len(), total), (0, Some(42)));
}

#[test]
fn counts_that_overflow_together_are_the_largest_total() {
    let scene = Scene::new();
    let lines = (0..5000).map(|number| format!("{number:040x}:1:{}\n", u64::MAX));
    let source = Source::Opentracker {
        config: scene.file("opentracker.conf", ""),
        whitelist: None,
        blacklist: None,
        statedump: Some(scene.file("dump", lines.collect::<String>())),
    };
    let report = scene.import(&source, Mode::Run).unwrap();
    assert_eq!(numbers(&report.parts[0]), [5000, 5000, 0, 0, 0]);
    assert_eq!(scene.stored().3, Some(i64::MAX.unsigned_abs()));
}

#[test]
fn the_list_of_aquatic_is_copied_to_the_list_of_its_mode() {
    let scene = Scene::new();
    let config = scene.file("aquatic.toml", "# aquatic_udp\n[access_list]\nmode = \"deny\"\n");
    let list = scene.file("list", "1111111111111111111111111111111111111111\n");
    let source = |configs| Source::Aquatic { configs, access_list: Some(list.clone()) };
    scene.import(&source(vec![config]), Mode::Run).unwrap();
    assert_eq!(scene.stored().0, [vec![], vec![torrent(1)]]);
    let off = scene.file("off.toml", "# aquatic_udp\n");
    let error = scene.import(&source(vec![off]), Mode::Run).unwrap_err();
    assert!(error.to_string().contains("the mode of access_list is \"off\""), "{error}");
}

#[test]
fn without_data_no_database_is_made() {
    let scene = Scene::new();
    let source = opentracker(scene.file("opentracker.conf", ""));
    let before = scene.files();
    let report = scene.import(&source, Mode::Run).unwrap();
    assert_eq!((report.parts, report.database), (Vec::<Part>::new(), None));
    assert!(scene.import(&real_torrust(&scene.path("missing.db")), Mode::Run).is_err());
    assert_eq!(scene.files(), before);
}

#[test]
fn a_configuration_file_is_replaced_only_if_that_is_asked_for() {
    let scene = Scene::new();
    let path = scene.path("ringtrack.toml");
    check_output(&path, "a", Overwrite::Refuse).unwrap();
    for (text, has_secrets, mode) in [("a", true, 0o600), ("b", false, 0o644)] {
        check_output(&path, text, Overwrite::Allow).unwrap();
        write_output(&path, text, has_secrets).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777 & !mode, 0);
    }
    check_output(&path, "b", Overwrite::Refuse).unwrap();
    let error = check_output(&path, "c", Overwrite::Refuse).unwrap_err();
    assert!(error.to_string().contains("exists already: choose another file with --output"), "{error}");
    for wrong in [scene.path("missing/ringtrack.toml"), scene.folder.path().to_owned()] {
        let error = check_output(&wrong, "a", Overwrite::Allow).unwrap_err();
        assert!(error.to_string().starts_with(&wrong.display().to_string()), "{error}");
    }
}
