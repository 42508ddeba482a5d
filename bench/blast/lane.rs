use crate::answered::Answered;
use crate::attack::Attack;
use crate::cli::Options;
use crate::connection_tally::ConnectionTally;
use crate::http::{HostileLane, HttpLane};
use crate::outstanding::Clock;
use crate::pace::Pace;
use crate::phases::Phases;
use crate::population::Population;
use crate::udp::{SpoofedLane, UdpLane};
use crate::ws::WsLane;

/// One thread's transport to the trackers, with its outstanding requests.
pub(crate) trait Lane {
    /// Sleeps until there may be something to do, unless the load spins.
    fn rest(&mut self, _pace: &Pace) -> anyhow::Result<()> {
        Ok(())
    }

    /// Receives pending replies and sends due requests.
    fn turn(&mut self, pace: &mut Pace) -> anyhow::Result<Turn>;

    /// Announces each unanswered peer of a target once. Reports the number of answered peers to `shown`.
    fn announce_missing(
        &mut self,
        _target: usize,
        _answered: &mut Answered,
        _shown: &dyn Fn(u64),
    ) -> anyhow::Result<()> {
        anyhow::bail!("an attack announces no peers for others")
    }

    /// Waits until every request is answered or counts as lost.
    fn drain(&mut self) -> anyhow::Result<()> {
        Ok(())
    }

    fn phases(&mut self) -> &mut Phases;

    fn population(&self, target: usize) -> Population;

    /// Returns the counts of the connections so far, including the warm-up.
    fn connections(&mut self) -> ConnectionTally {
        ConnectionTally::default()
    }
}

/// The work done in a turn.
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

/// Opens the lane of thread `thread`.
pub(crate) fn open(options: &Options, thread: usize, clock: Clock) -> anyhow::Result<Box<dyn Lane>> {
    Ok(match options.attack {
        None | Some(Attack::Flood) => open_load(options, thread, clock)?,
        Some(Attack::Spoofed) => Box::new(SpoofedLane::open(options, thread, clock)?),
        Some(attack) => Box::new(HostileLane::open(options, attack, thread, clock)?),
    })
}

fn open_load(options: &Options, thread: usize, clock: Clock) -> anyhow::Result<Box<dyn Lane>> {
    Ok(if options.is_over_websocket() {
        Box::new(WsLane::open(options, thread, clock)?)
    } else if options.is_over_http() {
        Box::new(HttpLane::open(options, thread, clock)?)
    } else {
        Box::new(UdpLane::open(options, thread, clock)?)
    })
}
