//! What the process was started with besides its configuration: by whom, and with which open sockets.

use crate::service_manager::{PassedSockets, name_of, passed_sockets};
use crate::upgrade::{FailureReport, Predecessor, Program, meet};
use primitives::ShardCount;
use snapshot::Secrets;

/// What the process was started with.
pub(crate) struct Origin {
    pub(crate) program: Program,
    /// The process to take over from.
    pub(crate) predecessor: Option<Predecessor>,
    passed: PassedSockets,
}

impl Origin {
    /// Finds it out, before anything opens a descriptor. Returns also how to report to the predecessor that this process failed.
    pub(crate) fn find() -> anyhow::Result<(Self, Option<FailureReport>)> {
        let (mut passed, program) = (passed_sockets()?, Program::of_this_process()?);
        let (mut predecessor, mut report) = (None, None);
        if let Some((found, sockets)) = meet()? {
            report = Some(found.failure_report()?);
            // The predecessor has had them kept under these names.
            passed = PassedSockets { names: sockets.iter().map(name_of).collect(), sockets };
            predecessor = Some(found);
        }
        Ok((Self { program, predecessor, passed }, report))
    }

    /// Returns the secrets of the predecessor, if there is one.
    pub(crate) fn secrets(&self) -> Option<Secrets> {
        self.predecessor.as_ref().map(Predecessor::secrets)
    }

    /// Takes the sockets, as far as they fit to this number of workers.
    ///
    /// # Errors
    /// If those of the predecessor do not.
    pub(crate) fn take_sockets(&mut self, shards: ShardCount) -> anyhow::Result<PassedSockets> {
        if let Some(predecessor) = &self.predecessor {
            predecessor.check_workers(shards)?;
        }
        std::mem::take(&mut self.passed).without_other_shards(shards)
    }
}
