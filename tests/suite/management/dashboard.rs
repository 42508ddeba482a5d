use std::process::Command;

use crate::program::in_checkout;
use crate::real_clients::tools::require_in_checkout;

#[test]
fn the_dashboards_logic_does_what_its_tests_say() {
    let tests = in_checkout("tests/suite/management/dashboard.mjs");
    let output = Command::new(require_in_checkout("node")).arg("--test").arg(tests).output();
    let output = output.expect("node starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}
