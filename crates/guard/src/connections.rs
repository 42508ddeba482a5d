use crate::keys::Keys;
use crate::limits::{CONNECTION_COUNTERS, LEVELS_MAX};
use crate::sync::AtomicU32;
use crate::sync::Ordering::{AcqRel, Relaxed};

/// The number of open connections of each prefix, over all cores.
///
/// Each prefix has a counter in each of two rows, which it shares with others; its connections are at most the smaller one.
#[derive(Debug)]
pub(crate) struct ConnectionCounts {
    rows: [Box<[AtomicU32]>; 2],
}

/// A connection that is counted. It has to be passed to `CoreGuard::close` once, when the connection has ended.
#[derive(Debug, PartialEq, Eq)]
#[must_use = "a connection that is not closed stays counted"]
pub struct OpenConnection(pub(crate) Counters);

/// The places in the rows of the prefixes of a source, the narrowest prefix first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Counters {
    of_levels: [[u16; 2]; LEVELS_MAX],
    used: u8,
}

impl Counters {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "two parts of the key that the table does not use together, and at most LEVELS_MAX levels"
    )]
    pub(crate) fn of(keys: Keys) -> Self {
        let keys = keys.as_slice();
        let mut counters = Self { of_levels: [[0; 2]; LEVELS_MAX], used: keys.len() as u8 };
        for (places, &key) in counters.of_levels.iter_mut().zip(keys) {
            *places = [key as u16, (key >> 32) as u16];
        }
        counters
    }

    fn of_levels(&self) -> impl Iterator<Item = &[u16; 2]> {
        self.of_levels.iter().take(usize::from(self.used))
    }
}

impl ConnectionCounts {
    pub(crate) fn new() -> Self {
        Self { rows: [0, 1].map(|_| (0..CONNECTION_COUNTERS).map(|_| AtomicU32::new(0)).collect()) }
    }

    /// Counts a connection of each prefix, unless one of them has as many as it may, by its level.
    pub(crate) fn open(
        &self,
        counters: Counters,
        max_of_levels: [u32; LEVELS_MAX],
    ) -> Option<OpenConnection> {
        let mut has_room = true;
        for (places, max) in counters.of_levels().zip(max_of_levels) {
            let [first, second] = self.counters(*places);
            first.fetch_add(1, Relaxed);
            // Of connections that open at once, this one is after those that the second row has counted, and reads their
            // counts in the first row too.
            let in_second = second.fetch_add(1, AcqRel);
            let in_first = first.load(Relaxed).saturating_sub(1);
            has_room &= in_first.min(in_second) < max;
        }
        let opened = OpenConnection(counters);
        if has_room {
            return Some(opened);
        }
        self.close(opened);
        None
    }

    pub(crate) fn close(&self, OpenConnection(counters): OpenConnection) {
        for counter in counters.of_levels().flat_map(|places| self.counters(*places)) {
            counter.fetch_sub(1, Relaxed);
        }
    }

    /// Returns the number of connections of each prefix, the narrowest prefix first.
    pub(crate) fn counts(&self, OpenConnection(counters): &OpenConnection) -> impl Iterator<Item = u32> {
        counters.of_levels().map(|places| {
            let counts = self.counters(*places).map(|counter| counter.load(Relaxed));
            counts[0].min(counts[1])
        })
    }

    fn counters(&self, [first, second]: [u16; 2]) -> [&AtomicU32; 2] {
        [&self.rows[0][usize::from(first)], &self.rows[1][usize::from(second)]]
    }
}

#[cfg(all(loom, test))]
mod models;
