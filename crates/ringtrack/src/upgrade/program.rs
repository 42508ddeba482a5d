use crate::service_manager;
use anyhow::{Context, ensure};
use rustix::process::getppid;
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use std::env;
use std::ffi::OsString;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf, absolute};
use std::process::Stdio;
use std::thread::Builder;
use tokio::process::{Child, Command};
use tokio::runtime::Handle;
use tokio::sync::oneshot;

/// The variable of the successor that has the process id of its predecessor. It does not begin with `RINGTRACK_`, as keys of
/// the configuration do.
pub(super) const PREDECESSOR: &str = "UPGRADE_OF_RINGTRACK_PROCESS";

/// Variables of the service manager about descriptors and about which process they are meant for.
const OF_THIS_PROCESS: [&str; 4] = ["LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES", "WATCHDOG_PID"];

/// How this process was started, so that it can start its successor in the same way.
#[derive(Debug, Clone)]
pub(crate) struct Program {
    pub(super) path: PathBuf,
    arguments: Vec<OsString>,
    /// The cores that it may use. The control plane moves to some of them later.
    affinity: CpuSet,
    /// Whether the end of this process is taken for that of the tracker.
    is_awaited: bool,
}

impl Program {
    /// Returns how this process was started. Called before the program file can be replaced, and before the control plane moves.
    pub(crate) fn of_this_process() -> anyhow::Result<Self> {
        let running = env::current_exe().context("the path of this program is not known")?;
        let mut arguments = env::args_os();
        let named = arguments.next().map(PathBuf::from);
        let affinity = sched_getaffinity(None).context("the process's affinity mask cannot be read")?;
        let parent = getppid().map(|parent| parent.as_raw_nonzero().get());
        Ok(Self {
            path: path(named.as_deref(), running),
            arguments: arguments.collect(),
            affinity,
            is_awaited: is_awaited(std::process::id(), parent, service_manager::is_there()),
        })
    }

    /// Checks that the end of this process is not that of the tracker.
    pub(super) fn check_replaceable(&self) -> anyhow::Result<()> {
        ensure!(
            !self.is_awaited,
            "what has started this process takes its end for that of the tracker: restart the container or the service instead"
        );
        Ok(())
    }

    /// Starts the program with a socket as its standard input.
    pub(super) async fn start(&self, socket: OwnedFd) -> io::Result<Child> {
        let mut command = Command::new(&self.path);
        command.args(&self.arguments).stdin(Stdio::from(socket));
        command.env(PREDECESSOR, std::process::id().to_string());
        if sd_notify::watchdog_enabled().is_none() {
            command.env_remove("WATCHDOG_USEC");
        }
        for variable in OF_THIS_PROCESS {
            command.env_remove(variable);
        }
        let (started, outcome) = oneshot::channel();
        let (runtime, affinity) = (Handle::current(), self.affinity);
        // A process inherits the cores of the thread that starts it.
        Builder::new().name("upgrade".to_owned()).spawn(move || {
            let _runtime = runtime.enter();
            let child =
                sched_setaffinity(None, &affinity).map_err(io::Error::from).and_then(|()| command.spawn());
            // The receiver is gone if the tracker is stopping.
            drop(started.send(child));
        })?;
        outcome.await.map_err(io::Error::other)?
    }
}

/// Whether the end of a process is taken for that of the tracker. All of a container ends with its first process, which may wait for the
/// process that it has started. A service manager learns which process is the main one.
fn is_awaited(process: u32, parent: Option<i32>, has_service_manager: bool) -> bool {
    process == 1 || parent == Some(1) && !has_service_manager
}

/// Returns the path of the program: as it was named, because a link may lead to another version later, or else that of the file.
fn path(named: Option<&Path>, running: PathBuf) -> PathBuf {
    let has_folder = |named: &&Path| named.components().count() > 1;
    let named = named.filter(has_folder).and_then(|named| absolute(named).ok());
    named.filter(|named| named.canonicalize().is_ok_and(|file| file == running)).unwrap_or(running)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn the_first_process_of_a_container_and_its_child_are_awaited() {
        for (process, parent, has_service_manager, expected) in [
            (1, None, false, true),
            (1, None, true, true),
            (7, Some(1), false, true),
            (7, Some(1), true, false),
            (7, Some(6), false, false),
        ] {
            let outcome = is_awaited(process, parent, has_service_manager);
            assert_eq!(outcome, expected, "{process} {parent:?} {has_service_manager}");
        }
    }

    #[test]
    fn a_link_by_which_the_program_was_started_stays_a_link() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().canonicalize().unwrap();
        let [file, link, other] = ["version-1", "ringtrack", "other"].map(|name| folder.join(name));
        std::fs::write(&file, "").unwrap();
        symlink(&file, &link).unwrap();
        std::fs::write(&other, "").unwrap();
        assert_eq!(path(Some(&link), file.clone()), link);
        assert_eq!(path(Some(&file), file.clone()), file);
        for named in [Some(Path::new("ringtrack")), Some(&*other), None] {
            assert_eq!(path(named, file.clone()), file, "{named:?}");
        }
    }
}
