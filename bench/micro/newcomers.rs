use crate::Group;
use crate::population::{NOW, settings};
use crate::world::{Settling, World};
use criterion::Throughput;
use primitives::{AnnounceEvent, CompactIpv4};
use std::hint::black_box;
use std::time::{Duration, Instant};
use swarm::Announce;

/// Peers per newcomer in a part of a measurement, so that newcomers are few.
const SHARE_OF_PEERS: u32 = 16;
const NEWCOMERS_MAX: u32 = 1 << 18;

/// Measures peers that join and leave. Peers that join for one measurement leave unmeasured, and the other way round.
pub(crate) fn measure(group: &mut Group<'_>, settling: &mut Settling) {
    let newcomers = (settling.population.peers / SHARE_OF_PEERS).min(NEWCOMERS_MAX);
    let coming = settling.population.newcomers(newcomers);
    let mut leaving = coming.clone();
    for announce in &mut leaving {
        announce.event = AnnounceEvent::Stopped;
    }
    group.throughput(Throughput::Elements(1));
    group.bench_function("announce of a new peer", |bencher| {
        let world = settling.world();
        bencher.iter_custom(|peers| {
            in_parts(peers, coming.len(), |part| {
                let measured = announce_all(world, &coming[..part]);
                announce_all(world, &leaving[..part]);
                measured
            })
        });
    });
    group.bench_function("announce of a leaving peer", |bencher| {
        let world = settling.world();
        bencher.iter_custom(|peers| {
            in_parts(peers, coming.len(), |part| {
                announce_all(world, &coming[..part]);
                announce_all(world, &leaving[..part])
            })
        });
    });
}

/// Measures made-up torrents that take the places of others. It leaves few of the settled ones.
pub(crate) fn measure_at_limit(group: &mut Group<'_>, settling: &mut Settling) {
    let population = settling.population;
    let mut number = 0;
    group.throughput(Throughput::Elements(1));
    group.bench_function("announce of a new torrent at the limit", |bencher| {
        let world = settling.world();
        world.swarms.use_settings(settings(world.swarms.torrents()));
        bencher.iter(|| {
            number += 1;
            world.swarms.announce(NOW, None, &population.made_up(number), &mut world.out)
        });
    });
}

fn announce_all(world: &mut World, announces: &[Announce<CompactIpv4>]) -> Duration {
    let start = Instant::now();
    for announce in announces {
        black_box(world.swarms.announce(NOW, None, announce, &mut world.out));
    }
    start.elapsed()
}

/// Returns the sum over parts of at most `part_max`.
fn in_parts(all: u64, part_max: usize, mut measure: impl FnMut(usize) -> Duration) -> Duration {
    let mut left = all;
    let mut sum = Duration::ZERO;
    while left > 0 {
        let part = usize::try_from(left).unwrap_or(part_max).min(part_max);
        sum += measure(part);
        left -= part as u64;
    }
    sum
}
