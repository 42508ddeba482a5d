//! Keys: the accounts of their users, which the cores report in parts, and their expiry.

mod accounts;
mod expiry;
mod store;

#[cfg(test)]
pub(crate) use expiry::KeyExpiry;
pub(crate) use store::Keys;

use crate::management::{Answer, ManagementError};
use primitives::AuthenticationKey;
use std::time::Duration;

/// The management of the keys.
pub trait KeyManagement: Send + Sync {
    /// Creates or renews many keys at once. Returns the outcome of each, in their order.
    fn put_keys(&self, keys: Vec<WantedKey>) -> Answer<'_, Vec<KeyOutcome>>;

    /// Creates a key, or renews it if it is known already.
    fn put_key(&self, key: WantedKey) -> Answer<'_, KeyInfo> {
        Box::pin(async move { self.put_keys(vec![key]).await?.pop().expect("one key has one outcome") })
    }

    /// Removes many keys at once. Returns how many of them were known.
    fn remove_keys(&self, keys: Vec<AuthenticationKey>) -> Answer<'_, usize>;

    /// Removes a key. Returns whether it was known.
    fn remove_key(&self, key: AuthenticationKey) -> Answer<'_, bool> {
        Box::pin(async move { Ok(self.remove_keys(vec![key]).await? == 1) })
    }

    /// Returns a key with its account.
    fn key(&self, key: AuthenticationKey) -> Option<KeyInfo>;

    /// Returns at most `keys_max` keys in their order, starting after `after`.
    fn page(&self, after: Option<AuthenticationKey>, keys_max: usize) -> Vec<KeyInfo>;

    /// Returns the number of keys.
    fn count(&self) -> usize;

    /// Sets a key's uploaded and downloaded bytes to zero. Returns whether it is known.
    fn reset_account(&self, key: AuthenticationKey) -> Answer<'_, bool>;

    /// Reloads the keys from the database.
    fn reload(&self) -> Answer<'_, ()>;
}

/// A request to create or renew a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WantedKey {
    /// The key; `None` for a random one.
    pub key: Option<AuthenticationKey>,
    /// Validity from now on; `None` for a permanent key.
    pub validity: Option<Duration>,
}

/// The outcome of a request for a key.
pub type KeyOutcome = Result<KeyInfo, ManagementError>;

/// A key with its user's account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyInfo {
    pub key: AuthenticationKey,
    /// End of its validity in Unix seconds; `None` for a permanent key.
    pub valid_until_unix_s: Option<u64>,
    /// Bytes uploaded.
    pub uploaded: u64,
    /// Bytes downloaded.
    pub downloaded: u64,
    /// Time of its last announce in Unix seconds.
    pub last_seen_unix_s: Option<u64>,
    /// Torrents being seeded with it.
    pub seeding: u32,
    /// Torrents being downloaded with it.
    pub leeching: u32,
}
