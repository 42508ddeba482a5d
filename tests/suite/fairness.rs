//! An overloaded core still runs each of its tasks in turn.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use primitives::InfoHash;
use udp_protocol::{AnnounceRequest, ConnectRequest, TransactionId};
use udp_socket::{BatchSocket, Path, SendBatch, SocketOptions};
use zerocopy::IntoBytes;

use crate::cores::{stay_on, two_cores};
use crate::http_client::{HttpClient, announce_target, connect_from, get_request};
use crate::http_tls::Identity;
use crate::tracker::{Launch, PATIENCE, Tracker};
use crate::udp_client::Client;

/// Samples of the loaded tracker. Their median counts: a client that is kept off its core for a moment spoils a few, a
/// task that starves spoils all.
const LOOKS: usize = 7;

/// Pause between two requests of a client, in which the load that shares its core can run.
const PAUSE: Duration = Duration::from_millis(3);

const LOOK: Duration = Duration::from_millis(500);

/// A client repeats a request that is unanswered for this long: the full buffer drops most datagrams.
const ASK_AGAIN: Duration = Duration::from_millis(5);

/// Few, so that swarms and replies become large and the load exceeds what the core can answer.
const TORRENTS: u64 = 100;

const BATCH: usize = 64;

/// Connections of the one source that requests more than its share.
const GREEDY: usize = 500;

/// One sample of the loaded tracker.
#[derive(Debug)]
struct Look {
    /// Requests that the kernel had no room for; 0 means that the core was not saturated.
    dropped: u64,
    timer_turns: u64,
    lateness_us_mean: u64,
    answers_v4: Answers,
    answers_v6: Answers,
}

/// Times to the answers of a sample, in processor time of the tracker, so that other processes do not count.
#[derive(Debug, Clone, Copy)]
struct Answers {
    median: Duration,
    p99: Duration,
}

impl Answers {
    fn of(mut times: Vec<Duration>) -> Self {
        times.sort_unstable();
        Self { median: times[times.len() / 2], p99: times[times.len() * 99 / 100] }
    }
}

/// The median of a value over all samples.
fn median<T: Ord + Copy>(looks: &[Look], of: impl Fn(&Look) -> T) -> T {
    let mut found: Vec<T> = looks.iter().map(of).collect();
    found.sort_unstable();
    found[found.len() / 2]
}

/// Sends connects and announces from this core until `is_over`.
fn blast(tracker: SocketAddr, core: usize, announce: AnnounceRequest, is_over: &AtomicBool) {
    stay_on(core);
    let socket = BatchSocket::bind(&SocketOptions::new(SocketAddr::new(tracker.ip(), 0)));
    let socket = socket.expect("a port of a loopback address");
    let (mut batch, path) = (SendBatch::new(BATCH, 128), Path::new(tracker));
    let connect = ConnectRequest::new(TransactionId([0; 4]));
    let mut random = fastrand::Rng::with_seed(1);
    while !is_over.load(Ordering::Relaxed) {
        batch.clear();
        while let Some(buffer) = batch.next_buffer() {
            let torrent = announce_of(&announce, random.u64(..TORRENTS), random.u16(1..));
            let request = if random.u8(..) < 64 { connect.as_bytes() } else { torrent.as_bytes() };
            buffer[..request.len()].copy_from_slice(request);
            batch.commit(request.len(), &path);
        }
        socket.send(&mut batch);
    }
}

fn announce_of(announce: &AnnounceRequest, torrent: u64, port: u16) -> AnnounceRequest {
    let mut announce = announce.with_port(port);
    let mut info_hash = [0; 20];
    info_hash[..8].copy_from_slice(&torrent.to_be_bytes());
    announce.info_hash = InfoHash(info_hash);
    announce
}

/// Processor time that the tracker uses until a client has the answer to its connect with this number, which is
/// repeated as needed. Second answers to earlier connects are skipped.
fn time_to_answer(tracker: &Tracker, client: &Client, number: usize) -> Duration {
    let transaction_id = TransactionId(u32::try_from(number).expect("few connects").to_be_bytes());
    let (start, used_before) = (Instant::now(), processor_time(tracker));
    loop {
        client.send(ConnectRequest::new(transaction_id).as_bytes());
        while let Some(answered) = answered_number(client) {
            if answered == number {
                return processor_time(tracker).saturating_sub(used_before);
            }
        }
        assert!(start.elapsed() < PATIENCE, "no answer at all");
    }
}

/// Processor time of all threads of the tracker. The kernel updates it a few hundred times a second.
fn processor_time(tracker: &Tracker) -> Duration {
    let threads = std::fs::read_dir(format!("/proc/{}/task", tracker.id())).expect("a running process");
    // A thread of the control plane may have ended since they were listed.
    let nanoseconds = threads.filter_map(|thread| {
        let figures = std::fs::read_to_string(thread.ok()?.path().join("schedstat")).ok()?;
        figures.split(' ').next()?.parse::<u64>().ok()
    });
    Duration::from_nanos(nanoseconds.sum())
}

