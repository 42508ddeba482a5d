//! Cores that leave their listening sockets to another process, and cores that have stopped and only do tasks.

use access::{AccessUpdate, BannedNetworks};
use core_link::{CoreCommand, CoreTask, KernelFiltering, Reply};
use metrics::{Counter, Gauge};
use primitives::{AddressFamily, InfoHash};
use ringtrack_tests::client::{Client as UdpClient, TRANSACTION};
use ringtrack_tests::http_client::{HttpAnswer, HttpClient, announce_target, request};
use ringtrack_tests::simulator::{Arrival, Client, Datagram, Simulator, SimulatorSettings};
use ringtrack_tests::web_socket_client::{Received, WebSocketClient};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use udp_protocol::ConnectRequest;
use zerocopy::IntoBytes;

/// Milliseconds in which each core has taken a turn of its timer, and so its commands.
const TURN_MS: u64 = 110;

/// Milliseconds in which all WebSockets are closed.
const SWEEP_MS: u64 = 1100;

/// Counts replies.
#[derive(Default)]
struct Replies(Arc<AtomicUsize>);

impl Replies {
    fn reply<T>(&self) -> Reply<T> {
        let count = Arc::clone(&self.0);
        Reply::new(move |_| _ = count.fetch_add(1, Ordering::Relaxed))
    }

    fn count(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }

    fn task(&self) -> CoreTask {
        CoreTask::Torrents(Arc::default(), self.reply())
    }
}

fn two_cores() -> Simulator {
    Simulator::new(&SimulatorSettings {
        kernel_filtering: KernelFiltering::On { wrong_ids_per_s: 0 },
        ..SimulatorSettings::with_shards(2)
    })
}

fn torrent_of(tracker: &Simulator, core: usize) -> InfoHash {
    let mut torrents = (0_u8..=255).map(|number| InfoHash([number; 20]));
    torrents.find(|torrent| tracker.owner(torrent) == core).expect("each core owns some")
}

fn command_all(tracker: &mut Simulator, command: impl Fn() -> CoreCommand) {
    (0..tracker.cores()).for_each(|core| tracker.command(core, command()));
}

/// Makes all cores leave.
fn leave(tracker: &mut Simulator) {
    let replies = Replies::default();
    command_all(tracker, || CoreCommand::Leave(replies.reply()));
    tracker.run_for_ms(TURN_MS);
    assert_eq!(replies.count(), tracker.cores(), "every core has left");
}

/// A request for a connection id that arrives at a core.
fn connect_to(core: usize) -> Datagram {
    let source = "192.0.2.1:1001".parse().expect("an address");
    let bytes = ConnectRequest::new(TRANSACTION).as_bytes().to_vec();
    Datagram { source, bytes, arrival: Arrival::At(core) }
}

/// Whether an answer says that the connection is closed after it.
fn closes(answer: &HttpAnswer) -> bool {
    assert_eq!(answer.status, 200);
    answer.headers.contains(&("Connection".to_owned(), "close".to_owned()))
}

#[test]
fn tasks_and_commands_that_arrive_during_the_drain_are_done_between_the_stop_and_the_end() {
    let mut tracker = two_cores();
    let replies = Replies::default();
    tracker.command(0, CoreCommand::Stop);
    // As an upgrade does, to know when the core has stopped.
    tracker.command(0, CoreCommand::Leave(replies.reply()));
    tracker.run_for_ms(TURN_MS);
    tracker.submit(0, replies.task());
    tracker.submit(0, CoreTask::Update(AccessUpdate::DropUnserved, replies.reply()));
    tracker.run_for_ms(TURN_MS);
    assert_eq!(replies.count(), 0, "the core waits for the requests of the other one");
    tracker.command(1, CoreCommand::Stop);
    tracker.run_for_ms(TURN_MS);
    assert_eq!(replies.count(), 3);
    for done in 4..7 {
        tracker.submit(0, replies.task());
        tracker.run_until_idle();
        assert_eq!(replies.count(), done, "there is no pause after a task");
    }
    assert_eq!(tracker.exchange(&[connect_to(0), connect_to(1)]), []);
    tracker.run_for_ms(5000);
    assert!(!tracker.has_ended(), "the cores wait for more tasks");
    command_all(&mut tracker, || CoreCommand::End);
    tracker.run_for_ms(TURN_MS);
    assert!(tracker.has_ended());
}

#[test]
fn a_core_that_serves_pauses_after_tasks() {
    let mut tracker = two_cores();
    let replies = Replies::default();
    tracker.submit(0, replies.task());
    while replies.count() == 0 {
        tracker.run_to_next_deadline();
    }
    tracker.submit(0, replies.task());
    tracker.run_until_idle();
    assert_eq!(replies.count(), 1);
    tracker.run_for_ms(2);
    assert_eq!(replies.count(), 2);
}

