use crate::shared::lock;
use guard::{Class, CoreGuard, Offenders, OverLimit, Source, SourceLimits};
use std::sync::Mutex;
use std::time::Instant;

/// The limits by source, as all APIs together apply them.
#[derive(Debug)]
pub struct ApiGuard {
    guard: Mutex<CoreGuard>,
    start: Instant,
}

impl ApiGuard {
    /// Returns a guard whose clock begins at `start`, as the clocks of the cores do.
    pub const fn new(guard: CoreGuard, start: Instant) -> Self {
        Self { guard: Mutex::new(guard), start }
    }

    /// Takes a token of a source, unless it is over its limit.
    ///
    /// # Errors
    /// If it is.
    pub fn admit(&self, class: Class, source: Source) -> Result<(), OverLimit> {
        let now_ms = self.now_ms();
        lock(&self.guard).admit(now_ms, class, source)
    }

    /// Takes a number of tokens of a source, as many as it has.
    pub fn charge(&self, class: Class, source: Source, tokens: u32) {
        let (now_ms, mut guard) = (self.now_ms(), lock(&self.guard));
        for _ in 0..tokens {
            let _taken = guard.admit(now_ms, class, source);
        }
    }

    fn now_ms(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    pub(crate) fn use_limits(&self, limits: SourceLimits) {
        lock(&self.guard).use_limits(limits);
    }

    pub(crate) fn take_offenders(&self) -> Box<Offenders> {
        lock(&self.guard).take_offenders()
    }
}
