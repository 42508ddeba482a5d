//! System calls that the kernel refuses, as with a container's seccomp profile or a unit's filter.

use std::collections::BTreeMap;
use std::env::consts::ARCH;

use seccompiler::{BpfProgram, SeccompAction, SeccompFilter, SeccompRule, TargetArch, apply_filter};

/// Runs `body` on a new thread. For the thread and its children, the system call fails with `error`.
pub(crate) fn without_system_call<T: Send>(
    system_call: libc::c_long,
    error: libc::c_int,
    body: impl FnOnce() -> T + Send,
) -> T {
    let error = SeccompAction::Errno(error.unsigned_abs());
    under(filter([(system_call, vec![])], SeccompAction::Allow, error), body)
}

/// Runs `body` on a new thread. The kernel kills the process on any other system call of the thread or its children.
pub(crate) fn with_system_calls_only<T: Send>(
    system_calls: impl IntoIterator<Item = libc::c_long>,
    body: impl FnOnce() -> T + Send,
) -> T {
    let rules = system_calls.into_iter().map(|system_call| (system_call, vec![]));
    under(filter(rules, SeccompAction::KillProcess, SeccompAction::Allow), body)
}

/// A filter that takes the action `of_these` for the system calls that match one of their rules, or have none.
pub(crate) fn filter(
    rules: impl IntoIterator<Item = (libc::c_long, Vec<SeccompRule>)>,
    of_others: SeccompAction,
    of_these: SeccompAction,
) -> BpfProgram {
    let target = TargetArch::try_from(ARCH).expect("a machine that seccompiler knows");
    let rules: BTreeMap<_, _> = rules.into_iter().collect();
    SeccompFilter::new(rules, of_others, of_these, target)
        .and_then(BpfProgram::try_from)
        .expect("a filter of few system calls")
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
