use crate::records::{Banned, DeletedKey, StoredBan, StoredKey, TotalName, storable_reason};
use primitives::{AuthenticationKey, InfoHash, ListChange, TorrentList};
use std::collections::BTreeMap;

/// A change to be stored. All values are absolute, so that a change may be stored twice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    List(TorrentList, InfoHash, ListChange),
    /// The number of times a torrent was completed. The largest count is kept.
    Completed(InfoHash, u64),
    PutKey(StoredKey),
    /// The account of a key is updated if the key is stored: another program may have removed it.
    Account(StoredKey),
    /// A key is removed entirely.
    RemoveKey(AuthenticationKey),
    /// A key is moved to the deleted keys, from which it can be restored.
    DeleteKey(DeletedKey),
    RestoreKey(StoredKey),
    PutBan(StoredBan),
    LiftBan(Banned),
    Total(TotalName, u64),
}

/// The combined change of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum KeyChange {
    Put(StoredKey),
    /// Updates the account if the key is stored; its expiry is not changed.
    Account(StoredKey),
    Remove,
    /// Moves the key to the deleted keys, with this account.
    Delete(DeletedKey),
    /// Stores the key with this account and removes it from the deleted keys.
    Restore(StoredKey),
}

impl KeyChange {
    /// Combines an older change with this one.
    const fn over(self, older: Self) -> Self {
        match (self, older) {
            (Self::Account(account), Self::Put(put)) => {
                Self::Put(StoredKey { valid_until_unix_s: put.valid_until_unix_s, ..account })
            }
            (Self::Account(account), Self::Restore(put)) => {
                Self::Restore(StoredKey { valid_until_unix_s: put.valid_until_unix_s, ..account })
            }
            // The key is removed, so its account does not matter.
            (Self::Account(_), gone @ (Self::Remove | Self::Delete(_))) => gone,
            (Self::Put(put), Self::Delete(_) | Self::Restore(_)) => Self::Restore(put),
            (newer, _) => newer,
        }
    }
}

/// Changes that are stored together, one per item: the last one, or the largest count of completed events.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WriteBatch {
    pub(crate) lists: BTreeMap<(TorrentList, InfoHash), ListChange>,
    pub(crate) completed: BTreeMap<InfoHash, u64>,
    pub(crate) keys: BTreeMap<AuthenticationKey, KeyChange>,
    pub(crate) bans: BTreeMap<Banned, Option<StoredBan>>,
    pub(crate) totals: BTreeMap<TotalName, u64>,
}

impl WriteBatch {
    /// Inserts a change, replacing an older change of the same item.
    pub fn insert(&mut self, change: Change) {
        match change {
            Change::List(list, info_hash, change) => drop(self.lists.insert((list, info_hash), change)),
            Change::Completed(info_hash, completed) => {
                let count = self.completed.entry(info_hash).or_default();
                *count = completed.max(*count);
            }
            Change::PutKey(key) => self.change_key(key.key, KeyChange::Put(key)),
            Change::Account(key) => self.change_key(key.key, KeyChange::Account(key)),
            Change::RemoveKey(key) => self.change_key(key, KeyChange::Remove),
            Change::DeleteKey(deleted) => self.change_key(deleted.key.key, KeyChange::Delete(deleted)),
            Change::RestoreKey(key) => self.change_key(key.key, KeyChange::Restore(key)),
            Change::PutBan(ban) => {
                let ban = StoredBan { reason: storable_reason(&ban.reason), ..ban };
                drop(self.bans.insert(ban.banned, Some(ban)));
            }
            Change::LiftBan(banned) => drop(self.bans.insert(banned, None)),
            Change::Total(name, value) => drop(self.totals.insert(name, value)),
        }
    }

