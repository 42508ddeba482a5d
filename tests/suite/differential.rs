//! The comparison with the other trackers that `tests/install` installs.

use std::process::Command;

use crate::program::{in_checkout, program};

#[test]
fn answers_differ_from_those_of_other_trackers_as_documented() {
    let mut command = Command::new(in_checkout("tests/differential"));
    command.args(["--only", "opentracker", "bittorrent-tracker", "--ringtrack"]).arg(program()).arg("1");
    let output = command.output().expect("tests/install installs Python");
    let [printed, errors] =
        [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned());
    assert!(output.status.success() && !printed.contains("NOT COMPARED"), "{printed}{errors}");
}
