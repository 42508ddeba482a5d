//! Checks of other trackers.

use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use super::{TORRENT, faults, run, run_json};
use crate::patience::wait_for;
use crate::program::in_checkout;

/// A tracker that is killed when this is dropped.
struct Other(Child);

impl Other {
    /// Starts it, and waits until it answers at `url`.
    fn start(mut command: Command, url: &str) -> Self {
        let quiet = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let other = Self(quiet.spawn().unwrap());
        wait_for(|| {
            match run(&["announce", "--timeout", "1", "--info-hash", TORRENT, "--event", "stopped", url]) {
                (Some(0), _) => Ok(()),
                (_, text) => Err(text),
            }
        });
        other
    }
}

impl Drop for Other {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// An address whose port is free for UDP and TCP.
fn free_address() -> SocketAddr {
    let ports = std::iter::repeat_with(|| TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap());
    ports.take(100).find(|address| UdpSocket::bind(address).is_ok()).unwrap()
}

/// Debian's build serves only torrents on a list, and refuses to run as root.
fn opentracker(address: SocketAddr, folder: &Path) -> Command {
    let list = folder.join("whitelist");
    std::fs::write(&list, format!("{TORRENT}\n")).unwrap();
    std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o755)).unwrap();
    let mut command = Command::new("setpriv");
    if rustix::process::geteuid().is_root() {
        command.args(["--reuid", "nobody", "--regid", "nogroup", "--clear-groups", "--", "setpriv"]);
    }
    // A change of user clears this signal.
    command.args(["--pdeathsig", "KILL", "--", "opentracker"]);
    let port = address.port().to_string();
    command.args(["-i", "127.0.0.1", "-p", &port, "-P", &port, "-d"]).arg(folder).arg("-w").arg(list);
    command
}

#[test]
fn a_check_understands_opentracker() {
    let (address, folder) = (free_address(), tempfile::tempdir().unwrap());
    let [udp, http] = ["udp", "http"].map(|scheme| format!("{scheme}://{address}/announce"));
    let _opentracker = Other::start(opentracker(address, folder.path()), &udp);
    let open_port = ["warning", "tls_greeting", "a connection that begins with TLS is not closed"];
    for (url, expected) in [(&udp, vec![]), (&http, vec![open_port])] {
        let (code, objects) = run_json(&["check", "--info-hash", TORRENT, url]);
        assert_eq!((code, faults(&objects)), (Some(0), expected), "{objects:#?}");
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
    let _aquatic = Other::start(command, &url);
    let (code, objects) = run_json(&["check", &url]);
    assert_eq!(code, Some(0), "{objects:#?}");
}
