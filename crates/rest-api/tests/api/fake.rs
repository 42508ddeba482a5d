//! A tracker in memory that stores what is added and forgets what is removed.

use access::TorrentTablePlace;
use control::{
    Ban, Banned, KeyInfo, KeyOutcome, LatencyInfo, ListPage, ListPlace, ListenerInfo, Management,
    ManagementError, Modes, StorageInfo, StorageState, TorrentMode, TorrentPage, TorrentWithPeers, UserMode,
    WantedKey,
};
use metrics::{Gauge, Outcome, Statistics};
use primitives::{
    AddressFamily, AuthenticationKey, InfoHash, ListChange, ListSource, RequestKind, TorrentInfo,
    TorrentList, TorrentOrder,
};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

/// The fake's constant time, so that bodies can be compared: 2023-03-28 13:25:00 UTC.
pub(crate) const NOW_UNIX_S: u64 = 1_680_009_900;

pub(crate) struct Fake {
    pub(crate) modes: Modes,
    state: Mutex<State>,
    /// Whether every operation that can fail does.
    pub(crate) fails: AtomicBool,
    pub(crate) statistics_asked: AtomicU64,
    pub(crate) batch_max: AtomicUsize,
    pub(crate) listeners: Mutex<Vec<ListenerInfo>>,
}

#[derive(Default)]
pub(crate) struct State {
    pub(crate) torrents: BTreeMap<InfoHash, TorrentWithPeers>,
    pub(crate) allowed: BTreeSet<InfoHash>,
    pub(crate) denied: BTreeSet<InfoHash>,
    pub(crate) keys: BTreeMap<AuthenticationKey, KeyInfo>,
    pub(crate) bans: BTreeMap<Banned, Ban>,
    keys_made: u64,
}

impl State {
    fn list(&mut self, list: TorrentList) -> &mut BTreeSet<InfoHash> {
        match list {
            TorrentList::Allowed => &mut self.allowed,
            TorrentList::Denied => &mut self.denied,
        }
    }
}

impl Default for Fake {
    fn default() -> Self {
        Self {
            modes: Modes { users: UserMode::Private, torrents: TorrentMode::Listed },
            state: Mutex::default(),
            fails: AtomicBool::new(false),
            statistics_asked: AtomicU64::new(0),
            batch_max: AtomicUsize::new(0),
            listeners: Mutex::default(),
        }
    }
}

impl Fake {
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    pub(crate) fn add_torrent(&self, torrent: TorrentWithPeers) {
        self.state().torrents.insert(torrent.info.info_hash, torrent);
    }

    fn works(&self) -> Result<MutexGuard<'_, State>, ManagementError> {
        if self.fails.load(Ordering::Relaxed) { Err(ManagementError::CoreBusy) } else { Ok(self.state()) }
    }
}

impl Management for Fake {
    fn modes(&self) -> Modes {
        self.modes
    }

    fn totals(&self) -> Vec<(&'static str, u64)> {
        vec![("completed", 7), ("udp_announces_answered", 42)]
    }

    /// Each call returns two more answered connects.
    fn statistics(&self) -> Statistics {
        let asked = self.statistics_asked.fetch_add(1, Ordering::Relaxed) + 1;
        let mut statistics = Statistics::default();
        statistics.set(Gauge::Torrents, self.state().torrents.len() as u64);
        for _ in 0..2 * asked {
            statistics.count_received(AddressFamily::V4, 1);
            statistics.count(AddressFamily::V4, RequestKind::Connect, Outcome::Answered);
        }
        statistics
    }

    async fn torrent(
        &self,
        info_hash: InfoHash,
        peers_max: usize,
    ) -> Result<Option<TorrentWithPeers>, ManagementError> {
        let mut found = self.works()?.torrents.get(&info_hash).cloned();
        if let Some(found) = &mut found {
            found.peers.truncate(peers_max);
        }
        Ok(found)
    }

    async fn torrents(&self, page: TorrentPage) -> Result<Vec<TorrentInfo>, ManagementError> {
        let mut all: Vec<_> = self.works()?.torrents.values().map(|torrent| torrent.info).collect();
        match page.order {
            TorrentOrder::InfoHash => {}
            TorrentOrder::Seeders => all.sort_by_key(|info| Reverse(info.seeders)),
            TorrentOrder::Leechers => all.sort_by_key(|info| Reverse(info.leechers)),
            TorrentOrder::Peers => all.sort_by_key(|info| Reverse(info.seeders + info.leechers)),
            TorrentOrder::Completed => all.sort_by_key(|info| Reverse(info.completed)),
        }
        let offset = usize::try_from(page.offset).unwrap_or(usize::MAX);
        Ok(all.into_iter().skip(offset).take(page.torrents_max).collect())
    }

    async fn torrents_named(&self, info_hashes: Vec<InfoHash>) -> Result<Vec<TorrentInfo>, ManagementError> {
        let state = self.works()?;
        let found = info_hashes.iter().filter_map(|info_hash| state.torrents.get(info_hash));
        Ok(found.map(|torrent| torrent.info).collect())
    }

    async fn drop_torrent(&self, info_hash: InfoHash) -> Result<bool, ManagementError> {
        Ok(self.works()?.torrents.remove(&info_hash).is_some())
    }

