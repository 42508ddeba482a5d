use super::UdpLane;
use super::lane::Run;
use crate::answered::Answered;
use crate::kind::Kind;
use udp_socket::SEGMENTS_MAX;

/// Announces the unanswered peers of one source address.
pub(crate) fn fill_source(
    lane: &mut UdpLane,
    target: usize,
    source: u32,
    answered: &mut Answered,
) -> anyhow::Result<()> {
    let population = lane.populations[target];
    let mut wanted = population.peers_of(source).filter(|&peer| !answered.has(peer)).collect::<Vec<_>>();
    while !wanted.is_empty() {
        lane.receive(|sent| answered.add(sent.peer))?;
        lane.expire();
        lane.renew_connections(|sent| answered.add(sent.peer))?;
        let room = lane.options.window.saturating_sub(lane.outstanding_requests) as usize;
        if room == 0 {
            continue;
        }
        let count = wanted.len().min(SEGMENTS_MAX / 2).min(room);
        let now_ns = lane.clock.now_ns();
        let (kind, first_due_ns) = (Kind::Announce, now_ns);
        let run = Run { kind, target, source, count, first_due_ns, period_ns: 0, repeats: 0 };
        lane.send(run, |_| wanted.pop().unwrap_or_default());
    }
    Ok(())
}
