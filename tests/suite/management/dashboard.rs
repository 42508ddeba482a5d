use std::process::Command;

use crate::program::in_checkout;

#[test]
fn the_dashboards_logic_does_what_its_tests_say() {
    let node = in_checkout("target/test-clients/venv/bin/node");
    let tests = in_checkout("tests/suite/management/dashboard.mjs");
    let output = Command::new(node).arg("--test").arg(tests).output();
    let output = output.expect("tests/install has installed node");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}
