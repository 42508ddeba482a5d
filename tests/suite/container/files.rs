//! The files that the image is built and run with.

use std::fs;
use std::process::Command;

use crate::program::in_checkout;

/// A file of the container image.
fn text_of(file: &str) -> String {
    fs::read_to_string(in_checkout("config/container").join(file)).expect("a file of the image")
}

/// What stands after the name of the only instruction of the Containerfile that begins like this.
pub(super) fn instruction(name: &str) -> String {
    let text = text_of("Containerfile").replace("\\\n", " ");
    let mut found = text.lines().filter_map(|line| line.strip_prefix(name));
    let (Some(arguments), None) = (found.next(), found.next()) else { panic!("one {name} in {text}") };
    arguments.trim().to_owned()
}

/// The words of a command in the form of a JSON array.
pub(super) fn words(json: &str) -> Vec<String> {
    serde_json::from_str(json).expect("a command without a shell")
}

/// The command of the health check.
pub(super) fn health_check() -> Vec<String> {
    let instruction = instruction("HEALTHCHECK");
    let (_, command) = instruction.split_once("CMD").expect("a health check has a command");
    words(command)
}

#[test]
fn linters_find_no_fault_in_the_containerfile_and_in_the_compose_file() {
    let linters = in_checkout("target/test-clients/linters/bin");
    let compose = ["--builtin-schema", "vendor.compose-spec", "config/container/compose.yaml"];
    for (linter, arguments) in
        [("hadolint", &["config/container/Containerfile"][..]), ("check-jsonschema", &compose)]
    {
        let mut command = Command::new(linters.join(linter));
        command.args(arguments).current_dir(in_checkout("."));
        let output = command.output().unwrap_or_else(|error| panic!("{linter}: {error}; run tests/install"));
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    }
}

#[test]
fn the_compose_file_agrees_with_the_image() {
    let check: Vec<String> =
        ["CMD".to_owned()].into_iter().chain(health_check()).map(|word| format!("\"{word}\"")).collect();
    let compose = text_of("compose.yaml");
    for line in [
        format!("user: \"{}\"", instruction("USER")),
        format!("test: [{}]", check.join(", ")),
        "dockerfile: config/container/Containerfile".to_owned(),
        "- seccomp=seccomp.json".to_owned(),
    ] {
        assert!(compose.lines().any(|other| other.trim() == line), "{line}");
    }
}

#[test]
fn the_image_is_built_with_the_oldest_compiler_that_is_supported() {
    let version = env!("CARGO_PKG_RUST_VERSION");
    assert_eq!(instruction("FROM rust:"), format!("{version}-bookworm AS build"));
}
