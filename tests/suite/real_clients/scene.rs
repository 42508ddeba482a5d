//! The environment of a test: a network, a tracker in it, and a file to share.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use super::authority::Authority;
use super::client::{Client, Job, PEER_PORT};
use super::eye::Eye;
use super::host::Host;
use super::network::{Family, Network, PROXY_NAME, TRACKER_NAME};
use super::nginx::{Forwarding, Nginx};
use super::process::Process;
use super::scheme::Scheme;
use super::torrent::{FILE_NAME, InfoHash, Payload, Torrent};
use super::tracker::{Tracker, TrustedProxy};
use super::wait::wait_until;
use crate::http_client::{HttpClient, with_patience};
use crate::management::api::request_head;

// The fields are dropped in this order: the programs before their network, and the files last.
pub(super) struct Scene {
    eye: Eye,
    nginx: Option<Nginx>,
    tracker: Tracker,
    network: Network,
    family: Family,
    authority: Authority,
    payload: Payload,
    info_hash: InfoHash,
    folder: TempDir,
}

/// How clients reach the tracker.
#[derive(Clone, Copy)]
enum Setting {
    Open,
    Private,
    BehindNginx(Forwarding),
}

/// The management API on the tracker's host.
const API: &str = "127.0.0.1:1212";

const API_TOKEN: &str = "the-token-of-real-clients";

const API_SETTINGS: &str = "[database]\nurl = \"none\"\n\
                            [api]\ntokens = { tests = \"the-token-of-real-clients\" }\n";

/// Addresses of the small networks are private ones.
const FORWARDING_SETTINGS: &str = "[forwarding]\nprivate_peers = \"accept\"\n";

const PRIVATE_SETTINGS: &str = "[access]\nmode = \"private\"\n";

/// The role of a client. Each has its own host.
#[derive(Clone, Copy, Debug)]
pub(super) enum Role {
    /// Has the whole file.
    Seeder,
    /// Has nothing.
    Leecher,
    /// Has nothing either.
    SecondLeecher,
}

/// A running client.
pub(super) struct Player {
    pub(super) process: Process,
    /// Whether it announces its end.
    pub(super) takes_leave: bool,
}

impl Role {
    const fn name(self) -> &'static str {
        match self {
            Self::Seeder => "seeder",
            Self::Leecher => "leecher",
            Self::SecondLeecher => "second-leecher",
        }
    }

    const fn host(self) -> usize {
        self as usize
    }
}

impl Scene {
    /// A scene in which clients reach the tracker directly.
    pub(super) fn new(family: Family) -> Self {
        Self::set(family, Setting::Open, None)
    }

    /// A scene in which clients reach the tracker directly and need a key.
    pub(super) fn private(family: Family) -> Self {
        Self::set(family, Setting::Private, None)
    }

    /// A scene in which clients reach the tracker through an nginx that it trusts.
    pub(super) fn behind_nginx(family: Family, forwarding: Forwarding) -> Self {
        Self::set(family, Setting::BehindNginx(forwarding), None)
    }

    /// A scene whose tracker forwards to the upstream tracker at this URL.
    pub(super) fn with_upstream(family: Family, url: &str) -> Self {
        Self::set(family, Setting::Open, Some(url))
    }

    /// The same, but clients reach the tracker through an nginx that names them in `X-Real-IP`.
    pub(super) fn with_upstream_behind_nginx(family: Family, url: &str) -> Self {
        Self::set(family, Setting::BehindNginx(Forwarding::XRealIp), Some(url))
    }

    fn set(family: Family, setting: Setting, upstream: Option<&str>) -> Self {
        let folder = tempfile::tempdir().expect("a folder for the test");
        let root = folder.path();
        let network = Network::new(family, root);
        let authority = Authority::make(root, &[TRACKER_NAME, PROXY_NAME]);
        let (settings, forwarding) = match setting {
            Setting::Open => (String::new(), None),
            Setting::Private => (PRIVATE_SETTINGS.to_owned(), None),
            Setting::BehindNginx(forwarding) => {
                let proxy = TrustedProxy { ip: network.proxy.address(family), forwarding };
                (proxy.settings(), Some(forwarding))
            }
        };
        let forwarding_settings = upstream.map(|url| {
            let file = root.join("forwarders.yml");
            std::fs::write(&file, format!("- uri: {url}\n")).expect("a file of upstream trackers");
            format!("{FORWARDING_SETTINGS}file = {file:?}\n")
        });
        let settings = format!("{API_SETTINGS}{settings}{}", forwarding_settings.unwrap_or_default());
        let tracker = Tracker::start(&network.tracker, family, &authority, &settings, root);
        let nginx = forwarding
            .map(|forwarding| Nginx::start(&network.proxy, forwarding, &tracker.addresses, &authority, root));
        let payload = Payload::make(root);
        let info_hash = payload.torrent(root.join("any.torrent"), &Tracker::url(Scheme::Udp)).info_hash;
        let eye = Eye::new(network.tracker.udp_socket(family), tracker.addresses.udp);
        Self { eye, nginx, tracker, network, family, authority, payload, info_hash, folder }
    }

    /// The tracker's URL in a torrent.
    fn url(&self, scheme: Scheme) -> String {
        if self.nginx.is_some() { Nginx::url(scheme) } else { Tracker::url(scheme) }
    }

    /// Starts a client with a tracker URL of this scheme.
    pub(super) fn start(&self, role: Role, client: Client, scheme: Scheme) -> Player {
        self.start_with(role, client, scheme, &self.url(scheme))
    }

