//! The memory of the process: its ceiling, and the plan that divides it.

mod costs;
mod parts;
mod plan;

pub(crate) use plan::{FixedAtStart, Plan, PlanInputs};

use anyhow::Context;
use std::fs;
use std::num::NonZeroU64;
use std::path::{Path, PathBuf};

/// Returns the bytes that the process may take with what the kernel takes for its sockets: as configured, or three quarters of
/// the memory of the machine or of the control group. The last quarter is for the page cache, for what grows between two looks
/// at the resident memory, and for the rest of the machine.
pub(crate) fn ceiling_bytes(limit_mib: Option<NonZeroU64>) -> anyhow::Result<u64> {
    match limit_mib {
        Some(mib) => Ok(mib.get() << 20),
        None => Some(memory_bytes() / 4 * 3)
            .filter(|&bytes| bytes > 0)
            .context("the size of the memory is not known"),
    }
}

/// Returns the memory of the machine or of the control group.
fn memory_bytes() -> u64 {
    control_group_bytes().map_or(machine_bytes(), |group| group.min(machine_bytes()))
}

/// Returns how much more memory this process and others of its control group can take.
pub(crate) fn available_bytes(resident: u64) -> u64 {
    let left = memory_bytes().saturating_sub(resident);
    machine_available_bytes().map_or(left, |available| available.min(left))
}

/// `None` if the process may not know it, as with `ProcSubset=pid` of the unit.
fn machine_available_bytes() -> Option<u64> {
    let text = fs::read_to_string("/proc/meminfo").ok()?;
    let kib = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?.trim().strip_suffix(" kB")?;
    kib.parse::<u64>().ok()?.checked_mul(1 << 10)
}

fn machine_bytes() -> u64 {
    let info = rustix::system::sysinfo();
    info.totalram.saturating_mul(u64::from(info.mem_unit.max(1)))
}

fn control_group_bytes() -> Option<u64> {
    let membership = fs::read_to_string("/proc/self/cgroup").ok()?;
    lowest_limit(Path::new("/sys/fs/cgroup"), &membership)
}

/// Returns the lowest limit of a process's control groups and their ancestors. Each line of its membership names a
/// group: `0::/GROUP` in version 2, `NUMBER:CONTROLLERS:/GROUP` in version 1, where each controller has its own
/// hierarchy.
fn lowest_limit(root: &Path, membership: &str) -> Option<u64> {
    let files = membership.lines().filter_map(|line| {
        let (controllers, group) = line.split_once(':')?.1.split_once(":/")?;
        let (hierarchy, file) = match controllers {
            "" => (root.to_owned(), "memory.max"),
            "memory" => (root.join("memory"), "memory.limit_in_bytes"),
            _ => return None,
        };
        Some(Path::new(group).ancestors().map(move |group| -> PathBuf { hierarchy.join(group).join(file) }))
    });
    files.flatten().filter_map(|file| fs::read_to_string(file).ok()?.trim().parse().ok()).min()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lowest_limit_of_a_group_and_its_ancestors_applies() {
        let root = tempfile::tempdir().unwrap();
        let membership = "12:cpu,cpuacct:/\n4:memory:/system.slice/ringtrack.service\n\
                          1:name=systemd:/system.slice\n0::/system.slice/ringtrack.service\n";
        let limit = || lowest_limit(root.path(), membership);
        let write = |file: &str, text: &str| {
            let file = root.path().join(file);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, text).unwrap();
        };
        assert_eq!(limit(), None);
        write("system.slice/ringtrack.service/memory.max", "max\n");
        assert_eq!(limit(), None);
        write("memory/memory.limit_in_bytes", "9223372036854771712\n");
        assert_eq!(limit(), Some(9_223_372_036_854_771_712));
        write("system.slice/memory.max", "536870912\n");
        assert_eq!(limit(), Some(536_870_912));
        write("memory/system.slice/memory.limit_in_bytes", "268435456\n");
        assert_eq!(limit(), Some(268_435_456));
    }

    #[test]
    fn a_configured_limit_is_used_as_it_is() {
        let limit = Some(16.try_into().unwrap());
        assert_eq!(ceiling_bytes(limit).unwrap(), 16_777_216);
        assert!(ceiling_bytes(None).unwrap() > 1 << 20);
    }
}
