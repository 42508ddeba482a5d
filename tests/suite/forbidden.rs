//! System calls that the kernel refuses, as with a container's seccomp profile or a unit's filter.

use std::collections::BTreeMap;
use std::env::consts::ARCH;

use seccompiler::{BpfProgram, SeccompAction, SeccompFilter, TargetArch, apply_filter};

/// Runs `body` on a new thread. For the thread and its children, the system call fails with `error`.
pub(crate) fn without_system_call<T: Send>(
    system_call: libc::c_long,
    error: libc::c_int,
    body: impl FnOnce() -> T + Send,
) -> T {
    let error = SeccompAction::Errno(error.unsigned_abs());
    under(filter([system_call], SeccompAction::Allow, error), body)
}

/// Runs `body` on a new thread. The kernel kills the process on any other system call of the thread or its children.
pub(crate) fn with_system_calls_only<T: Send>(
    system_calls: impl IntoIterator<Item = libc::c_long>,
    body: impl FnOnce() -> T + Send,
) -> T {
    under(filter(system_calls, SeccompAction::KillProcess, SeccompAction::Allow), body)
}

fn filter(
    system_calls: impl IntoIterator<Item = libc::c_long>,
    of_others: SeccompAction,
    of_these: SeccompAction,
) -> BpfProgram {
    let target = TargetArch::try_from(ARCH).expect("a machine that seccompiler knows");
    let rules: BTreeMap<_, _> = system_calls.into_iter().map(|system_call| (system_call, vec![])).collect();
    SeccompFilter::new(rules, of_others, of_these, target)
        .and_then(BpfProgram::try_from)
        .expect("a filter of single system calls")
}

fn under<T: Send>(filter: BpfProgram, body: impl FnOnce() -> T + Send) -> T {
    std::thread::scope(|scope| {
        let thread = scope.spawn(move || {
            apply_filter(&filter).expect("the kernel takes a seccomp filter");
            body()
        });
        thread.join().expect("the body of the thread")
    })
}
