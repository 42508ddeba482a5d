//! The limits of HTTP connections to the running tracker, and the counts of connections that exceed them.

use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use primitives::InfoHash;
use rustix::process::Signal;
use socket2::{Domain, Socket, Type};

use crate::cores::two_cores;
use crate::http_client::{HttpClient, announce_target, get_request, with_patience};
use crate::patience::{PATIENCE, until, wait_for};
use crate::tracker::{Ended, Launch, Tracker};
use crate::udp_client::uninterrupted;

const TORRENT: InfoHash = InfoHash([7; 20]);
const HEALTH: &str = "/health_check";

/// A torrent for each number; each core owns some.
fn torrent(number: u32) -> InfoHash {
    InfoHash([number.to_be_bytes(); 5].concat().try_into().expect("twenty bytes"))
}

#[track_caller]
fn assert_served(client: &mut HttpClient) {
    assert_eq!(client.get(HEALTH).body, br#"{"status":"Ok"}"#);
}

/// Asserts that each accepted connection has ended for one counted reason.
#[track_caller]
fn assert_accounted_for(ended: &Ended) {
    let figures = ended.figures();
    assert_eq!(ended.code, Some(0), "{:#?}", ended.log);
    assert_eq!(figures.get("http_connections_open"), 0);
    assert_eq!(figures.get("http_connections"), figures.http_closed());
}

/// A launch on one core, which then has all connections.
fn on_one_core() -> Launch {
    let [core, _] = two_cores();
    Launch::on_loopback().set("workers.cores", &format!("[{core}]"))
}

/// Sends the bytes in a loop, one at a time with pauses, until the tracker closes the connection. Returns how long that
/// takes.
fn drip(mut client: HttpClient, bytes: &[u8]) -> Duration {
    let start = Instant::now();
    client.stream().set_read_timeout(Some(Duration::from_millis(50))).expect("a read timeout");
    client.stream().set_nodelay(true).expect("a connected socket");
    for byte in bytes.iter().cycle() {
        match client.stream().write(&[*byte]).and_then(|_| client.stream().read(&mut [0; 64])) {
            Ok(0) => return start.elapsed(),
            Ok(_) => panic!("an answer to a request that has no end"),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
            Err(_) => return start.elapsed(),
        }
        assert!(start.elapsed() < PATIENCE, "it is never closed");
    }
    unreachable!("the bytes never end")
}

/// How long it takes until the tracker closes the connection.
fn time_to_close(client: HttpClient) -> Duration {
    let start = Instant::now();
    client.assert_closed();
    start.elapsed()
}

/// Asserts that a limit of one second was kept: times are whole seconds and checked once per second.
#[track_caller]
fn assert_about_a_second(taken: Duration) {
    assert!(taken >= Duration::from_millis(900) && taken < Duration::from_secs(10), "{taken:?}");
}

#[test]
fn a_client_that_sends_no_complete_first_request_is_closed_in_time() {
    let tracker = Launch::on_loopback().set("http.first_request_s", "1").start();
    let silent = HttpClient::new(tracker.http_v4());
    let slow = HttpClient::new(tracker.http_v4());
    std::thread::scope(|scope| {
        let slow =
            scope.spawn(|| drip(slow, b"GET /health_check HTTP/1.1\r\nHost: t\r\nX: and so on\r\nX: "));
        let blank = scope.spawn(|| drip(HttpClient::new(tracker.http_v4()), b"\r\n"));
        assert_about_a_second(time_to_close(silent));
        assert_about_a_second(slow.join().expect("it is closed"));
        assert_about_a_second(blank.join().expect("it is closed"));
    });
    tracker.wait_for_figures(&[("http_closed_first_request", 3), ("http_connections_open", 0)]);
    assert_accounted_for(&tracker.stop());
}

#[test]
fn a_client_that_sends_a_later_request_too_slowly_is_closed() {
    let tracker = Launch::on_loopback().set("http.request_s", "1").start();
    let mut slow = HttpClient::new(tracker.http_v4());
    assert_served(&mut slow);
    assert_about_a_second(drip(slow, b"GET /health_check HTTP/1.1\r\nHost: t\r\nX: and so on\r\nX: "));
    tracker.wait_for_figures(&[("http_closed_slow_request", 1), ("http_connections_open", 0)]);
    assert_accounted_for(&tracker.stop());
}

#[test]
fn an_idle_connection_is_closed_after_the_idle_limit() {
    let tracker = Launch::on_loopback().set("http.idle_s", "1").start();
    let mut idle = HttpClient::new(tracker.http_v4());
    assert_served(&mut idle);
    assert_about_a_second(time_to_close(idle));
    tracker.wait_for_figures(&[("http_closed_idle", 1), ("http_connections_open", 0)]);
    assert_accounted_for(&tracker.stop());
}

#[test]
fn an_active_connection_never_exceeds_a_time_limit() {
    let mut launch = Launch::on_loopback();
    for key in ["http.first_request_s", "http.request_s", "http.idle_s", "http.answer_s"] {
        launch = launch.set(key, "1");
    }
    let tracker = launch.start();
    std::thread::scope(|scope| {
        scope.spawn(|| ask_without_pause(HttpClient::new(tracker.http_v4())));
        scope.spawn(|| end_each_write_within_a_request(HttpClient::new(tracker.http_v4())));
    });
    assert_accounted_for(&tracker.stop());
}

/// Longer than every limit of one second allows.
const LONG: Duration = Duration::from_secs(4);

/// Keeps more requests waiting than are served in one turn, for torrents of all cores.
fn ask_without_pause(mut client: HttpClient) {
    const WINDOW: u32 = 200;
    let request = |number: u32| get_request(&announce_target(torrent(number % 64), 1001, 1));
    let start = Instant::now();
    client.send((0..WINDOW).map(request).collect::<String>().as_bytes());
    for number in WINDOW.. {
        client.send(request(number).as_bytes());
        assert_eq!(client.answer().status, 200, "{:?}", start.elapsed());
        if start.elapsed() > LONG {
            return;
        }
    }
}

/// Each write has the end of one request and the beginning of the next one.
fn end_each_write_within_a_request(mut client: HttpClient) {
    let (start, request) = (Instant::now(), get_request(HEALTH));
    let (front, back) = request.split_at(20);
    client.send(front.as_bytes());
    while start.elapsed() < LONG {
        client.send(format!("{back}{front}").as_bytes());
        assert_eq!(client.answer().status, 200, "{:?}", start.elapsed());
        client.stream().set_read_timeout(Some(Duration::from_millis(20))).expect("a read timeout");
        let nothing = uninterrupted(|| client.stream().read(&mut [0; 1]));
        let nothing = nothing.expect_err("there is nothing to be read");
        assert_eq!(nothing.kind(), ErrorKind::WouldBlock, "{:?}", start.elapsed());
        client.stream().set_read_timeout(Some(PATIENCE)).expect("a read timeout");
    }
}

#[test]
fn a_client_that_sends_requests_without_pause_does_not_starve_others() {
    const TURNS: usize = 200;
    let tracker = on_one_core().start();
    let (mut greedy, mut modest) = (HttpClient::new(tracker.http_v4()), HttpClient::new(tracker.http_v4()));
    let mut answers = greedy.stream().try_clone().expect("a socket");
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            // Small writes, so that the connection is readable in each turn.
            let requests = get_request(HEALTH).repeat(20);
            while !is_over.load(Ordering::Relaxed) {
                greedy.send(requests.as_bytes());
            }
            greedy.end_sending();
        });
        scope.spawn(move || while answers.read(&mut [0; 1 << 16]).expect("answers") > 0 {});
        (0..TURNS).for_each(|_| assert_served(&mut modest));
        is_over.store(true, Ordering::Relaxed);
    });
    drop(modest);
    tracker.wait_for_figures(&[("http_connections_open", 0)]);
    assert_accounted_for(&tracker.stop());
}

