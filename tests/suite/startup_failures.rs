//! Starts that must fail, each with one clear sentence that says what to do, and the remedies.

use std::fs::Permissions;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use primitives::InfoHash;
use socket2::{Domain, Socket, Type};
use tempfile::NamedTempFile;

use crate::cores::allowed_cores;
use crate::forbidden::without_system_call;
use crate::http_client::HttpClient;
use crate::http_tls::Identity;
use crate::program::program;
use crate::tracker::{Ended, Launch};
use crate::udp_client::Client;

/// Asserts that the program failed (exit code 1) with one sentence that contains all of `parts`.
#[track_caller]
pub(crate) fn assert_fails(ended: &Ended, parts: &[&str]) {
    assert_ends_with(1, ended, parts);
}

/// Asserts that the program refused its configuration (exit code 2) with one sentence that contains all of `parts`.
#[track_caller]
pub(crate) fn assert_is_refused(ended: &Ended, parts: &[&str]) {
    assert_ends_with(2, ended, parts);
}

#[track_caller]
fn assert_ends_with(code: i32, ended: &Ended, parts: &[&str]) {
    let log = ended.log.join("\n");
    assert_eq!(ended.code, Some(code), "{log}");
    let mut sentences = ended.log.iter().filter(|line| line.starts_with("ringtrack: "));
    let sentence = sentences.next().unwrap_or_else(|| panic!("no sentence: {log}"));
    assert_eq!(sentences.next(), None, "a second sentence: {log}");
    assert_eq!(ended.log.last(), Some(sentence), "something follows the sentence");
    assert!(!log.contains("panicked") && !log.contains("backtrace"), "{log}");
    for part in parts {
        assert!(sentence.contains(part), "{part:?} is not in {sentence:?}");
    }
}

fn start_on(address: SocketAddr) -> Ended {
    Launch::with_defaults().set("udp.listen", &address.to_string()).run_to_end()
}

#[track_caller]
fn assert_in_use(address: SocketAddr) {
    let cause = format!("udp://{address} is in use by another program: ");
    assert_fails(&start_on(address), &[&cause, "end that program", "udp.listen"]);
}

#[test]
fn a_port_in_use_by_another_program_is_refused() {
    for loopback in ["127.0.0.1:0", "[::1]:0"] {
        let other = UdpSocket::bind(loopback).unwrap();
        assert_in_use(other.local_addr().unwrap());
    }
}

#[test]
fn a_port_that_another_program_would_share_is_refused() {
    for loopback in ["127.0.0.1:0", "[::1]:0"] {
        let loopback: SocketAddr = loopback.parse().unwrap();
        let other = Socket::new(Domain::for_address(loopback), Type::DGRAM, None).unwrap();
        other.set_reuse_port(true).unwrap();
        other.bind(&loopback.into()).unwrap();
        assert_in_use(other.local_addr().unwrap().as_socket().unwrap());
    }
}

#[test]
fn a_second_tracker_on_the_same_port_is_refused_and_the_first_continues() {
    let first = Launch::on_loopback().start();
    assert_in_use(first.v4());
    assert_in_use(first.v6());
    Client::new(first.v4());
    Client::new(first.v6());
}

fn start_http_on(key: &str, addresses: &str) -> Ended {
    let loopback = Launch::with_defaults().set("udp.listen", "127.0.0.1:0");
    let (identity, https) = (Identity::new(), key == "https.listen");
    let launch = if https { identity.serve(loopback) } else { loopback };
    launch.set(key, addresses).run_to_end()
}

#[test]
fn a_tcp_port_that_another_program_uses_or_would_share_is_refused() {
    for key in ["http.listen", "https.listen"] {
        for loopback in ["127.0.0.1:0", "[::1]:0"] {
            let other = TcpListener::bind(loopback).unwrap();
            let address = other.local_addr().unwrap();
            let scheme = key.trim_end_matches(".listen");
            let cause = format!("{scheme}://{address} is in use by another program: ");
            assert_fails(&start_http_on(key, &address.to_string()), &[&cause, "end that program", key]);
        }
    }
    let sharing = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    sharing.set_reuse_port(true).unwrap();
    sharing.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into()).unwrap();
    sharing.listen(1).unwrap();
    let address = sharing.local_addr().unwrap().as_socket().unwrap();
    let cause = format!("http://{address} is in use by another program: ");
    assert_fails(&start_http_on("http.listen", &address.to_string()), &[&cause]);
}

#[test]
fn a_second_tracker_on_the_same_tcp_port_is_refused_and_the_first_continues() {
    let first = Launch::on_loopback().start();
    let address = first.http_v4();
    let cause = format!("http://{address} is in use by another program: ");
    assert_fails(&start_http_on("http.listen", &address.to_string()), &[&cause]);
    assert_eq!(HttpClient::new(address).get("/health_check").status, 200);
}

