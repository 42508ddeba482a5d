//! The priority of a successor's threads. Both processes share the cores: until the successor serves, it takes only the time that its
//! predecessor leaves.

use anyhow::Context;
use rustix::io::{Errno, Result};
use rustix::process::{Pid, getpriority_process, setpriority_process};
use std::fs::read_dir;
use std::thread;

/// The nice value of the lowest priority.
const LOWEST: i32 = 19;

/// All threads of this process have the lowest priority until this is ended.
pub(super) struct LowPriority {
    /// The nice value before.
    usual: i32,
}

impl LowPriority {
    /// Lowers the priority, if this process is permitted to raise it again (`RLIMIT_NICE`).
    pub(super) fn begin() -> anyhow::Result<Option<Self>> {
        let usual = getpriority_process(None)?;
        let trial = move || setpriority_process(None, LOWEST).and_then(|()| setpriority_process(None, usual));
        if !thread::spawn(trial).join().is_ok_and(|tried| tried.is_ok()) {
            return Ok(None);
        }
        set_all(LOWEST)?;
        Ok(Some(Self { usual }))
    }

    pub(super) fn end(self) -> anyhow::Result<()> {
        set_all(self.usual).context("the priority cannot be raised again")
    }
}

/// Sets the nice value of all threads.
fn set_all(nice: i32) -> anyhow::Result<()> {
    // Threads that others start meanwhile have the value of those.
    while set_those_of_now(nice)? {}
    Ok(())
}

/// Returns whether one had another value.
fn set_those_of_now(nice: i32) -> anyhow::Result<bool> {
    let mut had_another = false;
    for entry in read_dir("/proc/self/task")? {
        let thread = entry?.file_name().to_str().and_then(|id| id.parse().ok()).and_then(Pid::from_raw);
        had_another |= set(thread.context("a thread without an id")?, nice)?;
    }
    Ok(had_another)
}

fn set(thread: Pid, nice: i32) -> Result<bool> {
    let set = getpriority_process(Some(thread)).and_then(|before| {
        setpriority_process(Some(thread), nice)?;
        Ok(before != nice)
    });
    match set {
        // It has ended.
        Err(Errno::SRCH) => Ok(false),
        set => set,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::channel;

    #[test]
    fn all_threads_have_the_lowest_priority_until_it_ends() {
        let (ask, asked) = channel::<()>();
        let (answer, answers) = channel();
        let other = thread::spawn(move || {
            asked.iter().for_each(|()| answer.send(getpriority_process(None).unwrap()).unwrap());
        });
        let nice = || {
            ask.send(()).unwrap();
            answers.recv().unwrap()
        };
        let usual = nice();
        // A process without the right is not lowered.
        let low = LowPriority::begin().unwrap();
        assert_eq!(nice(), if low.is_some() { 19 } else { usual });
        low.map_or(Ok(()), LowPriority::end).unwrap();
        assert_eq!(nice(), usual);
        drop(ask);
        other.join().unwrap();
    }
}
