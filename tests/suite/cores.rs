//! The cores that this test run may use, and those that a process's workers are pinned to.

use std::fs;

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// The cores of the affinity mask of this process, in their order.
pub(crate) fn allowed_cores() -> Vec<usize> {
    let mask = sched_getaffinity(None).expect("the affinity mask of this process");
    (0..CpuSet::MAX_CPU).filter(|&core| mask.is_set(core)).collect()
}

/// Two cores. Panics if there is only one, because the tests would prove nothing.
pub(crate) fn two_cores() -> [usize; 2] {
    match allowed_cores()[..] {
        [first, second, ..] => [first, second],
        _ => panic!("these tests need two processor cores"),
    }
}

/// Pins the calling thread to a core.
pub(crate) fn stay_on(core: usize) {
    let mut mask = CpuSet::new();
    mask.set(core);
    sched_setaffinity(None, &mask).expect("a thread can choose its core");
}

/// The affinity of each worker thread of a tracker, in the kernel's notation and the order of the shards.
pub(crate) fn worker_affinities(process: u32) -> Vec<String> {
    let tasks = fs::read_dir(format!("/proc/{process}/task")).expect("the threads of a running process");
    let mut workers: Vec<(String, String)> = tasks
        .map(|task| fs::read_to_string(task.expect("a thread").path().join("status")).expect("its status"))
        .map(|status| (field(&status, "Name:"), field(&status, "Cpus_allowed_list:")))
        .filter(|(name, _)| name.starts_with("worker-"))
        .collect();
    workers.sort();
    // A worker's executor has a helper thread of the same name.
    workers.dedup();
    workers.into_iter().map(|(_, affinity)| affinity).collect()
}

fn field(status: &str, name: &str) -> String {
    let value = status.lines().find_map(|line| line.strip_prefix(name)).expect("the kernel writes the field");
    value.trim().to_owned()
}
