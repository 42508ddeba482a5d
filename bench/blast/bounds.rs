use crate::cli::Options;
use crate::load::LoadResult;
use crate::tally::Tally;

/// Returns a text for each limit of the command line that did not hold.
pub(crate) fn broken(options: &Options, result: &LoadResult) -> Vec<String> {
    let rate = result.responses_per_s();
    let loss = result.loss_percent();
    let too_slow = options.min_rate.filter(|&bound| rate < bound);
    let too_lossy = options.max_loss.filter(|&bound| loss > bound);
    let wrong: u64 = result.tally.wrong.values().sum();
    [
        too_slow.map(|bound| format!("{rate:.0} responses/s: --min-rate is {bound}")),
        too_lossy.map(|bound| format!("{loss:.3} % lost: --max-loss is {bound}")),
        options.max_p99_us.and_then(|bound| broken_p99(&result.tally, bound)),
        (options.verify && wrong > 0).then(|| format!("{wrong} wrong replies: --verify allows none")),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Counts lost requests as late. Without any response, the limit does not hold.
fn broken_p99(tally: &Tally, bound_us: u64) -> Option<String> {
    let all = tally.requests();
    if all.latency.is_empty() {
        return Some(format!("no answer: --max-p99-us is {bound_us}"));
    }
    let p99_ns = all.latency_with_lost().quantile_ns(0.99);
    let shown_us = p99_ns as f64 / 1000.0;
    let is_broken = p99_ns > bound_us.saturating_mul(1000);
    is_broken.then(|| {
        format!("99th percentile {shown_us:.1} us, lost requests included: --max-p99-us is {bound_us}")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kind::Kind;

    /// A tally of responses after 10 us, and of requests lost after a second.
    fn tally(answered: u64, lost: u64) -> Tally {
        let mut tally = Tally::new();
        let announces = tally.of_mut(Kind::Announce);
        (0..answered).for_each(|_| announces.latency.record(10_000));
        (0..lost).for_each(|_| announces.lose(1_000_000_000));
        tally
    }

    #[test]
    fn a_latency_limit_holds_if_responses_are_early() {
        assert_eq!(broken_p99(&tally(100, 1), 11), None);
        assert!(broken_p99(&tally(100, 1), 9).is_some());
    }

    #[test]
    fn lost_requests_break_a_latency_limit() {
        assert!(broken_p99(&tally(100, 2), 999_999).is_some());
    }

    #[test]
    fn without_a_response_no_latency_limit_holds() {
        assert!(broken_p99(&tally(0, 0), u64::MAX).is_some());
        assert!(broken_p99(&tally(0, 5), 2_000_000).is_some());
    }
}
