use super::Simulator;
use super::clock::VirtualClock;
use super::sockets::SimulatedSockets;
use core_link::{CoreCommand, CoreHandle, CoreTask, Cores};
use core_loop::{Clock, Core, CoreSetup, Step};
use engine::{HttpService, Now, Shard};
use primitives::ShardId;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Wake;
use std::time::Instant;

/// Rounds of steps after which cores that are still busy are taken for stuck.
pub(super) const ROUNDS_MAX: usize = 1_000_000;

/// A core and its part of the control plane's link.
#[derive(Debug)]
pub(super) struct SimulatedCore {
    core: Core<SimulatedSockets>,
    /// `None` if the control plane is dead.
    pub(super) link: Option<Cores>,
    shard: ShardId,
    pub(super) clock: VirtualClock,
    rest: Rest,
    woken: Arc<Woken>,
    /// The number of timer turns when it last changed, and when that was.
    pub(super) last_timer_turn: Option<(u64, Instant)>,
}

/// Whether a core sleeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rest {
    Awake,
    AsleepUntil(Instant),
    /// Whatever happens.
    CoalescingUntil(Instant),
    Ended,
}

#[derive(Debug, Default)]
struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl SimulatedCore {
    pub(super) fn new(setup: CoreSetup<SimulatedSockets>, clock: VirtualClock, link: Cores) -> Self {
        let (woken, shard) = (Arc::<Woken>::default(), setup.settings.engine.shard);
        let core = Core::new(setup);
        core.notify().set_waker(Arc::clone(&woken).into());
        Self { core, link: Some(link), shard, clock, rest: Rest::Awake, woken, last_timer_turn: None }
    }

    /// Returns the time as the core sees it.
    pub(super) fn now(&self) -> Now {
        self.clock.at(self.clock.instant())
    }

    /// Sends the core a command.
    pub(super) fn command(&self, command: CoreCommand) {
        self.handle().command(command).expect("few commands wait");
    }

    /// Sends the core a task.
    pub(super) fn submit(&self, task: CoreTask) {
        self.handle().submit(task).expect("few tasks wait");
    }

    fn handle(&self) -> &CoreHandle {
        &self.link.as_ref().expect("a control plane that lives").handles()[self.shard.index()]
    }

    pub(super) fn sockets(&mut self) -> &mut SimulatedSockets {
        self.core.sockets()
    }

    pub(super) fn shard(&mut self) -> &mut Shard {
        self.core.shard()
    }

    pub(super) fn http(&mut self) -> (&mut Shard, &mut HttpService) {
        self.core.http()
    }

    pub(super) fn has_ended(&self) -> bool {
        self.rest == Rest::Ended
    }

    /// Whether the core would run, as a worker's thread would.
    fn is_awake(&mut self, now: Instant) -> bool {
        match self.rest {
            Rest::Awake => true,
            Rest::AsleepUntil(until) => {
                until <= now || self.woken.0.load(Ordering::Relaxed) || self.core.sockets().has_event()
            }
            Rest::CoalescingUntil(until) => until <= now,
            Rest::Ended => false,
        }
    }

    fn step(&mut self, now: Instant) {
        self.woken.0.store(false, Ordering::Relaxed);
        self.rest = match self.core.step() {
            Step::Idle(until) if self.core.notify().fall_asleep() => Rest::AsleepUntil(until),
            Step::Idle(_) | Step::Busy => Rest::Awake,
            Step::Coalescing(wait) => Rest::CoalescingUntil(now + wait),
            Step::Ended => Rest::Ended,
        };
    }
}

impl Simulator {
    /// Steps the core at this index if it is awake. Returns whether it was.
    pub fn step(&mut self, core: usize) -> bool {
        let now = self.clock.instant();
        let core = &mut self.cores[core];
        let is_awake = core.is_awake(now);
        if is_awake {
            core.step(now);
        }
        is_awake
    }

    /// Steps the cores in turn until all of them sleep. Time stands still meanwhile.
    ///
    /// # Panics
    /// If they never do.
    pub fn run_until_idle(&mut self) {
        let mut rounds_left = ROUNDS_MAX;
        while (0..self.cores.len()).filter(|&core| self.step(core)).count() > 0 {
            rounds_left = rounds_left.checked_sub(1).expect("the cores come to rest");
        }
    }

    /// Lets time pass until the next core wakes by itself, and runs the cores until they sleep again.
    pub fn run_to_next_deadline(&mut self) {
        let deadlines = self.cores.iter().filter_map(|core| match core.rest {
            Rest::AsleepUntil(until) | Rest::CoalescingUntil(until) => Some(until),
            Rest::Awake | Rest::Ended => None,
        });
        if let Some(next) = deadlines.min() {
            self.clock.pass_to(next);
        }
        self.run_until_idle();
    }
}
