//! A tracker in memory that stores what is added and forgets what is removed.

use control::management::{
    AccessPolicy, AddError, Answer, ApiGuard, AppliedBan, Ban, BanCounts, BanEnd, BanManagement, Banned,
    ChangePermit, FailureKind, ForwardingManagement, KeyInfo, KeyManagement, KeyOutcome, LatencyDistribution,
    LatencyInfo, LatencyManagement, ListManagement, ListPage, ListPlace, ListenerInfo, Management,
    ManagementError, MemoryInfo, Pending, Reloaded, SnapshotFigures, SnapshotInfo, SnapshotManagement,
    SourceInfo, SourceManagement, StorageInfo, StorageState, StoredBan, TemporaryBan, TorrentAdmission,
    TorrentManagement, TorrentPage, TorrentWithPeers, Upstream, UpstreamFigures, UpstreamInfo, UpstreamState,
    UserAdmission, WantedKey,
};
use guard::{Class, CoreGuard, Guard, SourceLimits};
use metrics::{
    Counter, Distribution, ErrorReason, Gauge, Histogram, HttpOutcome, MemoryShare, MessageOutcome, Outcome,
    Statistics,
};
use primitives::{
    AddressFamily, AuthenticationKey, InfoHash, ListChange, RequestKind, TableSeed, TorrentInfo, TorrentList,
};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::future::ready;
use std::ops::Bound;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

/// The fake's constant time, so that bodies can be compared: 2023-03-28 13:25:00 UTC.
pub(crate) const NOW_UNIX_S: u64 = 1_680_009_900;

#[derive(Default)]
pub(crate) struct Fake {
    /// Whether it serves everything to everyone, forwards nothing and writes no snapshots, instead of serving listed torrents to
    /// users with a key.
    pub(crate) is_public: bool,
    state: Mutex<State>,
    /// Whether every operation that can fail does.
    pub(crate) fails: AtomicBool,
    /// Whether another process takes over.
    pub(crate) is_handing_over: AtomicBool,
    pub(crate) statistics_asked: AtomicU64,
    pub(crate) latencies_asked: AtomicU64,
    pub(crate) batch_max: AtomicUsize,
    pub(crate) list_pages_asked: AtomicUsize,
    pub(crate) listeners: Mutex<Vec<ListenerInfo>>,
    pub(crate) limits: Limits,
}

/// The limits by source: none, unless a test sets one.
pub(crate) struct Limits(ApiGuard);

impl Default for Limits {
    fn default() -> Self {
        Self::new(SourceLimits::none())
    }
}

impl Limits {
    /// Gives each source this many tokens of a class at once, and one more each second.
    pub(crate) fn of(class: Class, tokens: u32) -> Self {
        let mut limits = SourceLimits { burst_s: tokens, ..SourceLimits::none() };
        limits.per_s[class as usize] = 1;
        Self::new(limits)
    }

    fn new(limits: SourceLimits) -> Self {
        let guard = Arc::new(Guard::new(TableSeed([7; 16]), 64));
        Self(ApiGuard::new(CoreGuard::new(guard, limits), Instant::now()))
    }
}

#[derive(Default)]
pub(crate) struct State {
    pub(crate) torrents: BTreeMap<InfoHash, TorrentWithPeers>,
    allowed: BTreeSet<InfoHash>,
    denied: BTreeSet<InfoHash>,
    pub(crate) keys: BTreeMap<AuthenticationKey, KeyInfo>,
    pub(crate) bans: BTreeMap<Banned, Ban>,
    keys_made: u64,
    upstreams: Vec<(Upstream, UpstreamState)>,
}

impl State {
    pub(crate) fn list(&mut self, list: TorrentList) -> &mut BTreeSet<InfoHash> {
        match list {
            TorrentList::Allowed => &mut self.allowed,
            TorrentList::Denied => &mut self.denied,
        }
    }

    fn set_upstream(&mut self, name: &str, state: UpstreamState) -> bool {
        let mut upstreams = self.upstreams.iter_mut();
        upstreams.find(|(upstream, _)| *upstream.name == *name).map(|found| found.1 = state).is_some()
    }

