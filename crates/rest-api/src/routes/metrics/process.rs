//! The figures of the process, from the kernel.

use metrics::ProcessFigure;
use rustix::param::{clock_ticks_per_second, page_size};
use rustix::process::{Resource, getrlimit};
use std::fs::{metadata, read_dir, read_to_string};
use std::time::{SystemTime, UNIX_EPOCH};

/// Returns the figures of a process that began to serve at `started`. The kernel knows that too, but `/proc/stat`, which has
/// the start of the machine, is hidden by `ProcSubset=pid`, and moves when the clock is set.
pub(super) fn process_figures(started: SystemTime) -> impl Iterator<Item = (ProcessFigure, u64)> {
    let begun = started.duration_since(UNIX_EPOCH).unwrap_or_default();
    let begun = (ProcessFigure::StartTime, u64::try_from(begun.as_micros()).unwrap_or(u64::MAX));
    let stat = read_to_string("/proc/self/stat").ok();
    let of_stat = stat.and_then(|stat| of_stat(&stat)).into_iter().flatten();
    let open = open_fds().map(|open| (ProcessFigure::OpenFds, open));
    let max = getrlimit(Resource::Nofile).current.map(|max| (ProcessFigure::MaxFds, max));
    of_stat.chain([begun]).chain(open).chain(max)
}

/// Returns the number of open file descriptors. Since Linux 6.2 the folder's size is this number; before, they have to be
/// counted.
fn open_fds() -> Option<u64> {
    const FOLDER: &str = "/proc/self/fd";
    let size = metadata(FOLDER).ok()?.len();
    if size > 0 { Some(size) } else { Some(read_dir(FOLDER).ok()?.count() as u64) }
}

/// Reads `/proc/self/stat`.
fn of_stat(stat: &str) -> Option<[(ProcessFigure, u64); 4]> {
    // The name of the program is in brackets and may contain anything.
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let field = |number: usize| fields.get(number - FIRST_FIELD)?.parse::<u64>().ok();
    let microseconds = |ticks: u64| ticks.saturating_mul(1_000_000) / clock_ticks_per_second().max(1);
    Some([
        (ProcessFigure::CpuTime, microseconds(field(14)? + field(15)?)),
        (ProcessFigure::Threads, field(20)?),
        (ProcessFigure::VirtualMemory, field(23)?),
        (ProcessFigure::ResidentMemory, field(24)? * page_size() as u64),
    ])
}

/// The number of the first field after the name of the program.
const FIRST_FIELD: usize = 3;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_figure_of_this_process_is_plausible() {
        let figures: Vec<_> = process_figures(SystemTime::now()).collect();
        let value = |figure| figures.iter().find(|(found, _)| *found == figure).unwrap().1;
        assert_eq!(figures.len(), ProcessFigure::ALL.len() - 1, "all but the version");
        assert!(value(ProcessFigure::ResidentMemory) > 1 << 20);
        assert!(value(ProcessFigure::VirtualMemory) >= value(ProcessFigure::ResidentMemory));
        assert!(value(ProcessFigure::Threads) >= 1);
        assert!((1..=value(ProcessFigure::MaxFds)).contains(&value(ProcessFigure::OpenFds)));
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        let age_s = now.abs_diff(value(ProcessFigure::StartTime) / 1_000_000);
        assert!(age_s < 3600, "{age_s}");
    }

    #[test]
    fn the_name_of_the_program_may_contain_brackets_and_spaces() {
        let stat = "1 (a) b (c) S 1 1 1 0 -1 4194304 1 0 0 0 150 50 0 0 20 0 3 0 200 4096 2 0";
        let figures = of_stat(stat).unwrap();
        let seconds = |ticks: u64| ticks * 1_000_000 / clock_ticks_per_second();
        assert_eq!(figures[0], (ProcessFigure::CpuTime, seconds(200)));
        assert_eq!(figures[1], (ProcessFigure::Threads, 3));
        assert_eq!(figures[3], (ProcessFigure::ResidentMemory, 2 * page_size() as u64));
        assert_eq!(of_stat("1 (a) S 1"), None);
    }
}
