use crate::limits::COMPLETED_WAITING_MAX;
use primitives::InfoHash;
use std::collections::BTreeMap;

/// Counts of completed events that the keeper has not taken yet.
#[derive(Debug, Default)]
pub(crate) struct CompletedCounts {
    waiting: BTreeMap<InfoHash, u64>,
}

impl CompletedCounts {
    /// How often a torrent was completed. Of several counts the largest stays.
    pub(crate) fn put(&mut self, info_hash: InfoHash, completed: u64) {
        let is_full = self.waiting.len() >= COMPLETED_WAITING_MAX;
        if is_full && !self.waiting.contains_key(&info_hash) {
            return;
        }
        let count = self.waiting.entry(info_hash).or_default();
        *count = completed.max(*count);
    }

    /// Has `save` take each of them, until it refuses one.
    pub(crate) fn save<E>(&mut self, mut save: impl FnMut(InfoHash, u64) -> Result<(), E>) -> Result<(), E> {
        while let Some(first) = self.waiting.first_entry() {
            save(*first.key(), *first.get())?;
            first.remove();
        }
        Ok(())
    }

    pub(crate) fn len(&self) -> usize {
        self.waiting.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_that_are_refused_wait_and_the_largest_is_saved_once() {
        let mut counts = CompletedCounts::default();
        let hash = |byte| InfoHash([byte; 20]);
        for (byte, count) in [(1, 5), (2, 7), (1, 6), (1, 4)] {
            counts.put(hash(byte), count);
        }
        assert_eq!(counts.save(|_, _| Err(())), Err(()));
        assert_eq!(counts.len(), 2);
        let mut saved = Vec::new();
        counts
            .save(|info_hash, count| {
                saved.push((info_hash, count));
                Ok::<_, ()>(())
            })
            .unwrap();
        assert_eq!(saved, [(hash(1), 6), (hash(2), 7)]);
        assert_eq!(counts.len(), 0);
    }
}
