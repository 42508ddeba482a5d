use super::{KeyInfo, WantedKey};
use crate::lifecycle::KeyTransfers;
use crate::management::ManagementError;
use access::{AccountChange, KeyGrant};
use database::StoredKey;
use primitives::{AuthenticationKey, KeyId};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Bound;

/// All keys with the accounts of their users.
#[derive(Debug)]
pub(crate) struct KeyAccounts {
    keys_max: usize,
    keys: BTreeMap<AuthenticationKey, Key>,
    by_id: HashMap<KeyId, AuthenticationKey>,
    next_id: u32,
    /// Keys whose account has changed since it was last passed to the write-behind.
    unsaved: BTreeSet<AuthenticationKey>,
}

#[derive(Debug, Clone, Copy)]
struct Key {
    id: KeyId,
    stored: StoredKey,
    /// Sums over the cores, each of which reports its own torrents.
    seeding: i64,
    leeching: i64,
}

impl KeyAccounts {
    pub(crate) fn new(keys_max: usize) -> Self {
        let (keys, by_id, unsaved) = (BTreeMap::new(), HashMap::new(), BTreeSet::new());
        Self { keys_max, keys, by_id, next_id: 0, unsaved }
    }

    /// Creates or renews a key. Returns what the cores have to know of it.
    pub(crate) fn put(&mut self, now_unix_s: u64, wanted: WantedKey) -> Result<KeyGrant, ManagementError> {
        let key = match wanted.key {
            Some(key) => key,
            None => self.unknown_key()?,
        };
        let valid_until_unix_s =
            wanted.validity.map(|validity| now_unix_s.saturating_add(validity.as_secs()));
        self.set(key, |stored| stored.valid_until_unix_s = valid_until_unix_s)
    }

    /// Reverts [`Self::put`]; `before` is the key as it was, if it was known.
    pub(crate) fn undo(&mut self, key: &AuthenticationKey, before: Option<KeyInfo>) {
        match (before, self.keys.get_mut(key)) {
            (Some(before), Some(known)) => known.stored.valid_until_unix_s = before.valid_until_unix_s,
            _ => drop(self.remove(key)),
        }
    }

    /// Adds a stored key. A known key keeps its account, since the stored one is older.
    pub(crate) fn restore(&mut self, stored: &StoredKey) -> Result<KeyGrant, ManagementError> {
        let is_known = self.keys.contains_key(&stored.key);
        self.set(stored.key, |key| {
            *key = if is_known {
                StoredKey { valid_until_unix_s: stored.valid_until_unix_s, ..*key }
            } else {
                *stored
            }
        })
    }

    /// Adds a deleted key again. If it was created again meanwhile, it keeps its validity, and the deleted key's
    /// transfers are added to its own.
    pub(crate) fn restore_deleted(&mut self, deleted: &StoredKey) -> Result<KeyGrant, ManagementError> {
        if !self.keys.contains_key(&deleted.key) {
            return self.restore(deleted);
        }
        self.set(deleted.key, |known| add_transfers(known, deleted.uploaded, deleted.downloaded))
    }

    /// Removes all keys but these. Returns the removed ones.
    pub(crate) fn keep_only(
        &mut self,
        keys: impl Iterator<Item = AuthenticationKey>,
    ) -> Vec<AuthenticationKey> {
        let kept: BTreeSet<AuthenticationKey> = keys.collect();
        let gone: Vec<_> = self.keys.keys().filter(|key| !kept.contains(*key)).copied().collect();
        for key in &gone {
            self.remove(key);
        }
        gone
    }

    /// Returns how many accounts have changed since they were last passed to the write-behind.
    pub(crate) fn unsaved(&self) -> usize {
        self.unsaved.len()
    }

    pub(crate) fn remove(&mut self, key: &AuthenticationKey) -> bool {
        self.unsaved.remove(key);
        let removed = self.keys.remove(key);
        removed.is_some_and(|known| self.by_id.remove(&known.id).is_some())
    }

