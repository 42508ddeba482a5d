use core::future::{Future, poll_fn};
use core::pin::pin;
use glommio::timer::sleep;
use std::time::{Duration, Instant};

/// How far ahead the timer is set. One that is due already would not reach the reactor at all.
const TIMER_AHEAD: Duration = Duration::from_micros(1);

/// Waits until the reactor has looked at its sockets, timers and rings.
///
/// The executor has no call for that; a timer is what comes nearest. The timer's time is waited for here, on the
/// core, so that the reactor finds it due: one that it had to sleep for would cost a programmed interrupt, a memory
/// barrier across all cores and two switches of context, which is more than a batch of requests.
pub(crate) async fn reactor_turn() {
    let mut timer = pin!(sleep(TIMER_AHEAD));
    poll_fn(|context| {
        let poll = timer.as_mut().poll(context);
        let due = Instant::now() + TIMER_AHEAD;
        while poll.is_pending() && Instant::now() <= due {
            core::hint::spin_loop();
        }
        poll
    })
    .await;
}