/// A client with the smallest receive window that the kernel allows.
fn narrow_client(tracker: &Tracker) -> HttpClient {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    socket.set_recv_buffer_size(2048).expect("a size");
    socket.connect(&tracker.http_v4().into()).expect("the tracker listens there");
    HttpClient::over(with_patience(socket.into()))
}

/// A tracker with a torrent of 200 peers, and a request whose answer has several kilobytes.
fn with_large_answers(launch: Launch) -> (Tracker, String) {
    let tracker = launch.set("announce.numwant_max", "200").start();
    let mut client = HttpClient::new(tracker.http_v4());
    (1000..1200).for_each(|port| drop(client.get(&announce_target(TORRENT, port, 1))));
    let request = get_request(&format!("{}&numwant=200&compact=0", announce_target(TORRENT, 900, 1)));
    (tracker, request)
}

/// Sends requests until the tracker accepts no more.
fn fill_the_way(client: &mut HttpClient, request: &str) {
    client.stream().set_write_timeout(Some(Duration::from_millis(200))).expect("a write timeout");
    let requests = request.repeat(100);
    let start = Instant::now();
    while uninterrupted(|| client.stream().write(requests.as_bytes())).is_ok() {
        assert!(start.elapsed() < PATIENCE, "it accepts everything");
    }
}

