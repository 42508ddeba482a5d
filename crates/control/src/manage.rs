use crate::cores::{ask, ask_all, update_all};
use crate::key_accounts::KeyAccounts;
use crate::latency_log::log_of_run;
use crate::latency_snapshot::latency_info;
use crate::limits::{KEYS_PER_UPDATE, SORTED_TORRENTS_MAX};
use crate::management::{
    Ban, Banned, KeyInfo, KeyOutcome, LatencyInfo, ListPage, ListPlace, ListenerInfo, Management,
    ManagementError, Modes, StorageInfo, StorageState, TorrentPage, TorrentWithPeers, WantedKey,
};
use crate::manager::{Manager, unix_s};
use crate::page_start::{PageStart, page_start, sum};
use access::{AccessUpdate, KeyGrant, ListQuery, ListedTorrent, TorrentTablePlace};
use core_link::CoreTask;
use database::{StoredBan, TooManyWaiting, WriteBehindState};
use metrics::Statistics;
use primitives::{
    AuthenticationKey, FirstTorrents, InfoHash, InfoHashPrefix, ListChange, ListSource, TorrentInfo,
    TorrentList, TorrentOrder,
};
use std::cmp::Reverse;
use std::collections::HashMap;
use std::panic::resume_unwind;
use std::sync::Arc;

impl Management for Manager {
    fn modes(&self) -> Modes {
        self.inner.settings.modes
    }

    fn statistics(&self) -> Statistics {
        self.inner.settings.snapshot.total()
    }

    fn totals(&self) -> Vec<(&'static str, u64)> {
        Self::totals(self).now(&self.statistics())
    }

    async fn torrent(
        &self,
        info_hash: InfoHash,
        peers_max: usize,
    ) -> Result<Option<TorrentWithPeers>, ManagementError> {
        let task = |answer| CoreTask::Peers(info_hash, peers_max, answer);
        let answers = ask_all(&self.inner.cores, task).await?;
        // Only the owner has it.
        Ok(answers.into_iter().flatten().next().map(|(info, peers)| TorrentWithPeers { info, peers }))
    }

    async fn torrents(&self, page: TorrentPage) -> Result<Vec<TorrentInfo>, ManagementError> {
        match page.order {
            TorrentOrder::InfoHash => self.torrents_by_info_hash(page).await,
            _ => self.torrents_by_count(page).await,
        }
    }

    async fn torrents_named(&self, info_hashes: Vec<InfoHash>) -> Result<Vec<TorrentInfo>, ManagementError> {
        let named: Arc<[InfoHash]> = info_hashes.into();
        let task = |answer| CoreTask::Torrents(Arc::clone(&named), answer);
        let found = ask_all(&self.inner.cores, task).await?.concat();
        let found: HashMap<_, _> = found.iter().map(|torrent| (torrent.info_hash, *torrent)).collect();
        Ok(named.iter().filter_map(|info_hash| found.get(info_hash).copied()).collect())
    }

    async fn drop_torrent(&self, info_hash: InfoHash) -> Result<bool, ManagementError> {
        let answers = ask_all(&self.inner.cores, |answer| CoreTask::Drop(info_hash, answer)).await?;
        Ok(answers.contains(&true))
    }

    async fn change_list(
        &self,
        list: TorrentList,
        change: ListChange,
        info_hashes: Vec<InfoHash>,
    ) -> Result<(), ManagementError> {
        self.to_the_end(async move |manager| manager.change_list(list, change, &info_hashes).await).await
    }

    async fn list_page(
        &self,
        list: TorrentList,
        from: Option<ListPlace>,
        entries_max: usize,
    ) -> Result<ListPage, ManagementError> {
        let cores = self.inner.cores.handles();
        let ListPlace { shard, place } =
            from.unwrap_or(ListPlace { shard: 0, place: TorrentTablePlace::default() });
        let Some(owner) = cores.get(shard) else { return Ok(ListPage { entries: Vec::new(), next: None }) };
        let query = ListQuery { list, from: place, torrents_max: entries_max };
        let page = ask(owner, |answer| CoreTask::List(query, answer)).await?;
        let next = match page.next {
            Some(place) => Some(ListPlace { shard, place }),
            None if shard + 1 < cores.len() => {
                Some(ListPlace { shard: shard + 1, place: TorrentTablePlace::default() })
            }
            None => None,
        };
        Ok(ListPage { entries: page.torrents.iter().map(entry).collect(), next })
    }

    async fn reload_list(&self, list: TorrentList) -> Result<(), ManagementError> {
        self.to_the_end(async move |manager| manager.read_list(list).await).await
    }

    async fn put_key(&self, key: WantedKey) -> Result<KeyInfo, ManagementError> {
        let mut outcomes = self.put_keys(vec![key]).await?;
        outcomes.pop().expect("one key has one outcome")
    }

    async fn put_keys(&self, keys: Vec<WantedKey>) -> Result<Vec<KeyOutcome>, ManagementError> {
        self.to_the_end(async move |manager| manager.make_keys(keys).await).await
    }

