use crate::cli::Options;
use crate::load::LoadResult;

/// The bounds of the command line that did not hold, in words.
pub(crate) fn broken(options: &Options, result: &LoadResult) -> Vec<String> {
    let rate = result.responses_per_s();
    let loss = result.loss_percent();
    let p99_us = result.tally.latency_ns().value_at_quantile(0.99) / 1000;
    let too_slow = options.min_rate.filter(|&bound| rate < bound);
    let too_lossy = options.max_loss.filter(|&bound| loss > bound);
    let too_late = options.max_p99_us.filter(|&bound| p99_us > bound);
    let wrong: u64 = result.tally.wrong.values().sum();
    [
        too_slow.map(|bound| format!("{rate:.0} responses/s: --min-rate is {bound}")),
        too_lossy.map(|bound| format!("{loss:.3} % lost: --max-loss is {bound}")),
        too_late.map(|bound| format!("99th percentile {p99_us} us: --max-p99-us is {bound}")),
        (options.verify && wrong > 0).then(|| format!("{wrong} wrong replies: --verify allows none")),
    ]
    .into_iter()
    .flatten()
    .collect()
}