#[test]
fn a_client_that_does_not_read_its_answers_is_closed_in_time_while_others_are_served() {
    let (tracker, request) = with_large_answers(on_one_core().set("http.answer_s", "1"));
    let mut greedy = narrow_client(&tracker);
    fill_the_way(&mut greedy, &request);
    assert_served(&mut HttpClient::new(tracker.http_v4()));
    tracker.wait_for_figures(&[("http_closed_slow_answer", 1), ("http_connections_open", 0)]);
    assert_accounted_for(&tracker.stop());
}

#[test]
fn a_client_that_reads_its_answers_late_gets_all_of_them() {
    let (tracker, request) = with_large_answers(Launch::on_loopback());
    let mut late = narrow_client(&tracker);
    late.send(request.repeat(1000).as_bytes());
    for number in 0..1000 {
        assert_eq!(late.answer().text().matches("2:ip9:127.0.0.1").count(), 200, "{number}");
    }
    assert_served(&mut late);
}

/// Asserts that a client that sends an entire overlong request before it reads still receives the refusal.
#[track_caller]
fn assert_refused(tracker: &Tracker, status: u16, request: &str) {
    let mut first = HttpClient::new(tracker.http_v4());
    let mut later = HttpClient::new(tracker.http_v4());
    assert_served(&mut later);
    for client in [&mut first, &mut later] {
        client.send(request.as_bytes());
        let answer = client.answer();
        assert_eq!((answer.status, answer.header("connection")), (status, Some("close")));
    }
    first.assert_closed();
    later.assert_closed();
}

#[test]
fn a_request_that_is_too_long_is_refused_and_its_client_receives_the_status() {
    let tracker = Launch::on_loopback().start();
    assert_refused(&tracker, 414, &"x".repeat(200_000));
    let header = "x".repeat(200_000);
    assert_refused(&tracker, 431, &format!("GET /health_check HTTP/1.1\r\nHost: t\r\nX: {header}\r\n\r\n"));
    assert_accounted_for(&tracker.stop());
}

#[test]
fn a_refused_client_that_does_not_close_its_connection_is_closed_by_the_tracker() {
    let tracker = Launch::on_loopback().start();
    let mut client = HttpClient::new(tracker.http_v4());
    client.send(b"POST / HTTP/1.1\r\n\r\n");
    assert_eq!(client.answer().status, 405);
    tracker.wait_for_figures(&[("http_closed_after_answer", 1), ("http_connections_open", 0)]);
    assert_accounted_for(&tracker.stop());
}

#[test]
fn a_connection_that_does_not_speak_http_is_closed_at_once_without_an_answer() {
    let tracker = Launch::on_loopback().set("http.first_request_s", "300").start();
    let client_hello = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".as_slice();
    for greeting in [client_hello, b"\x13BitTorrent protocol", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"\0"] {
        let mut client = HttpClient::new(tracker.http_v4());
        client.send(greeting);
        client.assert_closed();
    }
    tracker.wait_for_figures(&[("http_closed_not_http", 4), ("http_connections_open", 0)]);
    assert_accounted_for(&tracker.stop());
}

/// Waits until a new connection is served, after the tracker has noticed that others are closed.
fn wait_for_a_place(tracker: &Tracker, source: Ipv4Addr) {
    until("a place becomes free", || {
        let mut client = HttpClient::from(source, tracker.http_v4());
        let request = get_request(HEALTH);
        let stream = client.stream();
        let answered = stream.write_all(request.as_bytes()).and_then(|()| stream.read(&mut [0; 512]));
        answered.is_ok_and(|bytes| bytes > 0)
    });
}

