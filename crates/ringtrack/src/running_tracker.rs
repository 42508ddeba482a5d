//! A tracker that runs on this machine, found in /proc.

use crate::cli::CommandLine;
use anyhow::{Context, bail, ensure};
use clap::Parser;
use rustix::process::{Pid, PidfdFlags, Signal, geteuid, pidfd_open, pidfd_send_signal, test_kill_process};
use std::ffi::{OsStr, OsString};
use std::fmt::{self, Display, Formatter};
use std::fs;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

/// The kernel's name for a process of this program.
const NAME: &str = "ringtrack";

/// A process that serves and catches the signal SIGUSR1.
#[derive(Debug)]
pub(crate) struct RunningTracker {
    pid: Pid,
    /// Opened before anything is read about the process, so that a signal never reaches another process that got the
    /// same number later.
    handle: OwnedFd,
    /// The effective user.
    uid: u32,
}

impl RunningTracker {
    /// Finds the named process, or the only one that this user may send signals to, or of several the only one of
    /// this user.
    pub(crate) fn find(named: Option<u32>) -> anyhow::Result<Self> {
        let Some(number) = named else { return choose(all()?, geteuid().as_raw()) };
        let tracker = Self::of(number).with_context(|| format!("there is no process {number}"))?;
        ensure!(tracker.serves(), "{tracker} is not a tracker that serves");
        Ok(tracker)
    }

    fn of(number: u32) -> Option<Self> {
        let pid = Pid::from_raw(i32::try_from(number).ok()?)?;
        let handle = pidfd_open(pid, PidfdFlags::empty()).ok()?;
        let status = fs::read_to_string(format!("/proc/{number}/status")).ok()?;
        Some(Self { pid, handle, uid: effective_uid(&status)? })
    }

    pub(crate) fn number(&self) -> u32 {
        self.pid.as_raw_pid().unsigned_abs()
    }

    /// Requests a report by SIGUSR1.
    pub(crate) fn request_report(&self) -> anyhow::Result<()> {
        pidfd_send_signal(&self.handle, Signal::USR1).with_context(|| format!("{self} cannot be signalled"))
    }

    /// Returns the configuration file named on its command line.
    pub(crate) fn config_file(&self) -> anyhow::Result<Option<PathBuf>> {
        Ok(self.command_line()?.config)
    }

    /// Returns its environment as it was at its start.
    pub(crate) fn environment(&self) -> anyhow::Result<Vec<(OsString, OsString)>> {
        let variable = |text: OsString| {
            let (name, value) = split_at_equals(text.as_bytes())?;
            Some((OsStr::from_bytes(name).to_owned(), OsStr::from_bytes(value).to_owned()))
        };
        Ok(self.words("environ")?.into_iter().filter_map(variable).collect())
    }

    pub(crate) fn working_directory(&self) -> anyhow::Result<PathBuf> {
        let link = self.file("cwd");
        fs::read_link(&link).with_context(|| format!("{} cannot be read", link.display()))
    }

    /// Returns whether it can be signalled: a process of another kind would be killed, and so would a starting tracker.
    fn serves(&self) -> bool {
        let name = fs::read_to_string(self.file("comm"));
        name.is_ok_and(|name| name.trim_end() == NAME)
            && self.command_line().is_ok_and(|command_line| command_line.command.is_none())
            && fs::read_to_string(self.file("status")).is_ok_and(|status| catches_usr1(&status))
    }

    fn command_line(&self) -> anyhow::Result<CommandLine> {
        CommandLine::try_parse_from(self.words("cmdline")?).context("its command line is not a tracker's")
    }

    fn file(&self, name: &str) -> PathBuf {
        format!("/proc/{}/{name}", self.number()).into()
    }

    /// Returns the words of one of its files, in which each ends with a zero byte.
    fn words(&self, name: &str) -> anyhow::Result<Vec<OsString>> {
        let file = self.file(name);
        let bytes = fs::read(&file).with_context(|| format!("{} cannot be read", file.display()))?;
        let words = bytes.split_inclusive(|&byte| byte == 0);
        Ok(words.map(|word| OsStr::from_bytes(word.strip_suffix(&[0]).unwrap_or(word)).to_owned()).collect())
    }
}

impl Display for RunningTracker {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        write!(formatter, "process {} of user {}", self.number(), self.uid)
    }
}

/// Returns all trackers that this user may send signals to.
fn all() -> anyhow::Result<Vec<RunningTracker>> {
    let entries = fs::read_dir("/proc").context("/proc cannot be read")?;
    let numbers = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    let mut trackers: Vec<_> = numbers
        .filter_map(RunningTracker::of)
        .filter(|tracker| tracker.serves() && test_kill_process(tracker.pid).is_ok())
        .collect();
    trackers.sort_by_key(RunningTracker::number);
    Ok(trackers)
}

