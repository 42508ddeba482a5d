//! Copies the data of a source into the database.

use crate::ImportError;
use crate::lines::{LineReader, Lines};
use crate::record::Record;
use crate::report::{Part, Report};
use crate::target::Target;
use crate::torrust::{KeyExpiry, Location, Table, TableReader, TorrustDatabase};
use indicatif::{ProgressBar, ProgressStyle};
use std::path::PathBuf;

/// Where the data is.
pub(crate) enum Data {
    Files(Vec<(Lines, PathBuf)>),
    Torrust(Location, KeyExpiry),
}

/// The same, opened for reading.
pub(crate) enum Opened {
    Files(Vec<LineReader>),
    Torrust(TorrustDatabase, KeyExpiry),
}

impl Data {
    pub(crate) async fn open(&self) -> Result<Opened, ImportError> {
        match self {
            Self::Files(files) => {
                let readers = files.iter().map(|(lines, file)| LineReader::open(file, *lines));
                Ok(Opened::Files(readers.collect::<Result<_, _>>()?))
            }
            Self::Torrust(location, expiry) => {
                Ok(Opened::Torrust(TorrustDatabase::open(location).await?, *expiry))
            }
        }
    }
}

impl Opened {
    /// Copies everything, and reports it.
    pub(crate) async fn copy(&mut self, target: &mut Target, report: &mut Report) -> Result<(), ImportError> {
        let total = match self {
            Self::Files(readers) => copy_files(readers, target, report).await?,
            Self::Torrust(database, expiry) => copy_tables(database, *expiry, target, report).await?,
        };
        // A database may have a larger total, of torrents that were forgotten.
        if total > 0 {
            let mut part = Part { read: 1, ..Part::new("total of completed events") };
            target.add(vec![Record::TotalCompleted(total)], &mut part).await?;
            report.parts.push(part);
        }
        Ok(())
    }
}

/// Returns how often all torrents were completed.
async fn copy_files(
    readers: &mut [LineReader],
    target: &mut Target,
    report: &mut Report,
) -> Result<u64, ImportError> {
    let mut total = 0_u64;
    for reader in readers {
        let mut part = Part::new(format!("{:?}", reader.file()));
        let bar = progress(0, &part.name);
        while let Some(records) = reader.next(&mut part)? {
            total = total.saturating_add(completed(&records));
            target.add(records, &mut part).await?;
            bar.set_position(part.read);
        }
        bar.finish_and_clear();
        report.parts.push(part);
    }
    Ok(total)
}

/// Returns how often all torrents were completed.
async fn copy_tables(
    database: &mut TorrustDatabase,
    expiry: KeyExpiry,
    target: &mut Target,
    report: &mut Report,
) -> Result<u64, ImportError> {
    let mut total = 0_u64;
    for table in [Table::WHITELIST, Table::keys(expiry), Table::COMPLETED, Table::TOTALS] {
        // The only table that version 3.0.0 does not have.
        if table.name == Table::TOTALS.name && !database.has(&table).await? {
            continue;
        }
        let mut part = Part::new(table.name);
        let bar = progress(database.last_row(&table).await?, table.name);
        let mut reader = TableReader::new(database, table);
        while let Some(records) = reader.next(&mut part).await? {
            total = total.saturating_add(completed(&records));
            target.add(records, &mut part).await?;
            bar.set_position(reader.position().unwrap_or(part.read));
        }
        bar.finish_and_clear();
        report.parts.push(part);
    }
    Ok(total)
}

/// Returns how often the torrents in these records were completed.
fn completed(records: &[Record]) -> u64 {
    let counts = records.iter().map(|record| match record {
        Record::Completed(_, count) => *count,
        _ => 0,
    });
    counts.fold(0, u64::saturating_add)
}

/// Returns a progress bar, which is shown on a terminal only.
fn progress(rows: u64, name: &str) -> ProgressBar {
    let bar = if rows == 0 { ProgressBar::no_length() } else { ProgressBar::new(rows) };
    let style = ProgressStyle::with_template("{msg} {bar:30} {human_pos}/{human_len}, {per_sec}, {eta}");
    bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar())).with_message(name.to_owned())
}
