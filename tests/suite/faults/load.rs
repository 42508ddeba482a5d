//! Users of a private tracker who announce steadily, and an operator who allows torrents meanwhile.

use super::api::Api;
use crate::http_client::{HttpClient, percent_encode};
use crate::patience::PATIENCE;
use crate::tracker::Tracker;
use crate::udp_client::{Answer, Client};
use primitives::AnnounceEvent::{self, Completed, None as Regular, Started};
use primitives::{AuthenticationKey, InfoHash, PeerId};
use ringtrack_tests::client::url_data;
use std::collections::BTreeSet;
use std::time::{Duration, Instant};
use zerocopy::IntoBytes;

const USERS: usize = 6;

/// Between two announces: a steady load that leaves the machine to others.
const PAUSE: Duration = Duration::from_millis(2);

/// Below any limit of time of a database.
const SLOW: Duration = Duration::from_secs(1);

/// Each so many announces a torrent is allowed, downloaded and completed.
const ROUND: usize = 20;

/// What all users have announced and what the operator has done, over all runs of the tracker.
#[derive(Debug, Clone, Default)]
pub(super) struct Sums {
    /// Bytes up and down of each user.
    pub(super) accounts: [(u64, u64); USERS],
    pub(super) allowed: BTreeSet<InfoHash>,
    pub(super) completed: BTreeSet<InfoHash>,
    pub(super) udp_announces: u64,
    pub(super) http_announces: u64,
    /// Completed events that were answered.
    pub(super) completions_reported: u64,
    /// Changes that the tracker refused, all in these words.
    pub(super) refused: u64,
}

pub(super) struct Load {
    pub(super) sums: Sums,
    /// How long each answer took, of the tracker and of its management API.
    answers: Vec<Duration>,
    announces: usize,
    udp: Client,
    http: HttpClient,
    api: Api,
    /// What the clients' counters show: they begin at zero with each run.
    shown: [(u64, u64); USERS],
}

/// The key of a user.
pub(super) fn key(user: usize) -> AuthenticationKey {
    AuthenticationKey::parse(format!("{user:032}").as_bytes()).unwrap()
}

pub(super) fn torrent(number: u32) -> InfoHash {
    let mut bytes = [0xf0; 20];
    bytes[..4].copy_from_slice(&number.to_be_bytes());
    InfoHash(bytes)
}

/// The torrent that a user is at all the time.
fn torrent_of(user: usize) -> InfoHash {
    torrent(u32::try_from(user).unwrap())
}

#[derive(Debug, Clone, Copy)]
struct Announce {
    user: usize,
    torrent: InfoHash,
    uploaded: u64,
    downloaded: u64,
    left: u64,
    event: AnnounceEvent,
}

impl Load {
    /// Makes the keys, and has the users begin.
    pub(super) fn begin(tracker: &Tracker) -> Self {
        let api = Api::of(tracker);
        for user in 0..USERS {
            api.make_key(&key(user)).unwrap();
            api.allow(torrent_of(user)).unwrap();
        }
        let sums = Sums { allowed: (0..USERS).map(torrent_of).collect(), ..Sums::default() };
        Self::advance(tracker, sums)
    }

    /// With a tracker that knows the keys.
    pub(super) fn advance(tracker: &Tracker, sums: Sums) -> Self {
        let (udp, http) = (Client::new(tracker.v4()), HttpClient::new(tracker.http_v4()));
        let api = Api::of(tracker);
        let (answers, announces, shown) = (Vec::new(), 0, Default::default());
        let mut load = Self { sums, answers, announces, udp, http, api, shown };
        for user in 0..USERS {
            load.announce(&load.next_of(user, Started));
        }
        load
    }

    /// Goes on until `is_over` says so.
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

    /// Asserts that no answer waits for anything: each takes some milliseconds, but for a few where the machine has much
    /// else to do or is suspended.
    #[track_caller]
    pub(super) fn assert_swift(&self) {
        let slow: Vec<_> = self.answers.iter().filter(|&&answer| answer > SLOW).collect();
        assert!(slow.len() * 100 <= self.answers.len(), "of {} answers: {slow:?}", self.answers.len());
    }

    pub(super) fn run_for(&mut self, time: Duration) {
        let end = Instant::now() + time;
        self.run_until(|_| Instant::now() >= end);
    }

    /// Allows a torrent, if the tracker takes that, and has a user complete it.
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
        let nothing = Announce { user, torrent: new, uploaded: 0, downloaded: 0, left: 1, event: Started };
        self.announce(&nothing);
        self.announce(&Announce { left: 0, event: Completed, ..nothing });
        self.sums.completed.insert(new);
        self.sums.completions_reported += 1;
    }

    fn next_of(&self, user: usize, event: AnnounceEvent) -> Announce {
        let (uploaded, downloaded) = self.shown[user];
        Announce { user, torrent: torrent_of(user), uploaded, downloaded, left: 1, event }
    }

    /// Announces and is answered, over one protocol and then the other.
    fn announce(&mut self, announce: &Announce) {
        let asked = Instant::now();
        if self.announces.is_multiple_of(2) {
            self.announce_over_udp(announce);
            self.sums.udp_announces += 1;
        } else {
            self.announce_over_http(announce);
            self.sums.http_announces += 1;
        }
        self.announces += 1;
        self.answers.push(asked.elapsed());
    }

    fn announce_over_udp(&self, announce: &Announce) {
        let mut request = self.udp.leecher(announce.torrent, 6881 + u16::try_from(announce.user).unwrap());
        request = request.with_left(announce.left).with_event(announce.event);
        request.peer_id = peer_id(announce.user);
        (request.uploaded, request.downloaded) = (announce.uploaded.into(), announce.downloaded.into());
        let path = format!("/announce/{}", key(announce.user).reveal());
        self.udp.send(&[request.as_bytes(), &url_data(&[path.as_bytes()])].concat());
        let (_, answer) = self.udp.receive();
        assert!(matches!(answer, Answer::Announced(_)), "{announce:?}: {answer:?}");
    }

    fn announce_over_http(&mut self, announce: &Announce) {
        let Announce { user, uploaded, downloaded, left, .. } = announce;
        let event = match announce.event {
            Completed => "&event=completed",
            Started => "&event=started",
            _ => "",
        };
        let (torrent, peer_id) = (percent_encode(&announce.torrent.0), percent_encode(&peer_id(*user).0));
        let target = format!(
            "/announce/{}?info_hash={torrent}&peer_id={peer_id}&port={}&uploaded={uploaded}\
             &downloaded={downloaded}&left={left}&compact=1{event}",
            key(*user).reveal(),
            6881 + user
        );
        let answer = self.http.get(&target);
        assert!(
            answer.status == 200 && answer.text().contains("8:interval"),
            "{announce:?}: {}",
            answer.text()
        );
    }
}

fn peer_id(user: usize) -> PeerId {
    PeerId(format!("-XX0001-{user:012}").into_bytes().try_into().unwrap())
}
