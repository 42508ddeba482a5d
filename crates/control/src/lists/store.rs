use super::file::ListReport;
use super::watch::{ListLook, ListWatch};
use super::{ListManagement, ListPage, ListPlace};
use crate::limits::{LIST_BATCH_TORRENTS, LIST_BATCHES_AHEAD};
use crate::management::{Answer, ManagementError};
use crate::shared::{Shared, ask, to_the_end};
use access::{AccessUpdate, ListQuery, TorrentTablePlace};
use core_link::CoreTask;
use primitives::{InfoHash, ListChange, ListSource, TorrentList};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::sync::mpsc::{Receiver, channel};
use tokio::sync::{Mutex, MutexGuard};
use tracing::{error, info, warn};

/// The lists of torrents, in the cores, in the database and in files. The arrays are in the order of
/// [`TorrentList::ALL`].
#[derive(Debug)]
pub(crate) struct Lists {
    shared: Arc<Shared>,
    /// Held while a list is sent to the cores.
    changes: [Mutex<()>; 2],
    files: Mutex<[Option<ListWatch>; 2]>,
}

/// New files whose torrents were sent to the cores. They stay locked: a later look would end the lists too early.
#[derive(Debug)]
pub(crate) struct SentFiles<'a> {
    watches: MutexGuard<'a, [Option<ListWatch>; 2]>,
    /// `None` where there was and is no file.
    reports: [Option<ListReport>; 2],
}

impl ListManagement for Arc<Lists> {
    fn change(&self, list: TorrentList, change: ListChange, torrents: Vec<InfoHash>) -> Answer<'_, ()> {
        to_the_end(self, async move |lists| {
            let _sent_in_order = lists.changes[list as usize].lock().await;
            lists.shared.write_behind.change_list(list, change, &torrents)?;
            for batch in torrents.chunks(LIST_BATCH_TORRENTS) {
                let update = AccessUpdate::ChangeList(change, list, ListSource::Api, batch.into());
                lists.shared.update(update).await?;
            }
            Ok(())
        })
    }

    fn page(&self, list: TorrentList, from: Option<ListPlace>, entries_max: usize) -> Answer<'_, ListPage> {
        Box::pin(async move {
            let cores = self.shared.cores.handles();
            let ListPlace { shard, place } = from.unwrap_or_default();
            let Some(owner) = cores.get(shard) else { return Ok(ListPage::default()) };
            let query = ListQuery { list, from: place, torrents_max: entries_max };
            let page = ask(owner, |answer| CoreTask::List(query, answer)).await?.reply().await?;
            let first_of_next = ListPlace { shard: shard + 1, place: TorrentTablePlace::default() };
            let next = page.next.map(|place| ListPlace { shard, place });
            let next = next.or_else(|| (shard + 1 < cores.len()).then_some(first_of_next));
            Ok(ListPage { torrents: page.torrents, next })
        })
    }

    fn contains(&self, list: TorrentList, info_hash: InfoHash) -> Answer<'_, bool> {
        Box::pin(async move {
            let answers = self.shared.ask_all(|answer| CoreTask::IsListed(list, info_hash, answer)).await?;
            Ok(answers.contains(&true))
        })
    }

    fn reload(&self, list: TorrentList) -> Answer<'_, ()> {
        to_the_end(self, async move |lists| {
            lists.read_file(list).await?;
            lists.load(list).await.map(drop)
        })
    }
}

impl Lists {
    pub(crate) fn new(shared: Arc<Shared>, files: [Option<PathBuf>; 2]) -> Self {
        let files = files.map(|path| path.map(ListWatch::new));
        Self { shared, changes: [Mutex::new(()), Mutex::new(())], files: Mutex::new(files) }
    }

    /// Sends a stored list to the cores and returns its number of torrents.
    pub(crate) async fn load(&self, list: TorrentList) -> Result<u64, ManagementError> {
        let Some(database) = &self.shared.database else { return Ok(0) };
        let _sent_in_order = self.changes[list as usize].lock().await;
        // Torrents added before may not be stored yet, and would be taken off.
        self.shared.write_behind.flush().await?;
        let source = ListSource::Api;
        self.shared.update(AccessUpdate::BeginList(list, source)).await?;
        let (mut pages, mut torrents) = (database.load_list(list), 0);
        while let Some(page) = pages.next().await? {
            torrents += page.len() as u64;
            self.shared.update(AccessUpdate::ChangeList(ListChange::Add, list, source, page.into())).await?;
        }
        self.shared.update(AccessUpdate::EndList(list, source)).await?;
        Ok(torrents)
    }

