use super::{Place, all, execute, hash, key, with_every_backend};
use database::{
    Banned, Change, Creation, Database, DeletedKey, StoredBan, StoredKey, StoredTotal, TotalName, WriteBatch,
};
use primitives::{InfoHash, ListChange, PeerIdPrefix, TorrentList};

const ANNOUNCES: TotalName = TotalName::new("announces");
const BYTES: TotalName = TotalName::new("bytes");

with_every_backend!(
    async stored_records_are_loaded_again,
    async removed_records_are_not_loaded,
    async an_account_changes_nothing_else_of_its_key,
    async a_deleted_key_is_kept_aside_until_it_is_restored_or_removed,
    async a_batch_may_be_stored_twice,
    async keys_that_differ_by_case_are_different_keys,
    async counts_beyond_63_bits_are_stored_as_the_maximum,
    async counts_of_completed_events_only_grow,
    async a_hundred_thousand_torrents_are_loaded_in_pages,
    async a_reopened_database_has_all_its_records,
    async a_database_of_a_newer_tracker_is_refused,
    async invalid_rows_are_ignored,
);

fn batch(changes: impl IntoIterator<Item = Change>) -> WriteBatch {
    let mut batch = WriteBatch::default();
    changes.into_iter().for_each(|change| batch.insert(change));
    batch
}

fn listed(list: TorrentList, info_hash: InfoHash) -> Change {
    Change::List(list, info_hash, ListChange::Add)
}

fn account(text: &str) -> StoredKey {
    StoredKey {
        key: key(text),
        valid_until_unix_s: Some(1_900_000_000),
        uploaded: 5_000_000_000,
        downloaded: 7,
        last_seen_unix_s: None,
    }
}

fn bans() -> Vec<StoredBan> {
    let reasons = ["lies about what it has", "Unsinn \u{1f600}, 'quoted' \"twice\" \\ ? $1", "", "v6"];
    let banned = [
        Banned::Client(PeerIdPrefix::parse("-XX").unwrap()),
        Banned::Client(PeerIdPrefix::parse("-xx0'?%_\\").unwrap()),
        Banned::Network("10.1.0.0/16".parse().unwrap()),
        Banned::Network("2001:db8::/32".parse().unwrap()),
    ];
    let bans = banned.into_iter().zip(reasons);
    bans.map(|(banned, reason)| StoredBan { banned, reason: reason.to_owned(), since_unix_s: 1_800_000_000 })
        .collect()
}

/// Records of every kind.
fn everything() -> WriteBatch {
    let lists = [
        listed(TorrentList::Allowed, InfoHash([0; 20])),
        listed(TorrentList::Allowed, InfoHash([0xff; 20])),
        listed(TorrentList::Denied, hash(3)),
    ];
    let keys =
        [account("b"), StoredKey { valid_until_unix_s: None, last_seen_unix_s: Some(9), ..account("a") }];
    let counts = [(hash(5), 50), (InfoHash([b' '; 20]), 1)];
    let counts = counts.map(|(info_hash, completed)| Change::Completed(info_hash, completed));
    let totals = [Change::Total(BYTES, 1 << 50), Change::Total(ANNOUNCES, 0)];
    let changes =
        lists.into_iter().chain(keys.map(Change::PutKey)).chain(bans().into_iter().map(Change::PutBan));
    batch(changes.chain(counts).chain(totals))
}

async fn assert_has_everything(database: &Database) {
    let allowed = [InfoHash([0; 20]), InfoHash([0xff; 20])];
    assert_eq!(all(database.load_list(TorrentList::Allowed)).await, allowed);
    assert_eq!(all(database.load_list(TorrentList::Denied)).await, [hash(3)]);
    let keys =
        [StoredKey { valid_until_unix_s: None, last_seen_unix_s: Some(9), ..account("a") }, account("b")];
    assert_eq!(all(database.load_keys()).await, keys);
    assert_eq!(all(database.load_bans()).await, bans());
    let counts = all(database.load_completed()).await;
    assert_eq!(counts, [(hash(5), 50), (InfoHash([b' '; 20]), 1)]);
    let total = |name: &str, value| StoredTotal { name: name.to_owned(), value };
    assert_eq!(database.load_totals().await.unwrap(), [total("announces", 0), total("bytes", 1 << 50)]);
}

async fn stored_records_are_loaded_again(place: &Place) {
    let database = place.open().await;
    database.store(&everything()).await.unwrap();
    assert_has_everything(&database).await;
}

async fn a_batch_may_be_stored_twice(place: &Place) {
    let database = place.open().await;
    database.store(&everything()).await.unwrap();
    database.store(&everything()).await.unwrap();
    assert_has_everything(&database).await;
}

async fn removed_records_are_not_loaded(place: &Place) {
    let database = place.open().await;
    database.store(&everything()).await.unwrap();
    let removals = [
        Change::List(TorrentList::Allowed, InfoHash([0; 20]), ListChange::Remove),
        Change::List(TorrentList::Allowed, hash(3), ListChange::Remove),
        Change::RemoveKey(key("a")),
        Change::LiftBan(Banned::Network("2001:db8::/32".parse().unwrap())),
        Change::LiftBan(Banned::Client(PeerIdPrefix::parse("-XX").unwrap())),
    ];
    for _ in 0..2 {
        database.store(&batch(removals.clone())).await.unwrap();
        assert_eq!(all(database.load_list(TorrentList::Allowed)).await, [InfoHash([0xff; 20])]);
        assert_eq!(all(database.load_list(TorrentList::Denied)).await, [hash(3)]);
        assert_eq!(all(database.load_keys()).await, [account("b")]);
        assert_eq!(all(database.load_bans()).await, bans()[1..3]);
    }
}