/// Returns the only tracker, or else the only one of a user.
fn choose(trackers: Vec<RunningTracker>, uid: u32) -> anyhow::Result<RunningTracker> {
    ensure!(!trackers.is_empty(), "no tracker runs here that this user may send signals to");
    let listed = trackers.iter().map(RunningTracker::to_string).collect::<Vec<_>>().join(", ");
    let is_only_one = trackers.len() == 1;
    let mut candidates = trackers.into_iter().filter(|tracker| is_only_one || tracker.uid == uid);
    match (candidates.next(), candidates.next()) {
        (Some(tracker), None) => Ok(tracker),
        _ => bail!("several trackers run, {listed}: choose one with --pid"),
    }
}

fn split_at_equals(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = text.iter().position(|&byte| byte == b'=')?;
    Some((&text[..at], &text[at + 1..]))
}

/// Returns the effective user, which is the second one in a process's status.
fn effective_uid(status: &str) -> Option<u32> {
    let users = status.lines().find_map(|line| line.strip_prefix("Uid:"))?;
    users.split_whitespace().nth(1)?.parse().ok()
}

/// Returns whether the caught signals in a process's status, a hexadecimal mask, include SIGUSR1.
fn catches_usr1(status: &str) -> bool {
    let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:"));
    let mask = caught.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0);
    mask >> (Signal::USR1.as_raw() - 1) & 1 == 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::io::Errno;
    use rustix::process::getpid;
    use std::process::{Command, Stdio};

    /// Returns trackers with these numbers and users, whose handles are those of this process.
    fn trackers(known: &[(u32, u32)]) -> Vec<RunningTracker> {
        let tracker = |&(number, uid): &(u32, u32)| RunningTracker {
            pid: Pid::from_raw(number.cast_signed()).unwrap(),
            handle: pidfd_open(getpid(), PidfdFlags::empty()).unwrap(),
            uid,
        };
        known.iter().map(tracker).collect()
    }

    fn chosen(known: &[(u32, u32)]) -> Result<u32, String> {
        let tracker = choose(trackers(known), 1000);
        tracker.map(|tracker| tracker.number()).map_err(|error| error.to_string())
    }

    #[test]
    fn the_only_tracker_is_chosen_or_else_the_only_one_of_the_user() {
        assert_eq!(chosen(&[(7, 0)]), Ok(7));
        assert_eq!(chosen(&[(7, 0), (9, 1000)]), Ok(9));
        assert!(chosen(&[]).is_err());
    }

    #[test]
    fn several_candidates_are_listed_with_their_users() {
        let list = |list: &str| Err(format!("several trackers run, {list}: choose one with --pid"));
        assert_eq!(chosen(&[(7, 0), (9, 33)]), list("process 7 of user 0, process 9 of user 33"));
        assert_eq!(chosen(&[(7, 1000), (9, 1000)]), list("process 7 of user 1000, process 9 of user 1000"));
    }

    #[test]
    fn a_process_that_has_ended_is_not_signalled_through_its_handle() {
        let mut child = Command::new("cat").stdin(Stdio::piped()).spawn().unwrap();
        let tracker = RunningTracker::of(child.id()).unwrap();
        assert_eq!(tracker.uid, geteuid().as_raw());
        child.kill().unwrap();
        child.wait().unwrap();
        let error = tracker.request_report().unwrap_err();
        assert_eq!(error.downcast_ref::<Errno>(), Some(&Errno::SRCH));
    }

    #[test]
    fn a_process_that_does_not_serve_is_never_signalled() {
        let error = RunningTracker::find(Some(std::process::id())).unwrap_err().to_string();
        assert!(error.ends_with(" is not a tracker that serves"), "{error}");
        let error = RunningTracker::find(Some(u32::MAX)).unwrap_err().to_string();
        assert_eq!(error, "there is no process 4294967295");
    }

    #[test]
    fn the_user_of_a_process_is_the_effective_one_of_its_status() {
        assert_eq!(effective_uid("Name:\tx\nUid:\t1\t2\t3\t4\n"), Some(2));
        assert_eq!(effective_uid("Name:\tx\n"), None);
    }

    #[test]
    fn the_signals_that_a_process_catches_are_read_from_its_status() {
        assert!(catches_usr1("Name:\tx\nSigCgt:\t0000000000000200\n"));
        assert!(!catches_usr1("Name:\tx\nSigCgt:\tfffffffffffffdff\n"));
        assert!(!catches_usr1("Name:\tx\n"));
    }
}
