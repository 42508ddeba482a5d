//! Keeps the memory of the process below its ceiling, whatever holes clients leave in it.

use super::settings::MemorySettings;
use crate::limits::{
    MEMORY_OVER_LOOKS, MEMORY_RELEASE_PART, MEMORY_SETTLE_LOOKS, SWARM_BYTES_PART_MIN, SWARM_BYTES_STEP_PART,
};
use rustix::param::page_size;
use std::fs::read_to_string;
use tracing::{info, warn};

/// Lets the swarms take less while the process has more memory than the plan allows.
///
/// The allocator cannot return a page to the kernel in which one block of many is in use. Clients that let swarms of one size
/// after another grow, and keep a few of each, make the process take several times what the swarms count.
///
/// Memory is returned seconds after swarms are dropped. The limit is therefore lowered by steps, each after the last one has had
/// its effect, and raised by steps.
#[derive(Debug, Default)]
pub(crate) struct MemoryWatch {
    /// What the swarms may take, if it is less than planned.
    limited: Option<u64>,
    /// What was resident when the limit was last lowered.
    resident_at_step: u64,
    over: InARow,
    /// Looks since the limit was lowered at which the swarms were within it.
    settled: InARow,
    released: InARow,
    /// What all swarms may take, as it was last sent to each core, if it was.
    sent: Vec<Option<u64>>,
}

/// Looks in a row at which something was so.
#[derive(Debug, Default)]
struct InARow(u32);

impl InARow {
    /// Notes a look. Returns whether it was so at this many in a row.
    const fn note(&mut self, is_so: bool, looks: u32) -> bool {
        self.0 = if is_so { self.0.saturating_add(1) } else { 0 };
        self.0 >= looks
    }
}

impl MemoryWatch {
    /// Notes what is resident and what the swarms count, and decides what they may take from here on.
    pub(crate) fn look(&mut self, plan: &MemorySettings, resident: u64, swarms: u64) {
        let planned = plan.swarm_bytes_max;
        let step = planned / SWARM_BYTES_STEP_PART;
        let excess = resident.saturating_sub(plan.resident_bytes_max);
        let released = plan.resident_bytes_max - plan.resident_bytes_max / MEMORY_RELEASE_PART;
        let limit = self.swarm_bytes_max(plan);
        let lasts = self.over.note(excess > 0, MEMORY_OVER_LOOKS);
        let is_settled = self.settled.note(swarms <= limit, MEMORY_SETTLE_LOOKS) || self.limited.is_none();
        let grows = self.limited.is_some() && resident > self.resident_at_step.saturating_add(step);
        if excess > 0 && (lasts && is_settled || grows) {
            let lower = limit.min(swarms).saturating_sub(excess.min(step));
            self.limit_to(lower.max(planned / SWARM_BYTES_PART_MIN).min(limit), planned);
            self.resident_at_step = resident;
            self.settled = InARow::default();
        }
        if self.released.note(resident < released && self.limited.is_some(), MEMORY_OVER_LOOKS) {
            self.limit_to(limit.saturating_add(step.max(1)), planned);
            self.released = InARow::default();
        }
    }

    fn limit_to(&mut self, bytes_max: u64, planned: u64) {
        let limited = (bytes_max < planned).then_some(bytes_max);
        match (self.limited, limited) {
            (None, Some(limited)) => warn!(
                swarms_mib = limited >> 20,
                "the process has more memory than its ceiling allows: the swarms may take less until it is returned"
            ),
            (Some(_), None) => info!("the swarms may take their whole share of the memory again"),
            _ => {}
        }
        self.limited = limited;
    }

    /// Returns what all swarms may take.
    pub(crate) fn swarm_bytes_max(&self, plan: &MemorySettings) -> u64 {
        self.limited.unwrap_or(plan.swarm_bytes_max).min(plan.swarm_bytes_max)
    }

    /// Sends each of the cores what all swarms may take: at each look while that is less than planned, because a reload sends the
    /// plan, and after that until `send` has succeeded, which fails while a core has no room for commands.
    pub(crate) fn send(&mut self, plan: &MemorySettings, cores: usize, send: impl Fn(usize, u64) -> bool) {
        let bytes_max = self.swarm_bytes_max(plan);
        let is_limited = self.limited.is_some();
        self.sent.resize(cores, None);
        for (core, sent) in self.sent.iter_mut().enumerate() {
            let is_due = is_limited || sent.is_some_and(|sent| sent != bytes_max);
            if is_due && send(core, bytes_max) {
                *sent = Some(bytes_max);
            }
        }
    }
}

