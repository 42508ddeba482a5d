//! A core under more load than it can answer still gives each of its tasks a turn.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use primitives::InfoHash;
use udp_protocol::{AnnounceRequest, ConnectRequest, TransactionId};
use udp_socket::{BatchSocket, Path, SendBatch, SocketOptions};
use zerocopy::IntoBytes;

use crate::cores::{stay_on, two_cores};
use crate::tracker::{Launch, PATIENCE, Tracker};
use crate::udp_client::Client;

/// Of several looks at the loaded tracker one must be good: another process that takes the core away spoils some
/// of them, a task that starves spoils them all.
const LOOKS_MAX: usize = 10;

/// Between two questions of a client. It shares its core with the load, which is to run in between.
const PAUSE: Duration = Duration::from_millis(10);

const LOOK: Duration = Duration::from_millis(500);

/// A client asks again when it has heard nothing for this long: the full buffer drops most of what comes.
const ASK_AGAIN: Duration = Duration::from_millis(5);

/// There are about five in the time of a look.
const TIMER_TURNS_MIN: u64 = 3;

const LATENESS_US_MAX: u64 = 10_000;

const ANSWER_MEDIAN_MAX: Duration = Duration::from_millis(100);

/// Few, so that their swarms grow, replies grow long and the load is more than the core can answer.
const TORRENTS: u64 = 100;

const BATCH: usize = 64;

/// What one look at the loaded tracker found.
#[derive(Debug)]
struct Look {
    /// Requests that the kernel had no room for: none, and the core was not saturated.
    dropped: u64,
    timer_turns: u64,
    lateness_us_mean: u64,
    answer_median_v4: Duration,
    answer_median_v6: Duration,
}

impl Look {
    fn is_good(&self) -> bool {
        self.dropped > 0
            && self.timer_turns >= TIMER_TURNS_MIN
            && self.lateness_us_mean < LATENESS_US_MAX
            && self.answer_median_v4 < ANSWER_MEDIAN_MAX
            && self.answer_median_v6 < ANSWER_MEDIAN_MAX
    }
}

/// Sends connects and announces from this thread's core until told to end.
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

/// How long it takes until a client has the answer to its connect of this number, asking again as often as it
/// takes. Answers to earlier connects that were asked for twice are passed over.
fn time_to_answer(client: &Client, number: usize) -> Duration {
    let transaction_id = TransactionId(u32::try_from(number).expect("few connects").to_be_bytes());
    let start = Instant::now();
    loop {
        client.send(ConnectRequest::new(transaction_id).as_bytes());
        while let Some(answered) = answered_number(client) {
            if answered == number {
                return start.elapsed();
            }
        }
        assert!(start.elapsed() < PATIENCE, "no answer at all");
    }
}

/// The number of the next connect that is answered soon.
fn answered_number(client: &Client) -> Option<usize> {
    let mut buffer = [0; 16];
    client.socket().recv(&mut buffer).ok()?;
    let [_, _, _, _, number @ ..] = buffer.first_chunk::<8>()?;
    Some(u32::from_be_bytes(*number) as usize)
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

fn look(tracker: &Tracker, clients: &[Client; 2]) -> Look {
    let (before, dropped_before) = (tracker.figures(), kernel_drops(tracker.v4().port()));
    let (start, mut times) = (Instant::now(), [Vec::new(), Vec::new()]);
    while start.elapsed() < LOOK {
        for (times, client) in times.iter_mut().zip(clients) {
            times.push(time_to_answer(client, times.len()));
        }
        std::thread::sleep(PAUSE);
    }
    let (after, dropped_after) = (tracker.figures(), kernel_drops(tracker.v4().port()));
    let grown = |name: &str| after.get(name) - before.get(name);
    let [answer_median_v4, answer_median_v6] = times.map(median);
    Look {
        dropped: dropped_after - dropped_before,
        timer_turns: grown("timer_turns"),
        lateness_us_mean: grown("timer_lateness_us") / grown("timer_turns").max(1),
        answer_median_v4,
        answer_median_v6,
    }
}

/// Tells the threads of a scope to end, by a panic too: the scope waits for them.
struct TrueAtDrop<'a>(&'a AtomicBool);

impl Drop for TrueAtDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn look_until_good(tracker: &Tracker) -> Vec<Look> {
    let clients = [Client::new(tracker.v4()), Client::new(tracker.v6())];
    for client in &clients {
        client.socket().set_read_timeout(Some(ASK_AGAIN)).expect("a read timeout");
    }
    let mut looks: Vec<Look> = Vec::new();
    while looks.len() < LOOKS_MAX && !looks.last().is_some_and(Look::is_good) {
        looks.push(look(tracker, &clients));
    }
    looks
}

#[test]
fn a_saturated_socket_leaves_the_timer_and_the_other_sockets_their_turn() {
    let [core, other_core] = two_cores();
    let launch = Launch::on_loopback().set("workers.cores", &format!("[{core}]"));
    // What makes it slower than the load, and a queue of some ten milliseconds: long enough never to be empty
    // while the load's core is taken away for a moment.
    let launch = launch.set("announce.numwant_max", "200").set("announce.numwant_default", "200");
    let launch = launch.set("udp.batch_datagrams", "4").set("udp.receive_buffer_bytes", "2097152");
    let tracker = launch.start();
    let client = Client::new(tracker.v4());
    let announce = client.leecher(InfoHash([0; 20]), 1001);
    let is_over = AtomicBool::new(false);
    let looks = std::thread::scope(|scope| {
        let _end = TrueAtDrop(&is_over);
        scope.spawn(|| blast(tracker.v4(), other_core, announce, &is_over));
        look_until_good(&tracker)
    });
    assert!(looks.last().is_some_and(Look::is_good), "{looks:#?}");
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
