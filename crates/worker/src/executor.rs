//! The thread of a core: glommio pins it and owns it, and the core's loop is its one task.
//!
//! The loop waits by one epoll, which watches every socket and the wake-up of the core, with the next deadline as its
//! timeout. Nothing is armed or cancelled for a wait.

pub(crate) mod kernel_ring;

use crate::error::WorkerError;
use crate::limits::{FILE_IO_BYTES, PREEMPT_MS};
use crate::sockets::CoreSockets;
use core_loop::{Core, Step};
use glommio::{LocalExecutorBuilder, Placement};
use std::io;
use std::time::Duration;

/// Pins the calling thread to a core of the machine, and runs the loop from `begin` until it ends.
pub(crate) fn run_on_core(
    core: usize,
    begin: impl FnOnce() -> io::Result<Core<CoreSockets>>,
) -> Result<(), WorkerError> {
    LocalExecutorBuilder::new(Placement::Fixed(core))
        .io_memory(FILE_IO_BYTES)
        .preempt_timer(Duration::from_millis(PREEMPT_MS))
        .make()
        .map_err(|error| WorkerError::Executor { core, reason: error.to_string() })?
        .run(async move {
            run(begin().map_err(WorkerError::Readiness)?);
            Ok(())
        })
}

fn run(mut core: Core<CoreSockets>) {
    loop {
        match core.step() {
            Step::Busy => {}
            Step::Idle(until) => {
                if core.notify().fall_asleep() {
                    core.sockets().wait(until);
                }
            }
            Step::Ended => return,
        }
    }
}
