//! Replaces the settings while the tracker serves.

use super::{Manager, StoredPart, parts_that_admit};
use crate::lifecycle::settings::LiveSettings;
use crate::management::ManagementError;
use crate::shared::lock;
use access::{AccessPolicy, AccessUpdate, TorrentAdmission, UserAdmission};
use core_link::CoreSettings;
use tracing::warn;

impl Manager {
    /// Replaces the settings of the management and of the cores, whose settings are in the order of the shards. The lists
    /// and keys that decide who is served are complete before cores serve by them, and what neither the old nor the new
    /// settings serve is not served meanwhile. After an error, some of the settings are in use: see [`Self::go_back`].
    ///
    /// # Errors
    /// If what is newly needed cannot be read, there are too many rules with the bans, or a core does not reply.
    pub async fn use_settings(
        &self,
        new: LiveSettings,
        cores: Vec<CoreSettings>,
    ) -> Result<(), ManagementError> {
        let _one_after_another = self.replaces.lock().await;
        let old = lock(&self.live).clone();
        self.bans.check_configured(&new.rules).await?;
        self.use_limits(&new);
        // With the new limits, but the old policy: what is loaded has to fit, and is not complete yet.
        self.shared.use_settings(&with_policy(&cores, old.policy)).await?;
        self.load_newly_needed(&old, &new).await?;
        let files = self.lists.send_files(&new.list_files).await?;
        let stricter = stricter(old.policy, new.policy);
        if stricter != old.policy {
            self.shared.use_settings(&with_policy(&cores, stricter)).await?;
        }
        self.bans.use_configured(new.rules.clone()).await?;
        if new.policy != stricter {
            self.shared.use_settings(&cores).await?;
        }
        self.lists.end_files(files).await?;
        if (old.policy.torrents, new.policy.torrents) == (TorrentAdmission::Any, TorrentAdmission::Listed) {
            self.drop_unserved().await;
        }
        *lock(&self.live) = new;
        self.look_after_keys();
        Ok(())
    }

    /// Uses the settings of before again after an error of [`Self::use_settings`], as far as cores reply.
    ///
    /// # Errors
    /// If some of the settings that were refused stay in use.
    pub async fn go_back(&self, cores: &[CoreSettings]) -> Result<(), ManagementError> {
        let _one_after_another = self.replaces.lock().await;
        let old = lock(&self.live).clone();
        self.use_limits(&old);
        let outcome = self.shared.use_settings(cores).await;
        let outcome = outcome.and(self.bans.use_configured(old.rules).await);
        let files = self.lists.send_files(&old.list_files).await?;
        outcome.and(self.lists.end_files(files).await)
    }

    fn use_limits(&self, settings: &LiveSettings) {
        self.keys.use_limit(settings.keys_max);
        self.sources.use_settings(settings.sources.clone());
        self.shared.write_behind.use_interval(settings.flush_every);
        self.snapshots.use_interval(settings.snapshot_every);
    }

    /// Loads the keys and lists that the old policy does not need, or of which more fit now.
    async fn load_newly_needed(&self, old: &LiveSettings, new: &LiveSettings) -> Result<(), ManagementError> {
        let Some(database) = &self.shared.database else { return Ok(()) };
        let (more_keys, more_torrents) = (new.keys_max > old.keys_max, new.torrents_max > old.torrents_max);
        let before = parts_that_admit(old.policy);
        let is_new = |part: &StoredPart| {
            let has_more = if *part == StoredPart::Keys { more_keys } else { more_torrents };
            has_more || !before.contains(part)
        };
        self.load(database, &mut parts_that_admit(new.policy).into_iter().filter(is_new).collect()).await
    }

    async fn drop_unserved(&self) {
        if let Err(error) = self.shared.update(AccessUpdate::DropUnserved).await {
            // Their clients are refused already.
            warn!("swarms of torrents that are not listed are still being dropped: {error}");
        }
    }
}

/// Returns the new policy, but with the admission of the old one where that is stricter.
fn stricter(old: AccessPolicy, new: AccessPolicy) -> AccessPolicy {
    AccessPolicy {
        users: if old.users == UserAdmission::Private { old.users } else { new.users },
        torrents: if old.torrents == TorrentAdmission::Listed { old.torrents } else { new.torrents },
        ..new
    }
}

/// Returns the settings of all cores with another policy.
fn with_policy(cores: &[CoreSettings], policy: AccessPolicy) -> Vec<CoreSettings> {
    let mut cores = cores.to_vec();
    cores.iter_mut().for_each(|core| core.engine.access = policy);
    cores
}
