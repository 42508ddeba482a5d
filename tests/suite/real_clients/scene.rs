//! What a test plays on: a network, a tracker in it, and a file to share.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use tempfile::TempDir;

use super::authority::Authority;
use super::client::{Client, Job, PEER_PORT};
use super::eye::{Counts, Eye};
use super::network::{Family, Network, TRACKER_NAME};
use super::process::Process;
use super::scheme::Scheme;
use super::torrent::{FILE_NAME, InfoHash, Payload};
use super::tracker::Tracker;
use super::wait::wait_until;

// The fields end in this order: the tracker before its network, and the files last.
pub(super) struct Scene {
    eye: Eye,
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
    pub(super) fn new(family: Family) -> Self {
        let folder = tempfile::tempdir().expect("a folder for the test");
        let root = folder.path();
        let network = Network::new(family, root);
        let authority = Authority::make(root, &[TRACKER_NAME]);
        let tracker = Tracker::start(&network.tracker, family, &authority, root);
        let payload = Payload::make(root);
        let info_hash = payload.torrent(root.join("any.torrent"), &Tracker::url(Scheme::Udp)).info_hash;
        let eye = Eye::new(network.tracker.udp_socket(family), tracker.address);
        Self { eye, tracker, network, family, authority, payload, info_hash, folder }
    }

    /// Starts a client that knows the tracker by a URL of this scheme.
    pub(super) fn start(&self, role: Role, client: Client, scheme: Scheme) -> Player {
        let root = self.folder.path();
        let torrent =
            self.payload.torrent(root.join(format!("{}.torrent", role.name())), &Tracker::url(scheme));
        assert_eq!(torrent.info_hash, self.info_hash, "the tracker's URL is no part of what a torrent is");
        let job = Job {
            host: &self.network.clients[role.host()],
            torrent: &torrent.path,
            folder: root.join(role.name()),
            state: root.join(format!("{}.state", role.name())),
            trusted_root: &self.authority.root,
        };
        std::fs::create_dir(&job.folder).expect("a folder for the shared file");
        std::fs::create_dir(&job.state).expect("a folder for the client's state");
        if matches!(role, Role::Seeder) {
            std::fs::write(job.folder.join(FILE_NAME), &self.payload.content).expect("the seeder's file");
        }
        let process = Process::start(client.command(&job), &root.join(format!("{}.log", role.name())));
        Player { process, takes_leave: client.takes_leave(scheme) }
    }

    /// Waits until the tracker knows just so many peers.
    pub(super) fn wait_for_counts(&self, seeders: u32, leechers: u32) {
        let wanted = Counts { seeders, leechers };
        let what = format!("{wanted:?} at {}", self.tracker.address);
        self.wait_until(&what, || self.eye.counts(&self.info_hash) == Some(wanted));
    }

    /// Waits until the tracker gives out the addresses of these clients' hosts, and no others.
    pub(super) fn wait_for_addresses(&self, roles: &[Role]) {
        let port = PEER_PORT.parse().expect("a port");
        let address =
            |&role: &Role| SocketAddr::new(self.network.clients[role.host()].address(self.family), port);
        let wanted: BTreeSet<SocketAddr> = roles.iter().map(address).collect();
        let what = format!("{wanted:?} from {}", self.tracker.address);
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
