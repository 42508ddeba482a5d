use crate::outstanding::Sent;
use crate::tally::Tally;

/// What happened to the requests of each phase. Whenever a reply comes, it counts to the phase that its request
/// left in.
#[derive(Debug)]
pub(crate) struct Phases {
    /// Of requests that left before the measured time.
    pub(crate) warmup: Tally,
    /// Of requests that left within the measured time, or of all where no measurement has begun.
    pub(crate) measured: Tally,
    measured_from_ns: u64,
}

impl Phases {
    pub(crate) fn new() -> Self {
        Self { warmup: Tally::new(), measured: Tally::new(), measured_from_ns: 0 }
    }

    /// What leaves from now on is measured.
    pub(crate) fn begin_measurement(&mut self, now_ns: u64) {
        self.warmup = std::mem::replace(&mut self.measured, Tally::new());
        self.measured_from_ns = now_ns;
    }

    pub(crate) const fn of_mut(&mut self, sent: &Sent) -> &mut Tally {
        if sent.sent_ns < self.measured_from_ns { &mut self.warmup } else { &mut self.measured }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sockets::Kind;

    #[test]
    fn a_late_reply_to_a_request_of_the_warmup_is_not_measured() {
        let mut phases = Phases::new();
        phases.begin_measurement(100);
        for sent_ns in [99, 100, 101] {
            let sent = Sent { kind: Kind::Scrape, port: 0, peer: 0, due_ns: 0, sent_ns };
            phases.of_mut(&sent).of_mut(sent.kind).answered += 1;
        }
        assert_eq!((phases.warmup.answered(), phases.measured.answered()), (1, 2));
    }
}
