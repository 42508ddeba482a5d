//! A child process with a log file, which never outlives its owner.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};

/// A running program.
pub(crate) struct Process {
    child: Child,
    log: PathBuf,
}

impl Process {
    /// Starts `command` with its output in the file `log`.
    pub(crate) fn start(mut command: Command, log: &Path) -> Self {
        let output = File::create(log).expect("a log file");
        let errors = output.try_clone().expect("a second handle of the log file");
        let child =
            command.stdin(Stdio::null()).stdout(output).stderr(errors).spawn().expect("the program starts");
        Self { child, log: log.to_owned() }
    }

    /// Its output so far.
    pub(crate) fn output(&self) -> String {
        let bytes = std::fs::read(&self.log).expect("the log file");
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Interrupts it, as Ctrl-C does, so that a client can announce its end.
    pub(crate) fn ask_to_stop(&self) {
        kill_process(Pid::from_child(&self.child), Signal::INT).expect("a signal to a child of our own");
    }

    pub(crate) fn has_ended(&mut self) -> bool {
        self.child.try_wait().expect("the state of a child of our own").is_some()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // An error means that it has ended already.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