    fn put_key(&mut self, wanted: WantedKey) -> KeyInfo {
        self.keys_made += 1;
        let generated = format!("{:032}", self.keys_made);
        let key = wanted.key.unwrap_or_else(|| AuthenticationKey::parse(generated.as_bytes()).unwrap());
        let info = KeyInfo {
            key,
            valid_until_unix_s: wanted.validity.map(|validity| NOW_UNIX_S + validity.as_secs()),
            uploaded: 1,
            downloaded: 2,
            last_seen_unix_s: Some(NOW_UNIX_S),
            seeding: 3,
            leeching: 4,
        };
        self.keys.insert(key, info);
        info
    }
}

impl Fake {
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    pub(crate) fn add_torrent(&self, torrent: TorrentWithPeers) {
        self.state().torrents.insert(torrent.info.info_hash, torrent);
    }

    /// Returns the result of an operation, which fails if every operation does.
    fn answer<T: Send + 'static>(&self, result: impl FnOnce(&mut State) -> T) -> Answer<'static, T> {
        let fails = self.fails.load(Ordering::Relaxed);
        let result = if fails { Err(ManagementError::CoreBusy) } else { Ok(result(&mut self.state())) };
        Box::pin(ready(result))
    }
}

impl Management for Fake {
    fn keys(&self) -> &dyn KeyManagement {
        self
    }

    fn lists(&self) -> &dyn ListManagement {
        self
    }

    fn bans(&self) -> &dyn BanManagement {
        self
    }

    fn sources(&self) -> &dyn SourceManagement {
        self
    }

    fn api_guard(&self) -> &ApiGuard {
        &self.limits.0
    }

    fn torrents(&self) -> &dyn TorrentManagement {
        self
    }

    fn latency(&self) -> &dyn LatencyManagement {
        self
    }

    fn forwarding(&self) -> Option<&dyn ForwardingManagement> {
        (!self.is_public).then_some(self as _)
    }

    fn snapshots(&self) -> &dyn SnapshotManagement {
        self
    }

    fn policy(&self) -> AccessPolicy {
        if self.is_public {
            return AccessPolicy::PUBLIC;
        }
        let (users, torrents) = (UserAdmission::Private, TorrentAdmission::Listed);
        AccessPolicy { users, torrents, ..AccessPolicy::PUBLIC }
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

    /// Two cores, of which the first makes progress.
    fn shards(&self) -> Vec<Statistics> {
        let mut working = self.statistics();
        working.count(AddressFamily::V4, RequestKind::Announce, Outcome::Error(ErrorReason::Refused));
        working.count_http(AddressFamily::V6, HttpOutcome::AnnounceRefused);
        working.count_message(MessageOutcome::Ignored);
        working.add(Counter::TimerTurns, self.statistics_asked.load(Ordering::Relaxed));
        vec![working, Statistics::default()]
    }

    fn configuration(&self) -> serde_json::Value {
        serde_json::json!({ "tracker": { "private": true } })
    }

    fn begin_change(&self) -> Option<ChangePermit> {
        let is_handing_over = self.is_handing_over.load(Ordering::Relaxed);
        (!is_handing_over).then(ChangePermit::default)
    }

    fn reload(&self) -> Answer<'_, Reloaded> {
        let [changed, needs_restart] = ["log.level", "udp.listen"].map(|key| vec![key.to_owned()]);
        self.answer(|_| Reloaded { changed, needs_restart })
    }

    fn storage(&self) -> StorageInfo {
        let state = StorageState::Away("no route to host".to_owned());
        let oldest = Some(Duration::from_millis(1500));
        StorageInfo { state, waiting: 1, oldest, done: 2, lost: 3, failures: 4 }
    }

    fn memory(&self) -> MemoryInfo {
        MemoryInfo { shares: vec![(MemoryShare::Swarms, 1 << 20)], swarm_bytes_max: 1 << 19 }
    }

    fn listeners(&self) -> Vec<ListenerInfo> {
        self.listeners.lock().unwrap().clone()
    }
}

const SNAPSHOT: SnapshotInfo = SnapshotInfo {
    swarms: 2,
    peers: 3,
    bytes: 4000,
    unix_s: 1_800_000_000,
    duration: Duration::from_millis(2500),
};

impl SnapshotManagement for Fake {
    fn write(&self) -> Answer<'_, SnapshotInfo> {
        if self.is_public {
            return Box::pin(async { Err(ManagementError::NoSnapshots) });
        }
        self.answer(|_| SNAPSHOT)
    }

    fn figures(&self) -> Option<SnapshotFigures> {
        (!self.is_public).then_some(SnapshotFigures { last: Some(SNAPSHOT), failures: 5 })
    }
}

