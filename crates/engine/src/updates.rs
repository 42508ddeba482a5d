use crate::Now;
use crate::engine::Engine;
use crate::scrape::Ownership;
use access::{AccessUpdate, CoreEvent, ListedPage, Sweep, TorrentTablePlace};
use primitives::{Counter, TorrentList};

/// How far an update has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UpdateStep {
    /// There is more of it, from here on.
    More(usize),
    /// All of it holds.
    Done,
}

/// Facts of one kind in one message at most: they are read again from memory that was in use a moment before.
const EVENT_ITEMS_MAX: usize = 1024;

impl Engine {
    /// Takes over a step of an update of who is served, from its item `from` on: at most some 200 microseconds. What is
    /// not served any more loses its swarms.
    pub fn apply_update(&mut self, update: &AccessUpdate, from: usize) -> UpdateStep {
        let (steering, shards, own) = (&self.steering, self.settings.shards, self.settings.shard);
        let ownership = Ownership { steering, shards, own };
        let owned = |info_hash: &_| ownership.owner(info_hash) == own;
        let swarms = &mut self.swarms;
        let next = self.access.apply(update, from, owned, &mut |info_hash| {
            swarms.drop_torrent(&info_hash);
        });
        next.map_or(UpdateStep::Done, UpdateStep::More)
    }

    /// A bounded piece of the sweeps over lists, keys and their sessions: some 100 microseconds.
    pub fn sweep_access(&mut self, now: Now) -> Sweep {
        let swarms = &mut self.swarms;
        self.access.turn(now.monotonic, &mut |info_hash| {
            swarms.drop_torrent(&info_hash);
        })
    }

    /// A page of this core's part of a list.
    #[must_use]
    pub fn list_page(&self, list: TorrentList, from: TorrentTablePlace, torrents_max: usize) -> ListedPage {
        let mut torrents = Vec::new();
        let next =
            self.access.torrent_table().page(list, from, torrents_max, |torrent| torrents.push(torrent));
        ListedPage { torrents, next }
    }

    /// What there is to tell the control plane, a bounded part of it.
    pub fn take_event(&mut self) -> Option<CoreEvent> {
        let mut accounts = Vec::new();
        self.access.take_events(EVENT_ITEMS_MAX, &mut accounts);
        if !accounts.is_empty() {
            return Some(CoreEvent::Accounts(accounts));
        }
        let mut completed = Vec::new();
        self.access.take_completed(EVENT_ITEMS_MAX, &mut completed);
        (!completed.is_empty()).then_some(CoreEvent::Completed(completed))
    }

    /// Keeps a fact that could not be told, for the next time.
    pub fn keep_event(&mut self, event: &CoreEvent) {
        match event {
            CoreEvent::Accounts(accounts) => self.access.return_events(accounts),
            CoreEvent::Completed(completed) => self.access.return_completed(completed),
        }
    }

    /// What found no place, as far as it is not in the figures yet.
    pub(crate) fn count_shortfalls(&mut self) {
        let shortfalls = self.access.shortfalls();
        let statistics = &mut self.statistics;
        for (counter, now) in [
            (Counter::ListedTorrentsRefused, shortfalls.listed_torrents),
            (Counter::CompletedRefused, shortfalls.completed_counts),
            (Counter::KeysRefused, shortfalls.keys),
            (Counter::SessionReportsRefused, shortfalls.session_reports),
            (Counter::PeerDetailsRefused, shortfalls.peer_details),
        ] {
            statistics.add(counter, now - statistics.counter(counter));
        }
    }
}
