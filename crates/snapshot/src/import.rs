use crate::ask::{Awaited, CoreGone, submit};
use core_link::{CoreTask, Cores};
use primitives::{ClockShift, Imported, ShardId, StatePage};
use std::collections::VecDeque;
use std::sync::Arc;

/// Which cores own what the shards of the exporting process owned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Placement {
    /// Each shard is the same: both processes have the same number of them and the same steering key.
    Same,
    /// Any core may own any part, so that all get every page.
    Other,
}

/// Passes pages to the cores, in the order in which it gets them.
#[derive(Debug)]
pub struct Importer {
    cores: Cores,
    placement: Placement,
    shift: ClockShift,
    pages_in_flight_max: usize,
    /// The replies to each page that is with the cores.
    in_flight: VecDeque<Vec<Awaited<Imported>>>,
    imported: Imported,
}

impl Importer {
    /// Imports into these cores. At most `pages_in_flight_max` pages are with them when [`Self::put`] returns.
    #[must_use]
    pub fn new(cores: Cores, placement: Placement, shift: ClockShift, pages_in_flight_max: usize) -> Self {
        let (in_flight, imported) = (VecDeque::new(), Imported::default());
        Self { cores, placement, shift, pages_in_flight_max, in_flight, imported }
    }

    /// Passes a page of a shard of the exporting process to the cores that may own parts of it.
    ///
    /// # Errors
    /// If one of them does not answer.
    pub async fn put(&mut self, shard: ShardId, page: StatePage) -> Result<(), CoreGone> {
        let page = Arc::new(page);
        let mut replies = Vec::new();
        for core in self.cores.handles() {
            if self.placement == Placement::Other || core.shard() == shard {
                let task = |reply| CoreTask::Import(Arc::clone(&page), self.shift, reply);
                replies.push(submit(core, task).await?);
            }
        }
        self.in_flight.push_back(replies);
        self.wait(self.pages_in_flight_max).await
    }

    /// Waits until the cores have imported all pages, and returns what they did with them.
    ///
    /// # Errors
    /// If one of them does not answer.
    pub async fn finish(mut self) -> Result<Imported, CoreGone> {
        self.wait(0).await?;
        Ok(self.imported)
    }

    /// Waits until at most this many pages are with the cores.
    async fn wait(&mut self, pages_max: usize) -> Result<(), CoreGone> {
        while self.in_flight.len() > pages_max
            && let Some(replies) = self.in_flight.pop_front()
        {
            for reply in replies {
                self.imported = self.imported.plus(reply.reply().await?);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{TestCores, page, shard};

    #[tokio::test]
    async fn a_page_goes_to_the_core_of_its_shard_or_to_all_where_owners_differ() {
        for (placement, of_cores) in [
            (Placement::Same, [vec![], vec![page(1), page(2)], vec![page(3)]]),
            (Placement::Other, [(); 3].map(|()| vec![page(1), page(2), page(3)])),
        ] {
            let cores = TestCores::start(3, 0);
            let mut importer = Importer::new(cores.cores.clone(), placement, ClockShift(-7), 1);
            for (from, number) in [(1, 1), (1, 2), (2, 3)] {
                importer.put(shard(from), page(number)).await.unwrap();
            }
            let done = importer.finish().await.unwrap();
            let shifted = |pages: Vec<_>| pages.into_iter().map(|page| (page, -7)).collect::<Vec<_>>();
            assert_eq!(cores.imported(), of_cores.map(shifted));
            let pages: usize = cores.imported().iter().map(Vec::len).sum();
            assert_eq!(done.swarms, pages as u64);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_core_that_has_no_room_is_tried_again_and_one_that_is_gone_ends_the_import() {
        let cores = TestCores::start(1, 0);
        let mut importer = Importer::new(cores.cores.clone(), Placement::Same, ClockShift(0), 1000);
        for number in 0..200 {
            importer.put(shard(0), page(number)).await.unwrap();
        }
        cores.lose(0);
        let error = importer.put(shard(0), page(7)).await.err().or(importer.finish().await.err());
        assert_eq!(error, Some(CoreGone(shard(0))));
    }
}
