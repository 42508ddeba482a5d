//! Cost of recording latencies per batch, to compare with the cost of its replies.
#![forbid(unsafe_code)]

use criterion::{Bencher, Criterion, Throughput};
use latency::{ReplyCounts, ReplyKind, ReplyTag, ReplyTimer};
use metrics::{Outcome, Statistics};
use primitives::{AddressFamily, RequestKind};
use std::hint::black_box;
use std::time::{Duration, Instant, UNIX_EPOCH};

const BATCH: usize = 64;

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    let mut group = criterion.benchmark_group("latency");
    group.throughput(Throughput::Elements(BATCH as u64));
    group.bench_function("batch of 64 announces", record_batch);
    group.bench_function("batch of 64 announces, each stamped by the kernel", record_stamped_batch);
    group.finish();
    criterion.final_summary();
}

/// Measures announces of one family, as they come under load.
fn record_batch(bencher: &mut Bencher<'_>) {
    let mut timer = ReplyTimer::new(BATCH);
    let mut statistics = Statistics::default();
    let received = Instant::now();
    let mut took = Duration::from_micros(60);
    bencher.iter(|| {
        let before = ReplyCounts::of(&statistics);
        for _ in 0..BATCH {
            statistics.count(AddressFamily::V4, RequestKind::Announce, Outcome::Answered);
        }
        timer.batch_written(black_box(received), ReplyCounts::of(&statistics).since(before));
        took += Duration::from_nanos(1);
        timer.sent(received + took, || UNIX_EPOCH);
    });
}

/// Measures the same with kernel time stamps.
fn record_stamped_batch(bencher: &mut Bencher<'_>) {
    let mut timer = ReplyTimer::new(BATCH);
    let statistics = Statistics::default();
    let received = Instant::now();
    let announce = ReplyTag::udp(ReplyKind::Announce, AddressFamily::V4);
    bencher.iter(|| {
        let counts = ReplyCounts::of(&statistics);
        for number in 0..BATCH as u64 {
            timer.stamped_written(announce, Duration::from_secs(1) + Duration::from_nanos(number));
        }
        timer.batch_written(black_box(received), counts.since(counts));
        timer.sent(received, || UNIX_EPOCH + Duration::from_secs(2));
    });
}
