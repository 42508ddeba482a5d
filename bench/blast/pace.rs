/// Limit of one sleep, after which time-outs and the end of the load are checked.
pub(crate) const REST_NS_MAX: u64 = 1_000_000;

/// The rule by which requests are sent.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Pace {
    /// As soon as fewer than `window` are outstanding.
    Closed { window: u32 },
    /// One per `period_ns` regardless of the tracker, at least `at_least` together; `scheduled` have been sent.
    Open { period_ns: f64, scheduled: u64, at_least: u64 },
}

/// Returns the number of requests due by `now_ns`.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "nanoseconds of a load that ends within days"
)]
pub(crate) fn due(now_ns: u64, period_ns: f64) -> u64 {
    (now_ns as f64 / period_ns) as u64
}

/// A number of requests that may be sent together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Allowance {
    pub(crate) requests: usize,
    /// When the first of them was due.
    pub(crate) first_due_ns: u64,
    /// Time between two of them.
    pub(crate) period_ns: u64,
}

impl Pace {
    /// Returns the requests that may be sent at `now_ns`, at most `most`.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "nanoseconds of a load that ends within days"
    )]
    pub(crate) fn allowance(&self, now_ns: u64, outstanding: u32, most: usize) -> Allowance {
        match *self {
            Self::Closed { window } => {
                let room = window.saturating_sub(outstanding) as usize;
                // Sends at least half a window at once, because many small messages would only slow the load down.
                let requests = if room >= (window as usize / 2).min(most) { room.min(most) } else { 0 };
                Allowance { requests, first_due_ns: now_ns, period_ns: 0 }
            }
            Self::Open { period_ns, scheduled, at_least } => {
                let waiting = due(now_ns, period_ns).saturating_sub(scheduled).min(most as u64);
                let requests = if waiting < at_least { 0 } else { waiting as usize };
                let first_due_ns = ((scheduled + 1) as f64 * period_ns) as u64;
                Allowance { requests, first_due_ns, period_ns: period_ns as u64 }
            }
        }
    }

    /// Returns the nanoseconds from `now_ns` until a request is due, unless a response comes before.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "nanoseconds of a load that ends within days"
    )]
    pub(crate) fn calm_ns(&self, now_ns: u64, outstanding: u32) -> u64 {
        match *self {
            Self::Closed { window } if outstanding < window => 0,
            Self::Closed { .. } => u64::MAX,
            Self::Open { period_ns, scheduled, at_least } => {
                let next_ns = ((scheduled + at_least) as f64 * period_ns) as u64;
                next_ns.saturating_sub(now_ns)
            }
        }
    }

    /// Records sent requests. Due requests that were not sent stay due.
    pub(crate) const fn note(&mut self, requests: usize) {
        if let Self::Open { scheduled, .. } = self {
            *scheduled += requests as u64;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_closed_loop_fills_its_window() {
        let pace = Pace::Closed { window: 100 };
        assert_eq!(pace.allowance(5, 40, 64).requests, 60);
        assert_eq!(pace.allowance(5, 0, 64).requests, 64);
        assert_eq!(pace.allowance(5, 60, 64).requests, 0);
    }

    #[test]
    fn an_open_loop_keeps_its_schedule_however_late_it_is() {
        let mut pace = Pace::Open { period_ns: 10.0, scheduled: 0, at_least: 1 };
        let late = pace.allowance(1000, 0, 64);
        assert_eq!(late, Allowance { requests: 64, first_due_ns: 10, period_ns: 10 });
        pace.note(64);
        assert_eq!(pace.allowance(1000, 9999, 64).requests, 36);
        assert_eq!(pace.allowance(1000, 9999, 64).first_due_ns, 650);
    }

    #[test]
    fn nothing_is_due_before_its_scheduled_time_or_a_response() {
        let open = Pace::Open { period_ns: 10.0, scheduled: 4, at_least: 1 };
        assert_eq!((open.calm_ns(43, 0), open.calm_ns(50, 9), open.calm_ns(99, 0)), (7, 0, 0));
        assert_eq!((open.allowance(49, 0, 64).requests, open.allowance(50, 0, 64).first_due_ns), (0, 50));
        let closed = Pace::Closed { window: 2 };
        assert_eq!((closed.calm_ns(7, 1), closed.calm_ns(7, 2)), (0, u64::MAX));
    }

    #[test]
    fn an_open_loop_can_wait_to_send_several_together() {
        let pace = Pace::Open { period_ns: 10.0, scheduled: 0, at_least: 4 };
        assert_eq!(pace.allowance(39, 0, 64).requests, 0);
        assert_eq!(pace.allowance(40, 0, 64).requests, 4);
    }
}