impl TorrentManagement for Fake {
    fn torrent(&self, info_hash: InfoHash, peers_max: usize) -> Answer<'_, Option<TorrentWithPeers>> {
        self.answer(|state| {
            let mut found = state.torrents.get(&info_hash).cloned()?;
            found.peers.truncate(peers_max);
            Some(found)
        })
    }

    fn page(&self, page: TorrentPage) -> Answer<'_, Vec<TorrentInfo>> {
        self.answer(|state| {
            let mut all: Vec<_> = state.torrents.values().map(|torrent| torrent.info).collect();
            all.sort_by_key(|info| Reverse(page.order.rank(info)));
            let offset = usize::try_from(page.offset).unwrap_or(usize::MAX);
            all.into_iter().skip(offset).take(page.torrents_max).collect()
        })
    }

    fn first_from(&self, from: InfoHash, torrents_max: usize) -> Answer<'_, Vec<TorrentInfo>> {
        self.answer(|state| {
            let found = state.torrents.range(from..);
            found.take(torrents_max).map(|(_, torrent)| torrent.info).collect()
        })
    }

    fn named(&self, info_hashes: Vec<InfoHash>) -> Answer<'_, Vec<TorrentInfo>> {
        self.answer(|state| {
            let found = info_hashes.iter().filter_map(|info_hash| state.torrents.get(info_hash));
            found.map(|torrent| torrent.info).collect()
        })
    }

    fn drop_torrent(&self, info_hash: InfoHash) -> Answer<'_, bool> {
        self.answer(|state| state.torrents.remove(&info_hash).is_some())
    }
}

impl ListManagement for Fake {
    fn change(&self, list: TorrentList, change: ListChange, info_hashes: Vec<InfoHash>) -> Answer<'_, ()> {
        self.batch_max.fetch_max(info_hashes.len(), Ordering::Relaxed);
        self.answer(|state| {
            let list = state.list(list);
            for info_hash in info_hashes {
                match change {
                    ListChange::Add => list.insert(info_hash),
                    ListChange::Remove => list.remove(&info_hash),
                };
            }
        })
    }

    fn page(&self, list: TorrentList, from: Option<ListPlace>, entries_max: usize) -> Answer<'_, ListPage> {
        self.list_pages_asked.fetch_add(1, Ordering::Relaxed);
        self.answer(|state| {
            let begin = from.map_or(0, |place| place.shard);
            let list = state.list(list);
            let torrents: Vec<_> = list.iter().skip(begin).take(entries_max).copied().collect();
            let end = begin + torrents.len();
            let next = (end < list.len()).then_some(ListPlace { shard: end, ..ListPlace::default() });
            ListPage { torrents, next }
        })
    }

    fn contains(&self, list: TorrentList, info_hash: InfoHash) -> Answer<'_, bool> {
        self.answer(|state| state.list(list).contains(&info_hash))
    }

    fn reload(&self, _: TorrentList) -> Answer<'_, ()> {
        self.answer(|_| ())
    }
}

impl KeyManagement for Fake {
    fn put_keys(&self, keys: Vec<WantedKey>) -> Answer<'_, Vec<KeyOutcome>> {
        self.answer(|state| keys.into_iter().map(|wanted| Ok(state.put_key(wanted))).collect())
    }

    fn remove_keys(&self, keys: Vec<AuthenticationKey>) -> Answer<'_, usize> {
        self.answer(|state| keys.iter().filter(|key| state.keys.remove(key).is_some()).count())
    }

    fn key(&self, key: AuthenticationKey) -> Option<KeyInfo> {
        self.state().keys.get(&key).copied()
    }

    fn page(&self, after: Option<AuthenticationKey>, keys_max: usize) -> Vec<KeyInfo> {
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        self.state().keys.range((from, Bound::Unbounded)).take(keys_max).map(|(_, info)| *info).collect()
    }

    fn count(&self) -> usize {
        self.state().keys.len()
    }

    fn reset_account(&self, key: AuthenticationKey) -> Answer<'_, bool> {
        self.answer(|state| {
            let known = state.keys.get_mut(&key);
            known.map(|info| (info.uploaded, info.downloaded) = (0, 0)).is_some()
        })
    }

    fn reload(&self) -> Answer<'_, ()> {
        self.answer(|_| ())
    }
}