#[test]
fn a_tcp_port_that_cannot_be_bound_is_refused() {
    let ended = start_http_on("http.listen", "192.0.2.1:6969");
    assert_fails(&ended, &["http://192.0.2.1:6969: this machine does not have the address: ", "http.listen"]);
    // In a new network namespace, ports below the kernel's default of 1024 need a capability.
    let launch = Launch::with_defaults().under(&["unshare", "--net", "--", "setpriv"]);
    let launch = launch.under(&["--bounding-set=-net_bind_service", "--inh-caps=-net_bind_service", "--"]);
    let ended = launch.set("http.listen", "0.0.0.0:80").run_to_end();
    let parts =
        ["http://0.0.0.0:80: no permission to bind it: ", "1024", "http.listen", "CAP_NET_BIND_SERVICE"];
    assert_fails(&ended, &parts);
}

#[test]
fn https_with_an_unusable_file_is_refused_and_the_file_is_named() {
    let identity = Identity::new();
    for setting in ["https.certificate_file", "https.key_file"] {
        let launch = identity.serve(Launch::on_loopback()).set(setting, "/nonexistent/file.pem");
        let parts = ["https.listen", "/nonexistent/file.pem: cannot be read", "No such file"];
        assert_fails(&launch.run_to_end(), &parts);
    }
}

