use crate::core_state::CoreState;
use crate::limits::TIMER_MS;
use crate::messages::WorkerCommand;
use crossbeam_channel::{Receiver, TryRecvError};
use glommio::timer::sleep;
use primitives::{Counter, Gauge};
use std::time::{Duration, Instant};

/// Lets swarms expire, publishes the figures and takes commands, until the command to stop.
pub(crate) async fn run_timer(core: &CoreState, commands: &Receiver<WorkerCommand>) {
    let period = Duration::from_millis(TIMER_MS);
    loop {
        let due = Instant::now() + period;
        sleep(period).await;
        note_lateness(core, due.elapsed());
        core.engine.borrow_mut().expire(core.clock.now());
        core.publish();
        match commands.try_recv() {
            Ok(WorkerCommand::Stop) | Err(TryRecvError::Disconnected) => return,
            Err(TryRecvError::Empty) => {}
        }
    }
}

fn note_lateness(core: &CoreState, lateness: Duration) {
    let engine = &mut *core.engine.borrow_mut();
    let lateness_us = u64::try_from(lateness.as_micros()).unwrap_or(u64::MAX);
    engine.statistics_mut().add(Counter::TimerTurns, 1);
    engine.statistics_mut().add(Counter::TimerLatenessUs, lateness_us);
    engine.statistics_mut().raise(Gauge::TimerLatenessUsMax, lateness_us);
}
