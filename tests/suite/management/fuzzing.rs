//! The management API under schemathesis, which sends requests that conform to the `OpenAPI` document and others.

use std::process::{Command, Output};

use super::api::Api;
use super::{TOKEN, launch, text};

/// The environment variable with the seed of a run that is to be repeated.
const SEED_VARIABLE: &str = "RINGTRACK_TESTS_SEED";

/// Examples of an operation before those of the next one. After the last, schemathesis starts over with new examples.
const EXAMPLES: &str = "20";

/// Seconds during which it starts over. A busy machine runs fewer examples.
const RUN_S: &str = "45";

/// Seconds after which a run is aborted. The phases before the examples have no other limit.
const RUN_S_MAX: &str = "240";

fn run(api: &Api, seed: &str) -> Output {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/suite/management");
    let program =
        concat!(env!("CARGO_MANIFEST_DIR"), "/../target/test-clients/schemathesis/bin/schemathesis");
    // It stores its findings in the current folder. A temporary one keeps them from affecting the next run.
    let memory = tempfile::tempdir().unwrap();
    let mut run = Command::new("timeout");
    run.args([RUN_S_MAX, program])
        .args(["--config-file", &format!("{folder}/schemathesis.toml")])
        .args(["run", &format!("http://{}/api/v1/openapi.json", api.address())])
        .args(["--header", &format!("Authorization: Bearer {TOKEN}")])
        .args(["--seed", seed, "--max-examples", EXAMPLES, "--max-time", RUN_S])
        // One worker: the parser of Python 3.11 that it uses is not thread-safe.
        .args(["--workers", "1", "--no-color", "--no-shrink"])
        .current_dir(&memory);
    run.output().expect("coreutils have timeout")
}

#[test]
#[expect(clippy::print_stdout, reason = "the seed is needed to repeat a run")]
fn schemathesis_finds_no_deviation_from_the_openapi_document() {
    let seed = std::env::var(SEED_VARIABLE).unwrap_or_else(|_| fastrand::u32(..).to_string());
    println!("the seed of this run is {seed}; {SEED_VARIABLE}={seed} repeats it");
    let no_upstreams = tempfile::NamedTempFile::new().unwrap();
    let tracker = launch("private-listed").set("forwarding.file", &text(no_upstreams.path())).start();
    let api = Api::of(&tracker);
    api.put_on("whitelist", super::torrent(1));
    let output = run(&api, &seed);
    let said = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    assert!(output.status.success(), "{SEED_VARIABLE}={seed}\n{}\n{:#?}", said.concat(), tracker.log());
}
