use crate::limits::KEYS_MAX;
use crate::parted_map::{PartedMap, Sweep};
use crate::policy::Full;
use primitives::{AuthenticationKey, KeyId, TableSeed};

/// A key that is accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyGrant {
    /// The key, as it stands in announce URLs.
    pub key: AuthenticationKey,
    /// Number of the key in sessions and accounts.
    pub id: KeyId,
    /// Unix time at which it expires. None: it is valid until it is removed.
    pub valid_until_unix_s: Option<u64>,
}

/// Why a user is not admitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyRefusal {
    #[error("Authentication error: this tracker needs a key in its announce URL")]
    Missing,
    #[error("Authentication error: the key is not known")]
    Unknown,
    #[error("Authentication error: the key has expired")]
    Expired,
}

/// The keys that are accepted.
#[derive(Debug)]
pub(crate) struct KeyTable {
    keys_max: usize,
    keys: PartedMap<AuthenticationKey, Held>,
    reload: Reload,
    /// Incremented when a reload begins. Keys with another value have not been put since.
    generation: u32,
}

#[derive(Debug, Clone, Copy)]
struct Held {
    valid_until_unix_s: u64,
    id: KeyId,
    generation: u32,
}

const NEVER: u64 = u64::MAX;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reload {
    None,
    /// The new keys are being put.
    Filling,
    /// Keys that were not put are being removed.
    Sweeping,
}

impl KeyTable {
    pub(crate) fn new(keys_max: usize, seed: TableSeed) -> Self {
        assert!(keys_max <= KEYS_MAX, "keys_max");
        Self { keys_max, keys: PartedMap::new(seed), reload: Reload::None, generation: 0 }
    }

    pub(crate) fn use_limit(&mut self, keys_max: usize) {
        assert!(keys_max <= KEYS_MAX, "keys_max");
        self.keys_max = keys_max;
    }

    /// Adds a key, or updates its number and expiry.
    pub(crate) fn put(&mut self, grant: &KeyGrant) -> Result<(), Full> {
        let held = Held {
            valid_until_unix_s: grant.valid_until_unix_s.unwrap_or(NEVER),
            id: grant.id,
            generation: self.generation,
        };
        if let Some(known) = self.keys.get_mut(&grant.key) {
            *known = held;
            return Ok(());
        }
        if self.keys.len() >= self.keys_max {
            return Err(Full);
        }
        self.keys.insert_new(grant.key, held);
        Ok(())
    }

    /// Removes a key and returns its number, if it was there.
    pub(crate) fn remove(&mut self, key: &AuthenticationKey) -> Option<KeyId> {
        self.keys.remove(key).map(|held| held.id)
    }

    /// Returns the number of a valid key.
    pub(crate) fn check(&self, now_unix_s: u64, key: &AuthenticationKey) -> Result<KeyId, KeyRefusal> {
        let held = self.keys.get(key).ok_or(KeyRefusal::Unknown)?;
        if now_unix_s < held.valid_until_unix_s || held.valid_until_unix_s == NEVER {
            Ok(held.id)
        } else {
            Err(KeyRefusal::Expired)
        }
    }

    /// Begins a reload: the keys that are put from here on are all that exist. A reload in progress is restarted.
    /// Until the sweep, the table has the old keys and the new ones.
    pub(crate) const fn begin(&mut self) {
        self.generation = self.generation.wrapping_add(1);
        self.reload = Reload::Filling;
    }

    /// Ends a reload: all keys were put. Without a [`Self::begin`] before, nothing happens.
    pub(crate) fn end(&mut self) {
        if self.reload == Reload::Filling {
            self.reload = Reload::Sweeping;
            self.keys.restart_sweep();
        }
    }

    /// Removes keys that a completed reload left out, in the next `parts_max` parts. `off` is called with their
    /// numbers.
    pub(crate) fn sweep(&mut self, parts_max: usize, off: &mut impl FnMut(KeyId)) -> Sweep {
        if self.reload != Reload::Sweeping {
            return Sweep::Done;
        }
        let generation = self.generation;
        let sweep = self.keys.sweep(parts_max, |_, held| {
            let is_kept = held.generation == generation;
            if !is_kept {
                off(held.id);
            }
            is_kept
        });
        if sweep == Sweep::Done {
            self.reload = Reload::None;
        }
        sweep
    }

