//! The system call filter of the container, in the form that engines read.

use std::fs;

use seccompiler::{BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompRule};
use serde::Deserialize;
use syscalls::Sysno;

use crate::forbidden::filter;
use crate::program::in_checkout;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Profile {
    default_action: String,
    default_errno_ret: u32,
    #[serde(rename = "syscalls")]
    rules: Vec<Rule>,
}

/// What happens to system calls.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Rule {
    names: Vec<String>,
    action: String,
    errno_ret: Option<u32>,
    #[serde(default)]
    args: Vec<Argument>,
}

/// A condition on an argument.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Argument {
    index: u8,
    value: u64,
    value_two: u64,
    op: String,
}

impl Rule {
    fn condition(&self) -> Vec<SeccompRule> {
        let condition = |argument: &Argument| {
            assert_eq!(argument.op, "SCMP_CMP_MASKED_EQ");
            let is_masked = SeccompCmpOp::MaskedEq(argument.value);
            SeccompCondition::new(argument.index, SeccompCmpArgLen::Qword, is_masked, argument.value_two)
        };
        let conditions: Result<Vec<_>, _> = self.args.iter().map(condition).collect();
        let conditions = conditions.expect("an argument that system calls have");
        if conditions.is_empty() { vec![] } else { vec![SeccompRule::new(conditions).expect("a rule")] }
    }

    /// The system calls that this machine has, each with the condition.
    fn calls(&self) -> impl Iterator<Item = (libc::c_long, Vec<SeccompRule>)> {
        let numbers = self.names.iter().filter_map(|name| {
            let number = name.parse::<Sysno>().ok();
            // Other machines lack some of the older calls.
            assert!(number.is_some() || cfg!(not(target_arch = "x86_64")), "{name} is no system call");
            number
        });
        numbers.map(|number| (number.id().into(), self.condition()))
    }
}

/// The filters, which apply together, as the kernel reads them.
pub(super) fn filters() -> Vec<Vec<u8>> {
    let text = fs::read_to_string(in_checkout("config/container/seccomp.json")).expect("the profile");
    let profile: Profile = serde_json::from_str(&text).expect("a profile");
    assert_eq!(profile.default_action, "SCMP_ACT_ERRNO");
    let mut filters = Vec::new();
    for rule in profile.rules.iter().filter(|rule| rule.action == "SCMP_ACT_ERRNO") {
        let error = SeccompAction::Errno(rule.errno_ret.expect("an error"));
        filters.push(filter(rule.calls(), SeccompAction::Allow, error));
    }
    // Calls that one of the filters above refuses, too: each then returns the error of that filter.
    let others = SeccompAction::Errno(profile.default_errno_ret);
    filters.push(filter(profile.rules.iter().flat_map(Rule::calls), others, SeccompAction::Allow));
    filters.iter().map(bytes).collect()
}

fn bytes(filter: &BpfProgram) -> Vec<u8> {
    let instruction = |code: u16, jump: [u8; 2], value: u32| -> [u8; 8] {
        let [code, value] = [code.to_ne_bytes().to_vec(), value.to_ne_bytes().to_vec()];
        [code, jump.to_vec(), value].concat().try_into().expect("an instruction has eight bytes")
    };
    filter.iter().flat_map(|filter| instruction(filter.code, [filter.jt, filter.jf], filter.k)).collect()
}

#[test]
fn the_profile_forbids_what_the_tracker_does_not_need() {
    let text = fs::read_to_string(in_checkout("config/container/seccomp.json")).unwrap();
    let profile: Profile = serde_json::from_str(&text).unwrap();
    let allowed: Vec<&String> = profile.rules.iter().flat_map(|rule| &rule.names).collect();
    for name in ["bpf", "chroot", "keyctl", "mount", "ptrace", "setns", "unshare", "userfaultfd"] {
        assert!(!allowed.contains(&&name.to_owned()), "{name}");
    }
}
