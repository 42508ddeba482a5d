use crate::core_handles::CoreHandles;
use crate::hints;
use crate::http_settings::{http_limits, http_policy};
use crate::listen::AllListeners;
use crate::prepare::Prepared;
use crate::tuning::{engine_settings, kernel_sampling};
use access::CoreEvent;
use anyhow::{Context, anyhow};
use control::{StatisticsSnapshot, Workers};
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, TrySendError, bounded};
use latency::LatencySet;
use metrics::PublishedStatistics;
use primitives::{ShardCount, ShardId};
use std::sync::Arc;
use std::time::{Duration, Instant};
use worker::connection::HttpSetup;
use worker::{CoreTask, WorkerCommand, WorkerEvent, WorkerHandle, WorkerSetup, full_mesh, start_worker};

/// Commands that may wait for a worker.
const COMMANDS_MAX: usize = 16;

/// Tasks that may wait for a worker. Beyond that, requests of the management API wait and try again.
const TASKS_MAX: usize = 64;

/// Events of each worker that may wait for the control plane, which takes them several times a second.
const EVENTS_PER_CORE_MAX: usize = 8;

/// Seconds in which all workers must be ready. They have to wait for each other, which takes milliseconds.
const START_S_MAX: u64 = 30;

/// Milliseconds between two checks for a failed worker, while the others are waited for.
const START_POLL_MS: u64 = 20;

/// The workers and the channels to them.
pub(crate) struct DataPlane {
    shards: ShardCount,
    workers: Vec<WorkerHandle>,
    commands: Vec<Sender<WorkerCommand>>,
    tasks: Vec<Sender<CoreTask>>,
    /// Has room for one event of each worker, which sends at most one at a time.
    events: Receiver<WorkerEvent>,
    core_events: Receiver<CoreEvent>,
    /// The instant from which the workers count seconds.
    start: Instant,
    snapshot: StatisticsSnapshot,
}

impl DataPlane {
    /// Starts a worker on each core and waits until all of them are ready.
    pub(crate) fn start(prepared: &Prepared<'_>, listeners: AllListeners) -> anyhow::Result<Self> {
        let (configuration, shards) = (prepared.configuration, prepared.shards);
        let start = Instant::now();
        let (event_outbox, events) = bounded(prepared.cores.len());
        let (core_event_outbox, core_events) = bounded(EVENTS_PER_CORE_MAX * prepared.cores.len());
        let mesh = full_mesh(shards, configuration.limits.mesh_slots);
        let published: Vec<Arc<PublishedStatistics>> = shards.shards().map(|_| Arc::default()).collect();
        let mut plane = Self {
            shards,
            events,
            core_events,
            start,
            workers: Vec::new(),
            commands: Vec::new(),
            tasks: Vec::new(),
            snapshot: StatisticsSnapshot::new(published.clone()),
        };
        let policy = http_policy(configuration);
        let limits = http_limits(configuration, shards, listeners.connections_max);
        let by_shard = listeners.udp.sockets_by_shard.into_iter().zip(listeners.http.sockets_by_shard);
        for ((shard, mesh), (sockets, http_listeners)) in shards.shards().zip(mesh).zip(by_shard) {
            let (commands, command_inbox) = bounded(COMMANDS_MAX);
            let (tasks, task_inbox) = bounded(TASKS_MAX);
            let core_events = core_event_outbox.clone();
            let setup = WorkerSetup {
                core: prepared.cores[shard.index()],
                engine: engine_settings(configuration, shards, shard, prepared.memory_max_bytes),
                secrets: prepared.keys.for_core()?,
                sockets,
                http: HttpSetup {
                    listeners: http_listeners,
                    policy: policy.clone(),
                    limits,
                    identity: prepared.identity.clone(),
                },
                batch_datagrams: configuration.udp.batch_datagrams,
                mesh,
                start,
                published: Arc::clone(&published[shard.index()]),
                commands: command_inbox,
                tasks: task_inbox,
                core_events,
                kernel_sampling: kernel_sampling(&configuration.latency),
                events: event_outbox.clone(),
            };
            plane.commands.push(commands);
            plane.tasks.push(tasks);
            plane.workers.push(start_worker(setup).map_err(hints::worker_error)?);
        }
        plane.wait_until_ready()?;
        Ok(plane)
    }

