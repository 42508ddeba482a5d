//! The management API of the running tracker under schemathesis, from the document that it serves.

use std::process::Command;

use super::api::Api;
use super::{TOKEN, launch};

#[test]
fn schemathesis_finds_nothing_against_the_document_of_a_running_tracker() {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
    let tracker = launch("private-listed").start();
    let api = Api::of(&tracker);
    api.put_on("whitelist", super::torrent(1));
    // It remembers in its folder what it found, which is not to change the next run.
    let folder = tempfile::tempdir().unwrap();
    let mut run = Command::new("timeout");
    run.args(["120", &format!("{root}/target/test-clients/schemathesis/bin/schemathesis")])
        .args(["--config-file", &format!("{root}/crates/rest-api/tests/api/schemathesis.toml")])
        .args(["run", &format!("http://{}/api/v1/openapi.json", api.address())])
        .args(["--header", &format!("Authorization: Bearer {TOKEN}")])
        // One worker: the parser of Python 3.11 that it uses does not bear threads.
        .args(["--seed", "2", "--max-examples", "10", "--workers", "1", "--no-color", "--no-shrink"])
        .current_dir(&folder);
    let output = run.output().expect("coreutils have timeout");
    let said = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    assert!(output.status.success(), "{}\n{:#?}", said.concat(), tracker.log());
}