    #[cfg(test)]
    pub(crate) const fn len(&self) -> usize {
        self.keys.len()
    }

    pub(crate) fn heap_bytes(&self) -> usize {
        self.keys.heap_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::key;

    fn grant(number: u32, valid_until_unix_s: Option<u64>) -> KeyGrant {
        KeyGrant { key: key(number), id: KeyId(number), valid_until_unix_s }
    }

    fn ring(keys_max: usize) -> KeyTable {
        KeyTable::new(keys_max, TableSeed([7; 16]))
    }

    fn swept(ring: &mut KeyTable) -> Vec<u32> {
        let mut off = Vec::new();
        while ring.sweep(100, &mut |id| off.push(id.0)) == Sweep::More {}
        off.sort_unstable();
        off
    }

    #[test]
    fn a_key_is_valid_until_it_expires_or_is_removed() {
        let mut ring = ring(10);
        ring.put(&grant(1, Some(1000))).unwrap();
        ring.put(&grant(2, None)).unwrap();
        assert_eq!(ring.check(999, &key(1)), Ok(KeyId(1)));
        assert_eq!(ring.check(1000, &key(1)), Err(KeyRefusal::Expired));
        assert_eq!(ring.check(u64::MAX, &key(2)), Ok(KeyId(2)));
        assert_eq!(ring.check(0, &key(3)), Err(KeyRefusal::Unknown));
        assert_eq!(ring.put(&grant(1, Some(2000))), Ok(()));
        assert_eq!(ring.check(1000, &key(1)), Ok(KeyId(1)));
        assert_eq!(ring.remove(&key(1)), Some(KeyId(1)));
        assert_eq!(ring.remove(&key(1)), None);
        assert_eq!(ring.check(0, &key(1)), Err(KeyRefusal::Unknown));
    }

    #[test]
    fn a_full_table_refuses_new_keys_and_updates_known_ones() {
        let mut ring = ring(2);
        assert_eq!([1, 2, 3].map(|number| ring.put(&grant(number, None))), [Ok(()), Ok(()), Err(Full)]);
        assert_eq!(ring.put(&grant(2, Some(5))), Ok(()));
        assert_eq!(ring.len(), 2);
        ring.remove(&key(1));
        assert_eq!(ring.put(&grant(3, None)), Ok(()));
    }

    #[test]
    fn a_reload_removes_the_keys_that_it_leaves_out_and_none_that_came_later() {
        let mut ring = ring(2000);
        for number in 0..1000 {
            ring.put(&grant(number, None)).unwrap();
        }
        ring.begin();
        ring.put(&grant(5, None)).unwrap();
        ring.begin();
        for number in 0..500 {
            ring.put(&grant(2 * number, None)).unwrap();
        }
        assert_eq!((ring.len(), swept(&mut ring).len()), (1000, 0));
        ring.end();
        assert_eq!(ring.sweep(500, &mut |_| ()), Sweep::More);
        ring.put(&grant(1001, None)).unwrap();
        ring.put(&grant(7, None)).unwrap();
        let gone = swept(&mut ring);
        assert!(!gone.contains(&7) && gone.iter().all(|number| number % 2 == 1));
        assert_eq!(ring.len(), 502);
        assert_eq!(ring.check(0, &key(5)), Err(KeyRefusal::Unknown));
        ring.end();
        assert_eq!(swept(&mut ring), []);
    }

    #[test]
    fn a_hundred_thousand_keys_take_at_most_96_bytes_each() {
        let mut ring = ring(100_000);
        for number in 0..100_000 {
            ring.put(&grant(number, None)).unwrap();
        }
        assert!(ring.heap_bytes() <= 96 * 100_000, "{}", ring.heap_bytes());
    }

    #[test]
    fn a_refusal_says_why_a_user_is_not_admitted() {
        let texts = [KeyRefusal::Missing, KeyRefusal::Unknown, KeyRefusal::Expired]
            .map(|refusal| refusal.to_string());
        assert_eq!(
            texts,
            [
                "Authentication error: this tracker needs a key in its announce URL",
                "Authentication error: the key is not known",
                "Authentication error: the key has expired"
            ]
        );
    }
}