    /// Adds a core's report on a key that was last seen at `last_seen_unix_s`, if it was since the report before. Returns the
    /// transfers in it, unless the key is unknown.
    pub(crate) fn add(
        &mut self,
        change: &AccountChange,
        last_seen_unix_s: Option<u64>,
    ) -> Option<KeyTransfers> {
        // The key may have been removed meanwhile.
        let key = *self.by_id.get(&change.key)?;
        let known = self.keys.get_mut(&key)?;
        known.seeding += change.seeding;
        known.leeching += change.leeching;
        let AccountChange { uploaded, downloaded, .. } = *change;
        let transfers = KeyTransfers { key, uploaded, downloaded, last_seen_unix_s };
        self.add_transfers(&transfers);
        Some(transfers)
    }

    /// Adds what a key has transferred, if it is known.
    pub(crate) fn add_transfers(&mut self, transfers: &KeyTransfers) {
        let KeyTransfers { key, uploaded, downloaded, last_seen_unix_s } = *transfers;
        let Some(known) = self.keys.get_mut(&key) else { return };
        add_transfers(&mut known.stored, uploaded, downloaded);
        known.stored.last_seen_unix_s = known.stored.last_seen_unix_s.max(last_seen_unix_s);
        self.unsaved.insert(key);
    }

    /// Sets the transferred bytes to zero. Returns whether the key is known.
    pub(crate) fn reset(&mut self, key: &AuthenticationKey) -> bool {
        let Some(known) = self.keys.get_mut(key) else { return false };
        (known.stored.uploaded, known.stored.downloaded) = (0, 0);
        self.unsaved.insert(*key);
        true
    }

    /// Returns the keys that expired before `unix_s`.
    pub(crate) fn expired_before(&self, unix_s: u64) -> Vec<AuthenticationKey> {
        let is_expired = |known: &Key| known.stored.valid_until_unix_s.is_some_and(|until| until < unix_s);
        self.keys.iter().filter(|(_, known)| is_expired(known)).map(|(key, _)| *key).collect()
    }

    /// Returns the number of a key, if it is known.
    pub(crate) fn number(&self, key: &AuthenticationKey) -> Option<KeyId> {
        self.keys.get(key).map(|known| known.id)
    }

    /// Returns at most `keys_max` keys with their numbers, in the order of the keys, starting after `after`.
    pub(crate) fn numbers_after(
        &self,
        after: Option<AuthenticationKey>,
        keys_max: usize,
    ) -> Vec<(AuthenticationKey, KeyId)> {
        self.after(after).take(keys_max).map(|(key, known)| (*key, known.id)).collect()
    }

    pub(crate) fn len(&self) -> usize {
        self.keys.len()
    }

    pub(crate) fn info(&self, key: &AuthenticationKey) -> Option<KeyInfo> {
        self.keys.get(key).map(info_of)
    }

    /// Replaces the limit. Keys beyond a lower one stay.
    pub(crate) const fn use_limit(&mut self, keys_max: usize) {
        self.keys_max = keys_max;
    }

    /// Returns at most `keys_max` keys in their order, starting after `after`.
    pub(crate) fn page(&self, after: Option<AuthenticationKey>, keys_max: usize) -> Vec<KeyInfo> {
        self.after(after).take(keys_max).map(|(_, known)| info_of(known)).collect()
    }

    fn after(&self, after: Option<AuthenticationKey>) -> impl Iterator<Item = (&AuthenticationKey, &Key)> {
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        self.keys.range((from, Bound::Unbounded))
    }

    /// Passes each changed account to `save`, until it refuses one.
    pub(crate) fn save<E>(&mut self, mut save: impl FnMut(StoredKey) -> Result<(), E>) -> Result<(), E> {
        while let Some(key) = self.unsaved.first() {
            if let Some(known) = self.keys.get(key) {
                save(known.stored)?;
            }
            self.unsaved.pop_first();
        }
        Ok(())
    }

    /// Returns the key in the form in which it is stored.
    pub(crate) fn stored(&self, key: &AuthenticationKey) -> Option<StoredKey> {
        self.keys.get(key).map(|known| known.stored)
    }

    fn set(
        &mut self,
        key: AuthenticationKey,
        change: impl FnOnce(&mut StoredKey),
    ) -> Result<KeyGrant, ManagementError> {
        if !self.keys.contains_key(&key) {
            self.insert(key)?;
        }
        let known = self.keys.get_mut(&key).expect("the key was just put there");
        change(&mut known.stored);
        Ok(KeyGrant { key, id: known.id, valid_until_unix_s: known.stored.valid_until_unix_s })
    }

