use super::limits::TURN;
use super::slot::Connection;
use super::slots::SlotKey;
use primitives::ShardId;
use std::collections::VecDeque;
use std::time::Duration;

/// The connections that have something to do, in the order of their shares. Each is here at most once; one that has
/// ended meanwhile is passed over.
#[derive(Debug, Default)]
pub(super) struct ReadyConnections {
    requests: VecDeque<SlotKey>,
    /// Before their key exchange, whose signature costs as much as a hundred requests: they wait for each other only.
    handshakes: VecDeque<SlotKey>,
    /// For each owner, those that wait until it gives back a routed request, the first for longest.
    behind_owners: Vec<VecDeque<SlotKey>>,
    /// What handshakes have taken beyond their part of the turns so far.
    handshake_debt: Duration,
}

impl ReadyConnections {
    pub(super) fn is_empty(&self) -> bool {
        self.requests.is_empty() && self.handshakes.is_empty()
    }

    /// Puts a connection behind the others, unless it is here already.
    pub(super) fn push(&mut self, key: SlotKey, connection: &mut Connection) {
        if std::mem::replace(&mut connection.is_queued, true) {
            return;
        }
        if connection.http.is_before_key_exchange() {
            self.handshakes.push_back(key);
        } else {
            self.requests.push_back(key);
        }
    }

    /// Those that wait for an owner.
    pub(super) fn behind(&mut self, owner: ShardId) -> &mut VecDeque<SlotKey> {
        if self.behind_owners.len() <= owner.index() {
            self.behind_owners.resize_with(owner.index() + 1, VecDeque::new);
        }
        &mut self.behind_owners[owner.index()]
    }

    /// An owner has given back a routed request: the connection that has waited longest is next.
    pub(super) fn owner_has_room(&mut self, owner: ShardId) {
        if let Some(key) = self.behind_owners.get_mut(owner.index()).and_then(VecDeque::pop_front) {
            self.requests.push_front(key);
        }
    }

    /// Takes out one that waits for an owner and is late.
    pub(super) fn late_for_owner(&mut self, mut is_late: impl FnMut(SlotKey) -> bool) -> Option<SlotKey> {
        self.behind_owners.iter_mut().find_map(|queue| queue.pop_front_if(|key| is_late(*key)))
    }

    pub(super) fn next_request(&mut self) -> Option<SlotKey> {
        self.requests.pop_front()
    }

    /// Begins a turn: handshakes may take as long as requests. A longer one is paid for by the turns that follow.
    pub(super) fn begin_handshakes(&mut self) {
        self.handshake_debt = self.handshake_debt.saturating_sub(TURN);
    }

    /// The next connection in its handshake that this turn has time for.
    pub(super) fn next_handshake(&mut self) -> Option<SlotKey> {
        if self.handshake_debt < TURN { self.handshakes.pop_front() } else { None }
    }

    pub(super) fn handshake_took(&mut self, time: Duration) {
        self.handshake_debt += time;
    }
}
