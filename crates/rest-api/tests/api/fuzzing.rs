//! The API under schemathesis, which asks what the document promises and what it does not.

use crate::harness::{TOKEN, start};
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;
use tokio::process::Command;
use tokio::time::timeout;

const TIME_MAX: Duration = Duration::from_secs(55);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn schemathesis_finds_nothing_against_the_document() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let program = root.join("target/test-clients/schemathesis/bin/schemathesis");
    assert!(program.exists(), "no {}: run tests/install", program.display());
    let api = start();
    // It remembers in its folder what it found, which is not to change the next run.
    let folder = tempfile::tempdir().unwrap();
    // One worker: the parser of Python 3.11 that it uses does not bear threads.
    let run = Command::new(program)
        .arg("--config-file")
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/api/schemathesis.toml"))
        .args(["run", &format!("http://{}/api/v1/openapi.json", api.address)])
        .args(["--header", &format!("Authorization: Bearer {TOKEN}")])
        .args(["--seed", "1", "--max-examples", "20", "--workers", "1", "--no-color", "--no-shrink"])
        .current_dir(&folder)
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    let output = timeout(TIME_MAX, run).await.expect("schemathesis ends in time").unwrap();
    let (told, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{told}\n{errors}");
}