    fn insert(&mut self, key: AuthenticationKey) -> Result<(), ManagementError> {
        if self.keys.len() >= self.keys_max {
            return Err(ManagementError::Full(
                "there are as many keys as access.keys_max and the memory allow",
            ));
        }
        let id = KeyId(self.next_id);
        let no_ids = ManagementError::Full("the numbers for keys have run out: restart the tracker");
        self.next_id = self.next_id.checked_add(1).ok_or(no_ids)?;
        self.by_id.insert(id, key);
        let stored =
            StoredKey { key, valid_until_unix_s: None, uploaded: 0, downloaded: 0, last_seen_unix_s: None };
        self.keys.insert(key, Key { id, stored, seeding: 0, leeching: 0 });
        Ok(())
    }

    fn unknown_key(&self) -> Result<AuthenticationKey, ManagementError> {
        let key = random_key()?;
        // Of 62^32 possible keys, two are the same only if the randomness is broken.
        if self.keys.contains_key(&key) {
            return Err(ManagementError::Full("the system's randomness repeats itself"));
        }
        Ok(key)
    }
}

fn add_transfers(known: &mut StoredKey, uploaded: u64, downloaded: u64) {
    known.uploaded = known.uploaded.saturating_add(uploaded);
    known.downloaded = known.downloaded.saturating_add(downloaded);
}

fn info_of(known: &Key) -> KeyInfo {
    let count = |sum: i64| u32::try_from(sum.max(0)).unwrap_or(u32::MAX);
    let StoredKey { key, valid_until_unix_s, uploaded, downloaded, last_seen_unix_s } = known.stored;
    let (seeding, leeching) = (count(known.seeding), count(known.leeching));
    KeyInfo { key, valid_until_unix_s, uploaded, downloaded, last_seen_unix_s, seeding, leeching }
}