    /// Returns whether there is a change of the same item.
    pub fn has_one_like(&self, change: &Change) -> bool {
        match change {
            Change::List(list, info_hash, _) => self.lists.contains_key(&(*list, *info_hash)),
            Change::Completed(info_hash, _) => self.completed.contains_key(info_hash),
            Change::PutKey(StoredKey { key, .. })
            | Change::Account(StoredKey { key, .. })
            | Change::RestoreKey(StoredKey { key, .. })
            | Change::DeleteKey(DeletedKey { key: StoredKey { key, .. }, .. })
            | Change::RemoveKey(key) => self.keys.contains_key(key),
            Change::PutBan(StoredBan { banned, .. }) | Change::LiftBan(banned) => {
                self.bans.contains_key(banned)
            }
            Change::Total(name, _) => self.totals.contains_key(name),
        }
    }

    /// Returns the number of changes.
    pub fn len(&self) -> usize {
        self.lists.len() + self.completed.len() + self.keys.len() + self.bans.len() + self.totals.len()
    }

    /// Returns whether there are no changes.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Removes and returns at most `changes_max` changes.
    pub(crate) fn split_first(&mut self, changes_max: usize) -> Self {
        let mut left = changes_max;
        Self {
            bans: first(&mut self.bans, &mut left),
            keys: first(&mut self.keys, &mut left),
            lists: first(&mut self.lists, &mut left),
            totals: first(&mut self.totals, &mut left),
            completed: first(&mut self.completed, &mut left),
        }
    }

    /// Merges an older batch into this one. Newer changes of the same item take precedence.
    pub(crate) fn take_older(&mut self, older: Self) {
        put_below(&mut self.lists, older.lists, |newer, _| newer);
        put_below(&mut self.keys, older.keys, KeyChange::over);
        put_below(&mut self.bans, older.bans, |newer, _| newer);
        put_below(&mut self.totals, older.totals, |newer, _| newer);
        for (info_hash, completed) in older.completed {
            self.insert(Change::Completed(info_hash, completed));
        }
    }

    fn change_key(&mut self, key: AuthenticationKey, change: KeyChange) {
        let older = self.keys.get(&key).copied();
        self.keys.insert(key, older.map_or(change, |older| change.over(older)));
    }
}

fn first<K: Ord, V>(map: &mut BTreeMap<K, V>, left: &mut usize) -> BTreeMap<K, V> {
    if map.len() <= *left {
        *left -= map.len();
        return std::mem::take(map);
    }
    let part = std::iter::from_fn(|| map.pop_first()).take(*left).collect();
    *left = 0;
    part
}

