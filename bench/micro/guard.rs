//! Cost of the limits by source for one request: known sources, sources that were not seen before, and one that is over its
//! limit.
#![forbid(unsafe_code)]

use criterion::Criterion;
use guard::{Class, CoreGuard, Guard, PrefixLengths, Source, SourceLimits};
use primitives::{AddressRange, AddressRanges, TableSeed};
use std::hint::black_box;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

/// The default of `sources.sources_max`.
const ENTRIES: usize = 1 << 20;

/// Sources whose buckets fit the first caches.
const WARM: u32 = 64;

fn limits() -> SourceLimits {
    let loopback = AddressRange { first: 0x7f00_0000, last: 0x7fff_ffff };
    SourceLimits {
        prefixes: PrefixLengths::USUAL,
        wider_factor: 8,
        per_s: [10_000_000; 5],
        burst_s: 60,
        unproved_per_s: 200_000,
        allow: Arc::new(AddressRanges::new(vec![loopback], Vec::new())),
    }
}

fn core(limits: SourceLimits) -> CoreGuard {
    CoreGuard::new(Arc::new(Guard::new(TableSeed([7; 16]), ENTRIES)), limits)
}

fn ipv4(number: u32) -> Source {
    Source::of(Ipv4Addr::from_bits(0x0a00_0000 | number.wrapping_mul(0x9e37_79b1) >> 8).into())
}

fn ipv6(number: u32) -> Source {
    Source::of(
        Ipv6Addr::from_bits(0x2001_0db8 << 96 | u128::from(number.wrapping_mul(0x9e37_79b1)) << 64).into(),
    )
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    let mut group = criterion.benchmark_group("guard");
    let families = [("IPv4", ipv4 as fn(u32) -> Source), ("IPv6", ipv6)];
    for (family, source) in families {
        let mut guard = core(limits());
        let mut number = 0;
        group.bench_function(format!("admit warm/{family}"), |bencher| {
            bencher.iter(|| {
                number += 1;
                guard.admit(black_box(1000), Class::Requests, source(number % WARM)).is_ok()
            });
        });
        group.bench_function(format!("admit others/{family}"), |bencher| {
            bencher.iter(|| {
                number = number.wrapping_add(1);
                guard.admit(black_box(1000), Class::Requests, source(number)).is_ok()
            });
        });
        let mut guard = core(SourceLimits { per_s: [1; 5], ..limits() });
        group.bench_function(format!("refuse/{family}"), |bencher| {
            bencher.iter(|| guard.admit(black_box(1000), Class::Requests, black_box(source(1))).is_ok());
        });
    }
    let mut guard = core(limits());
    let loopback = Source::of(Ipv4Addr::LOCALHOST.into());
    group.bench_function("admit allowed", |bencher| {
        bencher.iter(|| guard.admit(black_box(1000), Class::Requests, black_box(loopback)).is_ok());
    });
    let mut guard = core(SourceLimits::none());
    group.bench_function("no limits", |bencher| {
        bencher.iter(|| guard.admit(black_box(1000), Class::Requests, black_box(ipv4(1))).is_ok());
    });
    group.finish();
    criterion.final_summary();
}
