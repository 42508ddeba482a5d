use super::Notify;
use loom::sync::Arc;
use loom::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use loom::thread::{self, Thread};
use std::task::Wake;

struct Sleeper(Thread);

impl Wake for Sleeper {
    fn wake(self: std::sync::Arc<Self>) {
        self.0.unpark();
    }
}

/// A core and its inbox. The inbox orders nothing, so that a message is seen only because of the notification.
#[derive(Default)]
struct Link {
    notify: Notify,
    sent: AtomicUsize,
}

impl Link {
    fn send(&self) {
        self.sent.fetch_add(1, Relaxed);
        self.notify.notify();
    }

    /// Takes turns as the loop of a core does, until it has received `expected` messages. A core that sleeps through one
    /// waits forever, which loom reports.
    fn receive(&self, expected: usize) {
        self.notify.set_waker(std::sync::Arc::new(Sleeper(thread::current())).into());
        loop {
            if self.notify.take() && self.sent.load(Relaxed) == expected {
                return;
            }
            if self.notify.fall_asleep() {
                thread::park();
            }
        }
    }
}

/// Examines a core to which each of `senders` threads sends `messages`, while its timer wakes it `wakes` times.
fn assert_all_are_received(senders: usize, messages: usize, wakes: usize) {
    loom::model(move || {
        let link = Arc::new(Link::default());
        let core = thread::spawn({
            let link = Arc::clone(&link);
            move || link.receive(senders * messages)
        });
        let threads: Vec<_> = (0..senders)
            .map(|_| {
                let link = Arc::clone(&link);
                thread::spawn(move || (0..messages).for_each(|_| link.send()))
            })
            .collect();
        (0..wakes).for_each(|_| core.thread().unpark());
        threads.into_iter().for_each(|sender| sender.join().expect("a sender ends"));
        core.join().expect("the core receives all");
    });
}

#[test]
fn no_message_of_one_sender_is_slept_through() {
    assert_all_are_received(1, 3, 0);
}

#[test]
fn no_message_of_two_senders_is_slept_through() {
    assert_all_are_received(2, 1, 0);
}

#[test]
fn a_core_that_its_timer_wakes_sleeps_through_no_message() {
    assert_all_are_received(1, 2, 1);
}
