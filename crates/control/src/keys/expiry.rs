//! Deletion of keys that expired long ago: when the clock can be trusted, and which keys are deleted.

use super::store::Keys;
use crate::limits::{
    CLOCK_STEADY_S, CLOCK_STEP_S_MAX, EXPIRED_KEY_KEPT_S, EXPIRED_KEYS_FLOOR, EXPIRED_KEYS_LOOK_S,
    EXPIRED_KEYS_SHARE,
};
use crate::management::ManagementError;
use crate::time::{Moment, later};
use database::{Change, DeletedKey};
use std::sync::Arc;
use std::time::Duration;
use tracing::{error, info, warn};

/// The state of the deletion of expired keys.
#[derive(Debug)]
pub(crate) struct KeyExpiry {
    /// The wall clock has not been set since then.
    steady_since: Moment,
    /// Whether deleted keys have to be checked for ones that, by the current clock, have not expired.
    restore_due: bool,
    /// Whether the last look found too many keys to delete, and that was logged.
    refused: bool,
}

impl KeyExpiry {
    /// Starts with the tracker, since nothing is known of the clock before.
    pub(crate) const fn new(now: Moment) -> Self {
        Self { steady_since: now, restore_due: true, refused: false }
    }

    /// Returns how long the wall clock has kept pace with the monotonic one; `None` if it was set since the last look.
    fn look_at_clock(&mut self, now: Moment) -> Option<Duration> {
        let expected_unix_s = now.expected_unix_s(self.steady_since);
        if now.unix_s.abs_diff(expected_unix_s) > CLOCK_STEP_S_MAX {
            self.steady_since = now;
            return None;
        }
        Some(now.instant.saturating_duration_since(self.steady_since.instant))
    }
}

/// Returns how many keys may be deleted at once, out of all `keys`.
fn deletable_max(keys: usize) -> usize {
    (keys / EXPIRED_KEYS_SHARE).max(EXPIRED_KEYS_FLOOR)
}

const fn long_before(unix_s: u64) -> u64 {
    unix_s.saturating_sub(EXPIRED_KEY_KEPT_S)
}

impl Keys {
    /// Deletes keys a month after they have expired, and restores those that were deleted because of a wrong clock.
    pub(crate) async fn look_after_expired(self: Arc<Self>) {
        let mut expiry = KeyExpiry::new(Moment::now());
        let mut looks = later(Duration::from_secs(EXPIRED_KEYS_LOOK_S));
        loop {
            if let Some(_permit) = self.shared.begin_change() {
                self.look_at_expired(&mut expiry, Moment::now()).await;
            }
            looks.tick().await;
        }
    }

    pub(crate) async fn look_at_expired(&self, expiry: &mut KeyExpiry, now: Moment) {
        let steady = expiry.look_at_clock(now);
        if steady.is_none() {
            warn!("the clock was set: for a day no expired key is deleted");
            expiry.restore_due = true;
        }
        if expiry.restore_due {
            expiry.restore_due = self.restore_deleted(now.unix_s).await.is_err();
        }
        if steady.is_some_and(|time| time.as_secs() >= CLOCK_STEADY_S) {
            self.delete_expired(expiry, now.unix_s).await;
        }
    }

    async fn delete_expired(&self, expiry: &mut KeyExpiry, unix_s: u64) {
        let (expired, keys) = {
            let accounts = self.accounts();
            (accounts.expired_before(long_before(unix_s)), accounts.len())
        };
        let deletable_max = deletable_max(keys);
        if expired.len() > deletable_max {
            if !expiry.refused {
                let expired = expired.len();
                error!(
                    expired,
                    keys,
                    deletable_max,
                    "too many keys expired a month ago to be deleted at once: is the clock right? If it is, remove them"
                );
            }
            expiry.refused = true;
            return;
        }
        expiry.refused = false;
        let delete = |key| match self.accounts().stored(&key) {
            Some(key) => {
                let deleted = DeletedKey { key, deleted_unix_s: unix_s };
                self.shared.write_behind.insert(Change::DeleteKey(deleted))
            }
            None => Ok(()),
        };
        // After a failure, the next look finds them again.
        if let Ok(deleted @ 1..) = self.forget(expired, delete).await {
            info!(deleted, "deleted keys that expired a month ago");
        }
    }

    /// Restores deleted keys that, by the current clock, did not expire a month ago.
    async fn restore_deleted(&self, unix_s: u64) -> Result<(), ManagementError> {
        let Some(database) = &self.shared.database else { return Ok(()) };
        let _sent_in_order = self.lock().await?;
        // Recent deletions may not be stored yet.
        self.shared.write_behind.flush().await?;
        let (mut pages, mut restored) = (database.load_deleted_keys(), 0);
        while let Some(page) = pages.next().await? {
            let is_valid = |deleted: &&DeletedKey| {
                deleted.key.valid_until_unix_s.is_none_or(|until| until >= long_before(unix_s))
            };
            let mut grants = Vec::new();
            for deleted in page.iter().filter(is_valid) {
                let mut accounts = self.accounts();
                grants.push(accounts.restore_deleted(&deleted.key)?);
                if let Some(stored) = accounts.stored(&deleted.key.key) {
                    self.shared.write_behind.insert(Change::RestoreKey(stored))?;
                }
            }
            self.grant(&grants).await?;
            restored += grants.len();
        }
        if restored > 0 {
            warn!(restored, "restored keys that were deleted as expired while the clock was wrong");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::Instant;

    #[test]
    fn setting_the_clock_is_noticed_in_either_direction_and_drift_is_not() {
        let begin = Moment { unix_s: 1_000_000, instant: Instant::now() };
        let after =
            |seconds: u64, unix_s| Moment { unix_s, instant: begin.instant + Duration::from_secs(seconds) };
        let mut expiry = KeyExpiry::new(begin);
        let steady = |seconds| Some(Duration::from_secs(seconds));
        assert_eq!(expiry.look_at_clock(after(600, 1_000_600)), steady(600));
        assert_eq!(expiry.look_at_clock(after(1200, 1_001_260)), steady(1200), "a minute is not a step");
        assert_eq!(expiry.look_at_clock(after(1800, 1_001_861)), None);
        assert_eq!(expiry.look_at_clock(after(2400, 1_002_461)), steady(600));
        assert_eq!(expiry.look_at_clock(after(3000, 5)), None);
        assert_eq!(expiry.look_at_clock(after(3600, 605)), steady(600));
    }

    #[test]
    fn a_twentieth_of_all_keys_but_at_least_twenty_may_be_deleted_at_once() {
        assert_eq!([0, 30, 400, 420, 1_000_000].map(deletable_max), [20, 20, 20, 21, 50_000]);
    }
}
