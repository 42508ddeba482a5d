use primitives::{InfoHash, Second};
use std::collections::BTreeSet;

/// The torrents that are to be announced to one upstream tracker, each once, in the order of due times.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    later: BTreeSet<(Second, InfoHash)>,
    /// Those that are due and wait for the upstream tracker. Their number is limited.
    waiting: BTreeSet<(Second, InfoHash)>,
}

impl Queue {
    pub(crate) fn insert(&mut self, due: Second, info_hash: InfoHash) {
        self.later.insert((due, info_hash));
    }

    pub(crate) fn remove(&mut self, due: Second, info_hash: InfoHash) {
        let position = (due, info_hash);
        if !self.waiting.remove(&position) {
            self.later.remove(&position);
        }
    }

    /// Returns when the next torrent is due that does not wait yet.
    pub(crate) fn next_due(&self) -> Option<Second> {
        self.later.first().map(|&(due, _)| due)
    }

    /// Removes the next torrent that is due and does not wait yet.
    pub(crate) fn pop_due(&mut self, now: Second) -> Option<(Second, InfoHash)> {
        self.next_due().filter(|&due| due <= now)?;
        self.later.pop_first()
    }

    /// Lets a torrent wait for the upstream tracker.
    pub(crate) fn wait(&mut self, due: Second, info_hash: InfoHash) {
        self.waiting.insert((due, info_hash));
    }

    /// Removes the torrent that was due first.
    pub(crate) fn pop(&mut self) -> Option<InfoHash> {
        self.waiting.pop_first().map(|(_, info_hash)| info_hash)
    }

    /// Returns how many torrents are due and wait.
    pub(crate) fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// Returns the number of torrents.
    pub(crate) fn len(&self) -> usize {
        self.later.len() + self.waiting.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn torrents_wait_in_the_order_of_due_times() {
        let mut queue = Queue::default();
        for (due, number) in [(30, 3), (10, 1), (20, 2), (40, 4), (15, 5)] {
            queue.insert(Second(due), InfoHash([number; 20]));
        }
        queue.remove(Second(15), InfoHash([5; 20]));
        assert_eq!(queue.pop_due(Second(9)), None);
        let due: Vec<_> = std::iter::from_fn(|| queue.pop_due(Second(30))).collect();
        assert_eq!(due.iter().map(|(due, _)| due.0).collect::<Vec<_>>(), [10, 20, 30]);
        due[..2].iter().rev().for_each(|&(due, info_hash)| queue.wait(due, info_hash));
        assert_eq!((queue.waiting(), queue.len(), queue.next_due()), (2, 3, Some(Second(40))));
        queue.remove(Second(20), InfoHash([2; 20]));
        assert_eq!(queue.pop(), Some(InfoHash([1; 20])));
        assert_eq!(queue.pop(), None);
        assert_eq!(queue.len(), 1);
    }
}
