use allocation_counter::measure;
use latency::{LatencySet, ReplyCounts, ReplyKind, ReplyTag, ReplyTimer};
use metrics::{Outcome, Statistics};
use primitives::{AddressFamily, RequestKind};
use std::time::{Duration, Instant, SystemTime};

const BATCH: usize = 64;

/// Records the replies of a full batch: own replies, to requests of other cores, and to stamped requests.
fn record_batch(timer: &mut ReplyTimer, statistics: &mut Statistics, number: u32) {
    let received = Instant::now();
    let before = ReplyCounts::of(statistics);
    for family in AddressFamily::ALL {
        for kind in [RequestKind::Connect, RequestKind::Announce, RequestKind::Scrape] {
            statistics.count(family, kind, Outcome::Answered);
        }
    }
    timer.batch_written(received, ReplyCounts::of(statistics).since(before));
    timer.sent(received + Duration::from_nanos(1) * number, SystemTime::now);
    let tag = ReplyTag::udp(ReplyKind::Announce, AddressFamily::V4);
    for reply in 0..BATCH {
        timer.reply_written(tag, received + Duration::from_nanos(reply as u64));
        timer.stamped_written(tag, Duration::from_nanos(1));
    }
    timer.sent(received + Duration::from_secs(1) * number, SystemTime::now);
    timer.expiry_turn(Duration::from_nanos(1) * number);
}

#[test]
fn recording_and_taking_latencies_allocates_nothing() {
    let (mut timer, mut statistics) = (ReplyTimer::new(BATCH), Statistics::default());
    let mut spare = Some(Box::<LatencySet>::default());
    let info = measure(|| {
        for number in 0..1000 {
            record_batch(&mut timer, &mut statistics, number);
        }
        spare = Some(timer.take(spare.take().expect("an empty set")));
        record_batch(&mut timer, &mut statistics, 1);
    });
    assert_eq!(info.count_total, 0, "{info:?}");
    assert!(spare.is_some_and(|set| set.recorded().count() > 6), "everything was recorded");
}
