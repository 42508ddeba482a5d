use crate::limits::COMPLETED_WAITING_MAX;
use database::TooManyWaiting;
use primitives::InfoHash;
use std::collections::BTreeMap;

/// Counts of completed events that the write-behind has not taken yet.
#[derive(Debug, Default)]
pub(crate) struct CompletedCounts {
    waiting: BTreeMap<InfoHash, u64>,
}

impl CompletedCounts {
    /// Records how often a torrent was completed. Of several counts the largest stays.
    pub(crate) fn put(&mut self, info_hash: InfoHash, completed: u64) -> Result<(), TooManyWaiting> {
        let is_full = self.waiting.len() >= COMPLETED_WAITING_MAX;
        if is_full && !self.waiting.contains_key(&info_hash) {
            return Err(TooManyWaiting);
        }
        let count = self.waiting.entry(info_hash).or_default();
        *count = completed.max(*count);
        Ok(())
    }

    /// Passes each count to `save`, until it refuses one.
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
    fn a_count_beyond_the_limit_is_refused_unless_its_torrent_is_known() {
        let mut counts = CompletedCounts::default();
        let hash = |number: u32| {
            let mut bytes = [0; 20];
            bytes[..4].copy_from_slice(&number.to_be_bytes());
            InfoHash(bytes)
        };
        assert!((0..1_000_000).all(|number| counts.put(hash(number), 1).is_ok()));
        assert_eq!(counts.put(hash(1_000_000), 1), Err(TooManyWaiting));
        assert_eq!(counts.put(hash(7), 2), Ok(()));
    }

    #[test]
    fn refused_counts_wait_and_the_largest_is_saved_once() {
        let mut counts = CompletedCounts::default();
        let hash = |byte| InfoHash([byte; 20]);
        for (byte, count) in [(1, 5), (2, 7), (1, 6), (1, 4)] {
            counts.put(hash(byte), count).unwrap();
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
