//! The running tracker as its clients and its operator see it.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::time::Instant;

use metrics::Statistics;
use primitives::InfoHash;
use rustix::process::Signal;
use udp_protocol::{ConnectRequest, TransactionId};
use zerocopy::IntoBytes;

use crate::cores::{allowed_cores, two_cores, worker_affinities};
use crate::patience::{PATIENCE, wait_for};
use crate::tracker::{Launch, Tracker};
use crate::udp_client::{Answer, Client, TorrentCounts, uninterrupted};

const TORRENT: InfoHash = InfoHash([7; 20]);

fn connect_request(number: u32) -> Vec<u8> {
    ConnectRequest::new(TransactionId(number.to_be_bytes())).as_bytes().to_vec()
}

/// Two clients of a tracker announce the same torrent, and the second gets only the first as a peer.
fn meet(tracker: SocketAddr) {
    let (first, second) = (Client::new(tracker), Client::new(tracker));
    let alone = first.announce(first.leecher(TORRENT, 1001));
    assert_eq!((alone.seeders, alone.leechers, alone.peers), (0, 1, vec![]));
    let found = second.announce(second.leecher(TORRENT, 1002).with_left(0));
    let peer = SocketAddr::new(tracker.ip(), 1001);
    assert_eq!((found.seeders, found.leechers, found.peers), (1, 1, vec![peer]));
    assert_eq!(first.scrape(&[TORRENT]), [TorrentCounts { seeders: 1, downloaded: 0, leechers: 1 }]);
}

#[test]
fn clients_of_each_family_are_served_and_get_peers_of_their_own() {
    let tracker = Launch::on_wildcards().start();
    meet(tracker.v4());
    meet(tracker.v6());
    let ended = tracker.stop();
    for figure in ["swarms_v4", "swarms_v6", "seeders_v4", "seeders_v6", "leechers_v4", "leechers_v6"] {
        assert_eq!(ended.figures().get(figure), 1, "{figure}");
    }
}

#[test]
fn by_default_the_tracker_listens_on_port_6969_of_both_families() {
    // In its own network namespace, where no other program has the port.
    let tracker = Launch::with_default_listeners().under(&["unshare", "--net", "--"]).start();
    let log = tracker.log();
    let addresses = ["udp://0.0.0.0:6969", "udp://[::]:6969", "http://0.0.0.0:6969", "http://[::]:6969"];
    for address in addresses {
        assert!(log.iter().any(|line| line.ends_with(&format!("listening on {address}"))), "{log:#?}");
    }
}

/// Asserts that the tracker logs these cores and that its workers are pinned to them.
#[track_caller]
fn assert_works_on(tracker: &Tracker, cores: &[usize]) {
    let line = format!("{} shard(s), one worker on each of the cores {cores:?}", cores.len());
    assert!(tracker.log().iter().any(|said| said.ends_with(&line)), "{:#?}", tracker.log());
    let affinities: Vec<String> = cores.iter().map(usize::to_string).collect();
    // A worker's helper thread moves to its core only when it first runs.
    wait_for(|| match worker_affinities(tracker.id()) {
        found if found == affinities => Ok(()),
        found => Err(format!("{found:?}")),
    });
}

#[test]
fn each_core_of_the_affinity_mask_gets_a_worker() {
    assert_works_on(&Launch::on_loopback().start(), &allowed_cores());
}

#[test]
fn an_affinity_mask_of_one_core_results_in_one_shard() {
    let [_, core] = two_cores();
    let launch = Launch::on_loopback().under(&["taskset", "--cpu-list", &core.to_string()]);
    let tracker = launch.start();
    assert_works_on(&tracker, &[core]);
    meet(tracker.v4());
}

#[test]
fn workers_run_on_the_configured_cores_in_order() {
    let [first, second] = two_cores();
    let reversed = Launch::on_loopback().set("workers.cores", &format!("[{second}, {first}]")).start();
    assert_works_on(&reversed, &[second, first]);
    let one = Launch::on_loopback().set("workers.cores", &format!("[{second}]")).start();
    assert_works_on(&one, &[second]);
}

#[test]
fn trackers_that_start_at_the_same_time_on_busy_cores_all_become_ready() {
    // Workers that synchronize at unlucky moments, while they are kept off their cores.
    const TRACKERS: usize = 8;
    for _ in 0..3 {
        std::thread::scope(|scope| {
            for _ in 0..TRACKERS {
                scope.spawn(|| Launch::on_loopback().start());
            }
        });
    }
}

/// Asserts that a signal causes an orderly end within the deadline, with a report of all figures.
fn end_by(signal: Signal) {
    let tracker = Launch::on_loopback().set("shutdown.deadline_s", "300").start();
    let client = Client::new(tracker.v4());
    client.announce(client.leecher(TORRENT, 1001));
    tracker.signal(signal);
    let ended = tracker.wait();
    assert_eq!(ended.code, Some(0), "{:#?}", ended.log);
    assert!(ended.log.last().is_some_and(|line| line.ends_with(" stopped")), "{:#?}", ended.log);
    assert!(ended.log.iter().any(|line| line.contains(" statistics received/s=")), "{:#?}", ended.log);
    let figures = ended.figures();
    assert_eq!(figures.get("udp_v4_connect_answered"), 1);
    assert_eq!(figures.get("udp_v4_announce_answered"), 1);
}

#[test]
fn sigterm_stops_the_tracker_in_good_order() {
    end_by(Signal::TERM);
}

#[test]
fn sigint_stops_the_tracker_in_good_order() {
    end_by(Signal::INT);
}

