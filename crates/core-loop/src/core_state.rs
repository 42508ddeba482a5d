use crate::clock::Clock;
use crate::mesh::Mesh;
use crate::sockets::Sockets;
use engine::{AnnouncedPeer, ConnectionToken, LeaveStep, Now, Shard};
use guard::OpenConnection;
use latency::{ReplyTag, ReplyTimer};
use primitives::AddressFamily;
use std::time::{Instant, UNIX_EPOCH};

/// The parts of a core that datagrams, connections and rings share.
#[derive(Debug)]
pub(crate) struct CoreState<S: Sockets> {
    pub(crate) clock: Box<dyn Clock>,
    pub(crate) shard: Shard,
    pub(crate) mesh: Mesh<S::Path>,
    pub(crate) sockets: S,
    pub(crate) latency: ReplyTimer,
    /// The last reading of the clock.
    pub(crate) instant: Instant,
    /// The time at `instant`, or at an earlier reading of the same turn.
    pub(crate) now: Now,
}

impl<S: Sockets> CoreState<S> {
    /// Removes a peer that a connection of this core announced, here or at the owner of its torrent.
    pub(crate) fn leave(&mut self, peer: AnnouncedPeer, connection: ConnectionToken) {
        match self.shard.leave(self.now, peer, connection) {
            LeaveStep::Done => {}
            LeaveStep::Routed(owner) => self.mesh.send_leave(owner, peer, connection),
        }
    }

    /// Counts a connection of a source that has ended, if it was counted.
    pub(crate) fn leave_source(&mut self, open: Option<OpenConnection>) {
        if let Some(open) = open {
            self.shard.guard().close(open);
        }
    }

    /// Notes that the replies with the recent outcomes have been written, to requests of a client of `family`.
    pub(crate) fn note_written(&mut self, family: AddressFamily, received: Instant) {
        for &outcome in self.shard.statistics_mut().recent_outcomes() {
            if let Some(tag) = ReplyTag::of_outcome(outcome, family) {
                self.latency.reply_written(tag, received);
            }
        }
    }

    /// Reads the clock after replies were passed to the kernel, and records their latencies.
    pub(crate) fn note_sent(&mut self) {
        self.instant = self.clock.instant();
        self.latency.sent(self.instant, || UNIX_EPOCH + self.clock.unix_time());
    }

    /// Reads the clock at the beginning of a turn.
    pub(crate) fn begin_turn(&mut self) {
        self.instant = self.clock.instant();
        self.now = self.clock.at(self.instant);
    }
}
