use super::connection::Connection;
use super::limits::TURN;
use super::slots::SlotKey;
use std::collections::VecDeque;
use std::time::Duration;

/// The connections that have something to do, in the order of their shares. Each is here at most once; one that has
/// ended meanwhile is passed over.
#[derive(Debug, Default)]
pub(super) struct ReadyConnections {
    requests: VecDeque<SlotKey>,
    /// Before their key exchange, whose signature costs as much as a hundred requests: they wait for each other only.
    handshakes: VecDeque<SlotKey>,
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
        if connection.conversation.is_before_key_exchange() {
            self.handshakes.push_back(key);
        } else {
            self.requests.push_back(key);
        }
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
