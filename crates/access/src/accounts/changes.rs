use crate::parted_map::PartedMap;
use primitives::{KeyId, PeerStatus, Second, TableSeed};

/// How the account of a key has changed on this core since the last report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AccountChange {
    pub key: KeyId,
    /// Bytes uploaded.
    pub uploaded: u64,
    /// Bytes downloaded.
    pub downloaded: u64,
    /// Seeding sessions that began, minus those that ended.
    pub seeding: i64,
    /// Leeching sessions that began, minus those that ended.
    pub leeching: i64,
    /// When the key was last used, if it was since the last report. The end and the import of a session leave it as it is.
    pub last_seen: Option<Second>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Delta {
    pub(super) uploaded: u64,
    pub(super) downloaded: u64,
    pub(super) seeding: i64,
    pub(super) leeching: i64,
}

impl Delta {
    pub(super) const NONE: Self = Self { uploaded: 0, downloaded: 0, seeding: 0, leeching: 0 };

    /// Adds sessions that began, minus those that ended.
    pub(super) fn with(mut self, status: PeerStatus, change: i64) -> Self {
        match status {
            PeerStatus::Seeder => self.seeding += change,
            PeerStatus::Leecher => self.leeching += change,
        }
        self
    }

    fn plus(&self, other: &Self) -> Self {
        Self {
            uploaded: self.uploaded.saturating_add(other.uploaded),
            downloaded: self.downloaded.saturating_add(other.downloaded),
            seeding: self.seeding.saturating_add(other.seeding),
            leeching: self.leeching.saturating_add(other.leeching),
        }
    }
}

/// Changes of accounts that were not taken yet.
#[derive(Debug)]
pub(super) struct ChangedAccounts {
    accounts: PartedMap<KeyId, (Delta, Option<Second>)>,
    /// Part that is taken from next.
    next: usize,
}

impl ChangedAccounts {
    pub(super) fn new(seed: TableSeed) -> Self {
        Self { accounts: PartedMap::new(seed), next: 0 }
    }

    pub(super) fn has_room(&self, key: KeyId, changed_max: usize) -> bool {
        self.accounts.len() < changed_max || self.accounts.get(&key).is_some()
    }

    pub(super) fn add(&mut self, key: KeyId, seen: Option<Second>, delta: &Delta) {
        match self.accounts.get_mut(&key) {
            Some((known, last_seen)) => {
                *known = known.plus(delta);
                *last_seen = seen.max(*last_seen);
            }
            None => self.accounts.insert_new(key, (*delta, seen)),
        }
    }

    pub(super) fn merge(&mut self, change: &AccountChange) {
        let AccountChange { key, uploaded, downloaded, seeding, leeching, last_seen } = *change;
        self.add(key, last_seen, &Delta { uploaded, downloaded, seeding, leeching });
    }

    pub(super) fn take(&mut self, max: usize, out: &mut Vec<AccountChange>) {
        let mut left = max;
        while left > 0 && !self.accounts.is_empty() {
            let taken = self.accounts.take_from_part(self.next, left, |key, (delta, last_seen)| {
                let Delta { uploaded, downloaded, seeding, leeching } = delta;
                out.push(AccountChange { key, uploaded, downloaded, seeding, leeching, last_seen });
            });
            left -= taken;
            if left > 0 {
                self.next = (self.next + 1) % PartedMap::<KeyId, (Delta, Option<Second>)>::PARTS;
            }
        }
    }

    #[cfg(test)]
    pub(super) const fn len(&self) -> usize {
        self.accounts.len()
    }

    pub(super) fn heap_bytes(&self) -> usize {
        self.accounts.heap_bytes()
    }
}