async fn an_account_changes_nothing_else_of_its_key(place: &Place) {
    let database = place.open().await;
    database.store(&batch(["a", "b", "c"].map(account).map(Change::PutKey))).await.unwrap();
    for statement in [
        "DELETE FROM auth_keys WHERE auth_key LIKE 'a%'",
        "UPDATE auth_keys SET valid_until = 5 WHERE auth_key LIKE 'b%'",
    ] {
        execute(place, statement).await;
    }
    let more = |text| StoredKey { uploaded: 6_000_000_000, last_seen_unix_s: Some(9), ..account(text) };
    let renewed = StoredKey { valid_until_unix_s: None, ..account("d") };
    let changes = ["a", "b", "c"].map(more).map(Change::Account);
    database.store(&batch(changes.into_iter().chain([Change::PutKey(renewed)]))).await.unwrap();
    let b = StoredKey { valid_until_unix_s: Some(5), ..more("b") };
    assert_eq!(all(database.load_keys()).await, [b, more("c"), renewed]);
}

async fn a_deleted_key_is_kept_aside_until_it_is_restored_or_removed(place: &Place) {
    let database = place.open().await;
    let deleted = |text| DeletedKey { key: account(text), deleted_unix_s: 1_900_000_001 };
    database.store(&batch(["a", "b", "c"].map(account).map(Change::PutKey))).await.unwrap();
    for _ in 0..2 {
        database.store(&batch(["a", "b"].map(deleted).map(Change::DeleteKey))).await.unwrap();
        assert_eq!(all(database.load_keys()).await, [account("c")]);
        assert_eq!(all(database.load_deleted_keys()).await, ["a", "b"].map(deleted));
    }
    let changes = [Change::RestoreKey(account("a")), Change::RemoveKey(key("b"))];
    for _ in 0..2 {
        database.store(&batch(changes.clone())).await.unwrap();
        assert_eq!(all(database.load_keys()).await, ["a", "c"].map(account));
        assert_eq!(all(database.load_deleted_keys()).await, []);
    }
}

async fn keys_that_differ_by_case_are_different_keys(place: &Place) {
    let database = place.open().await;
    let keys = ["AbC", "Abc", "aBC", "abc"].map(account);
    database.store(&batch(keys.map(Change::PutKey))).await.unwrap();
    assert_eq!(all(database.load_keys()).await, keys);
    database.store(&batch([Change::RemoveKey(key("abc"))])).await.unwrap();
    assert_eq!(all(database.load_keys()).await, keys[..3]);
}

async fn counts_beyond_63_bits_are_stored_as_the_maximum(place: &Place) {
    let database = place.open().await;
    let huge = StoredKey { uploaded: u64::MAX, downloaded: 1 << 63, ..account("a") };
    database.store(&batch([Change::PutKey(huge), Change::Total(BYTES, u64::MAX)])).await.unwrap();
    let stored = all(database.load_keys()).await[0];
    assert_eq!((stored.uploaded, stored.downloaded), (0x7fff_ffff_ffff_ffff, 0x7fff_ffff_ffff_ffff));
    assert_eq!(database.load_totals().await.unwrap()[0].value, 0x7fff_ffff_ffff_ffff);
}

async fn counts_of_completed_events_only_grow(place: &Place) {
    let database = place.open().await;
    for completed in [7, 9, 3] {
        database.store(&batch([Change::Completed(hash(1), completed)])).await.unwrap();
    }
    assert_eq!(all(database.load_completed()).await[0].1, 9);
}

async fn a_hundred_thousand_torrents_are_loaded_in_pages(place: &Place) {
    let database = place.open().await;
    let wanted: Vec<_> = (0..100_000).map(hash).collect();
    for part in wanted.chunks(20_000) {
        let part = part.iter().map(|info_hash| listed(TorrentList::Denied, *info_hash));
        database.store(&batch(part)).await.unwrap();
    }
    assert!(all(database.load_list(TorrentList::Denied)).await == wanted);
    assert_eq!(all(database.load_list(TorrentList::Allowed)).await, []);
}

async fn a_reopened_database_has_all_its_records(place: &Place) {
    let database = place.open().await;
    database.store(&everything()).await.unwrap();
    database.close().await;
    assert!(database.store(&everything()).await.is_err(), "a closed database accepts nothing");
    let again = Database::open(&place.url(), Creation::WhenWritten).await.unwrap();
    assert_has_everything(&again).await;
}

async fn a_database_of_a_newer_tracker_is_refused(place: &Place) {
    let database = place.open().await;
    database.close().await;
    let statement = "UPDATE _sqlx_migrations SET version = 99 WHERE version = 1";
    execute(place, statement).await;
    let error = Database::open(&place.url(), Creation::Now).await.unwrap_err().to_string();
    assert!(error.contains("version 99") && error.contains("newer"), "{error}");
}

async fn invalid_rows_are_ignored(place: &Place) {
    let database = place.open().await;
    database.store(&everything()).await.unwrap();
    for statement in [
        "INSERT INTO bans (kind, value, reason, since) VALUES (9, 'x', '', 0)",
        "INSERT INTO bans (kind, value, reason, since) VALUES (2, 'everybody', '', 0)",
        "INSERT INTO auth_keys (auth_key, uploaded, downloaded) VALUES ('short', 0, 0)",
    ] {
        execute(place, statement).await;
    }
    assert_has_everything(&database).await;
}
