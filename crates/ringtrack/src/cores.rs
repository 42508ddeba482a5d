use anyhow::{Context, bail};
use config::Cores;
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use tracing::warn;

/// Returns the cores that get a worker: all of the affinity mask, or those of the configuration.
pub(crate) fn choose_cores(wanted: &Cores) -> anyhow::Result<Vec<usize>> {
    let mask = sched_getaffinity(None).context("the process's affinity mask cannot be read")?;
    let allowed: Vec<usize> = (0..CpuSet::MAX_CPU).filter(|core| mask.is_set(*core)).collect();
    match wanted {
        Cores::Auto => Ok(allowed),
        Cores::List(cores) => {
            if let Some(core) = cores.iter().find(|core| !allowed.contains(core)) {
                bail!(
                    "workers.cores names core {core}, which this process may not use; it may use {allowed:?}: \
                     change the key, or the affinity mask (taskset, CPUAffinity=)"
                );
            }
            Ok(cores.clone())
        }
    }
}

/// Moves the control plane, which is this thread, to the cores without a worker, if there are any.
pub(crate) fn keep_control_off(worker_cores: &[usize]) {
    let Ok(allowed) = sched_getaffinity(None) else { return };
    let mut rest = CpuSet::new();
    for core in (0..CpuSet::MAX_CPU).filter(|core| allowed.is_set(*core) && !worker_cores.contains(core)) {
        rest.set(core);
    }
    if rest.count() > 0
        && let Err(error) = sched_setaffinity(None, &rest)
    {
        warn!(%error, "the control plane stays on the workers' cores");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_core_outside_of_the_affinity_mask_is_refused_and_named() {
        let error = choose_cores(&Cores::List(vec![1023])).unwrap_err().to_string();
        assert!(
            error.starts_with("workers.cores names core 1023, which this process may not use"),
            "{error}"
        );
    }

    #[test]
    fn by_default_each_core_of_the_mask_gets_a_worker() {
        let cores = choose_cores(&Cores::Auto).unwrap();
        let allowed = sched_getaffinity(None).unwrap();
        assert_eq!(cores.len(), allowed.count() as usize);
    }
}