/// The number of the next connect that is answered within [`ASK_AGAIN`].
fn answered_number(client: &Client) -> Option<usize> {
    let mut buffer = [0; 16];
    client.socket().recv(&mut buffer).ok()?;
    let [_, _, _, _, number @ ..] = buffer.first_chunk::<8>()?;
    Some(u32::from_be_bytes(*number) as usize)
}

fn look(tracker: &Tracker, clients: &[Client; 2]) -> Look {
    let (before, dropped_before) = (tracker.figures(), kernel_drops(tracker.v4().port()));
    let (start, mut times) = (Instant::now(), [Vec::new(), Vec::new()]);
    while start.elapsed() < LOOK {
        for (times, client) in times.iter_mut().zip(clients) {
            times.push(time_to_answer(tracker, client, times.len()));
        }
        std::thread::sleep(PAUSE);
    }
    let (after, dropped_after) = (tracker.figures(), kernel_drops(tracker.v4().port()));
    let grown = |name: &str| after.get(name) - before.get(name);
    let [answers_v4, answers_v6] = times.map(Answers::of);
    Look {
        dropped: dropped_after - dropped_before,
        timer_turns: grown("timer_turns"),
        lateness_us_mean: grown("timer_lateness_us") / grown("timer_turns").max(1),
        answers_v4,
        answers_v6,
    }
}

/// Ends the threads of a scope, also on a panic, because the scope waits for them.
struct TrueAtDrop<'a>(&'a AtomicBool);

impl Drop for TrueAtDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Samples the tracker while `load` runs on another core.
fn looks_beside(tracker: &Tracker, load: impl FnOnce(&AtomicBool) + Send) -> Vec<Look> {
    let is_over = AtomicBool::new(false);
    let clients = [Client::new(tracker.v4()), Client::new(tracker.v6())];
    for client in &clients {
        client.socket().set_read_timeout(Some(ASK_AGAIN)).expect("a read timeout");
    }
    std::thread::scope(|scope| {
        let _end = TrueAtDrop(&is_over);
        scope.spawn(|| load(&is_over));
        (0..LOOKS).map(|_| look(tracker, &clients)).collect()
    })
}

#[test]
fn a_saturated_socket_does_not_starve_the_timer_and_the_other_sockets() {
    let [core, other_core] = two_cores();
    let launch = Launch::on_loopback().set("workers.cores", &format!("[{core}]"));
    // Settings that make it slower than the load, and a queue of some ten milliseconds, which does not run empty when
    // the load loses its core for a moment.
    let launch = launch.set("announce.numwant_max", "200").set("announce.numwant_default", "200");
    let launch = launch.set("udp.batch_datagrams", "4").set("udp.receive_buffer_bytes", "2097152");
    let tracker = launch.start();
    let announce = Client::new(tracker.v4()).leecher(InfoHash([0; 20]), 1001);
    let looks = looks_beside(&tracker, |is_over| blast(tracker.v4(), other_core, announce, is_over));
    assert!(median(&looks, |look| look.dropped) > 0, "the core is not saturated: {looks:#?}");
    // About five are due in the time of a sample.
    assert!(median(&looks, |look| look.timer_turns) >= 3, "{looks:#?}");
    assert!(median(&looks, |look| look.lateness_us_mean) < 250_000, "{looks:#?}");
    for answers in [|look: &Look| look.answers_v4.median, |look: &Look| look.answers_v6.median] {
        assert!(median(&looks, answers) < Duration::from_millis(200), "{looks:#?}");
    }
}

/// Asserts that datagrams were answered soon, whatever else the core did.
#[track_caller]
fn assert_udp_was_answered_soon(looks: &[Look]) {
    for answers in [|look: &Look| look.answers_v4, |look: &Look| look.answers_v6] {
        assert!(median(looks, |look| answers(look).median) < Duration::from_millis(10), "{looks:#?}");
        assert!(median(looks, |look| answers(look).p99) < Duration::from_millis(20), "{looks:#?}");
    }
}

