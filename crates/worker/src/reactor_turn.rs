use core::future::{Future, poll_fn};
use core::pin::pin;
use glommio::timer::sleep;
use std::time::{Duration, Instant};

/// How far ahead the timer is set at first.
const AHEAD_MIN: Duration = Duration::from_micros(1);

/// How far ahead it is set at most, because the wait is a busy loop.
const AHEAD_MAX: Duration = Duration::from_micros(128);

/// Whether a timer made its task wait until the reactor found it due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Waited {
    ForReactor,
    /// It was due at the first poll.
    NotAtAll,
}

/// Waits until the reactor has checked its sockets, timers and rings.
///
/// The executor has no call for that, so this waits for a timer. It spins until the timer is due, so that the reactor
/// finds it due: sleeping for it would cost a programmed interrupt, a memory barrier across all cores and two context
/// switches, which is more than a batch of requests.
pub(crate) async fn reactor_turn() {
    reactor_turn_from(AHEAD_MIN).await;
}

/// A timer that is due at the first poll, because the kernel ran another thread meanwhile, does not reach the reactor.
/// The next one is set further ahead.
async fn reactor_turn_from(first_ahead: Duration) {
    let mut ahead = first_ahead;
    while wait_for_timer(ahead).await == Waited::NotAtAll {
        ahead = (ahead * 2).min(AHEAD_MAX);
    }
}

async fn wait_for_timer(ahead: Duration) -> Waited {
    let mut timer = pin!(sleep(ahead));
    let mut waited = Waited::NotAtAll;
    poll_fn(|context| {
        let poll = timer.as_mut().poll(context);
        if poll.is_pending() {
            waited = Waited::ForReactor;
            spin_until(Instant::now() + ahead);
        }
        poll
    })
    .await;
    waited
}

fn spin_until(due: Instant) {
    while Instant::now() <= due {
        core::hint::spin_loop();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use glommio::{LocalExecutorBuilder, Placement};

    fn on_executor<T: Send + 'static>(test: impl AsyncFnOnce() -> T + Send + 'static) -> T {
        let executor = LocalExecutorBuilder::new(Placement::Unbound).io_memory(16 << 10).make().unwrap();
        executor.run(test())
    }

    #[test]
    fn a_timer_that_is_due_already_does_not_wait_for_the_reactor() {
        assert_eq!(on_executor(async || wait_for_timer(Duration::ZERO).await), Waited::NotAtAll);
        // On a busy machine a timer may be due at the first poll.
        let waits = (0..20).map(|_| on_executor(async || wait_for_timer(Duration::from_millis(50)).await));
        assert!(waits.into_iter().any(|waited| waited == Waited::ForReactor));
    }

    #[test]
    fn the_reactor_has_its_turn_even_if_the_first_timers_are_due_at_once() {
        let waits = on_executor(async || {
            let mut turn = pin!(reactor_turn_from(Duration::from_nanos(1)));
            let mut waits = 0;
            poll_fn(|context| {
                let poll = turn.as_mut().poll(context);
                waits += u32::from(poll.is_pending());
                poll.map(|()| waits)
            })
            .await
        });
        assert_eq!(waits, 1);
    }
}
