use crate::answered::Answered;
use crate::cli::Options;
use crate::lane::{self, Lane};
use crate::load::pin;
use crate::open_files;
use crate::outstanding::Clock;
use crate::report::write_json;
use crate::respond;
use crate::tally::Tally;
use anyhow::anyhow;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;
use std::time::Instant;

/// Limit of passes over the unanswered peers, in which lost requests are repeated.
const PASSES_MAX: usize = 8;

/// Announces every peer once to each target. Returns a text for each target with unanswered peers.
pub(crate) fn run(options: &Options) -> anyhow::Result<Vec<String>> {
    let core = *options.cores.first().ok_or_else(|| anyhow!("--cores names no core"))?;
    pin(core)?;
    open_files::allow(options)?;
    let clock = Clock(Instant::now());
    let mut lane = lane::open(options, 0, clock)?;
    let mut missing = Vec::new();
    let mut fills = Vec::new();
    for (target, place) in options.target.iter().map(ToString::to_string).enumerate() {
        let begun_ns = clock.now_ns();
        let answered = fill_target(lane.as_mut(), target, options)?;
        let seconds = (clock.now_ns() - begun_ns) as f64 / 1e9;
        let peers = lane.population(target).peers;
        respond(&format!("{place}: {answered} of {peers} peers answered, {seconds:.1} s"));
        fills.push(json!({"target": place, "peers": peers, "accepted": answered, "seconds": seconds}));
        if answered < peers {
            missing.push(in_words(lane.as_mut(), &place, peers - answered));
        }
    }
    write_json(options, &json!({ "fills": fills }))?;
    Ok(missing)
}

/// Returns the known reasons for unanswered peers as text.
fn in_words(lane: &mut dyn Lane, place: &str, unanswered: u64) -> String {
    let failures = lane.connections().failures;
    let Tally { errors, wrong, .. } = &lane.phases().measured;
    let mut text = format!("{place}: {unanswered} peers were not answered; errors: {errors:?}");
    if !wrong.is_empty() {
        text += &format!("; wrong: {wrong:?}");
    }
    if !failures.is_empty() {
        text += &format!("; connections: {failures:?}");
    }
    text
}

fn fill_target(lane: &mut dyn Lane, target: usize, options: &Options) -> anyhow::Result<u64> {
    let peers = lane.population(target).peers;
    let mut answered = Answered::new(peers);
    let bar = progress_bar(options, peers);
    for _ in 0..PASSES_MAX {
        if answered.count == peers {
            break;
        }
        lane.announce_missing(target, &mut answered, &|count| bar.set_position(count))?;
    }
    bar.finish_and_clear();
    Ok(answered.count)
}

fn progress_bar(options: &Options, peers: u64) -> ProgressBar {
    if options.quiet {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(peers);
    if let Ok(style) =
        ProgressStyle::with_template("{bar:30} {human_pos}/{human_len} peers, {per_sec}, {eta}")
    {
        bar.set_style(style);
    }
    bar
}
