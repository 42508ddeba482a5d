use super::routed::{Question, RoutedMessage, RoutedRequest};
use crate::limits::routed_requests_per_owner;
use core::net::IpAddr;
use http_protocol::Framing;
use primitives::{ShardCount, ShardId};

/// The routed requests of one core: the idle ones, and how many are at each owner.
#[derive(Debug, Default)]
pub(super) struct RoutedPool {
    idle: Vec<Box<RoutedRequest>>,
    /// By shard, at most [`routed_requests_per_owner`] each.
    at_owners: Vec<usize>,
}

impl RoutedPool {
    /// Returns an idle request, or a new one. At most one more exists than the owners may have together.
    pub(super) fn take(
        &mut self,
        client: IpAddr,
        framing: Framing,
        question: Question,
    ) -> Box<RoutedRequest> {
        let mut routed = self.idle.pop().unwrap_or_else(|| Box::new(RoutedRequest::new()));
        routed.begin(client, framing, question);
        routed
    }

    /// Puts a request that has come home back into the pool.
    pub(super) fn put_back(&mut self, mut routed: Box<RoutedRequest>) {
        self.note_home(&mut routed);
        // Idle requests keep no memory of messages, and the next client gets nothing of this one.
        routed.message = RoutedMessage::NONE;
        self.idle.push(routed);
    }

    /// Returns whether an owner has room for a request, and if so notes that it goes there.
    pub(super) fn note_sent(
        &mut self,
        shards: ShardCount,
        owner: ShardId,
        routed: &mut RoutedRequest,
    ) -> bool {
        if self.at_owners.len() <= owner.index() {
            self.at_owners.resize(usize::from(shards.get()), 0);
        }
        let at_owner = &mut self.at_owners[owner.index()];
        if *at_owner >= routed_requests_per_owner(shards) {
            return false;
        }
        *at_owner += 1;
        routed.owner = Some(owner);
        true
    }

    /// Notes that a request has come home.
    pub(super) fn note_home(&mut self, routed: &mut RoutedRequest) {
        if let Some(owner) = routed.owner.take() {
            self.at_owners[owner.index()] -= 1;
        }
    }

    /// Returns how many requests are at other cores.
    pub(super) fn underway(&self) -> usize {
        self.at_owners.iter().sum()
    }
}
