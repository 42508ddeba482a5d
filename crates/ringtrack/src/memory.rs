use anyhow::Context;
use config::MemoryLimit;
use std::fs;
use std::path::{Path, PathBuf};

/// Bytes that the swarms of all shards may take: what is configured, or half of what the machine or the
/// control group has. The other half is for buffers, the allocator's own and the rest of the machine.
pub(crate) fn memory_max_bytes(limit: MemoryLimit) -> anyhow::Result<u64> {
    match limit {
        MemoryLimit::Mib(mib) => Ok(mib.get() << 20),
        MemoryLimit::Automatic => {
            let available = control_group_bytes().map_or(machine_bytes(), |group| group.min(machine_bytes()));
            Some(available / 2).filter(|&bytes| bytes > 0).context("the size of the memory is not known")
        }
    }
}

fn machine_bytes() -> u64 {
    let info = rustix::system::sysinfo();
    info.totalram.saturating_mul(u64::from(info.mem_unit.max(1)))
}

/// The lowest limit on the way from this process's control group (version 2) to the root.
fn control_group_bytes() -> Option<u64> {
    let membership = fs::read_to_string("/proc/self/cgroup").ok()?;
    let group = membership.lines().find_map(|line| line.strip_prefix("0::"))?;
    lowest_limit(Path::new("/sys/fs/cgroup"), Path::new(group.trim_start_matches('/')))
}

fn lowest_limit(root: &Path, group: &Path) -> Option<u64> {
    group
        .ancestors()
        .map(|group| -> PathBuf { root.join(group).join("memory.max") })
        .filter_map(|file| fs::read_to_string(file).ok()?.trim().parse().ok())
        .min()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lowest_limit_of_a_group_and_its_parents_counts() {
        let root = tempfile::tempdir().unwrap();
        let group = Path::new("system.slice/ringtrack.service");
        fs::create_dir_all(root.path().join(group)).unwrap();
        assert_eq!(lowest_limit(root.path(), group), None);
        fs::write(root.path().join(group).join("memory.max"), "max\n").unwrap();
        assert_eq!(lowest_limit(root.path(), group), None);
        fs::write(root.path().join("system.slice/memory.max"), "536870912\n").unwrap();
        assert_eq!(lowest_limit(root.path(), group), Some(536_870_912));
    }

    #[test]
    fn a_configured_limit_is_taken_as_it_is() {
        let limit = MemoryLimit::Mib(16.try_into().unwrap());
        assert_eq!(memory_max_bytes(limit).unwrap(), 16_777_216);
        assert!(memory_max_bytes(MemoryLimit::Automatic).unwrap() > 1 << 20);
    }
}