    /// Starts a client that has a key.
    pub(super) fn start_with_key(&self, role: Role, client: Client, scheme: Scheme, key: &str) -> Player {
        self.start_with(role, client, scheme, &format!("{}/{key}", self.url(scheme)))
    }

    /// Starts a client with this tracker URL.
    pub(super) fn start_with(&self, role: Role, client: Client, scheme: Scheme, url: &str) -> Player {
        let torrent = self.torrent(role, url);
        let job = self.job(role, &torrent);
        if matches!(role, Role::Seeder) {
            std::fs::write(job.folder.join(FILE_NAME), &self.payload.content).expect("the seeder's file");
        }
        let process = Process::start(client.command(&job), &self.log_of(role));
        Player { process, takes_leave: client.takes_leave(scheme) }
    }

    /// The output of a command that ends by itself.
    pub(super) fn output_of(&self, scheme: Scheme, command: impl FnOnce(&Job<'_>) -> Command) -> String {
        let torrent = self.torrent(Role::Leecher, &self.url(scheme));
        let command = command(&self.job(Role::Leecher, &torrent));
        let mut process = Process::start(command, &self.log_of(Role::Leecher));
        self.wait_until("the client has ended", || process.has_ended());
        process.output()
    }

    /// Announces this many peers once; they never announce again.
    pub(super) fn populate(&self, seeders: u16, leechers: u16) {
        let lefts = (0..seeders).map(|_| 0).chain((0..leechers).map(|_| 1));
        for (port, left) in (1000..).zip(lefts) {
            self.wait_until("a peer joins", || self.eye.join(&self.info_hash, port, left));
        }
    }

    /// The JSON answer of the management API.
    pub(super) fn ask_api(&self, method: &str, path: &str, body: &str) -> serde_json::Value {
        let stream = self.network.tracker.tcp_stream(API.parse().expect("an address"));
        let mut client = HttpClient::over(with_patience(stream));
        client.send(format!("{}{body}", request_head(method, path, API_TOKEN, body.len())).as_bytes());
        let answer = client.answer();
        assert_eq!(answer.status, 200, "{method} {path}: {}", answer.text());
        serde_json::from_slice(&answer.body).expect("JSON")
    }

    /// The shared torrent's info hash in hexadecimal digits.
    pub(super) fn info_hash(&self) -> String {
        self.info_hash.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Whether a client has anything of the file.
    pub(super) fn has_begun_the_file(&self, role: Role) -> bool {
        self.folder.path().join(role.name()).join(FILE_NAME).exists()
    }

    /// The host of an upstream tracker.
    pub(super) fn upstream_host(&self) -> &Host {
        &self.network.clients[Role::SecondLeecher.host()]
    }

    /// The folder for all files of the test. Files whose names end in `.log` are shown if it fails.
    pub(super) fn folder(&self) -> &Path {
        self.folder.path()
    }

    fn torrent(&self, role: Role, url: &str) -> Torrent {
        let path = self.folder.path().join(format!("{}.torrent", role.name()));
        let torrent = self.payload.torrent(path, url);
        assert_eq!(torrent.info_hash, self.info_hash, "the info hash does not depend on the tracker's URL");
        torrent
    }

    fn job<'a>(&'a self, role: Role, torrent: &'a Torrent) -> Job<'a> {
        let root = self.folder.path();
        let folder_of_its_own = |name: String| {
            let folder = root.join(name);
            std::fs::create_dir(&folder).expect("a folder for a client");
            folder
        };
        Job {
            host: &self.network.clients[role.host()],
            torrent: &torrent.path,
            folder: folder_of_its_own(role.name().to_owned()),
            state: folder_of_its_own(format!("{}.state", role.name())),
            trusted_root: &self.authority.root,
        }
    }

    fn log_of(&self, role: Role) -> PathBuf {
        self.folder.path().join(format!("{}.log", role.name()))
    }

    /// Waits until the tracker knows exactly these numbers of peers.
    pub(super) fn wait_for_counts(&self, seeders: u32, leechers: u32) {
        let what = format!("{seeders} seeders and {leechers} leechers");
        self.wait_until(&what, || {
            let stats = self.ask_api("GET", "stats", "");
            stats["seeders"] == seeders && stats["leechers"] == leechers
        });
    }

    /// Waits until the tracker returns exactly the addresses of these clients' hosts.
    pub(super) fn wait_for_addresses(&self, roles: &[Role]) {
        let port = PEER_PORT.parse().expect("a port");
        let address =
            |&role: &Role| SocketAddr::new(self.network.clients[role.host()].address(self.family), port);
        let wanted: BTreeSet<SocketAddr> = roles.iter().map(address).collect();
        let what = format!("{wanted:?} from {}", self.tracker.addresses.udp);
        self.wait_until(&what, || self.eye.peers(&self.info_hash).as_ref() == Some(&wanted));
    }

    /// Waits until a leecher's file equals the seeder's, byte for byte.
    pub(super) fn wait_for_the_file(&self, role: Role) {
        let copy = self.folder.path().join(role.name()).join(FILE_NAME);
        self.wait_until(&format!("the {} has the file", role.name()), || {
            std::fs::read(&copy).is_ok_and(|bytes| bytes == self.payload.content)
        });
    }

    pub(super) fn wait_until(&self, what: &str, is_so: impl FnMut() -> bool) {
        wait_until(what, self.folder.path(), is_so);
    }
}
