use super::clock::VirtualClock;
use super::run::SimulatedCore;
use super::sockets::{SimulatedReceived, SimulatedReplies, SimulatedSockets};
use super::{Simulator, SimulatorSettings, steering_key, usual_http};
use crate::tls_client;
use core_link::{CoreSettings, link_cores};
use core_loop::{Clock, CoreSetup, full_mesh};
use engine::{ConnectionIdKey, HttpPolicy, Secrets};
use guard::Guard;
use metrics::Gauge;
use primitives::{ClockShift, ShardId, TableSeed};
use std::ops::Range;
use std::rc::Rc;
use std::sync::Arc;
use swarm::Seeds;

/// Buckets of the limits by source.
const BUCKETS: usize = 1 << 12;

impl Simulator {
    /// Returns the number of cores of one process.
    #[must_use]
    pub const fn shards(&self) -> usize {
        self.listeners.len()
    }

    /// Starts a second process at the same sockets. Its cores come after those of the first one, and wait for the command to
    /// serve. Returns what to add to times of the first process to get those of the second.
    ///
    /// # Panics
    /// If there is one already, or an engine does not accept the settings.
    pub fn start_successor(&mut self, settings: &SimulatorSettings) -> ClockShift {
        assert_eq!(self.cores.len(), self.shards(), "one successor at a time");
        let clock = self.clock.of_new_process();
        let successor = self.start_process(&clock, settings, &usual_http());
        let seconds = clock.start().duration_since(self.cores[0].clock.start()).as_secs();
        self.cores.extend(successor);
        ClockShift(-i64::try_from(seconds).expect("few seconds"))
    }

    /// Returns whether all cores of the first process have ended.
    #[must_use]
    pub fn first_process_has_ended(&self) -> bool {
        self.cores[..self.shards()].iter().all(SimulatedCore::has_ended)
    }

    /// Lets the first process be gone, which has ended.
    pub fn forget_first_process(&mut self) {
        self.forget(0..self.shards());
    }

    /// Lets the successor be gone, wherever it is.
    pub fn kill_successor(&mut self) {
        self.forget(self.shards()..2 * self.shards());
    }

    /// Forgets cores, but not what they have counted.
    fn forget(&mut self, cores: Range<usize>) {
        for mut core in self.cores.drain(cores) {
            let mut statistics = core.shard().statistics().clone();
            Gauge::ALL.into_iter().for_each(|gauge| statistics.set(gauge, 0));
            self.ended.merge(&statistics);
        }
    }

    /// Returns the cores of a new process.
    pub(super) fn start_process(
        &self,
        clock: &VirtualClock,
        settings: &SimulatorSettings,
        http: &HttpPolicy,
    ) -> Vec<SimulatedCore> {
        let shards = settings.engine.shards;
        // A link for each core, so that the events of one can be told from those of another.
        let links = shards.shards().map(|_| link_cores(shards, clock.start()));
        let (links, mut ends): (Vec<_>, Vec<_>) = links.unzip();
        let handles: Vec<_> = links
            .iter()
            .zip(shards.shards())
            .map(|(link, shard)| link.handles()[shard.index()].clone())
            .collect();
        let meshes = full_mesh(&handles, shards, settings.mesh_slots());
        let guard = Arc::new(Guard::new(TableSeed(u128::from(settings.seed).to_le_bytes()), BUCKETS));
        let cores = shards.shards().zip(links).zip(meshes).map(|((shard, link), mesh)| {
            let setup = CoreSetup {
                clock: Box::new(clock.clone()),
                settings: CoreSettings { http_policy: http.clone(), ..settings.of_core(shard) },
                secrets: secrets(settings.seed, shard),
                guard: Arc::clone(&guard),
                sockets: SimulatedSockets::at(Rc::clone(&self.listeners[shard.index()])),
                received: SimulatedReceived::default(),
                replies: SimulatedReplies::default(),
                identity: Some(Arc::clone(tls_client::identity())),
                mesh,
                published: Arc::default(),
                link: ends[shard.index()].swap_remove(shard.index()),
            };
            SimulatedCore::new(setup, clock.clone(), link)
        });
        cores.collect()
    }
}

fn secrets(seed: u64, shard: ShardId) -> Secrets {
    let seed = seed ^ shard.index() as u64;
    let table_seed = |seed: u64| TableSeed(u128::from(seed).to_le_bytes());
    Secrets {
        connection_ids: ConnectionIdKey([7; 16]),
        steering: steering_key(),
        swarms: Seeds { tables: table_seed(seed), choice: !seed },
        access: table_seed(seed.rotate_left(16)),
        intervals: seed.rotate_left(32),
    }
}