/// Generates a key of evenly distributed characters: random bytes that would favour the first ones are discarded.
fn random_key() -> Result<AuthenticationKey, ManagementError> {
    let alphabet = AuthenticationKey::ALPHABET;
    let even = u8::try_from(256 / alphabet.len() * alphabet.len()).expect("below 256");
    let mut text = Vec::with_capacity(AuthenticationKey::BYTES);
    while text.len() < AuthenticationKey::BYTES {
        let mut random = [0; 2 * AuthenticationKey::BYTES];
        getrandom::fill(&mut random)
            .map_err(|_| ManagementError::Full("the system gives no randomness for a key"))?;
        let characters = random.iter().filter(|&&byte| byte < even);
        text.extend(characters.map(|&byte| alphabet[usize::from(byte) % alphabet.len()]));
    }
    let key = AuthenticationKey::parse(&text[..AuthenticationKey::BYTES]);
    Ok(key.expect("characters of the alphabet"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use primitives::Second;
    use std::time::Duration;

    fn key(number: u8) -> AuthenticationKey {
        AuthenticationKey::parse(&[b'a' + number; 32]).unwrap()
    }

    fn wanted(number: u8) -> WantedKey {
        WantedKey { key: Some(key(number)), validity: None }
    }

    fn stored(number: u8) -> StoredKey {
        StoredKey {
            key: key(number),
            valid_until_unix_s: Some(5),
            uploaded: 70,
            downloaded: 7,
            last_seen_unix_s: Some(3),
        }
    }

    fn book() -> KeyAccounts {
        KeyAccounts::new(3)
    }

    fn change(id: KeyId, uploaded: u64, seeding: i64) -> AccountChange {
        AccountChange { key: id, uploaded, downloaded: 1, seeding, leeching: 0, last_seen: Some(Second(1)) }
    }

    #[test]
    fn a_new_key_has_32_random_characters() {
        let mut book = book();
        let new = WantedKey { key: None, validity: Some(Duration::from_secs(60)) };
        let [one, other] = [(); 2].map(|()| book.put(1000, new).unwrap());
        assert_ne!(one.key, other.key);
        assert_ne!(one.id, other.id);
        assert_eq!(one.valid_until_unix_s, Some(1060));
    }

    #[test]
    fn a_renewed_key_keeps_its_account() {
        let mut book = book();
        let grant = book.put(1000, wanted(0)).unwrap();
        book.add(&change(grant.id, 500, 1), Some(1500));
        let renewed = WantedKey { validity: Some(Duration::from_secs(9)), ..wanted(0) };
        assert_eq!(book.put(2000, renewed).unwrap().id, grant.id);
        let info = book.info(&key(0)).unwrap();
        assert_eq!((info.uploaded, info.downloaded, info.seeding), (500, 1, 1));
        assert_eq!((info.valid_until_unix_s, info.last_seen_unix_s), (Some(2009), Some(1500)));
    }

    #[test]
    fn transfers_of_a_removed_key_do_not_count_for_a_new_one() {
        let mut book = book();
        let before = book.put(1000, wanted(0)).unwrap();
        assert!(book.remove(&key(0)));
        assert!(!book.remove(&key(0)));
        book.put(1000, wanted(0)).unwrap();
        book.add(&change(before.id, 500, 1), Some(1500));
        assert_eq!(book.info(&key(0)).unwrap().uploaded, 0);
    }

    #[test]
    fn keys_beyond_the_limit_are_refused_and_known_ones_renewed() {
        let mut book = book();
        for number in 0..3 {
            book.put(1000, wanted(number)).unwrap();
        }
        assert!(matches!(book.put(1000, wanted(3)), Err(ManagementError::Full(_))));
        assert!(book.put(1000, wanted(2)).is_ok());
    }

    #[test]
    fn a_stored_account_does_not_replace_that_of_a_known_key() {
        let mut book = book();
        let grant = book.restore(&stored(0)).unwrap();
        assert_eq!(book.info(&key(0)).unwrap().uploaded, 70);
        book.add(&change(grant.id, 30, 0), Some(4));
        book.restore(&StoredKey { valid_until_unix_s: None, ..stored(0) }).unwrap();
        let info = book.info(&key(0)).unwrap();
        assert_eq!((info.uploaded, info.valid_until_unix_s), (100, None));
    }

    #[test]
    fn a_restored_key_has_its_account_which_is_added_to_that_of_a_recreated_key() {
        let mut book = book();
        book.put(1000, wanted(1)).unwrap();
        for (number, valid_until_unix_s) in [(0, Some(5)), (1, None)] {
            let grant = book.restore_deleted(&stored(number)).unwrap();
            assert_eq!(grant.valid_until_unix_s, valid_until_unix_s);
            let info = book.info(&key(number)).unwrap();
            assert_eq!((info.uploaded, info.downloaded), (70, 7));
        }
    }

    #[test]
    fn accounts_are_saved_once_and_refused_ones_are_saved_later() {
        let mut book = book();
        let ids = [0, 1].map(|number| book.put(1000, wanted(number)).unwrap().id);
        for id in ids {
            book.add(&change(id, 5, 0), Some(1500));
        }
        let mut saved = Vec::new();
        let refused = book.save(|stored| {
            if stored.key == key(1) {
                return Err(());
            }
            saved.push(stored.key);
            Ok(())
        });
        assert_eq!((refused, &saved[..]), (Err(()), &[key(0)][..]));
        book.save(|stored| {
            saved.push(stored.key);
            Ok::<_, ()>(())
        })
        .unwrap();
        assert_eq!(saved, [key(0), key(1)]);
        book.save(|_| Err(())).unwrap();
        assert!(book.reset(&key(0)));
        assert!(book.save(|stored| if stored.uploaded == 0 { Err(()) } else { Ok(()) }).is_err());
    }

    #[test]
    fn keys_that_expired_long_ago_are_found_and_permanent_ones_are_not() {
        let mut book = book();
        for (number, validity) in [(0, Some(10)), (1, None), (2, Some(20))] {
            book.put(1000, WantedKey { validity: validity.map(Duration::from_secs), ..wanted(number) })
                .unwrap();
        }
        assert_eq!(book.expired_before(1010), []);
        assert_eq!(book.expired_before(1011), [key(0)]);
        assert_eq!(book.expired_before(u64::MAX), [key(0), key(2)]);
    }

    #[test]
    fn keys_are_returned_in_pages() {
        let mut book = book();
        for number in [2, 0, 1] {
            book.put(1000, wanted(number)).unwrap();
        }
        let keys = |after, keys_max| {
            book.page(after, keys_max).iter().map(|changes| changes.key).collect::<Vec<_>>()
        };
        assert_eq!(keys(None, 2), [key(0), key(1)]);
        assert_eq!(keys(Some(key(1)), 2), [key(2)]);
        assert_eq!(keys(Some(key(2)), 2), []);
    }
}
