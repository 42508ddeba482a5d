use crate::hints;
use crate::keys::random;
use crate::listen::AllListeners;
use crate::prepare::Prepared;
use crate::tuning::core_settings;
use anyhow::{anyhow, ensure};
use control::{ApiGuard, StatisticsSnapshot, Workers};
use core_link::{CoreCommand, CoreEvent, CoreHandle, CoreSettings, Cores, link_cores};
use core_loop::{MeshSlots, full_mesh};
use guard::{CoreGuard, Guard, SourceLimits};
use metrics::PublishedStatistics;
use primitives::TableSeed;
use std::sync::Arc;
use std::time::{Duration, Instant};
use worker::{WorkerHandle, WorkerSetup, start_worker};

/// Seconds in which all workers must be ready. They have to wait for each other, which takes milliseconds.
const START_S_MAX: u64 = 30;

/// Milliseconds between two checks for a failed worker, while the others are waited for.
const START_POLL_MS: u64 = 20;

/// The workers and the links to their cores.
pub(crate) struct DataPlane {
    workers: Vec<WorkerHandle>,
    cores: Cores,
    snapshot: StatisticsSnapshot,
    guard: Arc<Guard>,
    /// The instant from which all workers count time.
    start: Instant,
}

impl DataPlane {
    /// Starts a worker on each core and waits until all of them are ready. They begin with the lifetime of connection ids that a
    /// predecessor has, if there is one.
    pub(crate) fn start(
        prepared: &Prepared<'_>,
        listeners: AllListeners,
        lifetime_before_s: Option<u32>,
    ) -> anyhow::Result<Self> {
        let (configuration, shards) = (prepared.configuration(), prepared.shards);
        let start = Instant::now();
        let (cores, ends) = link_cores(shards, start);
        let slots = MeshSlots::divided(configuration.limits.mesh_slots, shards);
        let signals = usize::try_from(prepared.memory.fixed.signals_per_ring);
        let signals = slots.signals.min(signals.unwrap_or(usize::MAX));
        let slots = MeshSlots { signals, ..slots };
        let mesh = full_mesh(cores.handles(), shards, slots);
        let published: Vec<Arc<PublishedStatistics>> = shards.shards().map(|_| Arc::default()).collect();
        let snapshot = StatisticsSnapshot::new(published.clone());
        let guard = Arc::new(Guard::new(TableSeed(random()?), configuration.sources.sources_max));
        let mut plane = Self { workers: Vec::new(), cores, snapshot, guard, start };
        let mut settings = core_settings(&prepared.machine(listeners.connections_max));
        for CoreSettings { engine, .. } in &mut settings {
            engine.connection_id_lifetime_s = lifetime_before_s.unwrap_or(engine.connection_id_lifetime_s);
        }
        let by_shard = listeners.udp.sockets_by_shard.into_iter().zip(listeners.http.sockets_by_shard);
        let by_shard = settings.into_iter().zip(ends).zip(mesh).zip(by_shard);
        for (((settings, link), mesh), (sockets, http_listeners)) in by_shard {
            let shard = settings.engine.shard;
            let setup = WorkerSetup {
                core: prepared.cores[shard.index()],
                settings,
                secrets: prepared.keys.for_core()?,
                guard: Arc::clone(&plane.guard),
                sockets,
                http_listeners,
                identity: prepared.files.identity.clone(),
                batch_datagrams: configuration.udp.batch_datagrams,
                mesh,
                start,
                published: Arc::clone(&published[shard.index()]),
                link,
            };
            plane.workers.push(start_worker(setup).map_err(hints::worker_error)?);
        }
        plane.wait_until_ready()?;
        Ok(plane)
    }

    /// Makes the workers serve their sockets.
    pub(crate) fn serve(&self) -> anyhow::Result<()> {
        let accept = |core: &CoreHandle| core.command(CoreCommand::Serve).is_ok();
        ensure!(self.cores.handles().iter().all(accept), "a worker exited before it could serve");
        Ok(())
    }

    /// Returns the instant from which the cores count time.
    pub(crate) const fn start_of_time(&self) -> Instant {
        self.start
    }

    pub(crate) const fn snapshot(&self) -> &StatisticsSnapshot {
        &self.snapshot
    }

    /// Returns the limits by source for the APIs, which share the tokens of sources with the cores.
    pub(crate) fn api_guard(&self, limits: SourceLimits) -> Arc<ApiGuard> {
        Arc::new(ApiGuard::new(CoreGuard::new(Arc::clone(&self.guard), limits), self.start))
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
        let mut ready = 0;
        while ready < self.workers.len() {
            match self.cores.wait_for_event(Duration::from_millis(START_POLL_MS)) {
                Some(CoreEvent::Ready) => ready += 1,
                Some(CoreEvent::Access(_) | CoreEvent::Swarms(..)) => unreachable!("no worker serves yet"),
                None => self.fail_if_one_has_ended()?,
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
    fn cores(&self) -> &Cores {
        &self.cores
    }

    fn any_finished(&self) -> bool {
        self.workers.iter().any(WorkerHandle::is_finished)
    }

    fn all_finished(&self) -> bool {
        self.workers.iter().all(WorkerHandle::is_finished)
    }
}
