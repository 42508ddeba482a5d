use crate::answered::Answered;
use crate::cli::Options;
use crate::connection_tally::ConnectionTally;
use crate::http::HttpLane;
use crate::outstanding::Clock;
use crate::pace::Pace;
use crate::phases::Phases;
use crate::population::Population;
use crate::udp::UdpLane;

/// One thread's way to the trackers, and what is on its way there.
pub(crate) trait Lane {
    /// Waits until there may be something to do, if that is how the load waits.
    fn rest(&mut self, _pace: &Pace) -> anyhow::Result<()> {
        Ok(())
    }

    /// Receives what waits and sends what is due.
    fn turn(&mut self, pace: &mut Pace) -> anyhow::Result<Turn>;

    /// Announces each peer of a target that has no answer yet, once. Tells `shown` how many have one.
    fn announce_missing(
        &mut self,
        target: usize,
        answered: &mut Answered,
        shown: &dyn Fn(u64),
    ) -> anyhow::Result<()>;

    /// Waits until every request has its answer, or counts as lost.
    fn drain(&mut self) -> anyhow::Result<()>;

    /// What happened to the requests.
    fn phases(&mut self) -> &mut Phases;

    /// The peers of a target.
    fn population(&self, target: usize) -> Population;

    /// What became of the connections until now, warm-up included.
    fn connections(&mut self) -> ConnectionTally;
}

/// What was done in a turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Turn {
    pub(crate) replies: usize,
    pub(crate) sent: usize,
}

impl Turn {
    /// Whether there was nothing to do.
    pub(crate) const fn was_idle(self) -> bool {
        self.replies == 0 && self.sent == 0
    }
}

/// Opens the way of thread `thread`.
pub(crate) fn open(options: &Options, thread: usize, clock: Clock) -> anyhow::Result<Box<dyn Lane>> {
    Ok(if options.is_over_http() {
        Box::new(HttpLane::open(options, thread, clock)?)
    } else {
        Box::new(UdpLane::open(options, thread, clock)?)
    })
}
