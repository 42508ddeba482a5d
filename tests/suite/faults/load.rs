//! Users of a private tracker who announce steadily, while an operator allows torrents.

use crate::http_client::HttpClient;
use crate::management::announces::Announce;
use crate::management::api::Api;
use crate::patience::PATIENCE;
use crate::tracker::Tracker;
use crate::udp_client::Client;
use primitives::AnnounceEvent::{self, Completed, None as Regular, Started};
use primitives::{AuthenticationKey, InfoHash};
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

const USERS: usize = 6;

/// Pause between two announces: the load is steady and light.
const PAUSE: Duration = Duration::from_millis(2);

/// Below every time limit of the database.
const SLOW: Duration = Duration::from_secs(1);

/// Announces after which a torrent is allowed, downloaded and completed.
const ROUND: usize = 20;

/// Sums of the users' announces and the operator's changes, over all runs of the tracker.
#[derive(Debug, Clone, Default)]
pub(super) struct Sums {
    /// Bytes uploaded and downloaded by each user.
    pub(super) accounts: [(u64, u64); USERS],
    pub(super) allowed: BTreeSet<InfoHash>,
    pub(super) completed: BTreeSet<InfoHash>,
    pub(super) udp_announces: u64,
    pub(super) http_announces: u64,
    /// Completed events that were answered.
    pub(super) completions_reported: u64,
    /// Changes that the tracker refused because too many were waiting.
    pub(super) refused: u64,
}

pub(super) struct Load {
    pub(super) sums: Sums,
    /// Times to each answer of the tracker and of its management API.
    answers: Vec<Duration>,
    announces: usize,
    udp: Client,
    http: HttpClient,
    api: Api,
    /// The clients' counters, which begin at zero with each run.
    shown: [(u64, u64); USERS],
}

pub(super) fn key(user: usize) -> AuthenticationKey {
    AuthenticationKey::parse(format!("{user:032}").as_bytes()).unwrap()
}

pub(super) fn torrent(number: u32) -> InfoHash {
    let mut bytes = [0xf0; 20];
    bytes[..4].copy_from_slice(&number.to_be_bytes());
    InfoHash(bytes)
}

/// The torrent that a user announces all the time.
fn torrent_of(user: usize) -> InfoHash {
    torrent(u32::try_from(user).unwrap())
}

/// An announce of a user, who has a port and a peer id.
fn announce_of(user: usize, torrent: InfoHash) -> Announce {
    let port = 6881 + u16::try_from(user).unwrap();
    Announce { port, ..Announce::of(torrent).with_key(key(user).reveal()) }
}

impl Load {
    /// Makes the keys and starts the users.
    pub(super) fn begin(tracker: &Tracker) -> Self {
        let api = Api::of(tracker);
        for user in 0..USERS {
            api.make_key(&key(user)).unwrap();
            api.allow(torrent_of(user)).unwrap();
        }
        let sums = Sums { allowed: (0..USERS).map(torrent_of).collect(), ..Sums::default() };
        Self::resume(tracker, sums)
    }

    /// Starts the users on a tracker that already has their keys.
    pub(super) fn resume(tracker: &Tracker, sums: Sums) -> Self {
        let (udp, http) = (Client::new(tracker.v4()), HttpClient::new(tracker.http_v4()));
        let api = Api::of(tracker);
        let (answers, announces, shown) = (Vec::new(), 0, Default::default());
        let mut load = Self { sums, answers, announces, udp, http, api, shown };
        for user in 0..USERS {
            load.announce(&load.next_of(user, Started));
        }
        load
    }

    /// Runs the load until `is_over` returns true.
    pub(super) fn run_until(&mut self, mut is_over: impl FnMut(&Api) -> bool) {
        let deadline = Instant::now() + 2 * PATIENCE;
        let mut look = Instant::now();
        loop {
            for _ in 0..ROUND {
                let user = self.announces % USERS;
                self.shown[user].0 += 1000 + self.announces as u64;
                self.shown[user].1 += 7;
                self.sums.accounts[user].0 += 1000 + self.announces as u64;
                self.sums.accounts[user].1 += 7;
                self.announce(&self.next_of(user, Regular));
                std::thread::sleep(PAUSE);
            }
            self.complete_one();
            if look.elapsed() >= Duration::from_millis(20) {
                look = Instant::now();
                if is_over(&self.api) {
                    return;
                }
            }
            assert!(Instant::now() < deadline, "{:?}", self.api.storage());
        }
    }

    /// Asserts that at most one answer in 100 is slow, as on a machine that is busy or was suspended.
    #[track_caller]
    pub(super) fn assert_swift(&self) {
        let slow: Vec<_> = self.answers.iter().filter(|&&answer| answer > SLOW).collect();
        assert!(slow.len() * 100 <= self.answers.len(), "of {} answers: {slow:?}", self.answers.len());
    }

    pub(super) fn run_for(&mut self, time: Duration) {
        let end = Instant::now() + time;
        self.run_until(|_| Instant::now() >= end);
    }

    /// Allows a torrent and, unless the tracker refuses that, has a user complete it.
    fn complete_one(&mut self) {
        let new = torrent(u32::try_from(self.sums.allowed.len()).unwrap() + (1 << 20));
        let asked = Instant::now();
        let allowed = self.api.allow(new);
        self.answers.push(asked.elapsed());
        if let Err(reason) = allowed {
            assert!(reason.contains("failed to whitelist torrent: too many changes wait"), "{reason}");
            self.sums.refused += 1;
            return;
        }
        self.sums.allowed.insert(new);
        let user = self.announces % USERS;
        let nothing = Announce { event: Started, ..announce_of(user, new) };
        self.announce(&nothing);
        self.announce(&Announce { left: 0, event: Completed, ..nothing });
        self.sums.completed.insert(new);
        self.sums.completions_reported += 1;
    }

    fn next_of(&self, user: usize, event: AnnounceEvent) -> Announce {
        let (uploaded, downloaded) = self.shown[user];
        Announce { uploaded, downloaded, event, ..announce_of(user, torrent_of(user)) }
    }

    /// Announces and waits for the answer, over UDP and HTTP in turn.
    fn announce(&mut self, announce: &Announce) {
        let asked = Instant::now();
        let refusal = if self.announces.is_multiple_of(2) {
            self.sums.udp_announces += 1;
            announce.over_udp(&self.udp)
        } else {
            self.sums.http_announces += 1;
            announce.over_http(&mut self.http)
        };
        assert_eq!(refusal, None, "{announce:?}");
        self.announces += 1;
        self.answers.push(asked.elapsed());
    }
}
