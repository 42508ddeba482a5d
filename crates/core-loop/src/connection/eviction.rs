use super::end::End;
use super::limits::{CROWD_STEP, EVICTIONS_PER_SHARE_MAX, SAMPLE_MAX};
use super::server::HttpServer;
use super::slot::{Connection, Held};
use crate::core_state::CoreState;
use crate::sockets::Sockets;
use crate::wire::SlotKey;
use guard::{CoreGuard, OpenConnection};

/// The order in which connections are closed for newcomers, the highest first. The first field in which two differ decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Rank {
    /// The connections of its source, in steps of [`CROWD_STEP`].
    crowd: u32,
    /// Whether it is not in the middle of an answer.
    is_idle: bool,
    /// How long it has waited for its client.
    waited_s: u32,
}

impl<S: Sockets> HttpServer<S> {
    /// Makes room for a connection. If all places are taken, closes one of a random sample: the longest idle of the source
    /// with the most connections. Returns whether there is room: there is none for a source that itself has the most, or
    /// where all of the sample are in the middle of answers.
    pub(super) fn make_room(&mut self, open: Option<&OpenConnection>, core: &mut CoreState<S>) -> bool {
        if self.slots.len() < self.limits.connections_max {
            return true;
        }
        let (now, limits, guard) = (core.now.monotonic, self.limits, &*core.shard.guard());
        let highest = self.highest_of_sample(|connection| Rank {
            crowd: crowd(guard, connection.open.as_ref()) / CROWD_STEP,
            is_idle: !connection.is_amid_answer(now, &limits),
            waited_s: connection.deadline.waited_s(now, &limits),
        });
        let Some((rank, key)) = highest else { return false };
        let others = crowd(guard, open).saturating_sub(1);
        let newcomer = Rank { crowd: others / CROWD_STEP, is_idle: false, waited_s: u32::MAX };
        let makes_way = rank > newcomer;
        if makes_way {
            self.end(key, End::ForNewcomer, core);
        }
        makes_way
    }

    /// Closes connections while all together hold more bytes than they may, after the one at `key` has added some: of a random
    /// sample and this one, the one whose source holds most, by an estimate. This one itself is closed only if it holds more
    /// than its share; if it does not, another sample is drawn, a few times.
    pub(super) fn free_buffers(&mut self, key: SlotKey, core: &mut CoreState<S>) {
        for _ in 0..EVICTIONS_PER_SHARE_MAX {
            if self.buffered_bytes <= self.limits.buffer_bytes_max {
                return;
            }
            let guard = &*core.shard.guard();
            let held_by_source = |connection: &Connection<S::Wire>| {
                u64::from(connection.buffered_bytes) * u64::from(crowd(guard, connection.open.as_ref()))
            };
            let own = self.slots.get(key).map_or(0, held_by_source);
            match self.highest_of_sample(held_by_source) {
                Some((held, other)) if held > own => self.end(other, End::BuffersFull, core),
                _ if self.holds_more_than_its_share(key) => self.end(key, End::BuffersFull, core),
                _ => {}
            }
        }
        let is_over = self.buffered_bytes > self.limits.buffer_bytes_max;
        if is_over && self.holds_more_than_its_share(key) {
            self.end(key, End::BuffersFull, core);
        }
    }

    /// Returns whether a connection holds more bytes than each may if all hold the same.
    fn holds_more_than_its_share(&self, key: SlotKey) -> bool {
        let share = self.limits.buffer_bytes_max / self.slots.len().max(1);
        self.slots.get(key).is_some_and(|connection| connection.buffered_bytes as usize > share)
    }

    /// Notes how many bytes a connection holds after its share.
    pub(super) fn note_buffered(&mut self, key: SlotKey) -> Held {
        let Some(connection) = self.slots.get_mut(key) else { return Held::NoMore };
        let bytes = u32::try_from(connection.http.buffered_bytes()).unwrap_or(u32::MAX);
        let before = core::mem::replace(&mut connection.buffered_bytes, bytes);
        self.buffered_bytes = self.buffered_bytes - before as usize + bytes as usize;
        if bytes > before { Held::More } else { Held::NoMore }
    }

    /// Returns the connection with the highest rank of a sample: those in places at equal distances, from a random one on.
    fn highest_of_sample<R: Ord>(
        &mut self,
        rank: impl Fn(&Connection<S::Wire>) -> R,
    ) -> Option<(R, SlotKey)> {
        let places = self.slots.places().max(1);
        let (begin, distance) = (self.random.usize(..places), places.div_ceil(SAMPLE_MAX));
        let sample = (0..places).step_by(distance).filter_map(|offset| {
            let (key, connection) = self.slots.at((begin + offset) % places)?;
            Some((rank(connection), key))
        });
        sample.reduce(|highest, other| if other.0 > highest.0 { other } else { highest })
    }
}

/// Returns the number of connections of the source of one. A connection of a trusted proxy or an allowed network counts as a
/// source of its own, since those of one are of many clients.
fn crowd(guard: &CoreGuard, open: Option<&OpenConnection>) -> u32 {
    open.map_or(1, |open| guard.open_count(open))
}
