use crate::limits::{SORTED_TORRENTS_AGE_S, SORTED_TORRENTS_KEPT_MIN};
use crate::management::ManagementError;
use primitives::{TorrentInfo, TorrentOrder};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Mutex;
use tokio::time::Instant;

/// The first torrents by a count, as of a short time ago. Finding them takes a scan of all swarms of all cores, whose
/// result is shared by the requests made meanwhile and shortly after.
#[derive(Debug, Default)]
pub(crate) struct SortedTorrents {
    /// At most one per order.
    found: Mutex<Vec<Found>>,
}

#[derive(Debug)]
struct Found {
    order: TorrentOrder,
    when: Instant,
    /// How many were requested from the scan.
    wanted: usize,
    torrents: Arc<[TorrentInfo]>,
}

impl SortedTorrents {
    /// Returns the first `wanted` torrents in an order, or more. `find` scans for a number of torrents and sorts them.
    pub(crate) async fn get<F>(
        &self,
        order: TorrentOrder,
        wanted: usize,
        find: impl FnOnce(usize) -> F,
    ) -> Result<Arc<[TorrentInfo]>, ManagementError>
    where
        F: Future<Output = Result<Vec<TorrentInfo>, ManagementError>>,
    {
        let mut found = self.found.lock().await;
        let is_good = |found: &&Found| found.order == order && found.wanted >= wanted && found.is_fresh();
        if let Some(good) = found.iter().find(is_good) {
            return Ok(Arc::clone(&good.torrents));
        }
        let wanted = wanted.max(SORTED_TORRENTS_KEPT_MIN);
        let torrents: Arc<[TorrentInfo]> = find(wanted).await?.into();
        found.retain(|other| other.order != order);
        found.push(Found { order, when: Instant::now(), wanted, torrents: Arc::clone(&torrents) });
        Ok(torrents)
    }
}

impl Found {
    fn is_fresh(&self) -> bool {
        self.when.elapsed() < Duration::from_secs(SORTED_TORRENTS_AGE_S)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use primitives::InfoHash;
    use std::cell::Cell;
    use tokio::time::advance;

    fn torrent(seeders: u32) -> TorrentInfo {
        TorrentInfo { info_hash: InfoHash([1; 20]), seeders, leechers: 0, completed: 0 }
    }

    #[tokio::test(start_paused = true)]
    async fn torrents_are_scanned_once_in_ten_seconds_per_order_unless_more_are_wanted() {
        let (sorted, looks) = (SortedTorrents::default(), Cell::new(0));
        let ask = async |order, wanted| {
            let find = |wanted: usize| {
                looks.set(looks.get() + 1);
                async move { Ok(vec![torrent(u32::try_from(wanted).unwrap())]) }
            };
            (sorted.get(order, wanted, find).await.unwrap()[0].seeders, looks.get())
        };
        assert_eq!(ask(TorrentOrder::Seeders, 10).await, (1000, 1));
        assert_eq!(ask(TorrentOrder::Seeders, 1000).await, (1000, 1));
        assert_eq!(ask(TorrentOrder::Peers, 10).await, (1000, 2));
        assert_eq!(ask(TorrentOrder::Seeders, 1001).await, (1001, 3));
        advance(Duration::from_secs(9)).await;
        assert_eq!(ask(TorrentOrder::Seeders, 10).await, (1001, 3));
        advance(Duration::from_secs(1)).await;
        assert_eq!(ask(TorrentOrder::Seeders, 10).await, (1000, 4));
    }

    #[tokio::test]
    async fn a_failed_scan_is_repeated() {
        let sorted = SortedTorrents::default();
        let failed = sorted.get(TorrentOrder::Peers, 1, async |_| Err(ManagementError::CoreBusy)).await;
        assert!(matches!(failed, Err(ManagementError::CoreBusy)));
        let found = sorted.get(TorrentOrder::Peers, 1, async |_| Ok(vec![torrent(1)])).await;
        assert_eq!(found.unwrap()[..], [torrent(1)]);
    }
}
