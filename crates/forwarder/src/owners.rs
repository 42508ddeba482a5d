//! Tasks for the owners of torrents.

use crate::limits::{CORE_ANSWER_MS_MAX, CORE_RETRY_MS, CORE_ROOM_MS_MAX};
use core_link::{CoreTask, Cores, Reply};
use primitives::{ExternalPeers, InfoHash, Representative, Second, ShardId};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::oneshot::channel;
use tokio::time::{Instant, sleep, timeout};

/// The owners of torrents.
#[derive(Debug)]
pub(crate) struct Owners {
    cores: Cores,
    /// Whether the last task found no room, which is logged once.
    was_busy: AtomicBool,
}

/// The owner did not do its task in time.
#[derive(Debug)]
pub(crate) struct OwnerBusy;

impl Owners {
    pub(crate) const fn new(cores: Cores) -> Self {
        Self { cores, was_busy: AtomicBool::new(false) }
    }

    /// Returns the current second of the cores.
    pub(crate) fn now(&self) -> Second {
        self.cores.now()
    }

    /// Returns the representative of a torrent, if it has local peers.
    pub(crate) async fn representative(
        &self,
        owner: ShardId,
        info_hash: InfoHash,
    ) -> Result<Option<Representative>, OwnerBusy> {
        let (sender, receiver) = channel();
        // The receiver is gone if the wait was given up.
        let reply = Reply::new(move |representative| _ = sender.send(representative));
        self.submit(owner, CoreTask::Representative(info_hash, reply)).await?;
        let answer = timeout(Duration::from_millis(CORE_ANSWER_MS_MAX), receiver).await;
        answer.ok().and_then(Result::ok).ok_or(OwnerBusy)
    }

    /// Sends the peers of an answer.
    pub(crate) async fn use_external(&self, owner: ShardId, peers: ExternalPeers) -> Result<(), OwnerBusy> {
        self.submit(owner, CoreTask::UseExternal(Box::new(peers))).await
    }

    async fn submit(&self, owner: ShardId, mut task: CoreTask) -> Result<(), OwnerBusy> {
        let core = self.cores.handles().get(owner.index()).ok_or(OwnerBusy)?;
        let deadline = Instant::now() + Duration::from_millis(CORE_ROOM_MS_MAX);
        while let Err(back) = core.submit(task) {
            task = back;
            if Instant::now() >= deadline {
                if !self.was_busy.swap(true, Ordering::Relaxed) {
                    tracing::warn!(%owner, "a core has no room for tasks of forwarding: some are dropped");
                }
                return Err(OwnerBusy);
            }
            sleep(Duration::from_millis(CORE_RETRY_MS)).await;
        }
        self.was_busy.store(false, Ordering::Relaxed);
        Ok(())
    }
}