#[test]
fn https_without_its_files_is_refused_and_the_missing_key_is_named() {
    let https = || Launch::on_loopback().set("https.listen", r#"["127.0.0.1:0"]"#);
    assert_is_refused(&https().run_to_end(), &["https.listen", "https.certificate_file"]);
    let half = https().set("https.certificate_file", "/nonexistent/file.pem").run_to_end();
    assert_is_refused(&half, &["https.listen", "https.key_file"]);
}

#[test]
fn a_limit_on_open_files_that_is_too_low_for_the_connections_causes_a_warning() {
    let warns = |limit: &str, connections: &str| {
        let launch = Launch::on_loopback().set("http.connections_max", connections);
        let tracker = launch.under(&["prlimit", &format!("--nofile={limit}"), "--"]).start();
        assert_eq!(HttpClient::new(tracker.http_v4()).get("/health_check").status, 200);
        tracker.log().into_iter().find(|line| line.contains("WARN") && line.contains("LimitNOFILE="))
    };
    let warning = warns("1000:1000", "5000").expect("a warning");
    for part in ["open_files=1000", "http.connections_max", "raise it to", "ulimit -n"] {
        assert!(warning.contains(part), "{part:?} is not in {warning:?}");
    }
    assert_eq!(warns("1000:1000", "100"), None);
    // The soft limit is raised up to the hard limit.
    assert_eq!(warns("1000:10000", "5000"), None);
}

#[test]
fn a_limit_on_open_files_that_leaves_none_for_connections_is_refused() {
    let limited = |limit: u64| {
        Launch::on_loopback()
            .under(&["prlimit", &format!("--nofile={limit}:{limit}"), "--"])
            .set("http.connections_max", "1000")
            .set("workers.cores", &format!("[{}]", allowed_cores()[0]))
    };
    // Of 160 descriptors 64 are for the control plane and 96 for the core.
    let parts =
        ["RLIMIT_NOFILE", "is 160,", "raise it to 1160", "http.connections_max", "LimitNOFILE=", "ulimit -n"];
    assert_fails(&limited(160).run_to_end(), &parts);
    let tracker = limited(161).start();
    assert_eq!(HttpClient::new(tracker.http_v4()).get("/health_check").status, 200);
    // Without HTTP, no connections need descriptors.
    Client::new(limited(160).set("http.listen", "[]").start().v4());
}

#[test]
fn an_address_of_another_machine_is_refused() {
    for address in ["192.0.2.1:6969", "[2001:db8::1]:6969"] {
        let cause = format!("udp://{address}: this machine does not have the address: ");
        assert_fails(&start_on(address.parse().unwrap()), &[&cause, "udp.listen"]);
    }
}

#[test]
fn a_port_that_the_user_may_not_bind_is_refused() {
    // In a new network namespace, ports below the kernel's default of 1024 need a capability.
    let launch = Launch::with_defaults().under(&["unshare", "--net", "--", "setpriv"]);
    let launch = launch.under(&["--bounding-set=-net_bind_service", "--inh-caps=-net_bind_service", "--"]);
    let ended = launch.set("udp.listen", "0.0.0.0:999").run_to_end();
    assert_fails(&ended, &["udp://0.0.0.0:999: no permission to bind it: ", "1024", "CAP_NET_BIND_SERVICE"]);
}

#[test]
fn a_core_outside_of_the_affinity_mask_is_refused() {
    let ended = Launch::on_loopback().set("workers.cores", "[1023]").run_to_end();
    assert_fails(&ended, &["workers.cores names core 1023", "may not use", "taskset", "CPUAffinity="]);
}

#[test]
fn a_limit_on_locked_memory_that_is_too_low_is_refused() {
    let limited = |limit: &str| {
        let launch = Launch::on_loopback().under(&["prlimit", &format!("--memlock={limit}"), "setpriv"]);
        // With CAP_IPC_LOCK, the kernel would not apply the limit.
        launch.under(&["--bounding-set=-ipc_lock", "--inh-caps=-ipc_lock", "--"])
    };
    let parts = ["RLIMIT_MEMLOCK", "65536 bytes", "524288", "LimitMEMLOCK=", "ulimit -l"];
    assert_fails(&limited("65536").run_to_end(), &parts);
    // The limit that the sentence asks for is enough.
    Client::new(limited("524288").start().v4());
}

#[test]
fn a_kernel_that_forbids_or_lacks_io_uring_is_reported() {
    program();
    let calls = [libc::SYS_io_uring_setup, libc::SYS_io_uring_register, libc::SYS_io_uring_enter];
    for (call, error) in calls.into_iter().flat_map(|call| [(call, libc::EPERM), (call, libc::ENOSYS)]) {
        let ended = without_system_call(call, error, || Launch::on_loopback().run_to_end());
        let code = format!("(os error {error})");
        let parts = ["io_uring is not available: ", &code, "kernel.io_uring_disabled", "seccomp"];
        assert_fails(&ended, &parts);
    }
}

fn key_file(contents: &[u8]) -> NamedTempFile {
    let file = NamedTempFile::new().expect("a temporary file can be made");
    std::fs::write(file.path(), contents).expect("a temporary file can be written");
    file
}

fn with_key(file: &NamedTempFile) -> Launch {
    let path = file.path().to_str().expect("a path of plain text");
    Launch::on_loopback().set("connection_ids.key_file", path)
}

#[test]
fn a_key_file_that_is_missing_or_too_short_is_refused() {
    let missing = Launch::on_loopback().set("connection_ids.key_file", "/nonexistent/key");
    let parts = ["/nonexistent/key (connection_ids.key_file)", "cannot be found: No such file"];
    assert_fails(&missing.run_to_end(), &parts);

    let short = key_file(&[1; 15]);
    let path = short.path().to_str().unwrap();
    let parts = [path, "(connection_ids.key_file)", "at least 16 bytes", "it holds 15 bytes"];
    assert_fails(&with_key(&short).run_to_end(), &parts);
}

#[test]
fn files_with_secrets_that_others_can_read_cause_a_warning() {
    let (tls, api_tls) = (Identity::new(), Identity::new());
    let (key, tokens) = (key_file(&[1; 16]), key_file(b"ops = 0123456789abcdef"));
    let (upstreams, database) = (key_file(b""), key_file(b""));
    let (https_key, api_key) = (tls.key_file(), api_tls.key_file());
    let files = [key.path(), tokens.path(), &https_key, &api_key, upstreams.path(), database.path()]
        .map(Path::to_owned);
    let text = |path: &Path| path.to_str().expect("a path of plain text").to_owned();
    let launch = tls.serve(with_key(&key)).set("api.listen", "127.0.0.1:0");
    let launch = launch.set("api.tokens_file", &text(tokens.path()));
    let launch = launch.set("api.certificate_file", &text(&api_tls.certificate_file()));
    let launch = launch.set("api.key_file", &text(&api_tls.key_file()));
    let launch = launch.set("forwarding.file", &text(upstreams.path()));
    let launch = launch.set("database.url", &format!("sqlite:{}", text(database.path())));
    let warned_of = |mode, launch: Launch| {
        for file in &files {
            std::fs::set_permissions(file, Permissions::from_mode(mode)).unwrap();
        }
        let log = launch.start().log();
        let is_warned_of = |file: &PathBuf| {
            let file = format!("= {}", file.display());
            log.iter().any(|line| line.contains("WARN") && line.contains("chmod") && line.ends_with(&file))
        };
        files.iter().map(is_warned_of).collect::<Vec<_>>()
    };
    assert_eq!(warned_of(0o604, launch.clone()), [true; 6]);
    // A group may read private keys of TLS, the list of upstream trackers and the database.
    assert_eq!(warned_of(0o640, launch.clone()), [true, true, false, false, false, false]);
    assert_eq!(warned_of(0o600, launch.clone()), [false; 6]);
    // systemd's copies of credentials look as if a group could read them.
    let directory = tokens.path().parent().expect("a folder");
    let credentials = launch.env("CREDENTIALS_DIRECTORY", &text(directory));
    assert_eq!(warned_of(0o440, credentials), [false; 6]);
}

/// Whether a connection id outlives the tracker that issued it.
fn outlives_restart(before: Launch, after: Launch) -> bool {
    let tracker = before.start();
    let client = Client::new(tracker.v4());
    let request = client.leecher(InfoHash([9; 20]), 1001);
    client.announce(request);
    tracker.stop();
    let tracker = after.start();
    client.turn_to(tracker.v4());
    client.send(zerocopy::IntoBytes::as_bytes(&request));
    client.receive();
    tracker.stop().figures().get("udp_v4_announce_answered") == 1
}

#[test]
fn connection_ids_outlive_a_restart_with_the_same_key_file_only() {
    let (key, other) = (key_file(&[1; 16]), key_file(&[2; 16]));
    assert!(outlives_restart(with_key(&key), with_key(&key)));
    assert!(!outlives_restart(with_key(&key), with_key(&other)));
    assert!(!outlives_restart(Launch::on_loopback(), Launch::on_loopback()));
}
