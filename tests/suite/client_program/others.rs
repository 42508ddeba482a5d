//! Checks of other trackers.

use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use super::{TORRENT, faults, run, run_json};
use crate::opentracker::{free_address, opentracker};
use crate::patience::wait_for;
use crate::program::in_checkout;
use crate::real_clients::process::Process;

/// Starts a tracker with its log in `folder`, and waits until it answers at `url`.
fn start(command: Command, folder: &Path, url: &str) -> Process {
    let process = Process::start(command, &folder.join("log"));
    wait_for(|| {
        match run(&["announce", "--timeout", "1", "--info-hash", TORRENT, "--event", "stopped", url]) {
            (Some(0), _) => Ok(()),
            (_, text) => Err(text),
        }
    });
    process
}

/// Debian's build serves only torrents on a list.
fn listed_opentracker(address: SocketAddr, folder: &Path) -> Command {
    let list = folder.join("whitelist");
    std::fs::write(&list, format!("{TORRENT}\n")).unwrap();
    std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o755)).unwrap();
    let mut command = opentracker(Command::new("setpriv"));
    let port = address.port().to_string();
    command.args(["-i", "127.0.0.1", "-p", &port, "-P", &port, "-d"]).arg(folder).arg("-w").arg(list);
    command
}

#[test]
fn a_check_understands_opentracker() {
    let (address, folder) = (free_address(), tempfile::tempdir().unwrap());
    let [udp, http] = ["udp", "http"].map(|scheme| format!("{scheme}://{address}/announce"));
    let _opentracker = start(listed_opentracker(address, folder.path()), folder.path(), &udp);
    let open_port = ["warning", "tls_greeting", "a connection that begins with TLS is not closed"];
    for (url, expected) in [(&udp, vec![]), (&http, vec![open_port])] {
        // It closes a connection whose random bytes have an empty line by chance, one of fifty: then it is checked again.
        wait_for(|| {
            let (code, objects) = run_json(&["check", "--info-hash", TORRENT, url]);
            let is_as_expected = (code, faults(&objects)) == (Some(0), expected.clone());
            if is_as_expected { Ok(()) } else { Err(format!("{objects:#?}")) }
        });
    }
    // This torrent is not on its list.
    let (_, objects) = run_json(&["check", &http]);
    assert!(!faults(&objects).is_empty(), "{objects:#?}");
}

#[test]
#[ignore = "`bench/compare --only aquatic_udp` builds what it needs"]
fn a_check_understands_aquatic() {
    let (address, folder) = (free_address(), tempfile::tempdir().unwrap());
    let config = folder.path().join("aquatic.toml");
    std::fs::write(&config, format!("[network]\naddress = \"{address}\"\n")).unwrap();
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL", "--"]);
    command.arg(in_checkout("target/compare/aquatic_udp-0.9.0/bin/aquatic_udp")).arg("-c").arg(config);
    let url = format!("udp://{address}/announce");
    let _aquatic = start(command, folder.path(), &url);
    let (code, objects) = run_json(&["check", &url]);
    assert_eq!(code, Some(0), "{objects:#?}");
}
