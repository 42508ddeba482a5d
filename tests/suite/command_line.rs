//! The command line of the real program: its output and its exit codes.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use tempfile::NamedTempFile;

use crate::program::program;

/// The program with these arguments and an empty environment.
fn ringtrack<const N: usize>(arguments: [&str; N]) -> Command {
    let mut command = Command::new(program());
    command.args(arguments).env_clear().stdin(Stdio::null());
    command
}

/// The output of `ringtrack check-config` for a file with this text, and the file.
fn check_text(text: &str) -> (Output, NamedTempFile) {
    let mut file = NamedTempFile::new().expect("a temporary file can be made");
    file.write_all(text.as_bytes()).expect("a temporary file can be written");
    let output = ringtrack(["check-config"]).arg(file.path()).output().expect("the program starts");
    (output, file)
}

fn stdout(output: &Output) -> &str {
    std::str::from_utf8(&output.stdout).expect("the program prints text")
}

fn stderr(output: &Output) -> &str {
    std::str::from_utf8(&output.stderr).expect("the program prints text")
}

/// Asserts that the program refused its configuration (exit code 2) with one line that contains all of `parts`.
#[track_caller]
fn assert_configuration_error(output: &Output, parts: &[&str]) {
    assert_error(2, output, parts);
}

/// Asserts that the program failed on a file (exit code 1, for a retry) with one line that contains all of `parts`.
#[track_caller]
pub(crate) fn assert_file_error(output: &Output, parts: &[&str]) {
    assert_error(1, output, parts);
}

#[track_caller]
fn assert_error(code: i32, output: &Output, parts: &[&str]) {
    let message = stderr(output);
    assert_eq!(output.status.code(), Some(code), "{message}");
    assert_eq!(stdout(output), "");
    assert_eq!(message.lines().count(), 1, "{message}");
    for part in parts {
        assert!(message.contains(part), "{part:?} is not in {message:?}");
    }
}

#[test]
fn help_names_the_commands_and_the_exit_codes() {
    let output = ringtrack(["--help"]).output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    let commands = ["check-config", "dump-latency", "upgrade", "health", "import", "default-config"];
    for part in ["--config <FILE>", "--forwarders <FILE>", "RINGTRACK_<SECTION>_<KEY>", "exit code"]
        .iter()
        .chain(&commands)
    {
        assert!(stdout(&output).contains(part), "{part}");
    }
}

#[test]
fn version_prints_the_name_and_version_of_the_package() {
    let output = ringtrack(["--version"]).output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(stdout(&output), concat!("ringtrack ", env!("CARGO_PKG_VERSION"), "\n"));
}

#[test]
fn an_unknown_option_is_named_and_ends_with_code_2() {
    let output = ringtrack(["--confg", "a.toml"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("--confg"));
}

#[test]
fn default_config_prints_the_configuration_file_of_the_repository() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../config/ringtrack.toml");
    let output = ringtrack(["default-config"]).output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    let message = "update it: cargo run -- default-config > config/ringtrack.toml";
    assert_eq!(std::fs::read_to_string(path).unwrap(), stdout(&output), "{message}");
}

#[test]
fn default_config_does_not_panic_if_its_output_is_closed() {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let output = ringtrack(["default-config"]).stdout(writer).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("cannot write to the standard output"), "{}", stderr(&output));
    assert!(!stderr(&output).contains("panic"), "{}", stderr(&output));
}

#[test]
fn a_valid_configuration_is_ok() {
    let (output, file) = check_text("[announce]\ninterval_s = 900\n");
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert_eq!(stdout(&output), format!("{}: OK\n", file.path().display()));
    assert_eq!(stderr(&output), "");
}

#[test]
fn a_bad_value_is_reported_with_file_line_key_and_allowed_values() {
    let (output, file) = check_text("[udp]\nbatch_datagrams = 257\n");
    let place = format!("ringtrack: {}:2: udp.batch_datagrams: ", file.path().display());
    assert_configuration_error(&output, &[&place, "`257`", "an integer from 1 to 256"]);
}

#[test]
fn an_unknown_key_is_reported_with_the_known_keys() {
    let (output, file) = check_text("[log]\nlevle = \"info\"\n");
    let place = format!("{}:2: log.levle: ", file.path().display());
    assert_configuration_error(&output, &[&place, "no such key", "level, format"]);
}

#[test]
fn an_unreadable_file_is_reported_with_its_path() {
    for option in ["check-config", "--config"] {
        let output = ringtrack([option, "/nonexistent/ringtrack.toml"]).output().unwrap();
        assert_file_error(&output, &["/nonexistent/ringtrack.toml: ", "cannot read", "No such file"]);
    }
}

#[test]
fn check_config_reports_an_unusable_certificate() {
    let https = |certificate: &str| {
        format!(
            "[https]\nlisten = [\"127.0.0.1:0\"]\ncertificate_file = \"{certificate}\"\nkey_file = \"/dev/null\"\n"
        )
    };
    let (output, _file) = check_text(&https("/nonexistent/certificate.pem"));
    assert_file_error(&output, &["https.listen", "/nonexistent/certificate.pem: cannot be read"]);
    let (output, _file) = check_text(&https("/dev/null"));
    assert_file_error(&output, &["https.listen", "/dev/null: has no certificate"]);
}

#[test]
fn a_list_of_upstream_trackers_that_cannot_be_read_is_reported_with_its_path() {
    const PATH: &str = "/nonexistent/forwarders.yml";
    let (output, _file) = check_text(&format!("[forwarding]\nfile = \"{PATH}\"\n"));
    assert_file_error(&output, &["list of upstream trackers", PATH, "No such file"]);
    // The option takes precedence over the key.
    let mut command = ringtrack(["--forwarders", PATH]);
    let output = command.env("RINGTRACK_FORWARDING_FILE", "/dev/null").output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains(PATH), "{}", stderr(&output));
}

#[test]
fn the_health_of_a_tracker_without_a_fixed_address_cannot_be_asked_for() {
    for (listen, part) in [("[]", "is empty"), ("127.0.0.1:0", "port 0")] {
        let output = ringtrack(["health"]).env("RINGTRACK_HEALTH_CHECK_API_LISTEN", listen).output().unwrap();
        assert_error(1, &output, &["health_check_api.listen", part]);
    }
}

#[test]
fn a_bad_variable_is_refused_by_name_and_an_unknown_one_causes_a_warning() {
    let mut command = ringtrack(["check-config", "/dev/null"]);
    let output = command.env("RINGTRACK_LOG_LEVEL", "loud").output().unwrap();
    assert_configuration_error(
        &output,
        &["environment variable RINGTRACK_LOG_LEVEL: log.level: ", "\"warn\""],
    );

    let mut command = ringtrack(["check-config", "/dev/null"]);
    let output = command.env("RINGTRACK_LOG_LEVLE", "info").output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let warning = "ringtrack: warning: environment variable RINGTRACK_LOG_LEVLE: it sets no key and is ignored; the \
                   nearest that does is RINGTRACK_LOG_LEVEL\n";
    assert_eq!((stdout(&output), stderr(&output)), ("/dev/null: OK\n", warning));
}

#[test]
fn serving_with_a_bad_configuration_ends_with_code_2() {
    let output = ringtrack([]).env("RINGTRACK_UDP_LISTEN", "here").output().unwrap();
    assert_configuration_error(&output, &["RINGTRACK_UDP_LISTEN", "udp.listen", "192.0.2.1:6969"]);
}