/// Sends announces over the connections of one source and reads the answers, until `is_over`.
fn pipeline(tracker: SocketAddr, core: usize, is_over: &AtomicBool) {
    stay_on(core);
    let requests = get_request(&announce_target(InfoHash([1; 20]), 1001, 1)).repeat(100);
    let connect = || connect_from(Ipv4Addr::LOCALHOST.into(), tracker);
    // The offset in `requests` of the next byte to send, and the connection.
    let mut connections: Vec<(usize, TcpStream)> = (0..GREEDY).map(|_| (0, connect())).collect();
    for (_, stream) in &connections {
        stream.set_nonblocking(true).expect("an open connection");
    }
    let mut answers = vec![0; 64 << 10];
    while !is_over.load(Ordering::Relaxed) {
        for (sent, stream) in &mut connections {
            *sent = (*sent + or_nothing(stream.write(&requests.as_bytes()[*sent..]))) % requests.len();
            or_nothing(stream.read(&mut answers));
        }
    }
}

/// The bytes moved by a non-blocking call; 0 if it would block.
fn or_nothing(moved: std::io::Result<usize>) -> usize {
    match moved {
        Ok(0) => panic!("the tracker has closed the connection"),
        Ok(bytes) => bytes,
        Err(error) if error.kind() == ErrorKind::WouldBlock => 0,
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn one_source_that_pipelines_over_all_its_connections_does_not_delay_udp() {
    let [core, other_core] = two_cores();
    let tracker = Launch::on_loopback().set("workers.cores", &format!("[{core}]")).start();
    let before = tracker.figures().get("http_v4_announce_answered");
    let looks = looks_beside(&tracker, |is_over| pipeline(tracker.http_v4(), other_core, is_over));
    let answered = tracker.figures().get("http_v4_announce_answered") - before;
    assert!(answered > 10_000, "the load is light: {answered}");
    assert_udp_was_answered_soon(&looks);
}

/// Sends TLS client hellos in bursts of 60, 1,500 per second, each over its own connection.
fn say_hello(tracker: SocketAddr, core: usize, hello: &[u8], is_over: &AtomicBool) {
    const AT_ONCE: usize = 60;
    stay_on(core);
    let mut connections = std::collections::VecDeque::new();
    let mut due = Instant::now();
    while !is_over.load(Ordering::Relaxed) {
        for _ in 0..AT_ONCE {
            let mut stream = connect_from(Ipv4Addr::LOCALHOST.into(), tracker);
            stream.write_all(hello).expect("room for a few hundred bytes");
            connections.push_back(stream);
        }
        while connections.len() > GREEDY - AT_ONCE {
            connections.pop_front();
        }
        due += Duration::from_millis(1000 * AT_ONCE as u64 / 1500);
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
    }
}

#[test]
fn handshakes_with_an_rsa_key_do_not_delay_udp() {
    let [core, other_core] = two_cores();
    let identity = Identity::rsa(2048);
    let launch = Launch::on_loopback().set("workers.cores", &format!("[{core}]"));
    let tracker = identity.serve(launch).start();
    let hello = identity.hello();
    let looks = looks_beside(&tracker, |is_over| say_hello(tracker.https_v4(), other_core, &hello, is_over));
    assert_udp_was_answered_soon(&looks);
}

/// Datagrams that the kernel has dropped because the buffers of the IPv4 sockets at this port were full.
fn kernel_drops(port: u16) -> u64 {
    let table = std::fs::read_to_string("/proc/net/udp").expect("the kernel's table of UDP sockets");
    let local = format!(":{port:04X}");
    table
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>())
        .filter(|fields| fields.get(1).is_some_and(|address| address.ends_with(&local)))
        .filter_map(|fields| fields.last()?.parse::<u64>().ok())
        .sum()
}

#[test]
fn announces_that_fill_the_ring_to_their_owner_do_not_displace_http_requests() {
    let [core, other_core] = two_cores();
    let launch = Launch::on_loopback().set("workers.cores", &format!("[{core}, {other_core}]"));
    // A batch has more announces for the other core than the ring has room for.
    let launch = launch.set("udp.steering", "off").set("limits.mesh_slots", "64");
    let tracker = launch.set("udp.batch_datagrams", "256").start();
    let announce = Client::new(tracker.v4()).leecher(InfoHash([0; 20]), 1001);
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let _end = TrueAtDrop(&is_over);
        scope.spawn(|| blast(tracker.v4(), other_core, announce, &is_over));
        let dropped = |tracker: &Tracker| tracker.figures().get("udp_v4_announce_dropped_mesh_full");
        let (start, before) = (Instant::now(), dropped(&tracker));
        while dropped(&tracker) == before {
            assert!(start.elapsed() < PATIENCE, "the ring is never full");
        }
        let mut clients: Vec<HttpClient> = (0..8).map(|_| HttpClient::new(tracker.http_v4())).collect();
        for number in 0..400_usize {
            let target = announce_target(InfoHash([number.to_le_bytes()[0]; 20]), 1001, 1);
            let answer = clients[number % 8].get(&target).text();
            assert!(answer.contains("5:peers"), "{answer}");
        }
    });
    assert_eq!(tracker.stop().code, Some(0));
}
