/// Length of a slice: short compared with a tracker's periodic work, long compared with a turn of the load.
pub(crate) const SLICE_NS: u64 = 100_000_000;

/// Right responses per slice of the measured time, so that the mean does not hide a slow second.
#[derive(Debug, Clone, Default)]
pub(crate) struct Slices {
    answered: Vec<u64>,
    /// Responses counted in any slice.
    total: u64,
}

impl Slices {
    /// Records the number of responses so far, `since_ns` after the measurement began.
    pub(crate) fn note(&mut self, since_ns: u64, answered_in_all: u64) {
        let slice = usize::try_from(since_ns / SLICE_NS).unwrap_or(usize::MAX);
        if self.answered.len() <= slice {
            self.answered.resize(slice + 1, 0);
        }
        self.answered[slice] += answered_in_all - self.total;
        self.total = answered_in_all;
    }

    /// Adds the slices of another thread.
    pub(crate) fn merge(&mut self, other: &Self) {
        if self.answered.len() < other.answered.len() {
            self.answered.resize(other.answered.len(), 0);
        }
        for (mine, theirs) in self.answered.iter_mut().zip(&other.answered) {
            *mine += theirs;
        }
        self.total += other.total;
    }

    /// Returns the responses per slice, in their order.
    pub(crate) fn answered(&self) -> &[u64] {
        &self.answered
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn responses_count_in_the_slice_they_came_in() {
        let mut slices = Slices::default();
        slices.note(0, 3);
        slices.note(SLICE_NS - 1, 5);
        slices.note(2 * SLICE_NS, 9);
        assert_eq!(slices.answered(), [5, 0, 4]);
    }

    #[test]
    fn threads_add_up() {
        let mut slices = Slices::default();
        slices.note(0, 3);
        let mut longer = Slices::default();
        longer.note(SLICE_NS, 4);
        slices.merge(&longer);
        assert_eq!(slices.answered(), [3, 4]);
    }
}