    async fn change_list(
        &self,
        list: TorrentList,
        change: ListChange,
        info_hashes: Vec<InfoHash>,
    ) -> Result<(), ManagementError> {
        self.batch_max.fetch_max(info_hashes.len(), Ordering::Relaxed);
        let mut state = self.works()?;
        for info_hash in info_hashes {
            match change {
                ListChange::Add => state.list(list).insert(info_hash),
                ListChange::Remove => state.list(list).remove(&info_hash),
            };
        }
        Ok(())
    }

    async fn list_page(
        &self,
        list: TorrentList,
        from: Option<ListPlace>,
        entries_max: usize,
    ) -> Result<ListPage, ManagementError> {
        let begin = from.map_or(0, |place| place.shard);
        let mut state = self.works()?;
        let entries: Vec<_> = state
            .list(list)
            .iter()
            .skip(begin)
            .take(entries_max)
            .map(|&info_hash| (info_hash, vec![ListSource::Api]))
            .collect();
        let end = begin + entries.len();
        let next = (end < state.list(list).len())
            .then_some(ListPlace { shard: end, place: TorrentTablePlace::default() });
        Ok(ListPage { entries, next })
    }

    async fn reload_list(&self, _: TorrentList) -> Result<(), ManagementError> {
        self.works().map(drop)
    }

    async fn put_key(&self, wanted: WantedKey) -> Result<KeyInfo, ManagementError> {
        let mut state = self.works()?;
        state.keys_made += 1;
        let generated = format!("{:032}", state.keys_made);
        let key = wanted.key.unwrap_or_else(|| AuthenticationKey::parse(generated.as_bytes()).unwrap());
        let valid_until_unix_s = wanted.validity.map(|validity: Duration| NOW_UNIX_S + validity.as_secs());
        let info = KeyInfo {
            key,
            valid_until_unix_s,
            uploaded: 1,
            downloaded: 2,
            last_seen_unix_s: Some(NOW_UNIX_S),
            seeding: 3,
            leeching: 4,
        };
        state.keys.insert(key, info);
        Ok(info)
    }

    async fn put_keys(&self, keys: Vec<WantedKey>) -> Result<Vec<KeyOutcome>, ManagementError> {
        let mut outcomes = Vec::new();
        for key in keys {
            outcomes.push(self.put_key(key).await);
        }
        Ok(outcomes)
    }

    async fn remove_keys(&self, keys: Vec<AuthenticationKey>) -> Result<usize, ManagementError> {
        let mut state = self.works()?;
        Ok(keys.iter().filter(|key| state.keys.remove(key).is_some()).count())
    }

    async fn remove_key(&self, key: AuthenticationKey) -> Result<bool, ManagementError> {
        Ok(self.works()?.keys.remove(&key).is_some())
    }

    fn key(&self, key: AuthenticationKey) -> Option<KeyInfo> {
        self.state().keys.get(&key).copied()
    }

    fn keys(&self, after: Option<AuthenticationKey>, keys_max: usize) -> Vec<KeyInfo> {
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        self.state().keys.range((from, Bound::Unbounded)).take(keys_max).map(|(_, info)| *info).collect()
    }

    fn reset_account(&self, key: AuthenticationKey) -> Result<bool, ManagementError> {
        let mut state = self.works()?;
        let Some(info) = state.keys.get_mut(&key) else { return Ok(false) };
        (info.uploaded, info.downloaded) = (0, 0);
        Ok(true)
    }

    async fn reload_keys(&self) -> Result<(), ManagementError> {
        self.works().map(drop)
    }

    async fn bans(&self) -> Vec<Ban> {
        self.state().bans.values().cloned().collect()
    }

    async fn add_ban(&self, ban: Ban) -> Result<(), ManagementError> {
        self.works()?.bans.insert(ban.banned, ban);
        Ok(())
    }

    async fn lift_ban(&self, banned: Banned) -> Result<bool, ManagementError> {
        Ok(self.works()?.bans.remove(&banned).is_some())
    }

    fn configuration(&self) -> serde_json::Value {
        serde_json::json!({ "tracker": { "private": true } })
    }

    async fn reload(&self) -> Result<(), ManagementError> {
        self.works().map(drop)
    }

    async fn latencies(&self) -> Result<Vec<LatencyInfo>, ManagementError> {
        let _state = self.works()?;
        let (name, count) = ("announce-ipv4".to_owned(), 10);
        let info =
            LatencyInfo { name, count, p50_us: 1.5, p90_us: 2.0, p99_us: 3.0, p999_us: 4.0, max_us: 5.0 };
        Ok(vec![info])
    }

    async fn latency_log(&self) -> Result<Vec<u8>, ManagementError> {
        self.works().map(|_| b"#[Histogram log format version 1.3]\n".to_vec())
    }

    fn storage(&self) -> StorageInfo {
        let state = StorageState::Away("no route to host".to_owned());
        StorageInfo { state, writes_waiting: 1, writes_done: 2, writes_lost: 3, failures: 4 }
    }

    fn listeners(&self) -> Vec<ListenerInfo> {
        self.listeners.lock().unwrap().clone()
    }
}
