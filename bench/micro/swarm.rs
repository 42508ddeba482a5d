//! Cost of the swarms of one shard: announces, scrapes and expiry, from a few peers to ten million.
//!
//! A population is settled when the first of its measurements is selected: a filter without `10M` does not wait for it.
#![forbid(unsafe_code)]

mod expiry;
mod newcomers;
mod population;
mod requests;
mod world;

use crate::population::{Population, Spread};
use crate::world::Settling;
use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion};

type Group<'a> = BenchmarkGroup<'a, WallTime>;

const SMALL: Population = Population { torrents: 100, peers: 100 * 20, spread: Spread::Even };

/// The largest swarm without an index.
const SCANNED: Population = Population { torrents: 1, peers: 4095, spread: Spread::Even };

const INDEXED: Population = Population { torrents: 1, peers: 100_000, spread: Spread::Even };

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    small(&mut criterion);
    one_swarm(&mut criterion);
    ten_million_peers(&mut criterion);
    criterion.final_summary();
}

fn small(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("swarm/100 of 20");
    let mut settling = Settling::new(SMALL);
    requests::measure(&mut group, &mut settling);
    newcomers::measure(&mut group, &mut settling);
    newcomers::measure_at_limit(&mut group, &mut settling);
    expiry::measure_all_due(&mut group, SMALL);
    group.finish();
}

fn one_swarm(criterion: &mut Criterion) {
    // No newcomers here: the swarm would get an index.
    let mut group = criterion.benchmark_group("swarm/1 of 4095");
    requests::measure(&mut group, &mut Settling::new(SCANNED));
    group.finish();
    let mut group = criterion.benchmark_group("swarm/1 of 100k");
    let mut settling = Settling::new(INDEXED);
    requests::measure(&mut group, &mut settling);
    newcomers::measure(&mut group, &mut settling);
    group.finish();
}

fn ten_million_peers(criterion: &mut Criterion) {
    // `cargo test --benches` only checks that the measurements run.
    let is_measured = std::env::args().any(|argument| argument == "--bench");
    let (torrents, peers) = if is_measured { (2_000_000, 10_000_000) } else { (2_000, 10_000) };
    let mut group = criterion.benchmark_group("swarm/2M of 10M");
    let mut settling = Settling::new(Population { torrents, peers, spread: Spread::Skewed });
    requests::measure(&mut group, &mut settling);
    newcomers::measure(&mut group, &mut settling);
    expiry::measure_none_due(&mut group, &mut settling);
    newcomers::measure_at_limit(&mut group, &mut settling);
    group.finish();
}
