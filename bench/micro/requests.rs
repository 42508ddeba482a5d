use crate::Group;
use crate::population::NOW;
use crate::world::{Settling, World};
use criterion::Throughput;
use primitives::CompactIpv4;
use std::hint::black_box;
use swarm::SwarmSlot;

/// Datagrams that a worker receives at once under load.
const BATCH: usize = 64;

/// Measures announces and scrapes that change nothing but the time of a peer's last announce.
pub(crate) fn measure(group: &mut Group<'_>, settling: &mut Settling) {
    group.throughput(Throughput::Elements(1));
    group.bench_function("announce of a known peer", |bencher| {
        let world = settling.world();
        bencher.iter(|| {
            let announce = world.next();
            world.swarms.announce(NOW, None, &announce, &mut world.out)
        });
    });
    group.bench_function("scrape", |bencher| {
        let world = settling.world();
        bencher.iter(|| {
            let info_hash = world.next().info_hash;
            world.swarms.scrape::<CompactIpv4>(&info_hash)
        });
    });
    group.throughput(Throughput::Elements(BATCH as u64));
    group.bench_function("batch of 64 announces", |bencher| {
        let world = settling.world();
        bencher.iter(|| announce_batch(world));
    });
}

/// Announces as the engine does: each step for the whole batch, with its memory prefetched.
fn announce_batch(world: &mut World) {
    let batch = world.next_batch::<BATCH>();
    let keys = batch.each_ref().map(|announce| world.swarms.key(&announce.info_hash));
    for key in keys {
        world.swarms.prefetch_directory::<CompactIpv4>(key);
    }
    let hints: [Option<SwarmSlot<CompactIpv4>>; BATCH] = keys.map(|key| world.swarms.find(key));
    for hint in hints.into_iter().flatten() {
        world.swarms.prefetch_swarm(hint);
    }
    for hint in hints.into_iter().flatten() {
        world.swarms.prefetch_peers(hint);
    }
    for (announce, hint) in batch.iter().zip(hints) {
        black_box(world.swarms.announce(NOW, hint, announce, &mut world.out));
    }
}