/// Merges `older` into `newer`. `over` combines a newer and an older change of the same item. The smaller map is merged
/// into the larger one, so that a million waiting changes are not moved for one more.
fn put_below<K: Ord, V>(newer: &mut BTreeMap<K, V>, mut older: BTreeMap<K, V>, over: impl Fn(V, V) -> V) {
    if newer.len() < older.len() {
        for (key, change) in std::mem::take(newer) {
            let change = match older.remove(&key) {
                Some(before) => over(change, before),
                None => change,
            };
            older.insert(key, change);
        }
        *newer = older;
    } else {
        for (key, before) in older {
            let change = match newer.remove(&key) {
                Some(change) => over(change, before),
                None => before,
            };
            newer.insert(key, change);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOTAL: TotalName = TotalName::new("announces");

    fn hash(byte: u8) -> InfoHash {
        InfoHash([byte; 20])
    }

    fn listed(byte: u8, change: ListChange) -> Change {
        Change::List(TorrentList::Allowed, hash(byte), change)
    }

    fn completed(byte: u8, completed: u64) -> Change {
        Change::Completed(hash(byte), completed)
    }

    fn batch(changes: impl IntoIterator<Item = Change>) -> WriteBatch {
        let mut batch = WriteBatch::default();
        changes.into_iter().for_each(|change| batch.insert(change));
        batch
    }

    #[test]
    fn of_several_changes_of_one_item_the_last_is_stored() {
        let changes = [listed(1, ListChange::Add), listed(1, ListChange::Remove), Change::Total(TOTAL, 1)];
        let batch = batch(changes.into_iter().chain([Change::Total(TOTAL, 0)]));
        assert_eq!(batch.len(), 2);
        assert_eq!(batch.lists[&(TorrentList::Allowed, hash(1))], ListChange::Remove);
        assert_eq!(batch.totals[&TOTAL], 0);
        assert!(batch.has_one_like(&listed(1, ListChange::Add)));
        assert!(!batch.has_one_like(&listed(2, ListChange::Add)));
    }

    #[test]
    fn of_counts_of_completed_events_the_largest_is_stored() {
        assert_eq!(batch([completed(1, 5), completed(1, 3)]).completed[&hash(1)], 5);
    }

    #[test]
    fn an_account_update_changes_nothing_else_of_its_key() {
        let key = AuthenticationKey::parse(&[b'k'; 32]).unwrap();
        let with = |uploaded, valid_until_unix_s| StoredKey {
            key,
            valid_until_unix_s,
            uploaded,
            downloaded: 0,
            last_seen_unix_s: None,
        };
        let account = Change::Account(with(7, None));
        let deleted = DeletedKey { key: with(1, Some(5)), deleted_unix_s: 9 };
        for (before, together) in [
            (Change::PutKey(with(1, Some(5))), KeyChange::Put(with(7, Some(5)))),
            (Change::Account(with(1, Some(5))), KeyChange::Account(with(7, None))),
            (Change::RemoveKey(key), KeyChange::Remove),
            (Change::RestoreKey(with(1, Some(5))), KeyChange::Restore(with(7, Some(5)))),
            (Change::DeleteKey(deleted), KeyChange::Delete(deleted)),
        ] {
            assert_eq!(batch([before.clone(), account.clone()]).keys[&key], together);
            for others in [0..0, 1..50] {
                let others = others.map(|byte| {
                    let key = AuthenticationKey::parse(&[b'0' + byte % 10; 32]).unwrap();
                    Change::RemoveKey(key)
                });
                let mut newer = batch([account.clone()]);
                newer.take_older(batch(others.chain([before.clone()])));
                assert_eq!(newer.keys[&key], together);
            }
        }
        let renewed = batch([Change::RemoveKey(key), Change::PutKey(with(1, None)), account]);
        assert_eq!(renewed.keys[&key], KeyChange::Put(with(7, None)));
        let made_anew = batch([Change::DeleteKey(deleted), Change::PutKey(with(0, None))]);
        assert_eq!(made_anew.keys[&key], KeyChange::Restore(with(0, None)));
    }

    #[test]
    fn newer_changes_take_precedence_over_those_of_a_returned_batch() {
        for others in [0..0, 10..20, 20..200] {
            let older = [listed(1, ListChange::Add), completed(2, 9), listed(3, ListChange::Add)];
            let older = batch(others.map(|byte| listed(byte, ListChange::Add)).chain(older));
            let mut newer = batch([listed(1, ListChange::Remove), completed(2, 4)]);
            let together = older.len();
            newer.take_older(older);
            assert_eq!(newer.len(), together);
            assert_eq!(newer.lists[&(TorrentList::Allowed, hash(1))], ListChange::Remove);
            assert_eq!(newer.lists[&(TorrentList::Allowed, hash(3))], ListChange::Add);
            assert_eq!(newer.completed[&hash(2)], 9);
        }
    }

    #[test]
    fn a_batch_is_split_without_loss() {
        let whole = batch((0..50).map(|byte| listed(byte, ListChange::Add)).chain([completed(1, 1)]));
        let (mut rest, mut parts) = (whole.clone(), WriteBatch::default());
        for size in [20, 20, 11, 0] {
            let part = rest.split_first(20);
            assert_eq!(part.len(), size);
            parts.take_older(part);
        }
        assert_eq!(parts, whole);
    }
}