    /// Returns the channels to and from the workers' control queues.
    pub(crate) fn core_handles(&self) -> CoreHandles {
        let (tasks, events) = (self.tasks.clone(), self.core_events.clone());
        CoreHandles { shards: self.shards, tasks, events, start: self.start }
    }

    /// Makes the workers serve their sockets.
    pub(crate) fn serve(&self) -> anyhow::Result<()> {
        for commands in &self.commands {
            commands.send(WorkerCommand::Serve).context("a worker exited before it could serve")?;
        }
        Ok(())
    }

    pub(crate) fn commands(&self) -> Vec<Sender<WorkerCommand>> {
        self.commands.clone()
    }

    pub(crate) const fn snapshot(&self) -> &StatisticsSnapshot {
        &self.snapshot
    }

    /// Waits until all workers have exited.
    pub(crate) fn join(self) -> anyhow::Result<()> {
        self.workers.into_iter().try_for_each(|worker| worker.join().map_err(hints::worker_error))
    }

    /// Returns the error of a worker that has exited; running workers are left alone.
    pub(crate) fn join_finished(self) -> anyhow::Result<()> {
        let finished = self.workers.into_iter().filter(WorkerHandle::is_finished);
        finished.map(WorkerHandle::join).try_for_each(|result| result.map_err(hints::worker_error))
    }

    fn wait_until_ready(&mut self) -> anyhow::Result<()> {
        let deadline = Instant::now() + Duration::from_secs(START_S_MAX);
        let mut waiting: Vec<ShardId> = Vec::new();
        while waiting.len() < self.workers.len() {
            match self.events.recv_timeout(Duration::from_millis(START_POLL_MS)) {
                Ok(WorkerEvent::Ready(shard)) => waiting.push(shard),
                Ok(WorkerEvent::Latency(..)) => unreachable!("no worker has been asked for latencies yet"),
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                    self.fail_if_one_has_ended()?;
                }
            }
            if Instant::now() > deadline {
                return Err(anyhow!("not all workers were ready after {START_S_MAX} s"));
            }
        }
        Ok(())
    }

    fn fail_if_one_has_ended(&mut self) -> anyhow::Result<()> {
        let Some(ended) = self.workers.iter().position(WorkerHandle::is_finished) else { return Ok(()) };
        let result = self.workers.swap_remove(ended).join();
        result.map_err(hints::worker_error)?;
        Err(anyhow!("a worker exited before it was ready"))
    }
}

impl Workers for DataPlane {
    fn request_stop(&self) {
        for commands in &self.commands {
            // A worker that accepts no commands is noticed by the deadline.
            drop(commands.try_send(WorkerCommand::Stop));
        }
    }

    fn any_finished(&self) -> bool {
        self.workers.iter().any(WorkerHandle::is_finished)
    }

    fn all_finished(&self) -> bool {
        self.workers.iter().all(WorkerHandle::is_finished)
    }

    fn shards(&self) -> ShardCount {
        self.shards
    }

    fn ask_latency(&self, shard: ShardId, empty: Box<LatencySet>) -> Result<(), Box<LatencySet>> {
        let refused = self.commands[shard.index()].try_send(WorkerCommand::TakeLatency(empty)).err();
        match refused.map(TrySendError::into_inner) {
            Some(WorkerCommand::TakeLatency(empty)) => Err(empty),
            _ => Ok(()),
        }
    }

    fn latency_answer(&self) -> Option<(ShardId, Box<LatencySet>)> {
        match self.events.try_recv() {
            Ok(WorkerEvent::Latency(shard, latencies)) => Some((shard, latencies)),
            _ => None,
        }
    }
}
