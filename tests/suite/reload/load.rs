//! Clients that announce all the time. Each request has to be answered, and those of a valid torrent not refused.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use primitives::{InfoHash, PeerId};
use zerocopy::IntoBytes;

use crate::http_client::{HttpClient, announce_target};
use crate::tracker::Tracker;
use crate::udp_client::Client;

/// Datagrams that are sent before their answers are received.
const TOGETHER: u16 = 16;

/// Requests over one HTTP connection.
const REQUESTS_PER_CONNECTION: u16 = 50;

/// Pause between two rounds: the load is steady, and leaves time to others.
const PAUSE: Duration = Duration::from_millis(1);

pub(super) struct Load {
    is_over: Arc<AtomicBool>,
    clients: Vec<JoinHandle<u64>>,
}

impl Load {
    /// All changes of the tracker have to leave `valid` served.
    pub(super) fn start(tracker: &Tracker, valid: InfoHash) -> Self {
        let is_over = Arc::<AtomicBool>::default();
        let (udp, http) = (tracker.v4(), tracker.http_v4());
        let over = || {
            let is_over = Arc::clone(&is_over);
            move || is_over.load(Ordering::Relaxed)
        };
        let clients = vec![
            std::thread::spawn({
                let (client, over) = (Client::new(udp), over());
                move || repeat(over, || over_udp(&client, valid))
            }),
            std::thread::spawn({
                let over = over();
                move || repeat(over, || over_http(&mut HttpClient::new(http), valid))
            }),
        ];
        Self { is_over, clients }
    }

    /// Returns how many requests were answered, which is how many were sent.
    pub(super) fn stop(self) -> u64 {
        self.is_over.store(true, Ordering::Relaxed);
        self.clients.into_iter().map(|client| client.join().expect("each request is answered")).sum()
    }
}

fn repeat(is_over: impl Fn() -> bool, mut round: impl FnMut() -> u64) -> u64 {
    let mut answered = 0;
    while !is_over() {
        answered += round();
        std::thread::sleep(PAUSE);
    }
    answered
}

fn torrent(port: u16) -> InfoHash {
    InfoHash([0xf0 | port.to_be_bytes()[1] & 7; 20])
}

fn over_udp(client: &Client, valid: InfoHash) -> u64 {
    for port in 1..=TOGETHER {
        client.send(client.leecher(torrent(port), port).as_bytes());
    }
    for _ in 1..=TOGETHER {
        client.receive();
    }
    // It fails at any other answer.
    let mut announce = client.leecher(valid, 1);
    announce.peer_id = PeerId(*b"-XX0001-0123456789ab");
    client.announce(announce);
    u64::from(TOGETHER) + 1
}

/// Uses a connection until the tracker announces that it closes it, or for a while.
fn over_http(client: &mut HttpClient, valid: InfoHash) -> u64 {
    let mut answered = 0;
    for port in 1..=REQUESTS_PER_CONNECTION {
        let is_valid = port % 2 == 1;
        let torrent = if is_valid { valid } else { torrent(port) };
        let answer = client.get(&announce_target(torrent, port, 1));
        assert!(!is_valid || answer.reason().is_none(), "{:?}", answer.reason());
        answered += 1;
        if answer.header("connection").is_some_and(|value| value.eq_ignore_ascii_case("close")) {
            break;
        }
    }
    answered
}
