use crate::limits::{RECENT_COMPLETION_S, RECENT_COMPLETION_SETS, RECENT_COMPLETIONS_PER_SET};
use crate::parted_map::part_of;
use core::hash::BuildHasher;
use primitives::{InfoHash, PeerId, Second, SwarmFamily, TableSeed};

/// A completed download, and the family it was reported over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CompletedDownload {
    pub info_hash: InfoHash,
    /// Identifies the client over all families.
    pub peer_id: PeerId,
    pub family: SwarmFamily,
}

/// The recently counted downloads, so that a client that reports one over several families is counted once.
///
/// A table of fixed size. Entries are compared completely, so no client is mistaken for another. Each entry
/// suppresses at most one count over each other family, so a client with a stolen peer id adds as many counts as it
/// suppresses. In a full set the oldest entry is replaced, and its client counts twice.
#[derive(Debug)]
pub(crate) struct RecentCompletions {
    seed: TableSeed,
    /// Allocated with the first entry.
    sets: Vec<Set>,
}

type Set = [Option<Counted>; RECENT_COMPLETIONS_PER_SET];

#[derive(Debug, Clone, Copy)]
struct Counted {
    download: CompletedDownload,
    /// The families over which it was reported.
    reported: [bool; SwarmFamily::ALL.len()],
    at: Second,
}

const _: () = assert!(size_of::<Set>() == 48 * RECENT_COMPLETIONS_PER_SET);

impl RecentCompletions {
    pub(crate) const fn new(seed: TableSeed) -> Self {
        Self { seed, sets: Vec::new() }
    }

    pub(crate) fn note(&mut self, now: Second, download: CompletedDownload) {
        if self.sets.is_empty() {
            self.sets = vec![[None; RECENT_COMPLETIONS_PER_SET]; RECENT_COMPLETION_SETS];
        }
        let age =
            |entry: &Option<Counted>| entry.map_or(u32::MAX, |counted| now.0.wrapping_sub(counted.at.0));
        let oldest = self.set_of(&download).and_then(|set| set.iter_mut().max_by_key(|entry| age(entry)));
        if let Some(entry) = oldest {
            let reported = SwarmFamily::ALL.map(|family| family == download.family);
            *entry = Some(Counted { download, reported, at: now });
        }
    }

    /// Returns whether the same download was counted over another family, and not reported over this one since.
    pub(crate) fn take_twin(&mut self, now: Second, download: &CompletedDownload) -> bool {
        let CompletedDownload { info_hash, peer_id, family } = *download;
        let is_twin = |counted: &&mut Counted| {
            let is_same = (counted.download.info_hash, counted.download.peer_id) == (info_hash, peer_id);
            let is_recent = now.0.wrapping_sub(counted.at.0) < RECENT_COMPLETION_S;
            is_same && is_recent && !counted.reported[family as usize]
        };
        let twin = self.set_of(download).and_then(|set| set.iter_mut().flatten().find(is_twin));
        twin.map(|counted| counted.reported[family as usize] = true).is_some()
    }

    pub(crate) fn heap_bytes(&self) -> usize {
        size_of_val(&*self.sets)
    }

    fn set_of(&mut self, download: &CompletedDownload) -> Option<&mut Set> {
        let hash = self.seed.hash_one((download.info_hash, download.peer_id));
        self.sets.get_mut(part_of(hash, RECENT_COMPLETION_SETS))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::hash;
    use SwarmFamily::{V4, V6, WebRtc};

    fn download(number: u32, client: u8, family: SwarmFamily) -> CompletedDownload {
        CompletedDownload { info_hash: hash(number), peer_id: PeerId([client; 20]), family }
    }

    fn recent() -> RecentCompletions {
        RecentCompletions::new(TableSeed([7; 16]))
    }

    #[test]
    fn a_download_is_found_once_over_each_other_family_by_the_same_client_only() {
        let mut recent = recent();
        assert!(!recent.take_twin(Second(1), &download(1, 1, V6)));
        recent.note(Second(1), download(1, 1, V4));
        for other in [download(1, 1, V4), download(1, 2, V6), download(2, 1, V6)] {
            assert!(!recent.take_twin(Second(1), &other), "{other:?}");
        }
        for family in [V6, WebRtc] {
            assert!(recent.take_twin(Second(600), &download(1, 1, family)), "{family:?}");
            assert!(!recent.take_twin(Second(600), &download(1, 1, family)), "{family:?}");
        }
    }

    #[test]
    fn a_download_is_remembered_for_ten_minutes() {
        for (second, is_found) in [(700, true), (701, false)] {
            let mut recent = recent();
            recent.note(Second(101), download(1, 1, V6));
            assert_eq!(recent.take_twin(Second(second), &download(1, 1, V4)), is_found);
        }
    }

    #[test]
    fn when_there_is_no_room_the_oldest_downloads_are_replaced() {
        let mut recent = recent();
        assert_eq!(recent.heap_bytes(), 0);
        for number in 0..20_000 {
            recent.note(Second(number / 1000), download(number, 1, V4));
        }
        assert_eq!(recent.heap_bytes(), 196_608);
        let found = |numbers: core::ops::Range<u32>, recent: &mut RecentCompletions| {
            numbers.filter(|&number| recent.take_twin(Second(20), &download(number, 1, V6))).count()
        };
        assert_eq!(found(0..10_000, &mut recent), 0);
        let last = found(19_000..20_000, &mut recent);
        assert!(last >= 990, "{last} of the last 1000");
    }
}
