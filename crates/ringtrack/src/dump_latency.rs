//! The command `dump-latency`, which makes a running tracker dump its latencies.

use crate::cli::DumpLatency;
use crate::running_tracker::RunningTracker;
use anyhow::{Context, bail};
use control::{cores_missing, ends_requested_dump, newest_log, percentile_table, read_latencies};
use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Seconds to wait for a dump: the cores reply within a tenth of a second, and a hanging one is waited for a whole
/// second.
const DUMP_S_MAX: u64 = 10;

/// Milliseconds between two checks for the dump.
const POLL_MS: u64 = 20;

/// Requests a dump, waits for it, and returns the text to print.
pub(crate) fn dump_latency(options: &DumpLatency) -> anyhow::Result<String> {
    let tracker = RunningTracker::find(options.pid)?;
    let directory = directory_of(&tracker, options)?;
    let end = LogEnd::now(&directory, tracker.process())?;
    tracker.request_dump()?;
    let (log, lines) = wait_for_dump(&directory, tracker.process(), &end)?;
    let latencies = read_latencies(lines.as_bytes()).with_context(|| format!("in {}", log.display()))?;
    let table = percentile_table(latencies.iter().map(|(tag, histogram)| (tag, histogram)));
    let missing = missing_part(&lines).unwrap_or_default();
    Ok(format!("{tracker}, {}\n{}\n{missing}", log.display(), table.join("\n")))
}

/// Returns the cores missing from the last dump, which it lists right before its end. Cores missing from an interval's
/// dump before it are in the last one, or missing there too.
fn missing_part(lines: &str) -> Option<String> {
    let cores = cores_missing(lines.lines().rev().nth(1)?)?;
    Some(format!("cores missing: {cores}\n"))
}

/// Returns the directory of the tracker's dumps: its own answer, unless an option names another.
fn directory_of(tracker: &RunningTracker, options: &DumpLatency) -> anyhow::Result<PathBuf> {
    let answered = tracker.directory()?;
    if let Some(file) = &options.config {
        let configured = config::load(Some(file), std::env::vars_os())?.configuration.latency.directory;
        return Ok(configured.unwrap_or_else(|| answered.to_owned()));
    }
    Ok(options.directory.clone().unwrap_or_else(|| answered.to_owned()))
}

/// Where a tracker's log ends before the request.
struct LogEnd {
    log: Option<PathBuf>,
    bytes: u64,
}

impl LogEnd {
    fn now(directory: &Path, process: u32) -> anyhow::Result<Self> {
        let newest = || {
            let log = newest_log(directory, process)?;
            let bytes = log.as_ref().map_or(Ok(0), |log| fs::metadata(log).map(|metadata| metadata.len()))?;
            io::Result::Ok(Self { log, bytes })
        };
        newest().with_context(|| format!("{} cannot be read", directory.display()))
    }
}

fn wait_for_dump(directory: &Path, process: u32, end: &LogEnd) -> anyhow::Result<(PathBuf, String)> {
    let deadline = Instant::now() + Duration::from_secs(DUMP_S_MAX);
    while Instant::now() < deadline {
        let log = newest_log(directory, process)?;
        if let Some(log) = log
            && let Some(lines) = requested_dump(&read_after(&log, end)?)
        {
            return Ok((log, lines));
        }
        std::thread::sleep(Duration::from_millis(POLL_MS));
    }
    bail!(
        "process {process} has written no dump to {} within {DUMP_S_MAX} s: its own log says why",
        directory.display()
    )
}

/// Returns what follows the given end of a log: all of it if the log is a new one, nothing if it does not exist.
fn read_after(log: &Path, end: &LogEnd) -> io::Result<String> {
    let mut file = match File::open(log) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(String::new()),
        opened => opened?,
    };
    let is_longer = file.metadata()?.len() >= end.bytes;
    if end.log.as_deref() == Some(log) && is_longer {
        file.seek(SeekFrom::Start(end.bytes))?;
    }
    let mut text = String::new();
    file.read_to_string(&mut text)?;
    Ok(text)
}

/// Returns the lines up to the end of a requested dump. An interval's dump may precede it and has the rest of the
/// latencies.
fn requested_dump(text: &str) -> Option<String> {
    let mut lines = String::new();
    for line in text.split_inclusive('\n') {
        lines.push_str(line);
        if line.strip_suffix('\n').is_some_and(ends_requested_dump) {
            return Some(lines);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dump_counts_when_its_last_line_is_whole() {
        let whole =
            "Tag=a,1.0,1.0,1.0,x\n#[Dump ended: interval]\nTag=a,2.0,1.0,1.0,x\n#[Dump ended: requested]\n";
        assert_eq!(requested_dump(&format!("{whole}Tag=b")).as_deref(), Some(whole));
        assert_eq!(requested_dump(whole.trim_end()), None);
        assert_eq!(requested_dump("#[Dump ended: interval]\n"), None);
    }

    #[test]
    fn cores_missing_from_the_last_dump_are_reported() {
        let end = "#[Dump ended: requested]\n";
        let missing = format!("Tag=a,1.0,1.0,1.0,x\n#[Cores missing: 0, 3]\n{end}");
        assert_eq!(missing_part(&missing).as_deref(), Some("cores missing: 0, 3\n"));
        assert_eq!(missing_part(&format!("{missing}Tag=a,2.0,1.0,1.0,x\n{end}")), None);
        assert_eq!(missing_part(end), None);
    }

    #[test]
    fn only_new_lines_are_read_unless_the_log_is_a_new_one() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("log");
        fs::write(&log, "before after").unwrap();
        let end = |log: Option<&Path>, bytes| LogEnd { log: log.map(Path::to_owned), bytes };
        assert_eq!(read_after(&log, &end(Some(&log), 6)).unwrap(), " after");
        assert_eq!(read_after(&log, &end(Some(&log), 99)).unwrap(), "before after");
        assert_eq!(read_after(&log, &end(None, 0)).unwrap(), "before after");
    }
}
