use crate::connection::HttpServer;
use crate::core_state::CoreState;
use crate::datagrams::UdpServer;
use crate::expiry_pace::ExpiryPace;
use crate::kernel_sampling::SampleWindows;
use crate::limits::{RELEASED_JUDGED_MS, TIMER_MS};
use crate::sockets::{ReceiveTimestamps, Sockets};
use core_link::KernelSampling;
use metrics::{Counter, Gauge, Statistics};
use std::time::{Duration, Instant};

/// The work that a core does ten times a second.
#[derive(Debug)]
pub(crate) struct Timer {
    due: Instant,
    /// When the load was measured last, and the processor time at that moment.
    measured: (Instant, Duration),
    /// [`Counter::KernelDropped`] at that moment.
    kernel_dropped: u64,
    pace: ExpiryPace,
    windows: SampleWindows,
}

impl Timer {
    pub(crate) fn new(now: Instant, processor_time: Duration, sampling: KernelSampling) -> Self {
        let windows = SampleWindows::new(sampling);
        Self {
            due: now,
            measured: (now, processor_time),
            kernel_dropped: 0,
            pace: ExpiryPace::new(),
            windows,
        }
    }

    /// Replaces the sampling. A window that is open ends.
    pub(crate) fn use_sampling<S: Sockets>(&mut self, sampling: KernelSampling, core: &mut CoreState<S>) {
        let windows = SampleWindows::new(sampling);
        if !windows.has_period_of(&self.windows) {
            self.windows = windows;
            core.sockets.set_receive_timestamps(ReceiveTimestamps::Off);
        }
    }

    /// Begins the time until the next turn.
    pub(crate) fn begin(&mut self, now: Instant) {
        self.due = now + Duration::from_millis(TIMER_MS);
    }

    /// Has the next turn come soon, to judge sources that were released.
    pub(crate) fn hasten(&mut self, now: Instant) {
        self.due = now + Duration::from_millis(RELEASED_JUDGED_MS);
    }

    pub(crate) const fn due(&self) -> Instant {
        self.due
    }

    /// Measures the load, expires peers, checks deadlines, and switches the kernel's time stamps.
    pub(crate) fn take_turn<S: Sockets>(
        &mut self,
        core: &mut CoreState<S>,
        udp: &mut UdpServer<S>,
        http: &mut HttpServer<S>,
    ) {
        core.begin_turn();
        note_lateness(core, core.instant.saturating_duration_since(self.due));
        self.measure_load(core);
        let taken = self.expire(core);
        core.latency.expiry_turn(taken);
        http.sweep(core);
        udp.note_all_ready();
        // After the turn of expiry, so that a window contains the whole turn of expiry at its end: the kernel begins to
        // stamp a moment after the switch, when a turn of expiry that followed at once could be over.
        if let Some(timestamps) = self.windows.turn() {
            core.sockets.set_receive_timestamps(timestamps);
        }
        core.instant = core.clock.instant();
        self.begin(core.instant);
    }

    fn measure_load<S: Sockets>(&mut self, core: &mut CoreState<S>) {
        let (instant, processor_time) = self.measured;
        self.measured = (core.instant, core.clock.processor_time());
        let passed = self.measured.0.saturating_duration_since(instant);
        let used = self.measured.1.saturating_sub(processor_time);
        let used = if self.has_overflowed(core.shard.statistics_mut()) { passed } else { used };
        core.shard.note_load(used, passed);
    }

    /// Returns whether datagrams found the receive queues full since the last turn. While a filter drops some, which the
    /// kernel counts in the same figure, it is not known.
    fn has_overflowed(&mut self, statistics: &Statistics) -> bool {
        let total = statistics.counter(Counter::KernelDropped);
        let dropped = total - core::mem::replace(&mut self.kernel_dropped, total);
        let filters =
            [Gauge::FilterNetworks, Gauge::FilterSources, Gauge::FilterIds, Gauge::FilterHotTorrent];
        dropped > 0 && filters.iter().all(|&filter| statistics.gauge(filter) == 0)
    }

    /// Returns the processor time that it took.
    fn expire<S: Sockets>(&mut self, core: &mut CoreState<S>) -> Duration {
        let before = core.clock.processor_time();
        let work = core.shard.expire(core.now, self.pace.work());
        let taken = core.clock.processor_time().saturating_sub(before);
        self.pace.learn(work, taken);
        taken
    }
}

fn note_lateness<S: Sockets>(core: &mut CoreState<S>, lateness: Duration) {
    let statistics = core.shard.statistics_mut();
    let lateness_us = u64::try_from(lateness.as_micros()).unwrap_or(u64::MAX);
    statistics.add(Counter::TimerTurns, 1);
    statistics.add(Counter::TimerLatenessUs, lateness_us);
    statistics.raise(Gauge::TimerLatenessUsMax, lateness_us);
}
