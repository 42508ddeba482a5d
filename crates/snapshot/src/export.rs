use crate::ask::{CoreGone, ask};
use core_link::{CoreHandle, CoreTask, Cores};
use primitives::{ExportPlace, ExportedPage, ShardId, StatePage};
use std::io;
use tokio::sync::mpsc::{Sender, channel};
use tokio::task::JoinSet;

/// Takes the pages of an export. Those of one shard come in their order.
pub(crate) trait PageSink {
    /// Takes a page.
    fn put(&mut self, shard: ShardId, page: StatePage) -> impl Future<Output = io::Result<()>> + Send;
}

/// Why an export did not succeed.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    #[error(transparent)]
    Core(#[from] CoreGone),
    #[error(transparent)]
    Sink(#[from] io::Error),
}

/// Whether sessions are exported before the swarms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sessions {
    Exported,
    LeftOut,
}

/// Exports the state of all cores at the same time, each core by itself. At most two pages of each core are in memory, and
/// the one that the sink has. A core whose pages wait for the sink does nothing for the export.
///
/// # Errors
/// If a core does not answer, or the sink fails.
pub(crate) async fn export(
    cores: &Cores,
    sessions: Sessions,
    sink: &mut impl PageSink,
) -> Result<(), ExportError> {
    let (pages, mut inbox) = channel(cores.handles().len());
    // Dropping it ends them.
    let mut exports = JoinSet::new();
    for core in cores.handles() {
        exports.spawn(export_core(core.clone(), sessions, pages.clone()));
    }
    drop(pages);
    while let Some(page) = inbox.recv().await {
        let (shard, page) = page?;
        sink.put(shard, page).await?;
    }
    Ok(())
}

async fn export_core(
    core: CoreHandle,
    sessions: Sessions,
    pages: Sender<Result<(ShardId, StatePage), CoreGone>>,
) {
    let mut place = Some(match sessions {
        Sessions::Exported => ExportPlace::default(),
        Sessions::LeftOut => ExportPlace::SWARMS,
    });
    while let Some(at) = place.take() {
        let page =
            ask(&core, |reply| CoreTask::Export(at, reply)).await.map(|ExportedPage { page, next }| {
                place = next;
                (core.shard(), page)
            });
        // The export was given up.
        if pages.send(page).await.is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{TestCores, full_disk, sessions_page, swarms_page};

    #[derive(Default)]
    struct Taken(Vec<(usize, StatePage)>);

    impl PageSink for Taken {
        async fn put(&mut self, shard: ShardId, page: StatePage) -> io::Result<()> {
            self.0.push((shard.index(), page.clone()));
            Ok(())
        }
    }

    struct FullDisk(usize);

    impl PageSink for FullDisk {
        async fn put(&mut self, _: ShardId, _: StatePage) -> io::Result<()> {
            self.0 = self.0.checked_sub(1).ok_or_else(full_disk)?;
            Ok(())
        }
    }

    #[tokio::test]
    async fn the_pages_of_each_core_arrive_in_their_order_and_sessions_are_left_out_if_nobody_wants_them() {
        for (sessions, pages) in [(Sessions::Exported, 6), (Sessions::LeftOut, 5)] {
            let cores = TestCores::start(3, 5);
            let mut taken = Taken::default();
            export(&cores.cores, sessions, &mut taken).await.unwrap();
            for shard in 0..3 {
                let of_shard =
                    taken.0.iter().filter(|(from, _)| *from == shard).map(|(_, page)| page.clone());
                let expected = [sessions_page(5)].into_iter().chain([1, 2, 3, 4, 5].map(swarms_page));
                assert_eq!(of_shard.collect::<Vec<_>>(), expected.skip(6 - pages).collect::<Vec<_>>());
            }
            assert_eq!(cores.exported(), 3 * pages, "the cores do nothing else");
        }
    }

    #[tokio::test]
    async fn a_sink_that_fails_ends_the_export() {
        let cores = TestCores::start(2, 1000);
        let error = export(&cores.cores, Sessions::Exported, &mut FullDisk(3)).await.unwrap_err();
        assert!(matches!(error, ExportError::Sink(error) if error.kind() == io::ErrorKind::StorageFull));
        // Each core has exported what the sink has taken, what waited in the channel, and what waited for it.
        assert!(cores.exported() <= 3 + 1 + 2 * 2, "{}", cores.exported());
    }

    #[tokio::test(start_paused = true)]
    async fn a_core_whose_worker_has_exited_ends_the_export() {
        let cores = TestCores::start(2, 3);
        cores.lose(1);
        let error = export(&cores.cores, Sessions::Exported, &mut Taken::default()).await.unwrap_err();
        assert_eq!(error.to_string(), "the core of shard 1 does not answer");
    }
}
