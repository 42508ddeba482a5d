use crate::outstanding::Sent;
use crate::tally::Tally;
use crate::verify::Verdict;

/// Tallies of the warm-up and the measurement. A reply counts for the phase in which its request was sent, however
/// late it comes.
#[derive(Debug)]
pub(crate) struct Phases {
    /// Requests sent before the measured time.
    pub(crate) warmup: Tally,
    /// Requests sent within the measured time, or all if no measurement has begun.
    pub(crate) measured: Tally,
    measured_from_ns: u64,
}

impl Phases {
    pub(crate) fn new() -> Self {
        Self { warmup: Tally::new(), measured: Tally::new(), measured_from_ns: 0 }
    }

    /// Counts requests sent from `now_ns` on as measured, and earlier ones as warm-up.
    pub(crate) fn begin_measurement(&mut self, now_ns: u64) {
        self.warmup = std::mem::replace(&mut self.measured, Tally::new());
        self.measured_from_ns = now_ns;
    }

    /// Counts the reply to a request by its verdict. Returns whether it is a right response.
    pub(crate) fn settle(
        &mut self,
        sent: &Sent,
        now_ns: u64,
        reply_bytes: usize,
        verdict: &Verdict<'_>,
    ) -> bool {
        let tally = self.of_mut(sent);
        tally.reply_bytes += reply_bytes as u64;
        tally.of_mut(sent.kind).latency.record(now_ns.saturating_sub(sent.due_ns));
        match verdict {
            Verdict::Right { peers } => tally.of_mut(sent.kind).answer(*peers),
            Verdict::Error(text) => tally.note_error(text),
            Verdict::Wrong(what) => tally.note_wrong(what),
        }
        matches!(verdict, Verdict::Right { .. })
    }

    /// Counts a request as lost after a wait of at least `at_least_ns`.
    pub(crate) fn lose(&mut self, lost: &Sent, now_ns: u64, at_least_ns: u64) {
        let waited_ns = now_ns.saturating_sub(lost.due_ns).max(at_least_ns);
        self.of_mut(lost).of_mut(lost.kind).lose(waited_ns);
    }

    pub(crate) const fn of_mut(&mut self, sent: &Sent) -> &mut Tally {
        if sent.sent_ns < self.measured_from_ns { &mut self.warmup } else { &mut self.measured }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kind::Kind;

    #[test]
    fn a_late_reply_to_a_request_of_the_warmup_is_not_measured() {
        let mut phases = Phases::new();
        phases.begin_measurement(100);
        for sent_ns in [99, 100, 101] {
            let sent = Sent { kind: Kind::Scrape, repeats: 0, way: 0, peer: 0, due_ns: 0, sent_ns };
            phases.of_mut(&sent).of_mut(sent.kind).answered += 1;
        }
        assert_eq!((phases.warmup.answered(), phases.measured.answered()), (1, 2));
    }
}
