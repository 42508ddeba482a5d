//! System calls that the kernel refuses to a process, as by a container's seccomp profile or by a unit's filter.

use std::collections::BTreeMap;
use std::env::consts::ARCH;

use seccompiler::{BpfProgram, SeccompAction, SeccompFilter, TargetArch, apply_filter};

/// Runs `body` on a thread of its own, on which, and in whose children, the kernel answers the system call with
/// the error.
pub(crate) fn without_system_call<T: Send>(
    system_call: libc::c_long,
    error: libc::c_int,
    body: impl FnOnce() -> T + Send,
) -> T {
    let error = SeccompAction::Errno(error.unsigned_abs());
    under(filter([system_call], SeccompAction::Allow, error), body)
}

/// Runs `body` on a thread of its own, which, like each of its children, the kernel kills at any other system
/// call than these.
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
