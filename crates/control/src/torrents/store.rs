use super::completed::CompletedCounts;
use super::page_start::{PageStart, page_start, sum};
use super::sorted::SortedTorrents;
use super::{TorrentManagement, TorrentPage, TorrentWithPeers};
use crate::limits::SORTED_TORRENTS_MAX;
use crate::management::{Answer, ManagementError};
use crate::shared::{Shared, lock};
use access::AccessUpdate;
use core_link::CoreTask;
use database::{Change, Database, TooManyWaiting};
use primitives::{FirstTorrents, InfoHash, InfoHashPrefix, TorrentInfo, TorrentOrder};
use std::cmp::Reverse;
use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use tracing::info;

/// The torrents of all cores, and the counts of their completed events that are not stored yet.
#[derive(Debug)]
pub(crate) struct Torrents {
    shared: Arc<Shared>,
    sorted: SortedTorrents,
    completed: Mutex<CompletedCounts>,
}

impl TorrentManagement for Torrents {
    fn torrent(&self, info_hash: InfoHash, peers_max: usize) -> Answer<'_, Option<TorrentWithPeers>> {
        Box::pin(async move {
            let task = |answer| CoreTask::Peers(info_hash, peers_max, answer);
            let answers = self.shared.ask_all(task).await?;
            // Only the owner has it.
            Ok(answers.into_iter().flatten().next().map(|(info, peers)| TorrentWithPeers { info, peers }))
        })
    }

    fn page(&self, page: TorrentPage) -> Answer<'_, Vec<TorrentInfo>> {
        match page.order {
            TorrentOrder::InfoHash => Box::pin(self.page_by_info_hash(page)),
            _ => Box::pin(self.page_by_count(page)),
        }
    }

    fn first_from(&self, from: InfoHash, torrents_max: usize) -> Answer<'_, Vec<TorrentInfo>> {
        Box::pin(self.first(FirstTorrents { order: TorrentOrder::InfoHash, from, torrents_max }))
    }

    fn named(&self, info_hashes: Vec<InfoHash>) -> Answer<'_, Vec<TorrentInfo>> {
        Box::pin(async move {
            let named: Arc<[InfoHash]> = info_hashes.into();
            let task = |answer| CoreTask::Torrents(Arc::clone(&named), answer);
            let found = self.shared.ask_all(task).await?.concat();
            let found: HashMap<_, _> = found.iter().map(|torrent| (torrent.info_hash, *torrent)).collect();
            Ok(named.iter().filter_map(|info_hash| found.get(info_hash).copied()).collect())
        })
    }

    fn drop_torrent(&self, info_hash: InfoHash) -> Answer<'_, bool> {
        Box::pin(async move {
            let answers = self.shared.ask_all(|answer| CoreTask::Drop(info_hash, answer)).await?;
            Ok(answers.contains(&true))
        })
    }
}

impl Torrents {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self { shared, sorted: SortedTorrents::default(), completed: Mutex::default() }
    }

    /// Returns a page in the order of the info hashes, across all cores.
    async fn page_by_info_hash(&self, page: TorrentPage) -> Result<Vec<TorrentInfo>, ManagementError> {
        let start = page_start(page.offset, |prefix| self.count_below(prefix)).await?;
        let Some(PageStart { from, skip }) = start else { return Ok(Vec::new()) };
        let torrents_max = skip.saturating_add(page.torrents_max);
        let torrents = self.first(FirstTorrents { order: page.order, from, torrents_max }).await?;
        Ok(torrents.into_iter().skip(skip).collect())
    }

    /// Returns how many torrents each branch of a prefix has.
    async fn count_below(&self, prefix: InfoHashPrefix) -> Result<Vec<u64>, ManagementError> {
        Ok(sum(self.shared.ask_all(|answer| CoreTask::Count(prefix, answer)).await?))
    }

    /// Returns a page in an order by a count: the first torrents of all are among the first ones of each shard.
    async fn page_by_count(&self, page: TorrentPage) -> Result<Vec<TorrentInfo>, ManagementError> {
        let offset = usize::try_from(page.offset).unwrap_or(usize::MAX);
        let wanted = offset.saturating_add(page.torrents_max);
        if wanted > SORTED_TORRENTS_MAX {
            return Err(ManagementError::Full("a sorted page lies within the first 100000 torrents"));
        }
        let from = InfoHash([0; 20]);
        let find = |torrents_max| self.first(FirstTorrents { order: page.order, from, torrents_max });
        let torrents = self.sorted.get(page.order, wanted, find).await?;
        Ok(torrents.iter().skip(offset).take(page.torrents_max).copied().collect())
    }

    /// Returns the first torrents of all cores, sorted.
    async fn first(&self, wanted: FirstTorrents) -> Result<Vec<TorrentInfo>, ManagementError> {
        let mut torrents = self.shared.ask_all(|answer| CoreTask::First(wanted, answer)).await?.concat();
        let FirstTorrents { order, torrents_max, .. } = wanted;
        // Sorting a few hundred thousand takes longer than a heartbeat should wait.
        let sorted = tokio::task::spawn_blocking(move || {
            torrents.sort_unstable_by_key(|torrent| (Reverse(order.rank(torrent)), torrent.info_hash));
            torrents.truncate(torrents_max);
            torrents
        });
        sorted.await.map_err(|_| ManagementError::CoreBusy)
    }

    /// Records counts of completed events that a core reports, to be stored. Those that find no room are lost.
    pub(crate) fn add_completed(&self, counts: &[(InfoHash, u64)]) {
        let mut waiting = lock(&self.completed);
        let refused = |&&(info_hash, count): &&_| waiting.put(info_hash, count).is_err();
        self.shared.write_behind.note_lost(counts.iter().filter(refused).count());
    }

    /// Records counts that the cores of another process report, and has the cores of this one continue from them.
    pub(crate) async fn take_completed(&self, counts: Vec<(InfoHash, u64)>) -> Result<(), ManagementError> {
        self.add_completed(&counts);
        self.shared.update(AccessUpdate::RememberCompleted(counts.into())).await
    }

    /// Passes counts of completed events to the write-behind until it refuses one.
    pub(crate) fn save_completed(&self) -> Result<(), TooManyWaiting> {
        let write_behind = &self.shared.write_behind;
        lock(&self.completed)
            .save(|info_hash, count| write_behind.insert(Change::Completed(info_hash, count)))
    }

    /// Returns how many counts of completed events have not been passed to the write-behind.
    pub(crate) fn unsaved(&self) -> usize {
        lock(&self.completed).len()
    }

    /// Loads the stored counts: sends each page to the cores while the next one is read. It can be repeated after a
    /// failure, since a core does not add a count twice.
    pub(crate) async fn load_completed(&self, database: &Database) -> Result<(), ManagementError> {
        let (mut pages, mut torrents) = (database.load_completed(), 0);
        let mut page = pages.next().await?;
        while let Some(counts) = page {
            torrents += counts.len();
            let update = AccessUpdate::RememberCompleted(counts.into());
            let (applied, next) = tokio::join!(self.shared.update(update), pages.next());
            applied?;
            page = next?;
        }
        self.shared.update(AccessUpdate::EndCompleted).await?;
        if torrents > 0 {
            info!(torrents, "read the stored counts of completed events");
        }
        Ok(())
    }
}
