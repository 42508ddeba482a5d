//! The management API of the running tracker under schemathesis, which asks what the document promises and what it does not.

use std::process::{Command, Output};

use super::api::Api;
use super::{TOKEN, launch};

/// The seed to run with, where a run is to be repeated.
const SEED_VARIABLE: &str = "RINGTRACK_TESTS_SEED";

/// Examples of an operation before those of the next; then it begins anew with others.
const EXAMPLES: &str = "20";

/// Seconds in which it begins anew and takes further examples. A busy machine gets to fewer.
const RUN_S: &str = "45";

/// Seconds after which a run is given up. What comes before the examples is not bounded otherwise.
const RUN_S_MAX: &str = "240";

fn run(api: &Api, seed: &str) -> Output {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/suite/management");
    let program =
        concat!(env!("CARGO_MANIFEST_DIR"), "/../target/test-clients/schemathesis/bin/schemathesis");
    // It remembers in its folder what it found, which is not to change the next run.
    let memory = tempfile::tempdir().unwrap();
    let mut run = Command::new("timeout");
    run.args([RUN_S_MAX, program])
        .args(["--config-file", &format!("{folder}/schemathesis.toml")])
        .args(["run", &format!("http://{}/api/v1/openapi.json", api.address())])
        .args(["--header", &format!("Authorization: Bearer {TOKEN}")])
        .args(["--seed", seed, "--max-examples", EXAMPLES, "--max-time", RUN_S])
        // One worker: the parser of Python 3.11 that it uses does not bear threads.
        .args(["--workers", "1", "--no-color", "--no-shrink"])
        .current_dir(&memory);
    run.output().expect("coreutils have timeout")
}

#[test]
#[expect(clippy::print_stdout, reason = "whoever looks at a run wants to know its seed")]
fn schemathesis_finds_nothing_against_the_document_of_a_running_tracker() {
    let seed = std::env::var(SEED_VARIABLE).unwrap_or_else(|_| fastrand::u32(..).to_string());
    println!("the seed of this run is {seed}; {SEED_VARIABLE}={seed} repeats it");
    let tracker = launch("private-listed").start();
    let api = Api::of(&tracker);
    api.put_on("whitelist", super::torrent(1));
    let output = run(&api, &seed);
    let said = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    assert!(output.status.success(), "{SEED_VARIABLE}={seed}\n{}\n{:#?}", said.concat(), tracker.log());
}