#[test]
fn a_full_tracker_closes_an_idle_connection_for_each_new_one() {
    let tracker = on_one_core().set("http.connections_max", "16").start();
    let mut open: Vec<HttpClient> = (0..16).map(|_| HttpClient::new(tracker.http_v4())).collect();
    for _ in 0..8 {
        let mut newcomer = HttpClient::new(tracker.http_v4());
        assert_served(&mut newcomer);
        open.push(newcomer);
    }
    tracker.wait_for_figures(&[("http_closed_for_newcomer", 8), ("http_connections_open", 16)]);
    let ended = tracker.stop();
    assert_eq!(ended.figures().get("http_refused_full"), 0);
    assert_accounted_for(&ended);
}

#[test]
fn one_network_gets_at_most_its_share_of_the_connections() {
    let launch = on_one_core().set("http.connections_per_prefix_max", "2").set("sources.allow", "[]");
    let tracker = launch.set("sources.ipv4_prefix_bits", "[24]").start();
    let [first, neighbour, other] =
        [Ipv4Addr::new(127, 0, 0, 1), Ipv4Addr::new(127, 0, 0, 200), Ipv4Addr::new(127, 0, 1, 1)];
    let mut served = [first, neighbour].map(|source| HttpClient::from(source, tracker.http_v4()));
    served.iter_mut().for_each(assert_served);
    HttpClient::from(first, tracker.http_v4()).assert_closed();
    HttpClient::from(neighbour, tracker.http_v4()).assert_closed();
    let mut stranger = HttpClient::from(other, tracker.http_v4());
    assert_served(&mut stranger);
    served.iter_mut().for_each(assert_served);
    tracker.wait_for_figures(&[("http_refused_prefix", 2), ("http_connections_open", 3)]);
    let [first_served, _kept] = served;
    drop(first_served);
    wait_for_a_place(&tracker, neighbour);
    assert_accounted_for(&tracker.stop());
}

#[test]
fn a_client_that_exceeds_the_requests_of_a_connection_gets_all_answers_up_to_the_last() {
    let launch = Launch::on_loopback().set("http.requests_per_connection_max", "500");
    let (tracker, request) = with_large_answers(launch);
    let mut client = narrow_client(&tracker);
    client.send(request.repeat(1000).as_bytes());
    for number in 1..=500 {
        assert_eq!(client.answer().header("connection"), (number == 500).then_some("close"), "{number}");
    }
    client.assert_closed();
    assert_accounted_for(&tracker.stop());
}

#[test]
fn a_stop_during_requests_ends_in_good_order() {
    let tracker = Launch::on_loopback().start();
    let mut clients: Vec<HttpClient> = (0..8).map(|_| HttpClient::new(tracker.http_v4())).collect();
    let requests: String =
        (0..200).map(|number| get_request(&announce_target(torrent(number), 1001, 1))).collect();
    for client in &mut clients {
        client.send(requests.as_bytes());
    }
    assert_accounted_for(&tracker.stop());
    for mut client in clients {
        // Each answer that the client received at all is complete.
        let mut said = Vec::new();
        let _reset_or_end = client.stream().read_to_end(&mut said);
        let text = String::from_utf8_lossy(&said);
        assert!(said.is_empty() || text.ends_with('e'), "{text}");
    }
}

/// Two torrents with different owners, on a tracker of two cores.
fn torrents_of_two_cores(tracker: &Tracker) -> [InfoHash; 2] {
    let mut client = HttpClient::new(tracker.http_v4());
    let mut is_routed = |number: u32| {
        let before = tracker.figures().get("http_errands");
        let answered = tracker.figures().get("http_v4_announce_answered");
        client.get(&announce_target(torrent(number), 1001, 1));
        tracker.wait_for_figures(&[("http_v4_announce_answered", answered + 1)]);
        tracker.figures().get("http_errands") > before
    };
    let first = is_routed(0);
    let other = (1..).find(|&number| is_routed(number) != first).expect("one in two");
    [torrent(0), torrent(other)]
}