impl BanManagement for Fake {
    fn all(&self) -> Pending<'_, Vec<Ban>> {
        Box::pin(ready(self.state().bans.values().cloned().collect()))
    }

    fn counts(&self) -> BanCounts {
        BanCounts { stored: self.state().bans.len() as u64, temporary: 1, sources_banned: 5 }
    }

    fn add(&self, ban: StoredBan) -> Answer<'_, ()> {
        let StoredBan { banned, reason, since_unix_s } = ban;
        self.answer(|state| drop(state.bans.insert(banned, Ban { banned, reason, since_unix_s, end: None })))
    }

    fn add_temporary(&self, ban: TemporaryBan) -> Answer<'_, ()> {
        let TemporaryBan { network, reason, duration } = ban;
        let banned = Banned::Network(network);
        let end = Some(BanEnd { unix_s: NOW_UNIX_S + duration.as_secs(), level: None });
        let ban = Ban { banned, reason, since_unix_s: NOW_UNIX_S, end };
        self.answer(|state| drop(state.bans.insert(banned, ban)))
    }

    fn lift(&self, banned: Banned) -> Answer<'_, bool> {
        self.answer(|state| state.bans.remove(&banned).is_some())
    }
}

impl SourceManagement for Fake {
    fn top(&self) -> Pending<'_, Vec<SourceInfo>> {
        let info = SourceInfo {
            network: "192.0.2.7/32".parse().unwrap(),
            refused: [1, 2, 3, 4, 5],
            refused_per_s: 6,
            last_seen_unix_s: NOW_UNIX_S,
            ban: Some(AppliedBan::Temporary {
                network: "192.0.2.0/24".parse().unwrap(),
                end_unix_s: NOW_UNIX_S + 60,
            }),
        };
        Box::pin(ready(vec![info]))
    }
}

impl ForwardingManagement for Fake {
    fn upstreams(&self) -> Vec<UpstreamInfo> {
        let mut failed = [0; FailureKind::ALL.len()];
        (failed[FailureKind::Timeout as usize], failed[FailureKind::Refused as usize]) = (5, 6);
        let info = |(upstream, state): &(Upstream, UpstreamState)| UpstreamInfo {
            name: upstream.name.clone(),
            origin: upstream.uri.origin(),
            announced_ip: Some([192, 0, 2, 1].into()),
            state: *state,
            torrents: 1,
            waiting: 2,
            in_flight: 3,
            latency: Some(Duration::from_micros(12_500)),
            interval_s: Some(1800),
            last_failure: Some("no answer in time".to_owned()),
            figures: UpstreamFigures { answered: 4, failed, shed: 7, peers: 8, peers_dropped: 9 },
        };
        self.state().upstreams.iter().map(info).collect()
    }

    fn add(&self, upstream: Upstream) -> Result<(), AddError> {
        let upstreams = &mut self.state().upstreams;
        if upstreams.iter().any(|(other, _)| other.uri == upstream.uri) {
            return Err(AddError::SameUri);
        }
        if upstreams.iter().any(|(other, _)| other.name == upstream.name) {
            return Err(AddError::SameName);
        }
        upstreams.push((upstream, UpstreamState::Active));
        Ok(())
    }

    fn remove(&self, name: &str) -> bool {
        let upstreams = &mut self.state().upstreams;
        let before = upstreams.len();
        upstreams.retain(|(upstream, _)| *upstream.name != *name);
        upstreams.len() < before
    }

    fn suspend(&self, name: &str) -> bool {
        self.state().set_upstream(name, UpstreamState::Suspended)
    }

    fn resume(&self, name: &str) -> bool {
        self.state().set_upstream(name, UpstreamState::Active)
    }
}

impl LatencyManagement for Fake {
    fn latencies(&self) -> Answer<'_, Vec<LatencyInfo>> {
        let (name, count) = ("announce-ipv4".to_owned(), 10);
        let info =
            LatencyInfo { name, count, p50_us: 1.5, p90_us: 2.0, p99_us: 3.0, p999_us: 4.0, max_us: 5.0 };
        self.answer(|_| vec![info])
    }

    fn distributions(&self) -> Answer<'_, Vec<LatencyDistribution>> {
        let distribution = Distribution::of_counts(&[0.5, 1.0], &[1, 0, 2], 9.5);
        let labels = vec![("kind", "announce")];
        self.latencies_asked.fetch_add(1, Ordering::Relaxed);
        self.answer(|_| vec![LatencyDistribution { histogram: Histogram::Reply, labels, distribution }])
    }

    fn log(&self) -> Answer<'_, Vec<u8>> {
        self.answer(|_| b"#[Histogram log format version 1.3]\n".to_vec())
    }
}
