use super::HttpLane;
use super::lane::Asked;
use crate::answered::Answered;
use crate::kind::Kind;
use crate::population::Population;

/// Announces each unanswered peer of a target. A connection has one source address: it announces the peers of that
/// source, and is then replaced by one of the next source.
pub(crate) fn announce_missing(
    lane: &mut HttpLane,
    target: usize,
    window: u32,
    answered: &mut Answered,
    shown: &dyn Fn(u64),
) -> anyhow::Result<()> {
    let population = lane.populations[target];
    let mut sources = 0..population.sources();
    let mut wanted = vec![Vec::new(); lane.links.len()];
    let mut done = Vec::new();
    let links = lane.links.iter().filter(|link| link.target == target).count();
    while done.len() < links {
        lane.receive(|sent| answered.add(sent.peer))?;
        lane.expire();
        while lane.outstanding_requests < window {
            let Some(number) = lane.free[target].pop_front() else { break };
            let peers = &mut wanted[usize::from(number)];
            if peers.is_empty() {
                shown(answered.count);
                let Some((source, missing)) = next_source(&mut sources, &population, answered) else {
                    done.push(number);
                    continue;
                };
                lane.cut(number);
                lane.links[usize::from(number)].source = source;
                *peers = missing;
            }
            let peer = peers.pop().unwrap_or_default();
            let now_ns = lane.clock.now_ns();
            lane.send(number, Asked { kind: Kind::Announce, peer, due_ns: now_ns, now_ns });
        }
    }
    lane.free[target].extend(done);
    Ok(())
}

/// Returns the next source with unanswered peers, and those peers.
fn next_source(
    sources: &mut impl Iterator<Item = u32>,
    population: &Population,
    answered: &Answered,
) -> Option<(u32, Vec<u64>)> {
    sources.find_map(|source| {
        let missing: Vec<_> = population.peers_of(source).filter(|&peer| !answered.has(peer)).collect();
        (!missing.is_empty()).then_some((source, missing))
    })
}
