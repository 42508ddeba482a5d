//! What a test plays on: a network, a tracker in it, and a torrent that names that tracker.

use std::path::Path;

use tempfile::TempDir;

use super::client::{Client, Job};
use super::network::{Family, Network};
use super::process::Process;
use super::scrape::{Peers, Scraper};
use super::torrent::{FILE_NAME, Torrent};
use super::tracker::Tracker;
use super::wait::wait_until;

// The fields end in this order: the tracker before its network, and the files last.
pub(super) struct Scene {
    scraper: Scraper,
    tracker: Tracker,
    network: Network,
    torrent: Torrent,
    folder: TempDir,
}

impl Scene {
    pub(super) fn new(family: Family) -> Self {
        let folder = tempfile::tempdir().expect("a folder for the test");
        let network = Network::new(family, folder.path());
        let tracker = Tracker::start(&network.tracker, family, folder.path());
        let torrent = Torrent::make(folder.path(), &Tracker::url());
        let scraper = Scraper::new(network.tracker.udp_socket(family), tracker.address);
        Self { scraper, tracker, network, torrent, folder }
    }

    /// Starts a client that has the whole file.
    pub(super) fn start_seeder(&self, client: Client) -> Process {
        self.start(client, "seeder", 0, |folder| {
            std::fs::write(folder.join(FILE_NAME), &self.torrent.content).expect("the seeder's file");
        })
    }

    /// Starts a client that has nothing.
    pub(super) fn start_leecher(&self, client: Client) -> Process {
        self.start(client, "leecher", 1, |_| ())
    }

    /// Waits until the tracker knows just these peers.
    pub(super) fn wait_for_peers(&self, seeders: u32, leechers: u32) {
        let wanted = Peers { seeders, leechers };
        let what = format!("{wanted:?} at {}", self.tracker.address);
        self.wait_until(&what, || self.scraper.scrape(&self.torrent.info_hash) == Some(wanted));
    }

    /// Waits until the leecher's file is the seeder's, byte for byte.
    pub(super) fn wait_for_the_file(&self) {
        let copy = self.folder.path().join("leecher").join(FILE_NAME);
        self.wait_until("the leecher has the file", || {
            std::fs::read(&copy).is_ok_and(|bytes| bytes == self.torrent.content)
        });
    }

    fn start(&self, client: Client, role: &str, host: usize, fill: impl FnOnce(&Path)) -> Process {
        let root = self.folder.path();
        let job = Job {
            host: &self.network.clients[host],
            torrent: &self.torrent.path,
            folder: root.join(role),
            state: root.join(format!("{role}.state")),
        };
        std::fs::create_dir(&job.folder).expect("a folder for the shared file");
        std::fs::create_dir(&job.state).expect("a folder for the client's state");
        fill(&job.folder);
        Process::start(client.command(&job), &root.join(format!("{role}.log")))
    }

    fn wait_until(&self, what: &str, is_so: impl FnMut() -> bool) {
        wait_until(what, self.folder.path(), is_so);
    }
}
