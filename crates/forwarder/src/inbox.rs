//! What cores have reported, until the schedule takes note of it.

use crate::forwarder::lock;
use crate::limits::CHANGES_WAITING_MAX;
use primitives::{ShardId, SwarmChange};
use std::collections::VecDeque;
use std::sync::Mutex;
use tokio::sync::Notify;

/// Changes of torrents in the order of their arrival, each with the owner of its torrent.
#[derive(Debug, Default)]
pub(crate) struct Inbox {
    changes: Mutex<VecDeque<(ShardId, SwarmChange)>>,
    /// Notified when there are changes, and at the end.
    pub(crate) changed: Notify,
}

impl Inbox {
    /// Adds what a core reported. If the schedule does not keep up, completed downloads are left out: clients can cause any
    /// number of them, and the others must not be lost.
    pub(crate) fn put(&self, owner: ShardId, changes: Vec<SwarmChange>) {
        let mut waiting = lock(&self.changes);
        let is_full = waiting.len() >= CHANGES_WAITING_MAX;
        let needed = |change: &SwarmChange| !(is_full && matches!(change, SwarmChange::Completed(..)));
        waiting.extend(changes.into_iter().filter(needed).map(|change| (owner, change)));
        self.changed.notify_one();
    }

    /// Takes the first changes.
    pub(crate) fn take(&self, max: usize) -> Vec<(ShardId, SwarmChange)> {
        let mut waiting = lock(&self.changes);
        let count = max.min(waiting.len());
        waiting.drain(..count).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use primitives::{InfoHash, Representative};

    #[test]
    fn changes_are_taken_in_their_order_and_only_completed_downloads_are_left_out_if_too_many_wait() {
        let inbox = Inbox::default();
        let info_hash = |number: usize| InfoHash([u8::try_from(number % 251).unwrap(); 20]);
        let representative = Representative { port: 1, uploaded: 0, downloaded: 0, left: 0 };
        let stopped = |number| SwarmChange::Stopped(info_hash(number));
        let completed = |number| SwarmChange::Completed(info_hash(number), representative);
        inbox.put(ShardId::FIRST, vec![completed(1), stopped(2)]);
        let taken = [(ShardId::FIRST, completed(1)), (ShardId::FIRST, stopped(2))];
        assert_eq!(
            (inbox.take(1), inbox.take(9), inbox.take(9)),
            (taken[..1].to_vec(), taken[1..].to_vec(), vec![])
        );
        inbox.put(ShardId::FIRST, (0..CHANGES_WAITING_MAX).map(stopped).collect());
        inbox.put(ShardId::FIRST, vec![completed(1), stopped(2)]);
        assert_eq!(inbox.take(usize::MAX)[CHANGES_WAITING_MAX..], taken[1..]);
    }
}
