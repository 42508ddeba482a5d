use crate::access::Access;
use crate::key_table::KeyGrant;
use crate::limits::{APPLIED_WORK, LOOKED_AT_WORK, STEP_WORK};
use crate::policy::{CompletedCounts, TorrentAdmission};
use crate::torrent_table::{Put, TakenOff};
use crate::update::AccessUpdate;
use primitives::{AuthenticationKey, InfoHash, ListChange, ListSource, TorrentList};
use std::sync::Arc;

/// A change of one source's part of a list.
#[derive(Debug, Clone, Copy)]
struct Change {
    change: ListChange,
    list: TorrentList,
    source: ListSource,
}

impl Access {
    /// Applies one step of an update, about 0.1 ms, from its item `from` on. Returns the item to continue with, if
    /// the update is not complete.
    ///
    /// Torrents are kept only if `owned` returns true. `off` is called with torrents that are no longer admitted.
    pub fn apply(
        &mut self,
        update: &AccessUpdate,
        from: usize,
        owned: impl Fn(&InfoHash) -> bool,
        off: &mut impl FnMut(InfoHash),
    ) -> Option<usize> {
        match update {
            AccessUpdate::BeginList(list, source) => self.torrent_table.begin(*list, *source),
            AccessUpdate::EndList(list, source) => self.torrent_table.end(*list, *source),
            AccessUpdate::ChangeList(change, list, source, torrents) => {
                let change = Change { change: *change, list: *list, source: *source };
                return step(torrents, from, owned, |torrent| self.change_list(change, torrent, off));
            }
            AccessUpdate::RememberCompleted(counts) => {
                let is_owned = |(torrent, _): &(InfoHash, u64)| owned(torrent);
                return step(counts, from, is_owned, |count| self.remember_completed(count));
            }
            AccessUpdate::EndCompleted => self.torrent_table.end_completed(),
            AccessUpdate::BeginKeys => self.keys.begin(),
            AccessUpdate::PutKeys(grants) => {
                let put = |grant: &KeyGrant| {
                    self.shortfalls.keys += u64::from(self.keys.put(grant).is_err());
                };
                return step(grants, from, |_| true, put);
            }
            AccessUpdate::EndKeys => self.keys.end(),
            AccessUpdate::RemoveKeys(keys) => return step(keys, from, |_| true, |key| self.remove_key(key)),
            AccessUpdate::UseClients(rules) => {
                self.clients = (!rules.is_unrestricted()).then(|| Arc::clone(rules));
            }
            AccessUpdate::UseNetworks(networks) => {
                self.networks = (!networks.is_empty()).then(|| Arc::clone(networks));
            }
            // The owner of the swarms does it.
            AccessUpdate::DropUnserved => {}
        }
        None
    }

    fn change_list(&mut self, change: Change, torrent: &InfoHash, off: &mut impl FnMut(InfoHash)) {
        let Change { change, list, source } = change;
        match change {
            ListChange::Add => match self.torrent_table.put(list, source, torrent) {
                Put::New if list == TorrentList::Denied => off(*torrent),
                Put::New | Put::Known => {}
                Put::Full => self.shortfalls.listed_torrents += 1,
            },
            ListChange::Remove => {
                let taken_off = self.torrent_table.take_off(list, source, torrent);
                let is_needed =
                    list == TorrentList::Allowed && self.policy.torrents == TorrentAdmission::Listed;
                if taken_off == TakenOff::Off && is_needed {
                    off(*torrent);
                }
            }
        }
    }

    fn remember_completed(&mut self, (torrent, completed): &(InfoHash, u64)) {
        if self.policy.completed == CompletedCounts::Remembered {
            let remembered = self.torrent_table.remember_completed(torrent, *completed);
            self.shortfalls.completed_counts += u64::from(remembered.is_err());
        }
    }

    fn remove_key(&mut self, key: &AuthenticationKey) {
        if let Some(id) = self.keys.remove(key) {
            self.accounts.remove_key(id);
        }
    }
}

/// Applies the owned items from `from` on until the work of a step is done. Returns the item to continue with.
fn step<T>(items: &[T], from: usize, owned: impl Fn(&T) -> bool, mut apply: impl FnMut(&T)) -> Option<usize> {
    let mut work = 0;
    for (position, item) in items.iter().enumerate().skip(from) {
        if work >= STEP_WORK {
            return Some(position);
        }
        work += LOOKED_AT_WORK;
        if owned(item) {
            work += APPLIED_WORK;
            apply(item);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::UserAdmission;
    use crate::testing::{access, hash, policy};

    fn steps(update: &AccessUpdate, owned: impl Fn(&InfoHash) -> bool) -> (Access, usize) {
        let mut access = access(policy(UserAdmission::Public, TorrentAdmission::Listed));
        let (mut steps, mut from) = (0, Some(0));
        while let Some(position) = from {
            from = access.apply(update, position, &owned, &mut |_| ());
            steps += 1;
        }
        (access, steps)
    }

    fn add(torrents: u32) -> AccessUpdate {
        let torrents = (0..torrents).map(hash).collect();
        AccessUpdate::ChangeList(ListChange::Add, TorrentList::Allowed, ListSource::File, torrents)
    }

    #[test]
    fn a_step_applies_241_torrents_or_skips_4096() {
        assert_eq!(steps(&add(241), |_| true).1, 1);
        assert_eq!(steps(&add(242), |_| true).1, 2);
        assert_eq!(steps(&add(4096), |_| false).1, 1);
        assert_eq!(steps(&add(4097), |_| false).1, 2);
        assert_eq!(steps(&add(0), |_| true).1, 1);
    }

    #[test]
    fn after_all_steps_a_core_has_the_torrents_that_it_owns_and_no_other() {
        let owned = |torrent: &InfoHash| torrent.0[19].is_multiple_of(4);
        let (access, _) = steps(&add(10_000), owned);
        for torrent in (0..10_000).map(hash) {
            assert_eq!(access.torrent(&torrent).is_ok(), owned(&torrent));
        }
    }

    #[test]
    fn a_position_after_the_end_is_the_end() {
        let mut access = access(policy(UserAdmission::Public, TorrentAdmission::Listed));
        assert_eq!(access.apply(&add(5), usize::MAX, |_| true, &mut |_| ()), None);
        assert!(access.torrent_table().is_empty());
    }
}
