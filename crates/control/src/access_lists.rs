use crate::cores::update_all;
use crate::limits::{LIST_BATCH_TORRENTS, LIST_BATCHES_AHEAD};
use crate::list_file::ListReport;
use crate::list_watch::{ListLook, ListWatch};
use crate::management::ManagementError;
use access::AccessUpdate;
use core_link::Cores;
use database::Database;
use primitives::{InfoHash, ListChange, ListSource, TorrentList};
use std::path::{Path, PathBuf};
use tokio::sync::mpsc::channel;
use tracing::{error, info, warn};

/// The watched files of the torrent lists.
#[derive(Debug)]
pub(crate) struct ListFiles {
    /// In the order of [`TorrentList::ALL`].
    watches: [Option<ListWatch>; 2],
}

/// When a file is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reading {
    /// When it has changed and is no longer being written.
    IfChanged,
    InAnyCase,
}

/// The outcome of a look at a file, with the watch that the reader thread hands back.
struct Looked {
    watch: ListWatch,
    look: ListLook,
}

impl ListFiles {
    pub(crate) fn new(allowed: Option<PathBuf>, denied: Option<PathBuf>) -> Self {
        Self { watches: [allowed, denied].map(|path| path.map(ListWatch::new)) }
    }

    /// Looks at the file of a list, and sends its contents to the cores if it has to be read.
    pub(crate) async fn look(
        &mut self,
        cores: &Cores,
        list: TorrentList,
        reading: Reading,
    ) -> Result<(), ManagementError> {
        let Some(watch) = &mut self.watches[list as usize] else { return Ok(()) };
        if reading == Reading::IfChanged && !watch.is_settled() {
            return Ok(());
        }
        if reading == Reading::InAnyCase {
            watch.forget();
        }
        let path = watch.path().to_owned();
        let Looked { watch: mut looked, look } = read_and_send(cores, list, watch.clone()).await?;
        let outcome = conclude(cores, list, &path, look).await;
        if outcome.is_err() {
            looked.forget_read();
        }
        self.watches[list as usize] = Some(looked);
        outcome
    }
}

/// Reads the file on a blocking thread and sends the batches to the cores as they arrive.
async fn read_and_send(
    cores: &Cores,
    list: TorrentList,
    mut watch: ListWatch,
) -> Result<Looked, ManagementError> {
    let (batches, mut inbox) = channel::<Vec<InfoHash>>(LIST_BATCHES_AHEAD);
    // A file system may block, and the cores take a while for a million torrents.
    let reader = tokio::task::spawn_blocking(move || {
        let look = watch.look(&mut |batch| drop(batches.blocking_send(batch)));
        Looked { watch, look }
    });
    let sent = send_anew(cores, (list, ListSource::File), &mut inbox).await;
    // If sending to the cores failed, this makes the reader discard the remaining batches.
    drop(inbox);
    let looked = reader.await.map_err(|error| ManagementError::File(error.to_string()))?;
    sent.map(|()| looked)
}

/// Sends the end of the list if the file was read completely, and logs the outcome.
async fn conclude(
    cores: &Cores,
    list: TorrentList,
    path: &Path,
    look: ListLook,
) -> Result<(), ManagementError> {
    match look {
        ListLook::Read(report) => {
            end(cores, (list, ListSource::File), &report).await?;
            log_report(path, &report);
            Ok(())
        }
        ListLook::Changing(_) => {
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

/// Sends the batches as the start of a complete list. Only the end of a list takes torrents off.
async fn send_anew(
    cores: &Cores,
    (list, source): (TorrentList, ListSource),
    inbox: &mut tokio::sync::mpsc::Receiver<Vec<InfoHash>>,
) -> Result<(), ManagementError> {
    let Some(first) = inbox.recv().await else { return Ok(()) };
    update_all(cores, &AccessUpdate::BeginList(list, source)).await?;
    let mut next = Some(first);
    while let Some(batch) = next {
        update_all(cores, &AccessUpdate::ChangeList(ListChange::Add, list, source, batch.into())).await?;
        next = inbox.recv().await;
    }
    Ok(())
}

async fn end(
    cores: &Cores,
    (list, source): (TorrentList, ListSource),
    report: &ListReport,
) -> Result<(), ManagementError> {
    if report.torrents == 0 {
        update_all(cores, &AccessUpdate::BeginList(list, source)).await?;
    }
    update_all(cores, &AccessUpdate::EndList(list, source)).await
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

/// Sends a stored list to the cores and returns its number of torrents.
pub(crate) async fn load_list(
    cores: &Cores,
    database: &Database,
    list: TorrentList,
) -> Result<u64, ManagementError> {
    let source = ListSource::Api;
    update_all(cores, &AccessUpdate::BeginList(list, source)).await?;
    let (mut pages, mut torrents) = (database.load_list(list), 0);
    while let Some(page) = pages.next().await? {
        torrents += page.len() as u64;
        update_all(cores, &AccessUpdate::ChangeList(ListChange::Add, list, source, page.into())).await?;
    }
    update_all(cores, &AccessUpdate::EndList(list, source)).await?;
    Ok(torrents)
}

/// Sends torrents that are put on or taken off a list to the cores, a batch at a time.
pub(crate) async fn change_list(
    cores: &Cores,
    (list, change): (TorrentList, ListChange),
    info_hashes: &[InfoHash],
) -> Result<(), ManagementError> {
    for batch in info_hashes.chunks(LIST_BATCH_TORRENTS) {
        update_all(cores, &AccessUpdate::ChangeList(change, list, ListSource::Api, batch.into())).await?;
    }
    Ok(())
}
