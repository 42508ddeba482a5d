use crate::core_state::CoreState;
use crate::limits::{
    CONTROL_AWAKE_MS, CONTROL_JOBS_MAX, CONTROL_PAUSE_MS, CONTROL_POLL_MS, CONTROL_SLICE_US,
};
use crate::messages::CoreTask;
use access::{AccessUpdate, ListQuery, Sweep};
use crossbeam_channel::Receiver;
use engine::{BranchCountScan, FirstTorrentsScan, ScanStep, Shard, Torrents, UpdateStep};
use glommio::timer::sleep;
use primitives::{Query, Reply, TorrentInfo, TorrentScan};
use std::collections::VecDeque;
use std::rc::Rc;
use std::time::{Duration, Instant};

/// The tasks of the control plane that this core has not finished.
#[derive(Debug, Default)]
struct ControlQueue {
    /// Applied one after another.
    updates: VecDeque<Update>,
    /// Advanced in turn. The first one changes with each slice.
    scans: VecDeque<Scan>,
}

/// An update, the item to continue with, and the reply to send when it is in effect.
#[derive(Debug)]
struct Update {
    update: AccessUpdate,
    from: usize,
    answer: Reply<()>,
}

/// A scan of the core's torrents, and the reply to send with its result.
#[derive(Debug)]
enum Scan {
    First(FirstTorrentsScan, Reply<Vec<TorrentInfo>>),
    Count(BranchCountScan, Reply<Vec<u32>>),
}

/// When the control queue checks for tasks and sweeps.
#[derive(Debug)]
struct Pace {
    /// Until then tasks are checked for after every pause: the control plane may send the next of a series of tasks.
    awake_until: Instant,
    sweep_due: Instant,
}

/// Works on the control plane's tasks, a slice at a time, until it is cancelled. The core serves requests in between.
pub(crate) async fn serve_control_queue(core: Rc<CoreState>, tasks: Receiver<CoreTask>) {
    let mut queue = ControlQueue::default();
    let mut pace = Pace { awake_until: Instant::now(), sweep_due: Instant::now() };
    loop {
        let slice_end = Instant::now() + Duration::from_micros(CONTROL_SLICE_US);
        while queue.jobs() < CONTROL_JOBS_MAX
            && let Ok(task) = tasks.try_recv()
        {
            queue.accept(&core, task);
            pace.awake_until = slice_end + Duration::from_millis(CONTROL_AWAKE_MS);
            if Instant::now() >= slice_end {
                break;
            }
        }
        queue.work(&core, slice_end);
        sweep(&core, &mut pace, slice_end);
        let is_idle = queue.jobs() == 0 && pace.awake_until <= slice_end;
        sleep(Duration::from_millis(if is_idle { CONTROL_POLL_MS } else { CONTROL_PAUSE_MS })).await;
    }
}

/// Sweeps a part of the lists, keys and sessions if due. While a sweep is not complete, it is due in every slice.
fn sweep(core: &CoreState, pace: &mut Pace, now: Instant) {
    if now < pace.sweep_due {
        return;
    }
    if core.shard.borrow_mut().sweep_access(core.clock.now()) == Sweep::Done {
        pace.sweep_due = now + Duration::from_millis(CONTROL_POLL_MS);
    }
}

impl ControlQueue {
    fn jobs(&self) -> usize {
        self.updates.len() + self.scans.len()
    }

    /// Completes a short task at once and queues a long one.
    fn accept(&mut self, core: &CoreState, task: CoreTask) {
        match task {
            CoreTask::Update(update, answer) => self.updates.push_back(Update { update, from: 0, answer }),
            CoreTask::Query(Query::TorrentScan(scan)) => self.scans.push_back(Scan::new(scan)),
            CoreTask::Query(query) => answer_at_once(core, query),
            CoreTask::List(query) => {
                let ListQuery { list, from, torrents_max, answer } = query;
                answer.send(core.shard.borrow().list_page(list, from, torrents_max));
            }
        }
    }

    /// Works for at least one step, until `end` or until nothing is left.
    fn work(&mut self, core: &CoreState, end: Instant) {
        let shard = &mut *core.shard.borrow_mut();
        while self.jobs() > 0 {
            self.advance_updates(shard);
            self.advance_scans(shard);
            if Instant::now() >= end {
                // The next scan is the first in the next slice, so that a short one does not wait for a long one.
                self.scans.rotate_left(1.min(self.scans.len()));
                return;
            }
        }
    }

    fn advance_updates(&mut self, shard: &mut Shard) {
        let Some(first) = self.updates.front_mut() else { return };
        match shard.apply_update(&first.update, first.from) {
            UpdateStep::More(from) => first.from = from,
            UpdateStep::Done => {
                if let Some(done) = self.updates.pop_front() {
                    done.answer.send(());
                }
            }
        }
    }

    fn advance_scans(&mut self, shard: &Shard) {
        let Some(scan) = self.scans.front_mut() else { return };
        if scan.advance(shard.torrents()) == ScanStep::Done
            && let Some(scan) = self.scans.pop_front()
        {
            scan.finish();
        }
    }
}

fn answer_at_once(core: &CoreState, query: Query) {
    let shard = &mut *core.shard.borrow_mut();
    match query {
        Query::TorrentScan(scan) => Scan::new(scan).finish(),
        Query::Torrents(info_hashes, answer) => {
            answer
                .send(info_hashes.iter().filter_map(|info_hash| shard.torrents().info(info_hash)).collect());
        }
        Query::Peers(info_hash, peers_max, answer) => {
            let torrent = shard.torrents().info(&info_hash);
            answer.send(
                torrent.map(|facts| (facts, shard.torrents().peers(core.clock.now(), &info_hash, peers_max))),
            );
        }
        Query::Drop(info_hash, answer) => answer.send(shard.drop_torrent(&info_hash)),
    }
}

impl Scan {
    fn new(scan: TorrentScan) -> Self {
        match scan {
            TorrentScan::First(wanted, reply) => Self::First(FirstTorrentsScan::new(wanted), reply),
            TorrentScan::Count(prefix, reply) => Self::Count(BranchCountScan::new(prefix), reply),
        }
    }

    fn advance(&mut self, torrents: Torrents<'_>) -> ScanStep {
        match self {
            Self::First(scan, _) => scan.advance(torrents),
            Self::Count(scan, _) => scan.advance(torrents),
        }
    }

    fn finish(self) {
        match self {
            Self::First(scan, reply) => reply.send(scan.finish()),
            Self::Count(scan, reply) => reply.send(scan.finish()),
        }
    }
}
