use super::accounts::KeyAccounts;
use super::{KeyInfo, KeyManagement, KeyOutcome, WantedKey};
use crate::lifecycle::KeyTransfers;
use crate::limits::KEYS_PER_UPDATE;
use crate::management::{Answer, ManagementError};
use crate::shared::{Shared, lock, to_the_end};
use crate::time::unix_s;
use access::{AccessUpdate, AccountChange, KeyGrant};
use database::{Change, StoredKey, TooManyWaiting};
use primitives::{AuthenticationKey, Second};
use std::future::ready;
use std::sync::{Arc, Mutex, MutexGuard};
use tokio::sync::{Mutex as AsyncMutex, MutexGuard as AsyncMutexGuard};

/// The keys, here, in the cores and in the database.
#[derive(Debug)]
pub(crate) struct Keys {
    pub(super) shared: Arc<Shared>,
    accounts: Mutex<KeyAccounts>,
    /// Whether the stored keys have been read. Locked while keys are sent to the cores, so that they arrive in the order of
    /// the changes to `accounts`.
    read: AsyncMutex<bool>,
}

impl KeyManagement for Arc<Keys> {
    fn put_keys(&self, wanted: Vec<WantedKey>) -> Answer<'_, Vec<KeyOutcome>> {
        to_the_end(self, async move |keys| keys.make(wanted).await)
    }

    fn remove_keys(&self, gone: Vec<AuthenticationKey>) -> Answer<'_, usize> {
        to_the_end(self, async move |keys| {
            keys.forget(gone, |key| keys.shared.write_behind.insert(Change::RemoveKey(key))).await
        })
    }

    fn key(&self, key: AuthenticationKey) -> Option<KeyInfo> {
        self.accounts().info(&key)
    }

    fn page(&self, after: Option<AuthenticationKey>, keys_max: usize) -> Vec<KeyInfo> {
        self.accounts().page(after, keys_max)
    }

    fn count(&self) -> usize {
        self.accounts().len()
    }

    fn reset_account(&self, key: AuthenticationKey) -> Answer<'_, bool> {
        Box::pin(ready(Ok(self.accounts().reset(&key))))
    }

    fn reload(&self) -> Answer<'_, ()> {
        to_the_end(self, async |keys| keys.load().await)
    }
}

impl Keys {
    pub(crate) fn new(shared: Arc<Shared>, keys_max: usize) -> Self {
        let read = AsyncMutex::new(shared.database.is_none());
        Self { shared, accounts: Mutex::new(KeyAccounts::new(keys_max)), read }
    }

