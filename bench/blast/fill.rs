use crate::cli::Options;
use crate::lane::{Lane, Run};
use crate::load::pin;
use crate::outstanding::Clock;
use crate::population::Population;
use crate::report::write_json;
use crate::say;
use crate::sockets::Kind;
use anyhow::anyhow;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;
use std::time::Instant;
use udp_socket::SEGMENTS_MAX;

/// Passes over the peers that were not answered: lost requests are repeated.
const PASSES_MAX: usize = 8;

/// Peers that were answered, one bit each.
struct Answered {
    bits: Vec<u64>,
    count: u64,
}

impl Answered {
    fn new(peers: u64) -> Self {
        let words = usize::try_from(peers.div_ceil(64)).expect("a bit for each peer fits in memory");
        Self { bits: vec![0; words], count: 0 }
    }

    fn has(&self, peer: u64) -> bool {
        self.word(peer).is_none_or(|word| word >> (peer % 64) & 1 == 1)
    }

    fn add(&mut self, peer: u64) {
        if !self.has(peer) {
            self.bits[(peer / 64) as usize] |= 1 << (peer % 64);
            self.count += 1;
        }
    }

    fn word(&self, peer: u64) -> Option<u64> {
        self.bits.get((peer / 64) as usize).copied()
    }
}

/// Announces every peer once to each target. Gives what went wrong, in words.
pub(crate) fn run(options: &Options) -> anyhow::Result<Vec<String>> {
    let core = *options.cores.first().ok_or_else(|| anyhow!("--cores names no core"))?;
    pin(core)?;
    let clock = Clock(Instant::now());
    let mut lane = Lane::open(options, 0, clock)?;
    let mut missing = Vec::new();
    let mut fills = Vec::new();
    for target in 0..options.target.len() {
        let population = lane.populations[target];
        let begun_ns = clock.now_ns();
        let answered = fill_target(&mut lane, target, options)?;
        let seconds = (clock.now_ns() - begun_ns) as f64 / 1e9;
        let address = options.target[target];
        say(&format!("{address}: {answered} of {} peers answered, {seconds:.1} s", population.peers));
        let peers = population.peers;
        fills.push(json!({"target": address, "peers": peers, "accepted": answered, "seconds": seconds}));
        if answered < population.peers {
            let unanswered = population.peers - answered;
            missing.push(format!(
                "{address}: {unanswered} peers were not answered; errors: {:?}",
                lane.phases.measured.errors
            ));
        }
    }
    write_json(options, &json!({ "fills": fills }))?;
    Ok(missing)
}

fn fill_target(lane: &mut Lane, target: usize, options: &Options) -> anyhow::Result<u64> {
    let population = lane.populations[target];
    let mut answered = Answered::new(population.peers);
    let bar = progress_bar(options, population.peers);
    for _ in 0..PASSES_MAX {
        if answered.count == population.peers {
            break;
        }
        for source in 0..population.sources() {
            fill_source(lane, (target, source), options, &mut answered)?;
            bar.set_position(answered.count);
        }
        lane.drain(|sent| answered.add(sent.peer))?;
    }
    bar.finish_and_clear();
    Ok(answered.count)
}

/// Announces the peers of one source address that are not answered yet.
fn fill_source(
    lane: &mut Lane,
    (target, source): (usize, u32),
    options: &Options,
    answered: &mut Answered,
) -> anyhow::Result<()> {
    let population = lane.populations[target];
    let mut wanted = peers_of(&population, source).filter(|&peer| !answered.has(peer)).collect::<Vec<_>>();
    while !wanted.is_empty() {
        lane.receive(|sent| answered.add(sent.peer))?;
        lane.expire();
        lane.renew_connections(|sent| answered.add(sent.peer))?;
        let room = options.window.saturating_sub(lane.outstanding_requests) as usize;
        if room == 0 {
            continue;
        }
        let count = wanted.len().min(SEGMENTS_MAX / 2).min(room);
        let now_ns = lane.clock.now_ns();
        let run = Run { kind: Kind::Announce, target, source, count, first_due_ns: now_ns, period_ns: 0 };
        lane.send(run, |_| wanted.pop().unwrap_or_default());
    }
    Ok(())
}

fn peers_of(population: &Population, source: u32) -> impl Iterator<Item = u64> {
    (u64::from(source)..population.peers).step_by(population.all_sources() as usize)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_is_accepted_once_and_none_beyond_the_last_is_missing() {
        let mut answered = Answered::new(70);
        answered.add(69);
        answered.add(69);
        assert_eq!(answered.count, 1);
        assert!(answered.has(69) && !answered.has(68));
        assert!(answered.has(128));
    }
}