#[test]
fn requests_for_a_busy_core_wait_and_all_are_answered() {
    const CLIENTS: usize = 1000;
    let [first, second] = two_cores();
    let launch = Launch::on_loopback().set("http.connections_per_prefix_max", "1000000");
    let tracker = launch.set("workers.cores", &format!("[{first}, {second}]")).start();
    let requests =
        torrents_of_two_cores(&tracker).map(|torrent| get_request(&announce_target(torrent, 1001, 1)));
    let address = tracker.http_v4();
    let mut clients: Vec<HttpClient> = (0..CLIENTS).map(|_| HttpClient::new(address)).collect();
    // All at once: far more than may be routed between the cores at a time.
    tracker.pause();
    clients.iter_mut().for_each(|client| client.send(requests.concat().repeat(10).as_bytes()));
    tracker.signal(Signal::CONT);
    for client in &mut clients {
        for _ in 0..20 {
            let answer = client.answer().text();
            assert!(answer.contains("8:complete"), "{answer}");
        }
    }
}

/// Opens a connection and leaves it in one of six states. Returns it unless it was reset.
fn drop_connection(tracker: SocketAddr, number: u32, large_request: &str) -> Option<HttpClient> {
    let mut client = HttpClient::new(tracker);
    match number % 6 {
        // It has sent nothing.
        0 => return Some(client),
        1 => client.send(b"GET /announce?info_ha"),
        2 => {
            client.send(b"GET /announce?info_ha");
            client.reset();
            return None;
        }
        // In the middle of an answer, or of several.
        3 => {
            client.send(large_request.as_bytes());
            client.answer();
            client.send(large_request.repeat(3).as_bytes());
            client.reset();
            return None;
        }
        // Perhaps while its routed request is on another core.
        4 => {
            client.send(get_request(&announce_target(torrent(number), 1001, 1)).as_bytes());
            client.reset();
            return None;
        }
        _ => client.send(get_request(&announce_target(torrent(number), 1001, 1)).repeat(3).as_bytes()),
    }
    Some(client)
}

/// The targets of a process's open file descriptors.
fn open_files(process: u32) -> Vec<PathBuf> {
    let files = fs::read_dir(format!("/proc/{process}/fd")).expect("a running process");
    // A descriptor that is closed meanwhile cannot be read any more.
    files.filter_map(|file| fs::read_link(file.expect("a descriptor").path()).ok()).collect()
}

/// Waits until a process has at most this number of open files. Each report of figures briefly opens one for a dump.
#[track_caller]
fn wait_for_open_files(process: u32, at_most: usize) {
    wait_for(|| match open_files(process) {
        files if files.len() <= at_most => Ok(()),
        files => Err(format!("{} and not {at_most} files are open: {files:?}", files.len())),
    });
}

fn resident_kilobytes(process: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).expect("a running process");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("the kernel writes it");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}

#[test]
fn ten_thousand_closed_connections_leave_no_open_files_and_no_memory() {
    const WAVES: u32 = 10;
    const CONNECTIONS: u32 = 1000;
    let launch = Launch::on_loopback().set("http.connections_per_prefix_max", "1000000");
    let (tracker, large_request) = with_large_answers(launch);
    tracker.wait_for_figures(&[("http_connections", 1), ("http_connections_open", 0)]);
    let (files, address) = (open_files(tracker.id()).len(), tracker.http_v4());
    let mut kilobytes = Vec::new();
    for wave in 1..=WAVES {
        let open: Vec<_> =
            (0..CONNECTIONS).map(|number| drop_connection(address, number, &large_request)).collect();
        drop(open);
        let come = u64::from(1 + wave * CONNECTIONS);
        tracker.wait_for_figures(&[("http_connections", come), ("http_connections_open", 0)]);
        wait_for_open_files(tracker.id(), files);
        kilobytes.push(resident_kilobytes(tracker.id()));
    }
    // Tables and pools have their final size after the second wave.
    let grown = kilobytes[9].saturating_sub(kilobytes[1]);
    assert!(grown < 4096, "memory grows: {kilobytes:?} kB");
    let ended = tracker.stop();
    assert_eq!(ended.figures().get("http_connections"), 10_001);
    assert_accounted_for(&ended);
}