    /// Replaces the files of the lists, and sends their torrents to the cores, the denied ones first. Nothing is taken off
    /// until [`Self::end_files`].
    pub(crate) async fn send_files(
        &self,
        files: &[Option<PathBuf>; 2],
    ) -> Result<SentFiles<'_>, ManagementError> {
        let mut watches = self.files.lock().await;
        let before = std::mem::replace(&mut *watches, files.clone().map(|path| path.map(ListWatch::new)));
        let mut reports = [None, None];
        for list in TorrentList::ALL.into_iter().rev() {
            reports[list as usize] = match &mut watches[list as usize] {
                Some(watch) => Some(self.send_file(list, watch).await?),
                None => before[list as usize].is_some().then(ListReport::default),
            };
        }
        Ok(SentFiles { watches, reports })
    }

    /// Takes off what only the files of before had.
    pub(crate) async fn end_files(&self, mut sent: SentFiles<'_>) -> Result<(), ManagementError> {
        for (list, report) in TorrentList::ALL.into_iter().zip(sent.reports) {
            let (Some(report), watch) = (report, &mut sent.watches[list as usize]) else { continue };
            let ended = self.end(list, &report).await;
            if let Some(watch) = watch {
                match ended {
                    Ok(()) => log_report(&watch.path, &report),
                    Err(_) => watch.forget_read(),
                }
            }
            ended?;
        }
        Ok(())
    }

    async fn send_file(
        &self,
        list: TorrentList,
        watch: &mut ListWatch,
    ) -> Result<ListReport, ManagementError> {
        let look;
        (*watch, look) = self.read_and_send(list, watch.clone()).await?;
        match look {
            ListLook::Read(report) => Ok(report),
            ListLook::Failed(error) => Err(ManagementError::File(error.to_string())),
            ListLook::Changing | ListLook::Unchanged | ListLook::StillFailed => {
                Err(ManagementError::File(format!("{} is being written", watch.path.display())))
            }
        }
    }

    /// Reloads the files of the lists.
    pub(crate) async fn read_files(&self) -> Result<(), ManagementError> {
        let mut outcome = Ok(());
        for list in TorrentList::ALL {
            // An error in one file is no reason not to read the other.
            outcome = outcome.and(self.read_file(list).await);
        }
        outcome
    }

    async fn read_file(&self, list: TorrentList) -> Result<(), ManagementError> {
        let mut files = self.files.lock().await;
        let Some(watch) = &mut files[list as usize] else { return Ok(()) };
        watch.forget();
        self.look(list, watch).await
    }

    /// Reads the files that have changed and are not being written.
    pub(crate) async fn look_at_files(&self) {
        let mut files = self.files.lock().await;
        for (list, watch) in TorrentList::ALL.into_iter().zip(&mut *files) {
            let Some(watch) = watch.as_mut().filter(|watch| watch.is_settled()) else { continue };
            // Errors in a file are logged where they are found.
            if let Err(error @ ManagementError::CoreBusy) = self.look(list, watch).await {
                error!("a list could not be sent to the cores: {error}");
            }
        }
    }

    /// Looks at the file of a list, and sends its contents to the cores if it has to be read.
    async fn look(&self, list: TorrentList, watch: &mut ListWatch) -> Result<(), ManagementError> {
        let look;
        (*watch, look) = self.read_and_send(list, watch.clone()).await?;
        let outcome = self.conclude(list, &watch.path, look).await;
        if outcome.is_err() {
            watch.forget_read();
        }
        outcome
    }

    /// Reads the file on a blocking thread and sends the batches to the cores as they arrive.
    async fn read_and_send(
        &self,
        list: TorrentList,
        mut watch: ListWatch,
    ) -> Result<(ListWatch, ListLook), ManagementError> {
        let (batches, mut inbox) = channel(LIST_BATCHES_AHEAD);
        // A file system may block, and the cores take a while for a million torrents.
        let reader = tokio::task::spawn_blocking(move || {
            let look = watch.look(&mut |batch| drop(batches.blocking_send(batch)));
            (watch, look)
        });
        let sent = self.send_anew(list, &mut inbox).await;
        // If sending to the cores failed, this makes the reader discard the remaining batches.
        drop(inbox);
        let looked = reader.await.map_err(|error| ManagementError::File(error.to_string()))?;
        sent.map(|()| looked)
    }

    /// Sends the batches as the start of a complete list. Only the end of a list takes torrents off.
    async fn send_anew(
        &self,
        list: TorrentList,
        inbox: &mut Receiver<Vec<InfoHash>>,
    ) -> Result<(), ManagementError> {
        let (source, mut next) = (ListSource::File, inbox.recv().await);
        if next.is_some() {
            self.shared.update(AccessUpdate::BeginList(list, source)).await?;
        }
        while let Some(batch) = next {
            self.shared.update(AccessUpdate::ChangeList(ListChange::Add, list, source, batch.into())).await?;
            next = inbox.recv().await;
        }
        Ok(())
    }

    /// Sends the end of a list whose torrents were sent.
    async fn end(&self, list: TorrentList, report: &ListReport) -> Result<(), ManagementError> {
        if report.torrents == 0 {
            self.shared.update(AccessUpdate::BeginList(list, ListSource::File)).await?;
        }
        self.shared.update(AccessUpdate::EndList(list, ListSource::File)).await
    }

    /// Sends the end of the list if the file was read completely, and logs the outcome.
    async fn conclude(&self, list: TorrentList, path: &Path, look: ListLook) -> Result<(), ManagementError> {
        match look {
            ListLook::Read(report) => {
                self.end(list, &report).await?;
                log_report(path, &report);
                Ok(())
            }
            ListLook::Changing => {
                info!("{} is being written: it will be read again shortly", path.display());
                Ok(())
            }
            ListLook::Unchanged | ListLook::StillFailed => Ok(()),
            ListLook::Failed(error) => {
                error!("the list stays as it was: {error}");
                Err(ManagementError::File(error.to_string()))
            }
        }
    }
}

fn log_report(path: &Path, report: &ListReport) {
    let path = path.display();
    info!(torrents = report.torrents, "read the list {path}");
    if report.invalid_lines > 0 {
        let lines = report.first_invalid.iter().map(|line| format!("{}: {}", line.number, line.excerpt));
        let first = lines.collect::<Vec<_>>().join("; ");
        warn!(lines = report.invalid_lines, "{path} has lines that are not info hashes; the first: {first}");
    }
}
