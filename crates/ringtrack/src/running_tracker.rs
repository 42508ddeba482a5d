//! A tracker that runs on this machine, as /proc tells of it.

use crate::cli::CommandLine;
use anyhow::{Context, bail, ensure};
use clap::Parser;
use rustix::process::{Pid, Signal, kill_process, test_kill_process};
use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

/// The name that the kernel gives to a process of this program.
const NAME: &str = "ringtrack";

/// A process that serves and takes the signal SIGUSR1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RunningTracker {
    pid: Pid,
}

impl RunningTracker {
    /// The process that is named, or the only one there is that this user may send signals to.
    pub(crate) fn find(named: Option<u32>) -> anyhow::Result<Self> {
        let Some(number) = named else { return only_one(&all()?) };
        let tracker = Self::of(number).with_context(|| format!("there is no process {number}"))?;
        ensure!(tracker.serves(), "process {number} is no tracker that serves");
        Ok(tracker)
    }

    fn of(number: u32) -> Option<Self> {
        let pid = Pid::from_raw(i32::try_from(number).ok()?)?;
        fs::exists(format!("/proc/{number}")).ok()?.then_some(Self { pid })
    }

    pub(crate) fn number(self) -> u32 {
        self.pid.as_raw_pid().unsigned_abs()
    }

    /// Asks for a report.
    pub(crate) fn request_report(self) -> anyhow::Result<()> {
        let number = self.number();
        kill_process(self.pid, Signal::USR1).with_context(|| format!("process {number} cannot be signalled"))
    }

    /// The configuration file that its command line names.
    pub(crate) fn config_file(self) -> anyhow::Result<Option<PathBuf>> {
        Ok(self.command_line()?.config)
    }

    /// Its environment as it was at its start.
    pub(crate) fn environment(self) -> anyhow::Result<Vec<(OsString, OsString)>> {
        let variable = |text: OsString| {
            let (name, value) = split_at_equals(text.as_bytes())?;
            Some((OsStr::from_bytes(name).to_owned(), OsStr::from_bytes(value).to_owned()))
        };
        Ok(self.words("environ")?.into_iter().filter_map(variable).collect())
    }

    pub(crate) fn working_directory(self) -> anyhow::Result<PathBuf> {
        let link = self.file("cwd");
        fs::read_link(&link).with_context(|| format!("{} cannot be read", link.display()))
    }

    /// A process of another kind would be killed by the signal, and so would a tracker that just starts.
    fn serves(self) -> bool {
        let name = fs::read_to_string(self.file("comm"));
        name.is_ok_and(|name| name.trim_end() == NAME)
            && self.command_line().is_ok_and(|command_line| command_line.command.is_none())
            && fs::read_to_string(self.file("status")).is_ok_and(|status| catches_usr1(&status))
    }

    fn command_line(self) -> anyhow::Result<CommandLine> {
        CommandLine::try_parse_from(self.words("cmdline")?).context("its command line is none of a tracker")
    }

    fn file(self, name: &str) -> PathBuf {
        format!("/proc/{}/{name}", self.number()).into()
    }

    /// What stands in one of its files, in which each word ends with a zero.
    fn words(self, name: &str) -> anyhow::Result<Vec<OsString>> {
        let file = self.file(name);
        let bytes = fs::read(&file).with_context(|| format!("{} cannot be read", file.display()))?;
        let words = bytes.split_inclusive(|&byte| byte == 0);
        Ok(words.map(|word| OsStr::from_bytes(word.strip_suffix(&[0]).unwrap_or(word)).to_owned()).collect())
    }
}

/// All that this user may send signals to.
fn all() -> anyhow::Result<Vec<RunningTracker>> {
    let entries = fs::read_dir("/proc").context("/proc cannot be read")?;
    let numbers = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    let mut trackers: Vec<_> = numbers
        .filter_map(RunningTracker::of)
        .filter(|tracker| tracker.serves() && test_kill_process(tracker.pid).is_ok())
        .collect();
    trackers.sort_by_key(|tracker| tracker.number());
    Ok(trackers)
}

fn only_one(trackers: &[RunningTracker]) -> anyhow::Result<RunningTracker> {
    match trackers {
        [] => bail!("no tracker runs here that this user may send signals to"),
        [tracker] => Ok(*tracker),
        several => {
            let numbers: Vec<String> = several.iter().map(|tracker| tracker.number().to_string()).collect();
            bail!("several trackers run, the processes {}: choose one with --pid", numbers.join(", "))
        }
    }
}

fn split_at_equals(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = text.iter().position(|&byte| byte == b'=')?;
    Some((&text[..at], &text[at + 1..]))
}

/// Whether the signals caught, as a process's status lists them in hexadecimal, include SIGUSR1.
fn catches_usr1(status: &str) -> bool {
    let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:"));
    let mask = caught.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0);
    mask >> (Signal::USR1.as_raw() - 1) & 1 == 1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trackers(numbers: &[u32]) -> Vec<RunningTracker> {
        numbers
            .iter()
            .map(|&number| RunningTracker { pid: Pid::from_raw(number.cast_signed()).unwrap() })
            .collect()
    }

    #[test]
    fn the_only_tracker_is_taken_and_several_are_listed() {
        assert_eq!(only_one(&trackers(&[7])).unwrap().number(), 7);
        let error = only_one(&trackers(&[7, 9])).unwrap_err().to_string();
        assert_eq!(error, "several trackers run, the processes 7, 9: choose one with --pid");
        assert!(only_one(&[]).is_err());
    }

    #[test]
    fn a_process_that_does_not_serve_is_never_signalled() {
        let error = RunningTracker::find(Some(std::process::id())).unwrap_err().to_string();
        assert!(error.ends_with(" is no tracker that serves"), "{error}");
        let error = RunningTracker::find(Some(u32::MAX)).unwrap_err().to_string();
        assert_eq!(error, "there is no process 4294967295");
    }

    #[test]
    fn the_signals_that_a_process_catches_are_read_from_its_status() {
        assert!(catches_usr1("Name:\tx\nSigCgt:\t0000000000000200\n"));
        assert!(!catches_usr1("Name:\tx\nSigCgt:\tfffffffffffffdff\n"));
        assert!(!catches_usr1("Name:\tx\n"));
    }
}
