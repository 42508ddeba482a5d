//! A private tracker of listed torrents with a database, and the contents of that database.

use super::load::{Sums, key};
use crate::databases::{all, block_on};
use crate::management::TOKEN;
use crate::management::api::Api;
use crate::patience::{PATIENCE, wait_for};
use crate::tracker::{Launch, Tracker};
use database::{Database, StoredKey};
use primitives::{InfoHash, TorrentList};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

/// The tracker of all these tests.
pub(super) fn launch(url: &str) -> Launch {
    Launch::on_loopback()
        .set("access.mode", "private-listed")
        .set("database.url", url)
        .set("database.flush_every_s", "1")
        .set("database.remember_completed", "on")
        .set("api.listen", r#"["127.0.0.1:0"]"#)
        .set("api.tokens", &format!("test={TOKEN}"))
}

/// The tracker's data in the database.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Stored {
    pub(super) accounts: Vec<(u64, u64)>,
    pub(super) allowed: BTreeSet<InfoHash>,
    pub(super) completed: BTreeMap<InfoHash, u64>,
    pub(super) totals: BTreeMap<String, u64>,
}

impl Stored {
    pub(super) fn read(url: &str) -> Self {
        block_on(async {
            let database = Database::reader(&url.parse().unwrap());
            let accounts =
                |keys: Vec<StoredKey>| keys.iter().map(|key| (key.uploaded, key.downloaded)).collect();
            let deadline = Instant::now() + PATIENCE;
            // A busy machine may take too long to connect. The connection is kept for what follows.
            let totals = loop {
                match database.load_totals().await {
                    Ok(totals) => break totals,
                    Err(error) => assert!(Instant::now() < deadline, "{error}"),
                }
            };
            let counts = all(database.load_completed()).await;
            let stored = Self {
                accounts: accounts(all(database.load_keys()).await),
                allowed: all(database.load_list(TorrentList::Allowed)).await.into_iter().collect(),
                completed: counts.into_iter().collect(),
                totals: totals.into_iter().map(|total| (total.name, total.value)).collect(),
            };
            database.close().await;
            stored
        })
    }

    /// The data expected for these sums.
    pub(super) fn of(sums: &Sums) -> Self {
        let total = |name: &str, value| (name.to_owned(), value);
        let totals = [
            total("completed", sums.completions_reported),
            total("udp_announces_answered", sums.udp_announces),
            total("http_announces_answered", sums.http_announces),
        ];
        Self {
            accounts: sums.accounts.to_vec(),
            allowed: sums.allowed.clone(),
            completed: sums.completed.iter().map(|torrent| (*torrent, 1)).collect(),
            totals: totals.into(),
        }
    }

    /// Removes the totals that these tests do not count.
    pub(super) fn without_connects(mut self) -> Self {
        self.totals.remove("udp_connects_answered");
        self
    }

    /// Asserts that this lies between `least`, which was stored before, and `most`, which was sent in all.
    #[track_caller]
    pub(super) fn assert_between(&self, least: &Self, most: &Self) {
        for ((now, least), most) in self.accounts.iter().zip(&least.accounts).zip(&most.accounts) {
            assert!((least.0..=most.0).contains(&now.0), "{now:?}: {least:?} to {most:?}");
            assert!((least.1..=most.1).contains(&now.1), "{now:?}: {least:?} to {most:?}");
        }
        assert_eq!(self.accounts.len(), most.accounts.len());
        assert!(least.allowed.is_subset(&self.allowed) && self.allowed.is_subset(&most.allowed));
        let is_between = |(torrent, count): (_, &u64)| {
            let least = least.completed.get(torrent).unwrap_or(&0);
            (least..=most.completed.get(torrent).unwrap_or(&0)).contains(&count)
        };
        assert!(self.completed.iter().all(is_between));
        assert!(least.completed.keys().all(|torrent| self.completed.contains_key(torrent)));
        for (name, most) in &most.totals {
            let (least, now) = (least.totals.get(name).unwrap_or(&0), self.totals.get(name).unwrap_or(&0));
            assert!((least..=most).contains(&now), "{name}: {now} is not from {least} to {most}");
        }
    }
}

/// Waits until the database holds everything in `sums`, and asserts that the API reports the same.
#[track_caller]
pub(super) fn assert_all_is_stored(tracker: &Tracker, url: &str, sums: &Sums) {
    let wanted = Stored::of(sums);
    let api = Api::of(tracker);
    wait_for(|| match (api.storage(), Stored::read(url).without_connects()) {
        (storage, stored) if storage.state == "connected" && stored == wanted => Ok(()),
        (storage, stored) => Err(format!("{storage:?} {stored:?} and not {wanted:?}")),
    });
    for (user, account) in sums.accounts.iter().enumerate() {
        assert_eq!(api.account(&key(user)), *account);
    }
    for (name, total) in &wanted.totals {
        assert_eq!(api.total(name), *total, "{name}");
    }
}

/// The lines about the database that were logged at a level.
pub(super) fn lines_at(log: &[String], level: &str) -> Vec<String> {
    let is_one = |line: &&String| line.contains(&format!(" {level} ")) && line.contains("database");
    log.iter().filter(is_one).cloned().collect()
}
