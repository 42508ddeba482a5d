use crate::sync::{AtomicU8, Ordering};
use std::sync::OnceLock;
use std::task::Waker;

/// Whether something has been sent to a core since it last looked, and how the core is woken if it sleeps.
///
/// A sender puts its message into a ring or channel, then calls [`Self::notify`]. The core calls [`Self::take`] before it
/// looks at its rings and channels, and [`Self::fall_asleep`] before it waits. Every change of the state is one atomic
/// exchange, so that a message is either seen by the look that follows or prevents the wait. If the thread that has to wake the core loses
/// its processor before it does, the core looks at the next turn of its timer.
#[derive(Debug, Default)]
pub struct Notify {
    state: AtomicU8,
    waker: OnceLock<Waker>,
}

/// The core runs, and has looked at everything.
const AWAKE: u8 = 0;

/// Something was sent since the core last looked.
const NOTIFIED: u8 = 1;

/// The core waits, or is about to.
const ASLEEP: u8 = 2;

impl Notify {
    /// Sets how the core is woken, once. Without a waker, the core must not fall asleep.
    pub fn set_waker(&self, waker: Waker) {
        // The core sets it at its start, and a second one would wake the same core.
        let _first_one_stays = self.waker.set(waker);
    }

    /// Notifies the core of a message that was sent to it before.
    pub fn notify(&self) {
        if self.state.swap(NOTIFIED, Ordering::AcqRel) == ASLEEP
            && let Some(waker) = self.waker.get()
        {
            waker.wake_by_ref();
        }
    }

    /// Returns whether the core was notified since the last call.
    pub fn take(&self) -> bool {
        self.state.swap(AWAKE, Ordering::AcqRel) == NOTIFIED
    }

    /// Returns whether the core may wait: the next [`Self::notify`] will wake it. If it was notified already, it may not.
    #[must_use]
    pub fn fall_asleep(&self) -> bool {
        self.state.compare_exchange(AWAKE, ASLEEP, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }
}

#[cfg(all(loom, test))]
mod models;

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::mpsc;
    use std::task::Wake;
    use std::thread;

    struct Thread(thread::Thread);

    impl Wake for Thread {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }

    #[test]
    fn a_core_that_was_notified_looks_before_it_sleeps() {
        let notify = Notify::default();
        assert!(!notify.take());
        notify.notify();
        assert!(!notify.fall_asleep());
        assert!(notify.take());
        assert!(notify.fall_asleep());
        notify.notify();
        assert!(notify.take());
        assert!(!notify.take());
    }

    #[test]
    fn no_message_of_another_thread_is_slept_through() {
        let notify = Arc::new(Notify::default());
        let (sender, messages) = mpsc::channel();
        let core = thread::spawn({
            let notify = Arc::clone(&notify);
            move || {
                notify.set_waker(Arc::new(Thread(thread::current())).into());
                let mut received = 0;
                while received < 100_000 {
                    if notify.take() {
                        received += messages.try_iter().count();
                    } else if notify.fall_asleep() {
                        thread::park();
                    }
                }
                received
            }
        });
        for number in 0..100_000 {
            sender.send(number).expect("the core receives");
            notify.notify();
        }
        assert_eq!(core.join().expect("it ends"), 100_000);
    }
}
