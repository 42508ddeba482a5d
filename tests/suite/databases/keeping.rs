use super::{Place, all, hash, key, with_every_backend};
use database::{
    Change, StoredKey, TooManyWaiting, TotalName, WriteBehind, WriteBehindSettings, WriteBehindState,
};
use primitives::{ListChange, TorrentList};
use std::time::Duration;
use tokio::time::Instant;

const ANNOUNCES: TotalName = TotalName::new("announces");

with_every_backend!(
    async waiting_changes_are_written_without_a_flush,
    async changes_made_before_a_flush_are_loaded_after_it,
    async nothing_is_lost_at_a_clean_stop,
);

fn soon() -> Instant {
    Instant::now() + Duration::from_secs(20)
}

/// Writes only at a flush and at the end.
fn seldom() -> WriteBehindSettings {
    WriteBehindSettings { flush_every: Duration::from_secs(3600), ..WriteBehindSettings::default() }
}

fn account(uploaded: u64) -> StoredKey {
    StoredKey { key: key("k"), valid_until_unix_s: None, uploaded, downloaded: 0, last_seen_unix_s: Some(1) }
}

async fn waiting_changes_are_written_without_a_flush(place: &Place) {
    let database = place.open().await;
    let settings =
        WriteBehindSettings { flush_every: Duration::from_millis(20), ..WriteBehindSettings::default() };
    let write_behind = WriteBehind::start(Some(database.clone()), settings);
    write_behind.insert(Change::Total(ANNOUNCES, 1)).unwrap();
    super::until("a write", || write_behind.info().done == 1).await;
    assert_eq!(database.load_totals().await.unwrap()[0].value, 1);
    assert_eq!((write_behind.info().waiting, write_behind.info().state), (0, WriteBehindState::Connected));
}

async fn changes_made_before_a_flush_are_loaded_after_it(place: &Place) {
    let database = place.open().await;
    let write_behind = WriteBehind::start(Some(database.clone()), seldom());
    for round in 1..=3 {
        write_behind.insert(Change::PutKey(account(round))).unwrap();
        write_behind.insert(Change::Completed(hash(1), round)).unwrap();
        write_behind.flush().await.unwrap();
        assert_eq!(all(database.load_keys()).await, [account(round)]);
    }
    write_behind.insert(Change::RemoveKey(key("k"))).unwrap();
    write_behind.flush().await.unwrap();
    assert_eq!(all(database.load_keys()).await, []);
    assert_eq!((write_behind.info().done, write_behind.info().failures), (7, 0));
}

async fn nothing_is_lost_at_a_clean_stop(place: &Place) {
    let write_behind = WriteBehind::start(Some(place.open().await), seldom());
    let wanted: Vec<_> = (0..25_000).map(hash).collect();
    write_behind.change_list(TorrentList::Allowed, ListChange::Add, &wanted).unwrap();
    write_behind.insert(Change::PutKey(account(7))).unwrap();
    assert_eq!(write_behind.stop(soon()).await.lost, 0);
    let late = write_behind.insert(Change::PutKey(account(8)));
    assert_eq!(late, Err(TooManyWaiting), "nothing is accepted after the end");
    assert!(write_behind.flush().await.is_err());
    let database = place.open().await;
    assert!(all(database.load_list(TorrentList::Allowed)).await == wanted);
    assert_eq!(all(database.load_keys()).await, [account(7)]);
}

#[test]
fn without_a_database_changes_are_accepted_and_discarded() {
    super::block_on(async {
        let write_behind = WriteBehind::start(None, WriteBehindSettings { pending_max: 1, ..seldom() });
        write_behind.change_list(TorrentList::Allowed, ListChange::Add, &[hash(1), hash(2)]).unwrap();
        write_behind.flush().await.unwrap();
        assert_eq!((write_behind.info().state, write_behind.info().waiting), (WriteBehindState::Absent, 0));
        assert_eq!(write_behind.stop(soon()).await.lost, 0);
    });
}
