use crate::Group;
use crate::population::{NOW, PEER_LIFETIME_S, Population};
use crate::world::Settling;
use criterion::{BatchSize, Throughput};
use primitives::SwarmFamily;
use swarm::EXPIRY_ROUND_S_MIN;

/// Units of work per turn of expiry.
const EXPIRY_WORK: u32 = 131_072;

/// Units of work for a visit to a swarm.
const SWARM_VISIT_WORK: u32 = 2;

const SWARMS_PER_TURN: u32 = EXPIRY_WORK / SWARM_VISIT_WORK;

/// Measures a turn that removes all peers.
pub(crate) fn measure_all_due(group: &mut Group<'_>, population: Population) {
    // Deadlines are multiples of four seconds.
    let all_due = NOW.after(PEER_LIFETIME_S + 4);
    group.throughput(Throughput::Elements(u64::from(population.peers)));
    group.bench_function("turn of expiry, all due", |bencher| {
        bencher.iter_batched_ref(
            || population.settle(),
            |swarms| assert_eq!(swarms.expire(all_due, EXPIRY_WORK).peers, u64::from(population.peers)),
            BatchSize::PerIteration,
        );
    });
}

/// Measures turns of rounds that remove no peer. Each round begins the minimum time after the one before, so that
/// peers outlive 3,200 of them.
pub(crate) fn measure_none_due(group: &mut Group<'_>, settling: &mut Settling) {
    group.throughput(Throughput::Elements(u64::from(SWARMS_PER_TURN)));
    let (mut now, mut turn) = (NOW, 0);
    group.bench_function("turn of expiry, none due", |bencher| {
        let world = settling.world();
        let turns = world.swarms.totals(SwarmFamily::V4).swarms.div_ceil(u64::from(SWARMS_PER_TURN));
        bencher.iter(|| {
            turn += 1;
            if turn == turns {
                (now, turn) = (now.after(EXPIRY_ROUND_S_MIN), 0);
            }
            world.swarms.expire(now, EXPIRY_WORK)
        });
    });
}
