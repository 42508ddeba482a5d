//! The files that dumps are written to: HdrHistogram interval logs, one for each run of the tracker.

use crate::limits::LATENCY_FILE_BYTES_MAX;
use chrono::{DateTime, Utc};
use hdrhistogram::serialization::V2DeflateSerializer;
use hdrhistogram::serialization::interval_log::{IntervalLogWriterBuilder, Tag};
use latency::LatencySet;
use primitives::ShardId;
use rustix::fs::OFlags;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// Why a dump is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DumpReason {
    /// A signal or the command `dump-latency` requested it.
    Requested,
    Interval,
    /// The tracker is stopping.
    End,
}

/// The latencies recorded in a period, whose times count from the start of the log.
#[derive(Debug)]
pub(crate) struct Dump<'a> {
    pub(crate) reason: DumpReason,
    pub(crate) from: Duration,
    pub(crate) length: Duration,
    pub(crate) latencies: &'a LatencySet,
    /// The cores whose part is in a later dump.
    pub(crate) missing: &'a [ShardId],
}

/// The log of one run.
#[derive(Debug, Clone)]
pub(crate) struct LatencyLog {
    path: PathBuf,
    begun: SystemTime,
}

impl LatencyLog {
    /// Returns the log for the run that began at `begun`. Nothing is written yet.
    pub(crate) fn new(directory: &Path, process: u32, begun: SystemTime) -> Self {
        let begun_at = DateTime::<Utc>::from(begun).format("%Y%m%dT%H%M%SZ");
        Self { path: directory.join(format!("ringtrack-latency-{process}-{begun_at}.hlog")), begun }
    }

    /// Continues in another directory, in a file of the same name.
    pub(crate) fn use_directory(&mut self, directory: &Path) {
        if let Some(name) = self.path.file_name() {
            self.path = directory.join(name);
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Appends a dump returned by [`encode`], completely or not at all, so that the log stays well formed.
    pub(crate) fn append(&self, dump: &[u8]) -> io::Result<()> {
        let (mut file, mut length_bytes) = self.open()?;
        if length_bytes > 0 && length_bytes + dump.len() as u64 > LATENCY_FILE_BYTES_MAX {
            fs::rename(&self.path, self.path.with_extension("hlog.1"))?;
            (file, length_bytes) = self.open()?;
        }
        let head = if length_bytes == 0 { head(self.begun)? } else { Vec::new() };
        let written = file.write_all(&[&head, dump].concat());
        if written.is_err() {
            file.set_len(length_bytes)?;
        }
        written
    }

    /// Opens the log without following a link: its name is predictable, and another user may have made a link there.
    fn open(&self) -> io::Result<(File, u64)> {
        let no_link = OFlags::NOFOLLOW.bits().cast_signed();
        let file = OpenOptions::new().create(true).append(true).custom_flags(no_link).open(&self.path)?;
        let length_bytes = file.metadata()?.len();
        Ok((file, length_bytes))
    }
}

/// Returns the head of a log whose times count from `begun`.
fn head(begun: SystemTime) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    IntervalLogWriterBuilder::new()
        .add_comment("[Histogram log format version 1.3]")
        .add_comment("[Ringtrack: latencies in nanoseconds]")
        .with_start_time(begun)
        .with_base_time(begun)
        .with_max_value_divisor(NANOSECONDS_PER_MS)
        .begin_log_with(&mut bytes, &mut V2DeflateSerializer::new())?;
    Ok(bytes)
}

/// Returns a whole log of the latencies since `begun`.
pub(crate) fn log_of_run(begun: SystemTime, latencies: &LatencySet) -> io::Result<Vec<u8>> {
    let (from, length) = (Duration::ZERO, begun.elapsed().unwrap_or_default());
    let dump = Dump { reason: DumpReason::Requested, from, length, latencies, missing: &[] };
    Ok([head(begun)?, encode(&dump)].concat())
}

/// The column of maxima is in milliseconds with three decimals, as the Java tools write it.
const NANOSECONDS_PER_MS: f64 = 1e6;

/// Encodes a dump as lines of a log.
///
/// # Panics
/// Never: writing to memory does not fail, and every histogram can be serialized.
pub(crate) fn encode(dump: &Dump<'_>) -> Vec<u8> {
    let (mut bytes, mut serializer) = (Vec::new(), V2DeflateSerializer::new());
    let mut log = IntervalLogWriterBuilder::new()
        .with_max_value_divisor(NANOSECONDS_PER_MS)
        .begin_log_with(&mut bytes, &mut serializer)
        .expect("writing to memory does not fail");
    for (tag, histogram) in dump.latencies.recorded() {
        log.write_histogram(histogram, dump.from, dump.length, Tag::new(&tag))
            .expect("every histogram of two digits can be serialized");
    }
    let stamps_ahead = dump.latencies.stamps_ahead();
    if stamps_ahead > 0 {
        let comment = format!("[Kernel time stamps ahead of the clock, left out: {stamps_ahead}]");
        log.write_comment(&comment).expect("writing to memory does not fail");
    }
    if !dump.missing.is_empty() {
        let comment = format!("[Cores missing: {}]", listed(dump.missing));
        log.write_comment(&comment).expect("writing to memory does not fail");
    }
    log.write_comment(ending(dump.reason)).expect("writing to memory does not fail");
    bytes
}

/// Returns the numbers of cores, counted from 0.
pub(crate) fn listed(cores: &[ShardId]) -> String {
    cores.iter().map(ShardId::to_string).collect::<Vec<_>>().join(", ")
}

const fn ending(reason: DumpReason) -> &'static str {
    match reason {
        DumpReason::Requested => "[Dump ended: requested]",
        DumpReason::Interval => "[Dump ended: interval]",
        DumpReason::End => "[Dump ended: before the stop]",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{expiry_turns_in, set_with_expiry_turns};
    use primitives::ShardCount;
    use rustix::io::Errno;
    use std::time::UNIX_EPOCH;

    fn dump_of(turns: u64) -> Vec<u8> {
        let latencies = &set_with_expiry_turns(turns);
        let (from, length) = (Duration::from_millis(1500), Duration::from_millis(250));
        encode(&Dump { reason: DumpReason::Requested, from, length, latencies, missing: &[] })
    }

    fn log_in(directory: &Path) -> LatencyLog {
        LatencyLog::new(directory, 17, UNIX_EPOCH + Duration::from_secs(1_709_251_199))
    }

    #[test]
    fn a_log_has_its_head_once_and_a_line_for_each_histogram() {
        let directory = tempfile::tempdir().unwrap();
        let log = log_in(directory.path());
        log.append(&dump_of(3)).unwrap();
        log.append(&dump_of(4)).unwrap();
        assert_eq!(log.path().file_name().unwrap(), "ringtrack-latency-17-20240229T235959Z.hlog");
        let text = fs::read_to_string(log.path()).unwrap();
        let heads = text.lines().filter(|line| *line == "#[BaseTime: 1709251199.000 (seconds since epoch)]");
        assert_eq!(heads.count(), 1, "{text}");
        assert_eq!(text.matches("Tag=expiry-turn,1.500,0.250,").count(), 2, "{text}");
        assert!(text.ends_with("#[Dump ended: requested]\n"), "{text}");
        assert_eq!(expiry_turns_in(&text), 7);
    }

    #[test]
    fn the_last_full_log_is_kept_and_a_new_one_begins() {
        let directory = tempfile::tempdir().unwrap();
        let log = log_in(directory.path());
        let older = directory.path().join("ringtrack-latency-17-20240229T235959Z.hlog.1");
        for full_bytes in [LATENCY_FILE_BYTES_MAX, LATENCY_FILE_BYTES_MAX - 1] {
            File::create(log.path()).unwrap().set_len(full_bytes).unwrap();
            log.append(&dump_of(3)).unwrap();
            assert_eq!(fs::metadata(&older).unwrap().len(), full_bytes);
            assert!(fs::read_to_string(log.path()).unwrap().starts_with("#[Histogram log format version"));
        }
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 2);
    }

