//! The thread of a core: glommio pins it and owns it, and the core's loop is its one task.
//!
//! The loop waits by one epoll, which watches every socket and the wake-up of the core, with the next deadline as its
//! timeout. Nothing is armed or cancelled for a wait.

pub(crate) mod kernel_ring;

use crate::error::WorkerError;
use crate::limits::{FILE_IO_BYTES, PREEMPT_MS, TIMER_SLACK_NS};
use crate::sockets::CoreSockets;
use core_loop::{Core, Step};
use glommio::{LocalExecutorBuilder, Placement};
use rustix::thread::set_current_timer_slack;
use std::io;
use std::num::NonZeroU64;
use std::thread;
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
    // If the kernel refuses, waits are a little longer.
    let _longer_waits = set_current_timer_slack(NonZeroU64::new(TIMER_SLACK_NS));
    loop {
        match core.step() {
            Step::Busy => {}
            Step::Idle(until) => {
                if core.notify().fall_asleep() {
                    core.sockets().wait(until);
                }
            }
            Step::Coalescing(wait) => thread::sleep(wait),
            Step::Ended => return,
        }
    }
}