    async fn remove_keys(&self, keys: Vec<AuthenticationKey>) -> Result<usize, ManagementError> {
        self.to_the_end(async move |manager| manager.forget_keys(keys).await).await
    }

    async fn remove_key(&self, key: AuthenticationKey) -> Result<bool, ManagementError> {
        Ok(self.remove_keys(vec![key]).await? == 1)
    }

    fn key(&self, key: AuthenticationKey) -> Option<KeyInfo> {
        Self::keys(self).info(&key)
    }

    fn keys(&self, after: Option<AuthenticationKey>, keys_max: usize) -> Vec<KeyInfo> {
        Self::keys(self).page(after, keys_max)
    }

    fn reset_account(&self, key: AuthenticationKey) -> Result<bool, ManagementError> {
        Ok(Self::keys(self).reset(&key))
    }

    async fn reload_keys(&self) -> Result<(), ManagementError> {
        self.to_the_end(async |manager| manager.read_keys().await).await
    }

    async fn bans(&self) -> Vec<Ban> {
        self.inner.bans.lock().await.bans()
    }

    async fn add_ban(&self, ban: Ban) -> Result<(), ManagementError> {
        self.to_the_end(async move |manager| manager.ban(ban).await).await
    }

    async fn lift_ban(&self, banned: Banned) -> Result<bool, ManagementError> {
        self.to_the_end(async move |manager| manager.unban(banned).await).await
    }

    fn configuration(&self) -> serde_json::Value {
        self.inner.settings.configuration.clone()
    }

    async fn reload(&self) -> Result<(), ManagementError> {
        self.inner.settings.reloads.send_modify(|times| *times += 1);
        self.to_the_end(async |manager| manager.read_files().await).await
    }

    async fn latencies(&self) -> Result<Vec<LatencyInfo>, ManagementError> {
        Ok(latency_info(&self.inner.settings.latencies.fresh().await))
    }

    async fn latency_log(&self) -> Result<Vec<u8>, ManagementError> {
        let latencies = self.inner.settings.latencies.fresh().await;
        log_of_run(self.inner.settings.begun, &latencies)
            .map_err(|error| ManagementError::File(error.to_string()))
    }

    fn storage(&self) -> StorageInfo {
        let info = self.inner.write_behind.info();
        StorageInfo {
            state: match (info.state, self.unread()) {
                (WriteBehindState::Absent, _) => StorageState::Absent,
                (WriteBehindState::Away(reason), _) | (WriteBehindState::Connected, Some(reason)) => {
                    StorageState::Away(reason)
                }
                (WriteBehindState::Connected, None) => StorageState::Connected,
            },
            writes_waiting: info.waiting,
            writes_done: info.done,
            writes_lost: info.lost,
            failures: info.failures,
        }
    }

    fn listeners(&self) -> Vec<ListenerInfo> {
        self.inner.settings.listeners.clone()
    }
}

impl Manager {
    /// Completes the work even if the requester goes away meanwhile: a change without an acknowledgement is better than
    /// one that only some of the cores have.
    async fn to_the_end<T, F>(&self, work: impl FnOnce(Self) -> F) -> Result<T, ManagementError>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, ManagementError>> + Send + 'static,
    {
        match tokio::spawn(work(self.clone())).await {
            Ok(outcome) => outcome,
            Err(error) => match error.try_into_panic() {
                Ok(panic) => resume_unwind(panic),
                // The runtime is shutting down.
                Err(_) => Err(ManagementError::CoreBusy),
            },
        }
    }

    /// Sends the keys that could be made to the cores together.
    async fn make_keys(&self, wanted: Vec<WantedKey>) -> Result<Vec<KeyOutcome>, ManagementError> {
        let stored = self.inner.key_changes.lock().await;
        stored.require_read()?;
        let (mut grants, mut outcomes) = (Vec::new(), Vec::new());
        {
            let (mut book, now_unix_s) = (Self::keys(self), unix_s());
            for wanted in wanted {
                outcomes.push(self.note_key(&mut book, now_unix_s, wanted).map(|(grant, info)| {
                    grants.push(grant);
                    info
                }));
            }
        }
        for some in grants.chunks(KEYS_PER_UPDATE) {
            update_all(&self.inner.cores, &AccessUpdate::PutKeys(some.into())).await?;
        }
        Ok(outcomes)
    }

    /// Adds a key both to the accounts and to the writes, or to neither.
    fn note_key(
        &self,
        book: &mut KeyAccounts,
        now_unix_s: u64,
        wanted: WantedKey,
    ) -> Result<(KeyGrant, KeyInfo), ManagementError> {
        let before = wanted.key.and_then(|key| book.info(&key));
        let grant = book.put(now_unix_s, wanted)?;
        let (stored, info) = (book.stored(&grant.key), book.info(&grant.key));
        let (stored, info) = stored.zip(info).expect("the key was just put there");
        if let Err(error) = self.inner.write_behind.put_key(stored) {
            book.undo(&grant.key, before);
            return Err(error.into());
        }
        Ok((grant, info))
    }

