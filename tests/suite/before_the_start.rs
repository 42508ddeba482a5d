//! A core between its start and the control plane's command to serve, and two cores that serve the same socket in turn.

use core_link::{CoreCommand, CoreEvent, Cores, Reply, link_cores};
use core_loop::{MeshSlots, full_mesh};
use engine::{ConnectionIdKey, Secrets};
use guard::Guard;
use metrics::PublishedStatistics;
use primitives::{AddressFamily, ShardCount, ShardId, SteeringKey, TableSeed};
use ringtrack_tests::simulator::SimulatorSettings;
use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};
use swarm::Seeds;
use udp_protocol::{ConnectRequest, TransactionId};
use udp_socket::DestinationInfo;
use worker::{
    Giver, InheritedSocket, InheritedSockets, ListenerOptions, SteeringRequest, WorkerHandle, WorkerSetup,
    bind_listeners, start_worker,
};
use zerocopy::IntoBytes;

use crate::cores::allowed_cores;
use crate::patience::{PATIENCE, until};
use crate::udp_client::uninterrupted;

/// A core that does not serve yet.
struct Waiting {
    worker: WorkerHandle,
    cores: Cores,
    client: UdpSocket,
    /// Its socket, for another core.
    duplicates: Vec<InheritedSocket>,
    published: Arc<PublishedStatistics>,
}

fn steering() -> SteeringKey {
    SteeringKey::from_random(&[7; SteeringKey::RANDOM_BYTES])
}

fn secrets() -> Secrets {
    Secrets {
        connection_ids: ConnectionIdKey([7; 16]),
        steering: steering(),
        swarms: Seeds { tables: TableSeed([7; 16]), choice: 7 },
        access: TableSeed([7; 16]),
        intervals: 7,
    }
}

impl Waiting {
    /// With a connect request in its socket.
    fn new() -> Self {
        let waiting = Self::over(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), Vec::new());
        waiting.ask();
        waiting
    }

    /// With the inherited socket of this address, or one of its own.
    fn over(address: SocketAddr, inherited: Vec<InheritedSocket>) -> Self {
        let options = ListenerOptions {
            receive_buffer_bytes: 1 << 16,
            send_buffer_bytes: 1 << 16,
            wildcard_destination: DestinationInfo::Ignore,
            steering: SteeringRequest::Off,
        };
        let mut inherited = InheritedSockets::new(inherited, Giver::Predecessor);
        let bound = bind_listeners(&[address], ShardCount::ONE, &steering(), &options, &mut inherited);
        let bound = bound.expect("a free port");
        let duplicates = bound.duplicates().expect("few open files");
        let client = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        client.connect(bound.addresses[0]).expect("the listener's address");
        let start = Instant::now();
        let (cores, mut ends) = link_cores(ShardCount::ONE, start);
        let published = Arc::new(PublishedStatistics::default());
        let slots = MeshSlots::divided(64, ShardCount::ONE);
        let mesh = full_mesh(cores.handles(), ShardCount::ONE, slots).remove(0);
        let setup = WorkerSetup {
            core: allowed_cores()[0],
            settings: SimulatorSettings::default().of_core(ShardId::FIRST),
            secrets: secrets(),
            guard: Arc::new(Guard::new(TableSeed([7; 16]), 64)),
            sockets: bound.sockets_by_shard.into_iter().flatten().collect(),
            http_listeners: Vec::new(),
            identity: None,
            batch_datagrams: 64,
            mesh,
            start,
            published: Arc::clone(&published),
            link: ends.remove(0),
        };
        let worker = start_worker(setup).expect("the worker starts");
        assert_eq!(cores.wait_for_event(PATIENCE), Some(CoreEvent::Ready));
        Self { worker, cores, client, duplicates, published }
    }

    /// Returns a core over the same socket, which does not serve yet.
    fn successor(&mut self) -> Self {
        let duplicates = std::mem::take(&mut self.duplicates);
        Self::over(duplicates[0].address, duplicates)
    }

    fn ask(&self) {
        let connect = ConnectRequest::new(TransactionId([1; 4]));
        self.client.send(connect.as_bytes()).expect("it is sent");
    }

    fn leave(&self) {
        let (left, has_left) = mpsc::channel();
        self.tell(CoreCommand::Leave(Reply::new(move |()| _ = left.send(()))));
        has_left.recv_timeout(PATIENCE).expect("it leaves");
    }

    fn received(&self) -> u64 {
        self.published.load().received(AddressFamily::V4)
    }

    fn end(self) {
        self.tell(CoreCommand::End);
        self.worker.join().expect("it was stopped");
    }

    fn tell(&self, command: CoreCommand) {
        self.cores.handles()[0].command(command).expect("the worker listens");
    }

    /// The length of the answer, if one arrives in time. A worker that has ended sends nothing more.
    fn answer(&self, patience: Duration) -> Option<usize> {
        self.client.set_read_timeout(Some(patience)).expect("a timeout");
        match uninterrupted(|| self.client.recv(&mut [0; 100])) {
            Ok(bytes) => Some(bytes),
            Err(error) => {
                let nothing = [ErrorKind::WouldBlock, ErrorKind::TimedOut, ErrorKind::ConnectionRefused];
                assert!(nothing.contains(&error.kind()), "{error}");
                None
            }
        }
    }
}

#[test]
fn a_request_that_arrives_before_a_core_serves_is_answered_when_it_does() {
    let waiting = Waiting::new();
    waiting.tell(CoreCommand::Serve);
    assert_eq!(waiting.answer(PATIENCE), Some(16));
    waiting.end();
}

/// Asserts that requests are answered, by a core that publishes them.
fn assert_served_by(core: &Waiting, client: &Waiting) {
    const REQUESTS: u64 = 100;
    let before = core.received();
    for _ in 0..REQUESTS {
        client.ask();
        assert_eq!(client.answer(PATIENCE), Some(16));
    }
    until("the core has published them", || core.received() >= before + REQUESTS);
}

#[test]
fn a_socket_is_served_while_it_passes_from_one_core_to_another_and_back() {
    let mut old = Waiting::new();
    old.tell(CoreCommand::Serve);
    assert_eq!(old.answer(PATIENCE), Some(16));
    let new = old.successor();
    assert_served_by(&old, &old);
    new.tell(CoreCommand::Serve);
    old.leave();
    until("the new core serves", || {
        old.ask();
        old.answer(Duration::from_millis(100)).is_some()
    });
    assert_served_by(&new, &old);
    new.end();
    old.ask();
    old.tell(CoreCommand::Resume);
    assert_eq!(old.answer(PATIENCE), Some(16), "what has waited is answered");
    assert_served_by(&old, &old);
    old.end();
}

#[test]
fn a_core_that_is_stopped_before_it_may_serve_answers_no_one() {
    let waiting = Waiting::new();
    waiting.tell(CoreCommand::End);
    let Waiting { worker, .. } = &waiting;
    until("it ends", || worker.is_finished());
    assert_eq!(waiting.answer(Duration::from_millis(1)), None);
    assert_eq!(waiting.received(), 0);
    waiting.worker.join().expect("it was stopped");
}
