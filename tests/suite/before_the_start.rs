//! A core between its start and the control plane's command to serve.

use core_link::{CoreCommand, CoreEvent, Cores, link_cores};
use core_loop::connection::{HttpLimits, HttpSetup};
use core_loop::{KernelFiltering, KernelSampling, MeshSlots, full_mesh};
use engine::{ConnectionIdKey, Secrets};
use guard::{CoreGuard, Guard, SourceLimits};
use metrics::PublishedStatistics;
use primitives::{ShardCount, SteeringKey, TableSeed};
use ringtrack_tests::simulator::{SimulatorSettings, usual_http};
use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::{Duration, Instant};
use swarm::Seeds;
use udp_protocol::{ConnectRequest, TransactionId};
use udp_socket::DestinationInfo;
use worker::{ListenerOptions, SteeringRequest, WorkerHandle, WorkerSetup, bind_listeners, start_worker};
use zerocopy::IntoBytes;

use crate::cores::allowed_cores;
use crate::patience::{PATIENCE, until};
use crate::udp_client::uninterrupted;

/// A core that does not serve yet, with a connect request in its socket.
struct Waiting {
    worker: WorkerHandle,
    cores: Cores,
    client: UdpSocket,
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

fn http() -> HttpSetup {
    let limits = HttpLimits {
        connections_max: 1,
        connections_per_prefix_max: 1,
        first_request_s: 10,
        request_s: 10,
        idle_s: 10,
        answer_s: 10,
        web_socket_idle_s: 240,
        buffer_bytes_max: 1 << 20,
    };
    HttpSetup { policy: usual_http(), limits, identity: None }
}

impl Waiting {
    fn new() -> Self {
        let options = ListenerOptions {
            receive_buffer_bytes: 1 << 16,
            send_buffer_bytes: 1 << 16,
            wildcard_destination: DestinationInfo::Ignore,
            steering: SteeringRequest::Off,
        };
        let any_port = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let bound = bind_listeners(&[any_port], ShardCount::ONE, &steering(), &options).expect("a free port");
        let client = UdpSocket::bind(any_port).expect("a free port");
        client.connect(bound.addresses[0]).expect("the listener's address");
        let connect = ConnectRequest::new(TransactionId([1; 4]));
        client.send(connect.as_bytes()).expect("it is sent");
        let start = Instant::now();
        let (cores, mut ends) = link_cores(ShardCount::ONE, start);
        let published = Arc::new(PublishedStatistics::default());
        let slots = MeshSlots::divided(64, ShardCount::ONE);
        let mesh = full_mesh(cores.handles(), ShardCount::ONE, slots).remove(0);
        let setup = WorkerSetup {
            core: allowed_cores()[0],
            engine: SimulatorSettings::default().engine,
            secrets: secrets(),
            guard: CoreGuard::new(Arc::new(Guard::new(TableSeed([7; 16]), 64)), SourceLimits::none()),
            sockets: bound.sockets_by_shard.into_iter().flatten().collect(),
            http_listeners: Vec::new(),
            http: http(),
            batch_datagrams: 64,
            kernel_sampling: KernelSampling::Off,
            kernel_filtering: KernelFiltering::Off,
            coalesce: Duration::ZERO,
            mesh,
            start,
            published: Arc::clone(&published),
            link: ends.remove(0),
        };
        let worker = start_worker(setup).expect("the worker starts");
        assert_eq!(cores.wait_for_event(PATIENCE), Some(CoreEvent::Ready));
        Self { worker, cores, client, published }
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
    waiting.tell(CoreCommand::Stop);
    waiting.worker.join().expect("it was stopped");
}

#[test]
fn a_core_that_is_stopped_before_it_may_serve_answers_no_one() {
    let waiting = Waiting::new();
    waiting.tell(CoreCommand::Stop);
    let Waiting { worker, .. } = &waiting;
    until("it ends", || worker.is_finished());
    assert_eq!(waiting.answer(Duration::from_millis(1)), None);
    let published = waiting.published.load();
    assert_eq!(published.received(primitives::AddressFamily::V4), 0);
    waiting.worker.join().expect("it was stopped");
}