    pub(crate) async fn forget_keys(&self, keys: Vec<AuthenticationKey>) -> Result<usize, ManagementError> {
        self.drop_keys(keys, |key| self.inner.write_behind.remove_key(key)).await
    }

    /// Drops keys here, in the cores and, by `store`, in the database. They stay known until all cores have dropped
    /// them, so that they can be dropped again if a core does not reply.
    pub(crate) async fn drop_keys(
        &self,
        keys: Vec<AuthenticationKey>,
        store: impl Fn(AuthenticationKey) -> Result<(), TooManyWaiting>,
    ) -> Result<usize, ManagementError> {
        let stored = self.inner.key_changes.lock().await;
        stored.require_read()?;
        let known: Vec<_> = keys.into_iter().filter(|&key| self.key(key).is_some()).collect();
        for &key in &known {
            store(key)?;
        }
        for some in known.chunks(KEYS_PER_UPDATE) {
            update_all(&self.inner.cores, &AccessUpdate::RemoveKeys(some.into())).await?;
        }
        let mut book = Self::keys(self);
        Ok(known.iter().filter(|key| book.remove(key)).count())
    }

    async fn ban(&self, ban: Ban) -> Result<(), ManagementError> {
        let mut bans = self.inner.bans.lock().await;
        let Ban { banned, reason, since_unix_s } = ban.clone();
        let before = bans.get(&banned).cloned();
        let rules = bans.add(ban)?;
        if let Err(error) = self.inner.write_behind.put_ban(StoredBan { banned, reason, since_unix_s }) {
            bans.restore(banned, before);
            return Err(error.into());
        }
        self.use_rules(rules).await
    }

    async fn unban(&self, banned: Banned) -> Result<bool, ManagementError> {
        let mut bans = self.inner.bans.lock().await;
        if bans.get(&banned).is_none() {
            return Ok(false);
        }
        self.inner.write_behind.lift_ban(banned)?;
        let Some(rules) = bans.lift(&banned) else { return Ok(false) };
        self.use_rules(rules?).await?;
        Ok(true)
    }

    /// Returns a page in the order of the info hashes, across all cores.
    async fn torrents_by_info_hash(&self, page: TorrentPage) -> Result<Vec<TorrentInfo>, ManagementError> {
        let start = page_start(page.offset, |prefix| self.torrents_below(prefix)).await?;
        let Some(PageStart { from, skip }) = start else { return Ok(Vec::new()) };
        let torrents_max = skip.saturating_add(page.torrents_max);
        let torrents = self.first_torrents(FirstTorrents { order: page.order, from, torrents_max }).await?;
        Ok(torrents.into_iter().skip(skip).collect())
    }

    /// Returns how many torrents each branch of a prefix has.
    async fn torrents_below(&self, prefix: InfoHashPrefix) -> Result<Vec<u64>, ManagementError> {
        Ok(sum(ask_all(&self.inner.cores, |answer| CoreTask::Count(prefix, answer)).await?))
    }

    /// Returns a page in an order by a count: the first torrents of all are among the first ones of each shard.
    async fn torrents_by_count(&self, page: TorrentPage) -> Result<Vec<TorrentInfo>, ManagementError> {
        let offset = usize::try_from(page.offset).unwrap_or(usize::MAX);
        let wanted = offset.saturating_add(page.torrents_max);
        if wanted > SORTED_TORRENTS_MAX {
            return Err(ManagementError::Full("a sorted page lies within the first 100000 torrents"));
        }
        let first = |torrents_max| FirstTorrents { order: page.order, from: InfoHash([0; 20]), torrents_max };
        let find = |torrents_max| self.first_torrents(first(torrents_max));
        let torrents = self.inner.sorted_torrents.get(page.order, wanted, find).await?;
        Ok(torrents.iter().skip(offset).take(page.torrents_max).copied().collect())
    }

    /// Returns the first torrents of all cores, sorted.
    async fn first_torrents(&self, wanted: FirstTorrents) -> Result<Vec<TorrentInfo>, ManagementError> {
        let task = |answer| CoreTask::First(wanted, answer);
        let mut torrents = ask_all(&self.inner.cores, task).await?.concat();
        let FirstTorrents { order, torrents_max, .. } = wanted;
        // Sorting a few hundred thousand takes longer than a heartbeat should wait.
        let sorted = tokio::task::spawn_blocking(move || {
            torrents.sort_unstable_by_key(|torrent| (Reverse(order.rank(torrent)), torrent.info_hash));
            torrents.truncate(torrents_max);
            torrents
        });
        sorted.await.map_err(|_| ManagementError::CoreBusy)
    }
}

fn entry(torrent: &ListedTorrent) -> (InfoHash, Vec<ListSource>) {
    let sources = [ListSource::File, ListSource::Api].into_iter().filter(|&source| torrent.is_from(source));
    (torrent.info_hash, sources.collect())
}
