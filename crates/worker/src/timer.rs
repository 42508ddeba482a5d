use crate::clock::processor_time;
use crate::core_state::CoreState;
use crate::expiry_pace::ExpiryPace;
use crate::kernel_sampling::SampleWindows;
use crate::limits::{EVENTS_PER_TURN_MAX, TIMER_MS};
use core_link::CoreCommand;
use glommio::timer::sleep;
use metrics::{Counter, Gauge};
use std::time::{Duration, Instant};

/// Expires peers, publishes the figures, samples, sends events and executes commands, until the command to stop.
pub(crate) async fn run_timer(core: &CoreState, mut windows: SampleWindows) {
    let period = Duration::from_millis(TIMER_MS);
    let mut pace = ExpiryPace::new();
    loop {
        let due = Instant::now() + period;
        sleep(period).await;
        note_lateness(core, due.elapsed());
        expire(core, &mut pace);
        core.http_server.borrow_mut().sweep(core.clock.now(), &mut core.shard.borrow_mut());
        core.mesh.borrow().send_waiting();
        core.publish();
        send_events(core);
        // After the turn of expiry, so that a window contains the whole turn of expiry at its end: the kernel begins to
        // stamp a moment after the switch, when a turn of expiry that followed at once could be over.
        if let Some(timestamps) = windows.turn() {
            core.set_receive_timestamps(timestamps);
        }
        match core.link.next_command() {
            Some(CoreCommand::Stop) => return,
            Some(CoreCommand::TakeLatency(empty, reply)) => {
                reply.send(core.reply_timer.borrow_mut().take(empty));
            }
            Some(CoreCommand::UseIdentity(identity)) => core.http_server.borrow_mut().set_identity(identity),
            Some(CoreCommand::Serve) | None => {}
        }
    }
}

/// Sends some of the changes. If the channel is full, they are sent later.
fn send_events(core: &CoreState) {
    let shard = &mut *core.shard.borrow_mut();
    for _ in 0..EVENTS_PER_TURN_MAX {
        let Some(event) = shard.take_event() else { return };
        if let Err(unsent) = core.link.report(event) {
            shard.return_event(&unsent);
            return;
        }
    }
}

fn expire(core: &CoreState, pace: &mut ExpiryPace) {
    let before = processor_time();
    let work = core.shard.borrow_mut().expire(core.clock.now(), pace.work());
    let taken = processor_time().saturating_sub(before);
    pace.learn(work, taken);
    core.reply_timer.borrow_mut().expiry_turn(taken);
}

fn note_lateness(core: &CoreState, lateness: Duration) {
    let shard = &mut *core.shard.borrow_mut();
    let lateness_us = u64::try_from(lateness.as_micros()).unwrap_or(u64::MAX);
    shard.statistics_mut().add(Counter::TimerTurns, 1);
    shard.statistics_mut().add(Counter::TimerLatenessUs, lateness_us);
    shard.statistics_mut().raise(Gauge::TimerLatenessUsMax, lateness_us);
}
