//! What a test plays on: a network, a tracker in it, and a file to share.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::PathBuf;

use tempfile::TempDir;

use super::authority::Authority;
use super::client::{Client, Job, PEER_PORT};
use super::eye::{Counts, Eye};
use super::network::{Family, Network, PROXY_NAME, TRACKER_NAME};
use super::nginx::{Forwarding, Nginx};
use super::process::Process;
use super::scheme::Scheme;
use super::torrent::{FILE_NAME, InfoHash, Payload, Torrent};
use super::tracker::{Tracker, TrustedProxy};
use super::wait::wait_until;

// The fields end in this order: the programs before their network, and the files last.
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

/// Who a client is in a scene. Each has a host of its own.
#[derive(Clone, Copy, Debug)]
pub(super) enum Role {
    /// Has the whole file.
    Seeder,
    /// Has nothing.
    Leecher,
    /// Has nothing either.
    SecondLeecher,
}

/// A client that plays its role.
pub(super) struct Player {
    pub(super) process: Process,
    /// Whether it tells the tracker when it ends.
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
    /// Clients reach the tracker itself.
    pub(super) fn new(family: Family) -> Self {
        Self::set(family, None)
    }

    /// Clients reach nginx, whose word about them the tracker takes.
    pub(super) fn behind_nginx(family: Family, forwarding: Forwarding) -> Self {
        Self::set(family, Some(forwarding))
    }

    fn set(family: Family, forwarding: Option<Forwarding>) -> Self {
        let folder = tempfile::tempdir().expect("a folder for the test");
        let root = folder.path();
        let network = Network::new(family, root);
        let authority = Authority::make(root, &[TRACKER_NAME, PROXY_NAME]);
        let proxy =
            forwarding.map(|forwarding| TrustedProxy { ip: network.proxy.address(family), forwarding });
        let tracker = Tracker::start(&network.tracker, family, &authority, proxy.as_ref(), root);
        let nginx = forwarding
            .map(|forwarding| Nginx::start(&network.proxy, forwarding, &tracker.addresses, &authority, root));
        let payload = Payload::make(root);
        let info_hash = payload.torrent(root.join("any.torrent"), &Tracker::url(Scheme::Udp)).info_hash;
        let eye = Eye::new(network.tracker.udp_socket(family), tracker.addresses.udp);
        Self { eye, nginx, tracker, network, family, authority, payload, info_hash, folder }
    }

    /// What a torrent names as its tracker.
    fn url(&self, scheme: Scheme) -> String {
        if self.nginx.is_some() { Nginx::url(scheme) } else { Tracker::url(scheme) }
    }

    /// Starts a client that knows the tracker by a URL of this scheme.
    pub(super) fn start(&self, role: Role, client: Client, scheme: Scheme) -> Player {
        let torrent = self.torrent(role, scheme);
        let job = self.job(role, &torrent);
        if matches!(role, Role::Seeder) {
            std::fs::write(job.folder.join(FILE_NAME), &self.payload.content).expect("the seeder's file");
        }
        let process = Process::start(client.command(&job), &self.log_of(role));
        Player { process, takes_leave: client.takes_leave(scheme) }
    }

    /// What a client prints that scrapes.
    pub(super) fn scrape(&self, client: Client, scheme: Scheme) -> String {
        let torrent = self.torrent(Role::Leecher, scheme);
        let command = client.scrape_command(&self.job(Role::Leecher, &torrent));
        let mut process = Process::start(command, &self.log_of(Role::Leecher));
        self.wait_until("the client has scraped", || process.has_ended());
        process.output()
    }

    /// Puts so many peers into the swarm, which nobody will ever hear of again.
    pub(super) fn populate(&self, seeders: u16, leechers: u16) {
        let lefts = (0..seeders).map(|_| 0).chain((0..leechers).map(|_| 1));
        for (port, left) in (1000..).zip(lefts) {
            self.wait_until("a peer joins", || self.eye.join(&self.info_hash, port, left));
        }
    }

    fn torrent(&self, role: Role, scheme: Scheme) -> Torrent {
        let path = self.folder.path().join(format!("{}.torrent", role.name()));
        let torrent = self.payload.torrent(path, &self.url(scheme));
        assert_eq!(torrent.info_hash, self.info_hash, "the tracker's URL is no part of what a torrent is");
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

    /// Waits until the tracker knows just so many peers.
    pub(super) fn wait_for_counts(&self, seeders: u32, leechers: u32) {
        let wanted = Counts { seeders, leechers };
        let what = format!("{wanted:?} at {}", self.tracker.addresses.udp);
        self.wait_until(&what, || self.eye.counts(&self.info_hash) == Some(wanted));
    }

    /// Waits until the tracker gives out the addresses of these clients' hosts, and no others.
    pub(super) fn wait_for_addresses(&self, roles: &[Role]) {
        let port = PEER_PORT.parse().expect("a port");
        let address =
            |&role: &Role| SocketAddr::new(self.network.clients[role.host()].address(self.family), port);
        let wanted: BTreeSet<SocketAddr> = roles.iter().map(address).collect();
        let what = format!("{wanted:?} from {}", self.tracker.addresses.udp);
        self.wait_until(&what, || self.eye.peers(&self.info_hash).as_ref() == Some(&wanted));
    }

    /// Waits until a leecher's file is the seeder's, byte for byte.
    pub(super) fn wait_for_the_file(&self, role: Role) {
        let copy = self.folder.path().join(role.name()).join(FILE_NAME);
        self.wait_until(&format!("the {} has the file", role.name()), || {
            std::fs::read(&copy).is_ok_and(|bytes| bytes == self.payload.content)
        });
    }

    fn wait_until(&self, what: &str, is_so: impl FnMut() -> bool) {
        wait_until(what, self.folder.path(), is_so);
    }
}
