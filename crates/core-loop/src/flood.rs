use crate::limits::{
    CALM_WINDOWS, FILTERED_WINDOWS_MAX, FLOOD_WINDOW_MS, HOT_GROWTH_SHIFT, HOT_PASSED_FIRST, HOT_PASSED_MIN,
    QUEUE_FULL_PERCENT,
};
use primitives::{HotTorrent, InfoHash};
use std::time::{Duration, Instant};

/// What a core has seen since the last turn of its timer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Seen {
    /// Requests with a wrong connection id.
    pub(crate) wrong_ids: u64,
    /// Datagrams that the kernel dropped.
    pub(crate) dropped: u64,
    /// How much of the fullest receive queue is used, in percent.
    pub(crate) queue_percent: u8,
}

/// Decides what the kernel filters while a flood lasts.
///
/// Wrong connection ids are filtered from a rate of them on, until wrong ids and dropped datagrams together have stayed below
/// half of it for some seconds. Datagrams are dropped for other reasons too, so that all are received for one window from time
/// to time, whatever is dropped: a flood that lasts is noticed in it. If a receive queue is still full, datagrams are dropped,
/// and most are for one torrent, only a share of these passes: the share is halved as long as all of this holds, and grows
/// slowly while the queue is not full or most datagrams are for other torrents.
#[derive(Debug)]
pub(crate) struct Flood {
    /// 0: connection ids are never filtered.
    wrong_ids_per_s: u32,
    window: Window,
    ids: Ids,
    hot: Option<HotTorrent>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ids {
    Received,
    Filtered { windows: u32, calm_windows: u32 },
}

/// The turns over which rates are measured.
#[derive(Debug)]
struct Window {
    begun: Instant,
    seen: Seen,
    turns: u32,
    full_turns: u32,
}

impl Window {
    const fn begin(now: Instant) -> Self {
        let seen = Seen { wrong_ids: 0, dropped: 0, queue_percent: 0 };
        Self { begun: now, seen, turns: 0, full_turns: 0 }
    }
}

impl Flood {
    pub(crate) const fn new(wrong_ids_per_s: u32, now: Instant) -> Self {
        Self { wrong_ids_per_s, window: Window::begin(now), ids: Ids::Received, hot: None }
    }

    pub(crate) const fn filters_ids(&self) -> bool {
        matches!(self.ids, Ids::Filtered { .. })
    }

    pub(crate) const fn hot(&self) -> Option<HotTorrent> {
        self.hot
    }

    /// Notes a turn of the timer. At the end of a window, `busiest` returns the torrent that most datagrams in it were for.
    pub(crate) fn turn(&mut self, now: Instant, seen: Seen, busiest: impl FnOnce() -> Option<InfoHash>) {
        let window = &mut self.window;
        window.turns += 1;
        window.full_turns += u32::from(seen.queue_percent >= QUEUE_FULL_PERCENT);
        window.seen.wrong_ids += seen.wrong_ids;
        window.seen.dropped += seen.dropped;
        let elapsed = now.saturating_duration_since(window.begun);
        if elapsed < Duration::from_millis(FLOOD_WINDOW_MS) {
            return;
        }
        let window = core::mem::replace(window, Window::begin(now));
        let filtered_before = self.filters_ids();
        self.decide_ids(&window.seen, elapsed);
        let busiest = busiest();
        // The queue of a window in which wrong ids were received says nothing about what is left without them.
        if filtered_before == self.filters_ids() {
            self.decide_hot(&window, busiest);
        }
    }

    fn decide_ids(&mut self, seen: &Seen, elapsed: Duration) {
        let per_s = |count: u64| u128::from(count) * 1_000_000 / elapsed.as_micros().max(1);
        let limit = u128::from(self.wrong_ids_per_s);
        self.ids = match self.ids {
            Ids::Received if limit > 0 && per_s(seen.wrong_ids) > limit => {
                Ids::Filtered { windows: 0, calm_windows: 0 }
            }
            Ids::Received => Ids::Received,
            Ids::Filtered { windows, calm_windows } => {
                let is_calm = per_s(seen.wrong_ids + seen.dropped) < limit.div_ceil(2);
                let (windows, calm_windows) = (windows + 1, if is_calm { calm_windows + 1 } else { 0 });
                let is_over = calm_windows >= CALM_WINDOWS || windows >= FILTERED_WINDOWS_MAX;
                if is_over { Ids::Received } else { Ids::Filtered { windows, calm_windows } }
            }
        };
    }

    fn decide_hot(&mut self, window: &Window, busiest: Option<InfoHash>) {
        let is_full = 2 * window.full_turns >= window.turns && window.seen.dropped > 0;
        self.hot = match (self.hot, busiest) {
            (Some(hot), Some(info_hash)) if is_full && hot.info_hash != info_hash => {
                Some(HotTorrent { info_hash, passed: HOT_PASSED_FIRST })
            }
            (None, Some(info_hash)) if is_full => Some(HotTorrent { info_hash, passed: HOT_PASSED_FIRST }),
            (Some(hot), Some(_)) if is_full => {
                Some(HotTorrent { passed: (hot.passed / 2).max(HOT_PASSED_MIN), ..hot })
            }
            (Some(hot), busiest) if window.full_turns == 0 || busiest.is_none() => {
                let passed = hot.passed.checked_add(hot.passed >> HOT_GROWTH_SHIFT);
                passed.map(|passed| HotTorrent { passed, ..hot })
            }
            (hot, _) => hot,
        };
    }
}

#[cfg(test)]
mod tests;