#[test]
fn requests_that_wait_when_the_tracker_is_stopped_are_answered() {
    // Fewer per client than its socket buffer holds, and together more than one core answers before it receives the
    // signal.
    const CLIENTS: usize = 160;
    const REQUESTS: u32 = 250;
    let [core, _] = two_cores();
    let launch = Launch::on_loopback().set("workers.cores", &format!("[{core}]"));
    let launch = launch.set("udp.batch_datagrams", "1").set("udp.receive_buffer_bytes", "67108864");
    let tracker = launch.start();
    let clients: Vec<Client> = (0..CLIENTS).map(|_| Client::unconnected(tracker.v4())).collect();
    tracker.pause();
    for client in &clients {
        (0..REQUESTS).for_each(|number| client.send(&connect_request(number)));
    }
    tracker.signal(Signal::TERM);
    tracker.signal(Signal::CONT);
    let ended = tracker.wait();
    assert_eq!(ended.code, Some(0), "{:#?}", ended.log);
    // With CAP_NET_ADMIN, the kernel grants the requested buffer size.
    assert_eq!(ended.figures().get("udp_v4_received"), CLIENTS as u64 * u64::from(REQUESTS));
    for client in &clients {
        let answers: Vec<usize> = (0..REQUESTS).map(|_| client.receive().0).collect();
        assert_eq!(answers, (0..REQUESTS as usize).collect::<Vec<_>>());
    }
}

#[test]
fn sigusr1_reports_every_figure_as_text() {
    let tracker = Launch::on_loopback().start();
    let client = Client::new(tracker.v6());
    client.announce(client.leecher(TORRENT, 1001));
    tracker.wait_for_figures(&[
        ("udp_v6_connect_answered", 1),
        ("udp_v6_announce_answered", 1),
        ("udp_v6_received", 2),
        ("leechers_v6", 1),
        ("udp_v4_received", 0),
    ]);
    assert!(tracker.figures().get("timer_turns") > 0);
}

#[test]
fn sigusr1_reports_every_figure_as_json() {
    let tracker = Launch::on_loopback().set("log.format", "json").start();
    tracker.signal(Signal::USR1);
    let wanted: Vec<String> = Statistics::default().named().map(|(name, _)| name).collect();
    let told = tracker.wait_for_log("a report of all figures", |lines| {
        let told: Vec<String> = lines.iter().filter_map(|line| json_figure(line)).collect();
        (told.len() >= wanted.len()).then_some(told)
    });
    assert_eq!(told, wanted);
}

/// The name of the figure in a line, if any. Each line must be JSON.
fn json_figure(line: &str) -> Option<String> {
    let value: serde_json::Value = serde_json::from_str(line).expect("each line is a JSON object");
    assert!(value["timestamp"].is_string() && value["level"].is_string(), "{line}");
    if value["message"] != "statistic" {
        return None;
    }
    assert!(value["value"].is_u64(), "{line}");
    value["name"].as_str().map(str::to_owned)
}

#[test]
fn statistics_are_logged_at_their_interval() {
    let start = Instant::now();
    let tracker = Launch::on_loopback().set("statistics.interval_s", "1").start();
    let mut client = Client::unconnected(tracker.v4());
    (0..50).for_each(|_| client.connect());
    wait_for_statistics_line(&tracker, 0, |line| !line.contains(" received/s=0 "));
    wait_for_statistics_line(&tracker, 2, |_| true);
    let seconds = start.elapsed().as_secs_f64();
    assert!(seconds > 3.0, "three lines within {seconds} seconds of the start");
}

/// Waits for the statistics line of this number, counted from 0, among the wanted ones.
fn wait_for_statistics_line(tracker: &Tracker, number: usize, is_wanted: impl Fn(&str) -> bool) {
    let is_one = |line: &&String| line.contains(" statistics received/s=") && is_wanted(line);
    tracker.wait_for_log("a line with statistics", |lines| lines.iter().filter(is_one).nth(number).map(drop));
}

#[test]
fn a_reply_comes_from_the_address_to_which_the_request_was_sent() {
    let tracker = Launch::on_wildcards().set("udp.reply_source", "destination").start();
    for last in 1..=3 {
        let asked = SocketAddr::new(Ipv4Addr::new(127, 0, 0, last).into(), tracker.v4().port());
        // A connected socket receives only from the address that it is connected to.
        let client = Client::new(asked);
        let torrent = InfoHash([last; 20]);
        let peers = client.announce(client.leecher(torrent, 1001)).peers;
        assert_eq!(peers, []);
    }
}

#[test]
fn the_kernel_chooses_the_source_of_replies_if_configured() {
    let tracker = Launch::on_wildcards().set("udp.reply_source", "kernel").start();
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket.send_to(&connect_request(1), ("127.0.0.2", tracker.v4().port())).unwrap();
    let (_, source) = uninterrupted(|| socket.recv_from(&mut [0; 64])).expect("an answer");
    assert_eq!(source, tracker.v4(), "to 127.0.0.1 the kernel sends from 127.0.0.1");
}

#[test]
fn a_wrong_connection_id_is_answered_with_an_error_or_ignored_as_configured() {
    let tracker = Launch::on_loopback().start();
    let stranger = Client::unconnected(tracker.v4());
    stranger.send(stranger.leecher(TORRENT, 1001).as_bytes());
    assert!(matches!(stranger.receive(), (0, Answer::Error(_))));

    let silent = Launch::on_loopback().set("connection_ids.invalid", "drop").start();
    let mut stranger = Client::unconnected(silent.v4());
    stranger.send(stranger.leecher(TORRENT, 1001).as_bytes());
    // `connect` panics if it receives any other answer first.
    stranger.connect();
    assert_eq!(silent.stop().figures().get("udp_v4_announce_dropped_connection_id_silenced"), 1);
}
