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
    /// Adds what a core reported.
    pub(crate) fn put(&self, owner: ShardId, changes: Vec<SwarmChange>) {
        lock(&self.changes).extend(changes.into_iter().map(|change| (owner, change)));
        self.changed.notify_one();
    }

    /// Returns whether the schedule keeps up with what cores report.
    pub(crate) fn has_room(&self) -> bool {
        lock(&self.changes).len() < CHANGES_WAITING_MAX
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
    use primitives::InfoHash;

    #[test]
    fn changes_are_taken_in_their_order_and_there_is_room_until_too_many_wait() {
        let inbox = Inbox::default();
        let stopped =
            |number: usize| SwarmChange::Stopped(InfoHash([u8::try_from(number % 251).unwrap(); 20]));
        let taken = [1, 2].map(|number| (ShardId::FIRST, stopped(number)));
        inbox.put(ShardId::FIRST, vec![stopped(1), stopped(2)]);
        assert_eq!(
            (inbox.take(1), inbox.take(9), inbox.take(9)),
            (taken[..1].to_vec(), taken[1..].to_vec(), vec![])
        );
        inbox.put(ShardId::FIRST, (1..CHANGES_WAITING_MAX).map(stopped).collect());
        assert!(inbox.has_room());
        inbox.put(ShardId::FIRST, vec![stopped(1)]);
        assert!(!inbox.has_room());
    }
}
