//! The latencies of answers over HTTP and of replies over WebSockets, on simulated cores.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use core_link::{CoreCommand, Reply};
use hdrhistogram::Histogram;
use latency::LatencySet;
use primitives::{InfoHash, PeerId};
use ringtrack_tests::http_client::{HttpClient, announce_target, request};
use ringtrack_tests::simulator::{Client, Simulator, SimulatorSettings};
use ringtrack_tests::web_socket_client::{WebSocketClient, announce, binary};
use serde_json::json;

fn simulator(cores: usize) -> (Simulator, Vec<InfoHash>) {
    let tracker = Simulator::new(&SimulatorSettings::with_shards(cores));
    let any = (0_u8..=255).map(|number| InfoHash([number; 20]));
    let of_core = |core| any.clone().find(|torrent| tracker.owner(torrent) == core).expect("a torrent");
    let torrents = (0..cores).map(of_core).collect();
    (tracker, torrents)
}

/// Takes the latencies of all cores, without the turns of expiry.
fn latencies(tracker: &mut Simulator) -> BTreeMap<String, Histogram<u64>> {
    let total = Arc::<Mutex<LatencySet>>::default();
    for core in 0..tracker.cores() {
        let sum = Arc::clone(&total);
        let add = move |set: Box<LatencySet>| sum.lock().expect("no panic").merge(&set);
        tracker.command(core, CoreCommand::TakeLatency(Box::default(), Reply::new(add)));
    }
    tracker.run_for_ms(200);
    let total = total.lock().expect("no panic");
    let recorded = total.recorded().filter(|(name, _)| name != "expiry-turn");
    recorded.map(|(name, histogram)| (name, histogram.clone())).collect()
}

#[test]
fn every_answer_is_recorded_once_whichever_core_owns_the_torrent() {
    for cores in [1, 2, 4] {
        let (mut tracker, torrents) = simulator(cores);
        let mut http = HttpClient::new(0, "2001:db8::1");
        let mut socket = WebSocketClient::open(&mut tracker, 0);
        for &torrent in &torrents {
            http.announce(&mut tracker, &announce_target(torrent, 6881, ""));
            let message = announce(torrent, PeerId(*b"-WW0208-abcdefghijkl"), 1, 0);
            assert_eq!(socket.exchange(&mut tracker, &message).len(), 1);
        }
        http.scrape(&mut tracker, &torrents);
        http.get(&mut tracker, "/announce");
        let hashes: Vec<String> = torrents.iter().map(|torrent| binary(&torrent.0)).collect();
        let scrape = json!({ "action": "scrape", "info_hash": hashes });
        assert_eq!(socket.exchange(&mut tracker, &scrape).len(), 1);
        let counts: Vec<_> =
            latencies(&mut tracker).into_iter().map(|(name, values)| (name, values.len())).collect();
        let expected = [
            ("http-announce-ipv6", cores as u64),
            ("http-error-ipv6", 1),
            ("http-other-ipv4", 1),
            ("http-scrape-ipv6", 1),
            ("ws-announce-ipv4", cores as u64),
            ("ws-scrape-ipv4", 1),
        ];
        assert_eq!(counts, expected.map(|(name, count)| (name.to_owned(), count)), "{cores} cores");
    }
}

/// The only latency recorded, in microseconds.
fn only_latency_us(tracker: &mut Simulator) -> u64 {
    let all = latencies(tracker);
    let [(_, histogram)] = &all.iter().collect::<Vec<_>>()[..] else { panic!("{:?}", all.keys()) };
    assert_eq!(histogram.len(), 1);
    histogram.max() / 1000
}

#[test]
fn the_way_to_the_owner_and_back_counts() {
    let (mut tracker, torrents) = simulator(2);
    let client = tracker.connect(0, Client::with_room(usize::MAX));
    client.send(&request(&announce_target(torrents[1], 6881, ""), ""));
    while tracker.routed_underway() == 0 {
        tracker.step(0);
    }
    tracker.pass_us(700);
    tracker.run_until_idle();
    let latency_us = only_latency_us(&mut tracker);
    assert!((700..1400).contains(&latency_us), "{latency_us}");
}

#[test]
fn the_time_in_which_a_request_arrives_does_not_count() {
    let (mut tracker, torrents) = simulator(1);
    let client = tracker.connect(0, Client::with_room(usize::MAX));
    let request = request(&announce_target(torrents[0], 6881, ""), "");
    for part in request.chunks(request.len() / 2 + 1) {
        client.send(part);
        tracker.run_until_idle();
        tracker.pass_us(5000);
    }
    let latency_us = only_latency_us(&mut tracker);
    assert!(latency_us < 500, "{latency_us}");
}