#[test]
fn a_core_that_leaves_finishes_its_connections_and_lets_newcomers_wait() {
    let mut tracker = two_cores();
    let mut kept = HttpClient::new(0, "192.0.2.7");
    assert!(!closes(&kept.get(&mut tracker, "/health_check")));
    let mut web_socket = WebSocketClient::open(&mut tracker, 0);
    leave(&mut tracker);

    let newcomer = tracker.connect(0, Client::with_room(usize::MAX));
    newcomer.send(&request("/health_check", ""));
    let datagrams = [connect_to(0), connect_to(1)];
    assert_eq!(tracker.exchange(&datagrams), []);
    tracker.run_for_ms(SWEEP_MS);
    assert!(newcomer.read().is_empty());
    assert_eq!(web_socket.receive(), [Received::Close(1012)]);
    assert!(web_socket.client.has_seen_the_end());
    web_socket.client.end();
    let target = announce_target(torrent_of(&tracker, 1), 1, "&left=1");
    assert!(closes(&kept.get(&mut tracker, &target)));
    drop(kept);
    let replies = Replies::default();
    tracker.submit(1, replies.task());
    tracker.run_for_ms(TURN_MS);
    assert_eq!(replies.count(), 1, "tasks are done");
    assert_eq!(tracker.statistics().gauge(Gauge::HttpConnectionsOpen), 0);
    assert_eq!(tracker.statistics().received(AddressFamily::V4), 0);

    command_all(&mut tracker, || CoreCommand::Resume);
    tracker.run_for_ms(TURN_MS);
    assert_eq!(tracker.exchange(&[]).len(), datagrams.len(), "what has waited is served");
    assert!(!closes(&HttpAnswer::read(&newcomer.read())));
    assert_eq!(tracker.exchange(&datagrams).len(), datagrams.len());
}

#[test]
fn a_request_at_another_core_is_answered_with_the_announcement_that_the_connection_closes() {
    for command in [|replies: &Replies| CoreCommand::Leave(replies.reply()), |_: &Replies| CoreCommand::Stop]
    {
        let mut tracker = two_cores();
        let client = tracker.connect(0, Client::with_room(usize::MAX));
        client.send(&request(&announce_target(torrent_of(&tracker, 1), 1, "&left=1"), ""));
        while tracker.step(0) {}
        assert_eq!(tracker.statistics().counter(Counter::RoutedHttpRequests), 1);
        tracker.command(0, command(&Replies::default()));
        tracker.pass_ms(TURN_MS);
        while tracker.step(0) {}
        assert!(client.read().is_empty(), "the other core has not answered");
        tracker.run_until_idle();
        assert!(closes(&HttpAnswer::read(&client.read())));
        assert!(client.has_seen_the_end());
    }
}

#[test]
fn filters_are_left_alone_by_a_core_that_leaves() {
    let mut tracker = two_cores();
    leave(&mut tracker);
    let networks = BannedNetworks::new(&["192.0.2.0/24".parse().expect("a network")]).expect("one network");
    tracker.update(&AccessUpdate::UseNetworks(Arc::new(networks)));
    // A filter that is set meanwhile is an error of the simulated sockets.
    tracker.run_for_ms(SWEEP_MS);
    tracker.exchange(&[connect_to(0)]);
    let filtered = |tracker: &mut Simulator| tracker.statistics().counter(Counter::KernelDropped);
    command_all(&mut tracker, || CoreCommand::Resume);
    tracker.run_for_ms(2 * TURN_MS);
    assert_eq!(filtered(&mut tracker), 0);
    tracker.exchange(&[connect_to(0)]);
    tracker.run_for_ms(TURN_MS);
    assert_eq!(filtered(&mut tracker), 1, "the filter is set by the core that serves again");
}

#[test]
fn a_core_that_ends_after_it_has_left_lets_datagrams_wait() {
    let mut tracker = two_cores();
    let client = UdpClient::connected(&mut tracker, "192.0.2.1:1001");
    let received = tracker.statistics().received(AddressFamily::V4);
    leave(&mut tracker);
    let announce = Datagram::steered(client.source, client.leeching(InfoHash([1; 20])).as_bytes());
    assert_eq!(tracker.exchange(&[connect_to(0), announce]), []);
    command_all(&mut tracker, || CoreCommand::End);
    tracker.run_for_ms(5000);
    assert!(tracker.has_ended());
    assert_eq!(tracker.statistics().received(AddressFamily::V4), received);
}
