//! Steering in the running tracker: with it no announce is passed between cores, without it the answers are the same.

use std::net::SocketAddr;

use primitives::InfoHash;
use udp_protocol::AnnounceRequest;

use crate::cores::two_cores;
use crate::tracker::{Figures, Launch, Tracker};
use crate::udp_client::{Announced, Client, TorrentCounts};

/// Source ports of each family. Without steering the kernel chooses the core by them.
const CLIENTS: u16 = 16;

const TORRENTS: u16 = 2000;

/// As many as a client can request in one packet.
const SCRAPE_TORRENTS: usize = 70;

fn torrent(number: u16) -> InfoHash {
    let mut random = fastrand::Rng::with_seed(number.into());
    InfoHash(std::array::from_fn(|_| random.u8(..)))
}

fn start(steering: &str) -> Tracker {
    let [first, second] = two_cores();
    let launch = Launch::on_loopback().set("workers.cores", &format!("[{first}, {second}]"));
    launch.set("udp.steering", steering).start()
}

/// Each client announces its share of the torrents, as a peer at `port`. Returns the answer for each torrent.
fn announce_shares(clients: &[Client], shift: u16, port: u16) -> Vec<Announced> {
    let mut answers = vec![None; TORRENTS.into()];
    for (index, client) in (0..).zip(clients) {
        let mine = || (0..TORRENTS).filter(|number| (number + shift) % CLIENTS == index);
        let requests: Vec<AnnounceRequest> =
            mine().map(|number| client.leecher(torrent(number), port)).collect();
        for (number, answer) in mine().zip(client.announce_all(&requests)) {
            answers[usize::from(number)] = Some(answer);
        }
    }
    answers.into_iter().map(|answer| answer.expect("each torrent is some client's")).collect()
}

/// Announces each torrent from two source ports and scrapes them all. Every swarm must be complete.
fn fill_and_check(tracker: SocketAddr) {
    let clients: Vec<Client> = (0..CLIENTS).map(|_| Client::new(tracker)).collect();
    for alone in announce_shares(&clients, 0, 1001) {
        assert_eq!((alone.seeders, alone.leechers, alone.peers), (0, 1, vec![]));
    }
    let first_peer = SocketAddr::new(tracker.ip(), 1001);
    for second in announce_shares(&clients, 1, 1002) {
        assert_eq!((second.seeders, second.leechers, second.peers), (0, 2, vec![first_peer]));
    }
    let torrents: Vec<InfoHash> = (0..TORRENTS).map(torrent).collect();
    for (asked, client) in torrents.chunks(SCRAPE_TORRENTS).zip(clients.iter().cycle()) {
        assert_eq!(
            client.scrape(asked),
            vec![TorrentCounts { leechers: 2, ..TorrentCounts::default() }; asked.len()]
        );
    }
    let unknown = InfoHash([0; 20]);
    let counts = clients[0].scrape(&[unknown, torrents[0], unknown]);
    let leechers: Vec<u32> = counts.iter().map(|counts| counts.leechers).collect();
    assert_eq!(leechers, [0, 2, 0]);
}

/// The figures of a tracker that has served both families, after the checks that hold in both modes.
fn figures_of_a_life(steering: &str) -> Figures {
    let tracker = start(steering);
    fill_and_check(tracker.v4());
    fill_and_check(tracker.v6());
    let ended = tracker.stop();
    let figures = ended.figures();
    for family in ["v4", "v6"] {
        let requests =
            u64::from(CLIENTS + 2 * TORRENTS) + u64::from(TORRENTS).div_ceil(SCRAPE_TORRENTS as u64) + 1;
        assert_eq!(figures.get(&format!("udp_{family}_received")), requests);
        assert_eq!(figures.outcomes(family), requests, "each datagram has one outcome");
        assert_eq!(figures.get(&format!("udp_{family}_announce_answered")), u64::from(2 * TORRENTS));
        assert_eq!(figures.get(&format!("swarms_{family}")), u64::from(TORRENTS));
        assert_eq!(figures.get(&format!("leechers_{family}")), u64::from(2 * TORRENTS));
    }
    assert!(figures.get("scrapes_routed") > 0, "seventy torrents belong to both shards");
    figures
}

#[test]
fn with_steering_no_announce_arrives_on_a_wrong_core() {
    assert_eq!(figures_of_a_life("auto").get("announces_on_wrong_core"), 0);
}

#[test]
fn without_steering_announces_are_passed_between_cores_and_swarms_are_complete() {
    let hops = figures_of_a_life("off").get("announces_on_wrong_core");
    let announces = u64::from(4 * TORRENTS);
    // Each announce arrives on the wrong core with a probability of one half.
    assert!(announces / 4 < hops && hops < announces * 3 / 4, "{hops} of {announces}");
}
