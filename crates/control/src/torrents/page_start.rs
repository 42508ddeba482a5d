//! Finds where a page of torrents begins in the order of their info hashes.

use crate::limits::PASSED_OVER_MAX;
use crate::management::ManagementError;
use primitives::{InfoHash, InfoHashPrefix};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PageStart {
    /// An info hash at the page's first torrent or shortly before it.
    pub(crate) from: InfoHash,
    /// Torrents from there on that precede the page.
    pub(crate) skip: usize,
}

/// Returns the start of the page after `offset` torrents; `None` if there are no more than that. `count` counts the
/// torrents in each branch of a prefix, which takes a scan of all swarms: once in most cases, and again only where more
/// than [`PASSED_OVER_MAX`] info hashes share a prefix.
pub(crate) async fn page_start<F>(
    offset: u64,
    count: impl Fn(InfoHashPrefix) -> F,
) -> Result<Option<PageStart>, ManagementError>
where
    F: Future<Output = Result<Vec<u64>, ManagementError>>,
{
    let (mut prefix, mut skip) = (InfoHashPrefix::default(), offset);
    while skip > PASSED_OVER_MAX {
        let Some((branch, before)) = branch_at(&count(prefix).await?, skip) else {
            if prefix.is_empty() {
                return Ok(None);
            }
            // Torrents were removed since they were counted.
            skip = 0;
            break;
        };
        prefix = prefix.extended(branch);
        skip -= before;
    }
    let skip = usize::try_from(skip).unwrap_or(usize::MAX);
    Ok(Some(PageStart { from: prefix.first(), skip }))
}

/// Returns the branch that has the torrent after `offset` others, and how many torrents the branches before it have.
fn branch_at(counts: &[u64], offset: u64) -> Option<(u16, u64)> {
    let mut before = 0;
    for (branch, count) in (0..=u16::MAX).zip(counts) {
        if offset < before + count {
            return Some((branch, before));
        }
        before += count;
    }
    None
}

/// Adds up the counts of all cores.
pub(crate) fn sum(counts: Vec<Vec<u32>>) -> Vec<u64> {
    let mut total = vec![0; InfoHashPrefix::BRANCHES];
    for of_core in counts {
        for (total, count) in total.iter_mut().zip(of_core) {
            *total += u64::from(count);
        }
    }
    total
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    /// Counts as two cores would, each with every other torrent.
    fn count(torrents: &[InfoHash], prefix: InfoHashPrefix) -> Vec<u64> {
        let mut counts = vec![vec![0; InfoHashPrefix::BRANCHES]; 2];
        for (number, torrent) in torrents.iter().enumerate() {
            if let Some(branch) = prefix.branch_of(torrent) {
                counts[number % 2][usize::from(branch)] += 1;
            }
        }
        sum(counts)
    }

    /// Asserts that each page begins with the right torrent, found with at most `walks_max` scans.
    async fn assert_starts(mut torrents: Vec<InfoHash>, walks_max: u32) {
        torrents.sort_unstable();
        for offset in [0, 1, 9_999, 10_000, 10_001, 19_999, 20_000, 25_000, 29_999] {
            let walks = Cell::new(0);
            let start = page_start(offset as u64, async |prefix| {
                walks.set(walks.get() + 1);
                Ok(count(&torrents, prefix))
            });
            let PageStart { from, skip } = start.await.unwrap().unwrap();
            let first = torrents.iter().filter(|&&torrent| torrent >= from).nth(skip);
            assert_eq!(first, Some(&torrents[offset]), "{offset}");
            assert!(skip <= 10_000 && walks.get() <= walks_max, "{skip}, {}", walks.get());
        }
        let end = page_start(30_000, async |prefix| Ok(count(&torrents, prefix)));
        assert_eq!(end.await.unwrap(), None);
    }

    #[tokio::test]
    async fn a_page_of_evenly_spread_info_hashes_is_found_with_one_scan() {
        let spread = |number: u32| {
            let mut bytes = [number.to_be_bytes()[3]; 20];
            bytes[..4].copy_from_slice(&number.wrapping_mul(0x9e37_79b1).to_be_bytes());
            InfoHash(bytes)
        };
        assert_starts((0..30_000).map(spread).collect(), 1).await;
    }

    #[tokio::test]
    async fn similar_info_hashes_take_more_scans_and_keep_their_order() {
        for place in [4, 9, 18] {
            let alike = |number: u16| {
                let mut bytes = [7; 20];
                bytes[place..place + 2].copy_from_slice(&number.to_be_bytes());
                InfoHash(bytes)
            };
            assert_starts((0..30_000).map(alike).collect(), 10).await;
        }
    }

    #[tokio::test]
    async fn a_page_is_found_when_torrents_are_removed_between_two_scans() {
        let walks = Cell::new(0);
        let start = page_start(20_000, async |_| {
            walks.set(walks.get() + 1);
            let mut counts = vec![0; InfoHashPrefix::BRANCHES];
            counts[7] = if walks.get() == 1 { 30_000 } else { 1 };
            Ok(counts)
        });
        let from = InfoHashPrefix::default().extended(7).first();
        assert_eq!(start.await.unwrap(), Some(PageStart { from, skip: 0 }));
    }
}