    #[test]
    fn a_link_in_place_of_a_log_is_not_followed() {
        let directory = tempfile::tempdir().unwrap();
        let (log, elsewhere) = (log_in(directory.path()), directory.path().join("elsewhere"));
        fs::write(&elsewhere, "mine").unwrap();
        std::os::unix::fs::symlink(&elsewhere, log.path()).unwrap();
        let error = log.append(&dump_of(1)).unwrap_err();
        assert_eq!(error.raw_os_error(), Some(Errno::LOOP.raw_os_error()));
        assert_eq!(fs::read_to_string(&elsewhere).unwrap(), "mine");
    }

    #[test]
    fn a_dump_lists_the_missing_cores() {
        let shards: Vec<ShardId> = ShardCount::new(4).unwrap().shards().skip(2).collect();
        let (from, length) = (Duration::ZERO, Duration::from_millis(250));
        let latencies = &set_with_expiry_turns(1);
        let dump = Dump { reason: DumpReason::Interval, from, length, latencies, missing: &shards };
        let text = String::from_utf8(encode(&dump)).unwrap();
        assert!(text.lines().any(|line| line == "#[Cores missing: 2, 3]"), "{text}");
        assert_eq!(expiry_turns_in(&text), 1);
        let whole = String::from_utf8(dump_of(1)).unwrap();
        assert!(!whole.contains("missing"), "{whole}");
    }

    #[test]
    fn a_missing_directory_is_an_error_and_is_not_created() {
        let directory = tempfile::tempdir().unwrap().path().join("missing");
        assert_eq!(log_in(&directory).append(&dump_of(1)).unwrap_err().kind(), io::ErrorKind::NotFound);
    }
}
