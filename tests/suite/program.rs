//! The programs under test, built once into the target directory of this test binary.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// The path of another `ringtrack` binary to test, such as that of a release.
const OTHER_PROGRAM: &str = "RINGTRACK_TESTS_PROGRAM";

/// A small test. If one is built too, cargo selects the same features as for `cargo test --workspace` and finds all
/// dependencies built.
const ANY_TEST: &str = "protocol";

/// The path of the `ringtrack` binary: that of [`OTHER_PROGRAM`], or one built with the profile and in the target
/// directory of this test binary.
pub(crate) fn program() -> PathBuf {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    let other = || std::env::var_os(OTHER_PROGRAM).map(PathBuf::from);
    PROGRAM.get_or_init(|| other().unwrap_or_else(|| build("ringtrack"))).clone()
}

/// The path of the `ringtrack-blast` binary, built in the same way.
pub(crate) fn load_generator() -> PathBuf {
    static LOAD_GENERATOR: OnceLock<PathBuf> = OnceLock::new();
    LOAD_GENERATOR.get_or_init(|| build("ringtrack-blast")).clone()
}

/// The path of the `ringtrack-client` binary, built in the same way.
pub(crate) fn client_program() -> PathBuf {
    static CLIENT: OnceLock<PathBuf> = OnceLock::new();
    CLIENT.get_or_init(|| build("ringtrack-client")).clone()
}

/// A path inside the checkout.
pub(crate) fn in_checkout(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}

fn build(binary: &str) -> PathBuf {
    let test_binary = std::env::current_exe().expect("a running test has a path");
    // <target directory>/<profile's directory>/deps/<test binary>
    let mut ancestors = test_binary.ancestors().skip(2);
    let (Some(profile_directory), Some(target_directory)) = (ancestors.next(), ancestors.next()) else {
        panic!("{} is not in a target directory", test_binary.display());
    };

    let mut cargo = Command::new(env!("CARGO"));
    // Cargo has set these for this test's package. A build script that reads one would see another value in each
    // build, and be run again with everything that depends on it.
    for (name, _) in std::env::vars_os().filter(|(name, _)| is_about_a_package(name)) {
        cargo.env_remove(name);
    }
    let status = cargo
        .args(["build", "--workspace", "--bin", binary, "--test", ANY_TEST])
        .args(["--profile", profile_of(profile_directory)])
        .arg("--target-dir")
        .arg(target_directory)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .status()
        .expect("cargo, which built this test, can be started");
    assert!(status.success(), "building {binary} failed: {status}");
    profile_directory.join(binary)
}

fn is_about_a_package(variable: &OsStr) -> bool {
    ["CARGO_PKG_", "CARGO_MANIFEST_"]
        .iter()
        .any(|start| variable.as_encoded_bytes().starts_with(start.as_bytes()))
}

/// The test profile, which optimizes a little, shares its directory with the development profile.
fn profile_of(directory: &Path) -> &str {
    match directory.file_name().and_then(|name| name.to_str()) {
        Some("debug") => "test",
        Some(name) => name,
        None => panic!("{} does not name a profile", directory.display()),
    }
}
