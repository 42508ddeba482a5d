use super::limits::TURN;
use super::slot::Connection;
use crate::wire::SlotKey;
use primitives::ShardId;
use std::collections::VecDeque;
use std::time::Duration;

/// The connections that have something to do, in the order in which they are served. Each is queued at most once. One
/// that has ended meanwhile is skipped.
#[derive(Debug, Default)]
pub(super) struct ReadyConnections {
    requests: VecDeque<SlotKey>,
    /// Those before their key exchange, whose signature costs as much as 100 requests. They wait only for each other.
    handshakes: VecDeque<SlotKey>,
    /// For each owner, those that wait until it returns a routed request. The first has waited longest.
    behind_owners: Vec<VecDeque<SlotKey>>,
    /// The time that handshakes have taken beyond their part of the turns so far.
    handshake_debt: Duration,
}

impl ReadyConnections {
    pub(super) fn is_empty(&self) -> bool {
        self.requests.is_empty() && self.handshakes.is_empty()
    }

    /// Returns the number of connections that are queued, or wait for an owner.
    pub(super) fn len(&self) -> usize {
        let behind: usize = self.behind_owners.iter().map(VecDeque::len).sum();
        self.requests.len() + self.handshakes.len() + behind
    }

    /// Queues a connection after the others, unless it is queued already.
    pub(super) fn push<W>(&mut self, key: SlotKey, connection: &mut Connection<W>) {
        if std::mem::replace(&mut connection.is_queued, true) {
            return;
        }
        if connection.http.is_before_key_exchange() {
            self.handshakes.push_back(key);
        } else {
            self.requests.push_back(key);
        }
    }

    /// Returns the connections that wait for an owner.
    pub(super) fn behind(&mut self, owner: ShardId) -> &mut VecDeque<SlotKey> {
        if self.behind_owners.len() <= owner.index() {
            self.behind_owners.resize_with(owner.index() + 1, VecDeque::new);
        }
        &mut self.behind_owners[owner.index()]
    }

    /// Serves next the open connection that has waited longest for an owner, which has returned a routed request.
    pub(super) fn owner_has_room(&mut self, owner: ShardId, mut is_open: impl FnMut(SlotKey) -> bool) {
        let Some(queue) = self.behind_owners.get_mut(owner.index()) else { return };
        while let Some(key) = queue.pop_front() {
            if is_open(key) {
                return self.requests.push_front(key);
            }
        }
    }

    /// Removes a connection that waits for an owner and is late.
    pub(super) fn late_for_owner(&mut self, mut is_late: impl FnMut(SlotKey) -> bool) -> Option<SlotKey> {
        self.behind_owners.iter_mut().find_map(|queue| queue.pop_front_if(|key| is_late(*key)))
    }

    pub(super) fn next_request(&mut self) -> Option<SlotKey> {
        self.requests.pop_front()
    }

    /// Begins a turn. Handshakes may take as long as requests; time beyond that is deducted from the turns that follow.
    pub(super) fn begin_handshakes(&mut self) {
        self.handshake_debt = self.handshake_debt.saturating_sub(TURN);
    }

    /// Returns the next connection in its handshake, if this turn has time for it.
    pub(super) fn next_handshake(&mut self) -> Option<SlotKey> {
        if self.handshake_debt < TURN { self.handshakes.pop_front() } else { None }
    }

    pub(super) fn handshake_took(&mut self, time: Duration) {
        self.handshake_debt += time;
    }
}