/// Returns the bytes of the process that are resident and belong to no file.
#[must_use]
pub fn resident_bytes() -> Option<u64> {
    let pages = read_to_string("/proc/self/statm").ok()?;
    let mut pages = pages.split_whitespace().skip(1).map(str::parse::<u64>);
    let (resident, of_files) = (pages.next()?.ok()?, pages.next()?.ok()?);
    Some(resident.saturating_sub(of_files) * page_size() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAN: MemorySettings =
        MemorySettings { shares: Vec::new(), resident_bytes_max: 16_000, swarm_bytes_max: 8000 };

    /// A process in which memory follows the swarms late.
    struct Process {
        watch: MemoryWatch,
        /// What the swarms would take without a limit.
        wanted: u64,
        swarms: u64,
        resident: u64,
    }

    impl Process {
        fn new(wanted: u64) -> Self {
            let resident = 6000 + wanted;
            Self { watch: MemoryWatch::default(), wanted, swarms: wanted, resident }
        }

        /// Looks once. Of what the swarms need, with everything else, a 32nd is taken or returned; `holes` is in percent of what
        /// they count. Returns what they may take.
        fn look(&mut self, holes: u64, peak: u64) -> u64 {
            self.watch.look(&PLAN, self.resident + peak, self.swarms);
            let limit = self.watch.swarm_bytes_max(&PLAN);
            // They shrink by at most 200 bytes between two looks.
            self.swarms = self.wanted.min(limit.max(self.swarms.saturating_sub(200)));
            let needed = 6000 + self.swarms * (100 + holes) / 100;
            self.resident = (self.resident * 31 + needed).div_euclid(32);
            limit
        }
    }

    #[test]
    fn the_swarms_take_as_much_as_the_memory_has_room_for_although_it_is_returned_late() {
        // Looks of a peak and its size, holes, and the range of the lowest and of the last limit.
        for (name, peak_looks, peak, holes, lowest, last) in [
            ("as planned", 0, 0, 0, 8000..=8000, 8000..=8000),
            ("a peak of less than a second", 4, 9000, 0, 8000..=8000, 8000..=8000),
            ("a peak of two seconds", 10, 9000, 0, 7000..=7999, 8000..=8000),
            ("few holes", 0, 0, 30, 7000..=7999, 7000..=7999),
            ("many holes", 0, 0, 150, 3000..=4000, 3000..=4000),
            ("holes beyond reason", 0, 0, 2000, 1000..=1000, 1000..=1000),
        ] {
            let mut process = Process::new(8000);
            let limits: Vec<u64> = (0..2000_u64)
                .map(|look| process.look(holes, if look < peak_looks { peak } else { 0 }))
                .collect();
            let least = limits.iter().min().unwrap();
            assert!(lowest.contains(least), "{name}: the lowest limit is {least}");
            assert!(last.contains(limits.last().unwrap()), "{name}: the last limit is {:?}", limits.last());
            let is_within = process.resident <= PLAN.resident_bytes_max;
            assert!(is_within || *least == 1000, "{name}: {} are resident", process.resident);
            let steps = limits.windows(2).all(|pair| pair[0].abs_diff(pair[1]) <= 500);
            assert!(steps, "{name}: a step is more than a 16th of the plan");
        }
    }

    #[test]
    fn the_limit_follows_memory_that_grows_fast_and_is_released_by_steps() {
        let mut watch = MemoryWatch::default();
        let mut limit_after = |looks: u32, resident, swarms| {
            (0..looks).for_each(|_| watch.look(&PLAN, resident, swarms));
            watch.swarm_bytes_max(&PLAN)
        };
        for (looks, resident, swarms, expected) in [
            (4, 17_000, 8000, 8000),
            (1, 17_000, 8000, 7500),
            // Nothing is subtracted again while the swarms are above the limit, and for three seconds after.
            (100, 17_000, 7600, 7500),
            (14, 17_000, 7500, 7500),
            (1, 17_000, 7500, 7000),
            (1, 17_501, 7500, 6500),
            (1, 18_002, 7500, 6000),
            (100, 15_500, 6000, 6000),
            (5, 14_000, 6000, 6500),
            (10, 14_000, 6000, 7500),
            (5, 14_000, 6000, 8000),
        ] {
            assert_eq!(limit_after(looks, resident, swarms), expected, "{looks} {resident} {swarms}");
        }
    }

    #[test]
    fn the_limit_is_sent_again_to_a_core_without_room_for_commands() {
        let mut watch = MemoryWatch::default();
        let sent = |watch: &mut MemoryWatch, busy: Option<usize>| {
            let sent = std::cell::RefCell::new(Vec::new());
            watch.send(&PLAN, 2, |core, bytes_max| {
                let has_room = Some(core) != busy;
                if has_room {
                    sent.borrow_mut().push((core, bytes_max));
                }
                has_room
            });
            sent.into_inner()
        };
        assert_eq!(sent(&mut watch, None), []);
        watch.limit_to(7500, 8000);
        assert_eq!(sent(&mut watch, None), [(0, 7500), (1, 7500)]);
        assert_eq!(sent(&mut watch, Some(0)), [(1, 7500)]);
        watch.limit_to(8000, 8000);
        assert_eq!(sent(&mut watch, Some(1)), [(0, 8000)]);
        assert_eq!(sent(&mut watch, Some(1)), []);
        assert_eq!(sent(&mut watch, None), [(1, 8000)]);
        assert_eq!(sent(&mut watch, None), []);
    }

    #[test]
    fn this_process_has_resident_memory() {
        assert!(resident_bytes().unwrap() > 1 << 18);
    }
}
