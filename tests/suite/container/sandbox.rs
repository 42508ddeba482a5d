//! The tracker in a root that holds what the image would hold. No engine is needed: bubblewrap confines it in the same way.

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use primitives::InfoHash;
use rustix::process::{Pid, Signal, geteuid, kill_process};
use tempfile::TempDir;

use super::files::{health_check, instruction, words};
use super::profile::filters;
use crate::http_client::{HttpClient, percent_encode};
use crate::patience::wait_for;
use crate::program::{in_checkout, program};
use crate::tracker::{Launch, Tracker};
use crate::udp_client::Client;

/// The container's root, its configuration and its system call filters.
struct Container {
    folder: TempDir,
    /// The confinement, to be followed by a command: a read-only root, the user of the image without capabilities, its own
    /// processes of which the command is the first, and the host's network.
    confinement: String,
}

fn make_folder(path: &Path) {
    fs::create_dir(path).expect("a folder can be made");
}

impl Container {
    /// Makes the root by the command of the Containerfile, with the program under test.
    fn make() -> Self {
        let folder = tempfile::tempdir().expect("a folder for the root");
        // The user of the image has to find the root in it.
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).expect("a folder of this test");
        let path = |name: &str| folder.path().join(name);
        make_folder(&path("root"));
        let made = Command::new(in_checkout("config/container/make-root"))
            .args([program(), path("root")])
            .status()
            .expect("the command of the Containerfile");
        assert!(made.success() && instruction("RUN").contains("&& config/container/make-root "), "{made}");
        make_folder(&path("root/data"));
        make_folder(&path("configuration"));
        let forwarders = in_checkout("config/container/ringtrack/forwarders.yml");
        fs::copy(forwarders, path("configuration/forwarders.yml")).expect("the list of upstream trackers");
        let confinement = Self::confinement(folder.path());
        Self { folder, confinement }
    }

    fn confinement(folder: &Path) -> String {
        let (root, user) = (folder.display(), instruction("USER"));
        let (user, group) = user.split_once(':').expect("a user and a group");
        let mut begin = String::new();
        if geteuid().is_root() {
            begin = format!("set -- setpriv --reuid={user} --regid={group} --clear-groups --; ");
        }
        let mut fences = String::new();
        for (index, filter) in filters().iter().enumerate() {
            let (file, descriptor) = (folder.join(format!("filter-{index}")), 3 + index);
            fs::write(&file, filter).expect("a file of this test");
            begin += &format!("exec {descriptor}<{}; ", file.display());
            fences += &format!("--add-seccomp-fd {descriptor} ");
        }
        format!(
            "{begin}exec \"$@\" bwrap --unshare-user --uid {user} --gid {group} --unshare-pid --as-pid-1 \
             --unshare-ipc --unshare-uts --die-with-parent --new-session --cap-drop ALL \
             --ro-bind {root}/root / --proc /proc --dev /dev --ro-bind /sys /sys \
             --ro-bind {root}/configuration /etc/ringtrack --tmpfs /data --tmpfs /tmp --chdir /data {fences}--"
        )
    }

    /// A launch of a command in the container, with the variables of the image and of the compose file.
    fn launch(&self, command: &[String], health_checks: SocketAddr) -> Launch {
        let address = format!("{}:0", health_checks.ip());
        // The path of the program, which follows, is the name of the script.
        let script = format!("{} {}", self.confinement, command.join(" "));
        let mut launch = Launch::with_defaults()
            .under(&["sh", "-c", &script])
            // This process may have a low limit on open files.
            .set("http.connections_max", "1000")
            .set("udp.listen", &address)
            .set("http.listen", &address)
            .set("health_check_api.listen", &health_checks.to_string())
            .set("latency.directory", "")
            .set("forwarding.file", "/etc/ringtrack/forwarders.yml");
        for variable in instruction("ENV").split_whitespace() {
            let (name, value) = variable.split_once('=').expect("a variable and its value");
            launch = launch.env(name, value);
        }
        launch
    }
}

/// The process that the sandbox of a tracker confines: the first one there.
fn first_process(sandbox: &Tracker) -> Pid {
    let children = format!("/proc/{0}/task/{0}/children", sandbox.id());
    let children = fs::read_to_string(children).expect("a running sandbox");
    children.trim().parse().ok().and_then(Pid::from_raw).expect("one process in the sandbox")
}

/// An address that no other process of tests uses.
fn own_address() -> SocketAddr {
    let [_, _, high, low] = std::process::id().to_be_bytes();
    ([127, 77, high, low.max(1)], 1313).into()
}

#[test]
fn the_tracker_serves_from_the_root_of_the_image() {
    let (container, health_checks) = (Container::make(), own_address());
    assert!(!container.folder.path().join("root/bin").exists(), "it has no shell");
    let tracker = container.launch(&words(&instruction("ENTRYPOINT")), health_checks).start();
    let torrent = InfoHash([7; 20]);
    let client = Client::new(tracker.v4());
    client.announce(client.leecher(torrent, 1001));
    let hash = percent_encode(&torrent.0);
    let announce = format!("/announce?info_hash={hash}&peer_id={hash}&port=1002&left=0&compact=1");
    let answer = HttpClient::new(tracker.http_v4()).get(&announce);
    let body = String::from_utf8_lossy(&answer.body).into_owned();
    assert!(answer.status == 200 && body.contains("10:incompletei1e"), "{body}");
    wait_for(|| {
        let check = container.launch(&health_check(), health_checks).run_to_end();
        if check.code == Some(0) { Ok(()) } else { Err(check.log.join("\n")) }
    });
    kill_process(first_process(&tracker), Signal::TERM).unwrap();
    let ended = tracker.wait();
    assert_eq!(ended.code, Some(0), "{:#?}", ended.log);
    let faults: Vec<&String> = ended.log.iter().filter(|line| line.contains("ERROR")).collect();
    assert_eq!(faults, Vec::<&String>::new());
}
