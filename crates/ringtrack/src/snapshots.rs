//! The snapshot of the tracker before, at the start.

use config::Configuration;
use control::SnapshotSettings;
use snapshot::{Directory, Found, Secrets};
use std::path::PathBuf;
use std::sync::mpsc::channel;
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use swarm::EMPTY_SWARM_KEPT_S;
use tracing::warn;

/// Time to wait for the manifest, a file of a few kilobytes: a file system that hangs must not keep the tracker from serving.
const MANIFEST_MAX: Duration = Duration::from_secs(10);

/// Where snapshots are, and the one that is there.
#[derive(Debug, Clone)]
pub(crate) struct Snapshots {
    directory: Directory,
    pub(crate) found: Option<Found>,
}

impl Snapshots {
    /// Returns where snapshots are, without a look at them: the process that hands its swarms over may write there. `None` if the
    /// configuration has no directory for them.
    pub(crate) fn unseen(configuration: &Configuration) -> Option<Self> {
        Some(Self { directory: Directory::new(directory(configuration)?), found: None })
    }

    /// Finds the snapshot. `None` if the configuration has no directory for one.
    pub(crate) fn find(configuration: &Configuration) -> Option<Self> {
        let Self { directory, .. } = Self::unseen(configuration)?;
        let kept_s = kept_s(configuration).into();
        let (sender, outcome) = channel();
        let looked_at = directory.clone();
        // It is left alone if it takes too long.
        thread::spawn(move || {
            drop(sender.send(looked_at.find(unix_s(), kept_s)));
        });
        let found = outcome.recv_timeout(MANIFEST_MAX).unwrap_or_else(|_| {
            warn!("the tracker starts without its snapshot: {} does not answer", directory.path().display());
            None
        });
        Some(Self { directory, found })
    }

    /// Returns the secrets of the tracker before.
    pub(crate) fn secrets(&self) -> Option<&Secrets> {
        self.found.as_ref().map(Found::secrets)
    }

    /// Returns the settings of the snapshots of this tracker.
    pub(crate) fn settings(&self, secrets: Secrets) -> SnapshotSettings {
        SnapshotSettings { directory: self.directory.clone(), found: self.found.clone(), secrets }
    }
}

/// Returns the directory of the snapshot, if there is one.
pub(crate) fn directory(configuration: &Configuration) -> Option<PathBuf> {
    configuration.snapshot.directory.path(std::env::var_os("STATE_DIRECTORY").as_deref())
}

/// Returns how long what is in a snapshot is kept at most: counts of downloads may outlive the peers.
fn kept_s(configuration: &Configuration) -> u32 {
    configuration.announce.peer_lifetime_s.max(EMPTY_SWARM_KEPT_S)
}

fn unix_s() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_snapshot_is_used_until_its_peers_and_its_counts_are_forgotten() {
        let mut configuration = Configuration::default();
        for (peer_lifetime_s, expected_s) in [(2700, EMPTY_SWARM_KEPT_S), (32_000, 32_000)] {
            configuration.announce.peer_lifetime_s = peer_lifetime_s;
            assert_eq!(kept_s(&configuration), expected_s);
        }
    }
}
