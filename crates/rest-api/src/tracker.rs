use control::{
    Ban, Banned, KeyInfo, KeyOutcome, LatencyInfo, ListPage, ListPlace, ListenerInfo, Management,
    ManagementError, Modes, StorageInfo, TorrentPage, TorrentWithPeers, WantedKey,
};
use futures_util::future::BoxFuture;
use metrics::Statistics;
use primitives::{AuthenticationKey, InfoHash, ListChange, TorrentInfo, TorrentList};

type Answer<'a, T> = BoxFuture<'a, Result<T, ManagementError>>;

/// An object-safe version of [`Management`], so that the routes are compiled once, in this crate.
pub(crate) trait Tracker: Send + Sync + 'static {
    fn modes(&self) -> Modes;
    fn statistics(&self) -> Statistics;
    fn totals(&self) -> Vec<(&'static str, u64)>;
    fn torrent(&self, info_hash: InfoHash, peers_max: usize) -> Answer<'_, Option<TorrentWithPeers>>;
    fn torrents(&self, page: TorrentPage) -> Answer<'_, Vec<TorrentInfo>>;
    fn torrents_named(&self, info_hashes: Vec<InfoHash>) -> Answer<'_, Vec<TorrentInfo>>;
    fn drop_torrent(&self, info_hash: InfoHash) -> Answer<'_, bool>;
    fn change_list(
        &self,
        list: TorrentList,
        change: ListChange,
        info_hashes: Vec<InfoHash>,
    ) -> Answer<'_, ()>;
    fn list_page(
        &self,
        list: TorrentList,
        from: Option<ListPlace>,
        entries_max: usize,
    ) -> Answer<'_, ListPage>;
    fn reload_list(&self, list: TorrentList) -> Answer<'_, ()>;
    fn put_key(&self, key: WantedKey) -> Answer<'_, KeyInfo>;
    fn put_keys(&self, keys: Vec<WantedKey>) -> Answer<'_, Vec<KeyOutcome>>;
    fn remove_keys(&self, keys: Vec<AuthenticationKey>) -> Answer<'_, usize>;
    fn remove_key(&self, key: AuthenticationKey) -> Answer<'_, bool>;
    fn key(&self, key: AuthenticationKey) -> Option<KeyInfo>;
    fn keys(&self, after: Option<AuthenticationKey>, keys_max: usize) -> Vec<KeyInfo>;
    fn reset_account(&self, key: AuthenticationKey) -> Result<bool, ManagementError>;
    fn reload_keys(&self) -> Answer<'_, ()>;
    fn bans(&self) -> BoxFuture<'_, Vec<Ban>>;
    fn add_ban(&self, ban: Ban) -> Answer<'_, ()>;
    fn lift_ban(&self, banned: Banned) -> Answer<'_, bool>;
    fn configuration(&self) -> serde_json::Value;
    fn reload(&self) -> Answer<'_, ()>;
    fn latencies(&self) -> Answer<'_, Vec<LatencyInfo>>;
    fn latency_log(&self) -> Answer<'_, Vec<u8>>;
    fn storage(&self) -> StorageInfo;
    fn listeners(&self) -> Vec<ListenerInfo>;
}

impl<M: Management> Tracker for M {
    fn modes(&self) -> Modes {
        Management::modes(self)
    }

    fn statistics(&self) -> Statistics {
        Management::statistics(self)
    }

    fn totals(&self) -> Vec<(&'static str, u64)> {
        Management::totals(self)
    }

    fn torrent(&self, info_hash: InfoHash, peers_max: usize) -> Answer<'_, Option<TorrentWithPeers>> {
        Box::pin(Management::torrent(self, info_hash, peers_max))
    }

    fn torrents(&self, page: TorrentPage) -> Answer<'_, Vec<TorrentInfo>> {
        Box::pin(Management::torrents(self, page))
    }

    fn torrents_named(&self, info_hashes: Vec<InfoHash>) -> Answer<'_, Vec<TorrentInfo>> {
        Box::pin(Management::torrents_named(self, info_hashes))
    }

    fn drop_torrent(&self, info_hash: InfoHash) -> Answer<'_, bool> {
        Box::pin(Management::drop_torrent(self, info_hash))
    }

    fn change_list(
        &self,
        list: TorrentList,
        change: ListChange,
        info_hashes: Vec<InfoHash>,
    ) -> Answer<'_, ()> {
        Box::pin(Management::change_list(self, list, change, info_hashes))
    }

    fn list_page(
        &self,
        list: TorrentList,
        from: Option<ListPlace>,
        entries_max: usize,
    ) -> Answer<'_, ListPage> {
        Box::pin(Management::list_page(self, list, from, entries_max))
    }

    fn reload_list(&self, list: TorrentList) -> Answer<'_, ()> {
        Box::pin(Management::reload_list(self, list))
    }

    fn put_key(&self, key: WantedKey) -> Answer<'_, KeyInfo> {
        Box::pin(Management::put_key(self, key))
    }

    fn put_keys(&self, keys: Vec<WantedKey>) -> Answer<'_, Vec<KeyOutcome>> {
        Box::pin(Management::put_keys(self, keys))
    }

    fn remove_keys(&self, keys: Vec<AuthenticationKey>) -> Answer<'_, usize> {
        Box::pin(Management::remove_keys(self, keys))
    }

    fn remove_key(&self, key: AuthenticationKey) -> Answer<'_, bool> {
        Box::pin(Management::remove_key(self, key))
    }

    fn key(&self, key: AuthenticationKey) -> Option<KeyInfo> {
        Management::key(self, key)
    }

    fn keys(&self, after: Option<AuthenticationKey>, keys_max: usize) -> Vec<KeyInfo> {
        Management::keys(self, after, keys_max)
    }

    fn reset_account(&self, key: AuthenticationKey) -> Result<bool, ManagementError> {
        Management::reset_account(self, key)
    }

    fn reload_keys(&self) -> Answer<'_, ()> {
        Box::pin(Management::reload_keys(self))
    }

    fn bans(&self) -> BoxFuture<'_, Vec<Ban>> {
        Box::pin(Management::bans(self))
    }

    fn add_ban(&self, ban: Ban) -> Answer<'_, ()> {
        Box::pin(Management::add_ban(self, ban))
    }

    fn lift_ban(&self, banned: Banned) -> Answer<'_, bool> {
        Box::pin(Management::lift_ban(self, banned))
    }

    fn configuration(&self) -> serde_json::Value {
        Management::configuration(self)
    }

    fn reload(&self) -> Answer<'_, ()> {
        Box::pin(Management::reload(self))
    }

    fn latencies(&self) -> Answer<'_, Vec<LatencyInfo>> {
        Box::pin(Management::latencies(self))
    }

    fn latency_log(&self) -> Answer<'_, Vec<u8>> {
        Box::pin(Management::latency_log(self))
    }

    fn storage(&self) -> StorageInfo {
        Management::storage(self)
    }

    fn listeners(&self) -> Vec<ListenerInfo> {
        Management::listeners(self)
    }
}