    /// Locks the keys for a change. Fails while they are unread: an account changed before that would be stored as an empty
    /// one.
    pub(super) async fn lock(&self) -> Result<AsyncMutexGuard<'_, bool>, ManagementError> {
        let read = self.read.lock().await;
        if *read { Ok(read) } else { Err(ManagementError::KeysUnread) }
    }

    pub(crate) fn accounts(&self) -> MutexGuard<'_, KeyAccounts> {
        lock(&self.accounts)
    }

    pub(crate) fn use_limit(&self, keys_max: usize) {
        self.accounts().use_limit(keys_max);
    }

    /// Adds what a core reports at the second `now` of its clock. Returns the transfers in it.
    pub(crate) fn add(&self, changes: &[AccountChange], now: Second) -> Vec<KeyTransfers> {
        let (mut accounts, now_unix_s) = (self.accounts(), unix_s());
        let add = |change: &AccountChange| {
            let last_seen_unix_s = change.last_seen.map(|last_seen| {
                // A core may report a second that began after `now` was read.
                now_unix_s.saturating_sub(u64::from(now.0.saturating_sub(last_seen.0)))
            });
            accounts.add(change, last_seen_unix_s)
        };
        changes.iter().filter_map(add).collect()
    }

    /// Adds what another process was told by its cores.
    pub(crate) fn add_transfers(&self, transfers: &[KeyTransfers]) {
        let mut accounts = self.accounts();
        transfers.iter().for_each(|transfers| accounts.add_transfers(transfers));
    }

    /// Adds keys that are not stored, with their accounts.
    pub(crate) async fn add_unstored(&self, keys: &[StoredKey]) -> Result<(), ManagementError> {
        let _sent_in_order = self.lock().await?;
        let (grants, all) = restore(&mut self.accounts(), keys);
        self.grant(&grants).await?;
        all
    }

    /// Passes changed accounts to the write-behind until it refuses one.
    pub(crate) fn save(&self) -> Result<(), TooManyWaiting> {
        self.accounts().save(|stored| self.shared.write_behind.insert(Change::Account(stored)))
    }

    /// Returns how many changed accounts have not been passed to the write-behind.
    pub(crate) fn unsaved(&self) -> usize {
        self.accounts().unsaved()
    }

    /// Loads the stored keys, up to the limit.
    pub(crate) async fn load(&self) -> Result<(), ManagementError> {
        let Some(database) = &self.shared.database else { return Ok(()) };
        let mut read = self.read.lock().await;
        // Keys made before may not be stored yet, and would be removed.
        self.shared.write_behind.flush().await?;
        let (mut pages, mut stored) = (database.load_keys(), Vec::new());
        while let Some(page) = pages.next().await? {
            stored.extend(page);
        }
        let (gone, (grants, all)) = {
            let mut accounts = self.accounts();
            // Removed keys make room for others, here and in the cores.
            (accounts.keep_only(stored.iter().map(|stored| stored.key)), restore(&mut accounts, &stored))
        };
        self.revoke(&gone).await?;
        self.shared.update(AccessUpdate::BeginKeys).await?;
        self.grant(&grants).await?;
        self.shared.update(AccessUpdate::EndKeys).await?;
        *read = true;
        all
    }

    /// Sends the keys that could be made to the cores together.
    async fn make(&self, wanted: Vec<WantedKey>) -> Result<Vec<KeyOutcome>, ManagementError> {
        let _sent_in_order = self.lock().await?;
        let (mut grants, mut outcomes) = (Vec::new(), Vec::new());
        {
            let (mut accounts, now_unix_s) = (self.accounts(), unix_s());
            for wanted in wanted {
                let made = self.put(&mut accounts, now_unix_s, wanted);
                outcomes.push(made.map(|(grant, info)| {
                    grants.push(grant);
                    info
                }));
            }
        }
        self.grant(&grants).await?;
        Ok(outcomes)
    }

    /// Adds a key both to the accounts and to the writes, or to neither.
    fn put(
        &self,
        accounts: &mut KeyAccounts,
        now_unix_s: u64,
        wanted: WantedKey,
    ) -> Result<(KeyGrant, KeyInfo), ManagementError> {
        let before = wanted.key.and_then(|key| accounts.info(&key));
        let grant = accounts.put(now_unix_s, wanted)?;
        let (stored, info) = (accounts.stored(&grant.key), accounts.info(&grant.key));
        let (stored, info) = stored.zip(info).expect("the key was just put there");
        if let Err(error) = self.shared.write_behind.insert(Change::PutKey(stored)) {
            accounts.undo(&grant.key, before);
            return Err(error.into());
        }
        Ok((grant, info))
    }

    /// Drops keys here, in the cores and, by `store`, in the database. They stay known until all cores have dropped
    /// them, so that they can be dropped again if a core does not reply.
    pub(super) async fn forget(
        &self,
        gone: Vec<AuthenticationKey>,
        store: impl Fn(AuthenticationKey) -> Result<(), TooManyWaiting>,
    ) -> Result<usize, ManagementError> {
        let _sent_in_order = self.lock().await?;
        let known: Vec<_> = gone.into_iter().filter(|key| self.accounts().info(key).is_some()).collect();
        known.iter().try_for_each(|&key| store(key))?;
        self.revoke(&known).await?;
        let mut accounts = self.accounts();
        Ok(known.iter().filter(|key| accounts.remove(key)).count())
    }

    pub(super) async fn grant(&self, grants: &[KeyGrant]) -> Result<(), ManagementError> {
        for some in grants.chunks(KEYS_PER_UPDATE) {
            self.shared.update(AccessUpdate::PutKeys(some.into())).await?;
        }
        Ok(())
    }

    async fn revoke(&self, keys: &[AuthenticationKey]) -> Result<(), ManagementError> {
        for some in keys.chunks(KEYS_PER_UPDATE) {
            self.shared.update(AccessUpdate::RemoveKeys(some.into())).await?;
        }
        Ok(())
    }
}

/// Restores stored keys. Returns the grants, and an error if some exceed the limit.
fn restore(accounts: &mut KeyAccounts, stored: &[StoredKey]) -> (Vec<KeyGrant>, Result<(), ManagementError>) {
    let mut all = Ok(());
    let mut restored = |key| accounts.restore(key).map_err(|error| all = Err(error)).ok();
    (stored.iter().filter_map(&mut restored).collect(), all)
}
