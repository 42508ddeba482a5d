use crate::core_state::CoreState;
use crate::limits::{
    CONTROL_AWAKE_MS, CONTROL_JOBS_MAX, CONTROL_PAUSE_MS, CONTROL_POLL_MS, CONTROL_SLICE_US,
};
use access::{AccessUpdate, Sweep};
use core_link::{CoreTask, Reply};
use engine::{BranchCountScan, FirstTorrentsScan, ScanStep, Shard, Torrents, UpdateStep};
use glommio::timer::sleep;
use primitives::TorrentInfo;
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
    reply: Reply<()>,
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
pub(crate) async fn serve_control_queue(core: Rc<CoreState>) {
    let mut queue = ControlQueue::default();
    let mut pace = Pace { awake_until: Instant::now(), sweep_due: Instant::now() };
    loop {
        let slice_end = Instant::now() + Duration::from_micros(CONTROL_SLICE_US);
        while queue.jobs() < CONTROL_JOBS_MAX
            && let Some(task) = core.link.next_task()
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
        let shard = &mut *core.shard.borrow_mut();
        match task {
            CoreTask::Update(update, reply) => self.updates.push_back(Update { update, from: 0, reply }),
            CoreTask::First(wanted, reply) => {
                self.scans.push_back(Scan::First(FirstTorrentsScan::new(wanted), reply));
            }
            CoreTask::Count(prefix, reply) => {
                self.scans.push_back(Scan::Count(BranchCountScan::new(prefix), reply));
            }
            CoreTask::Torrents(info_hashes, reply) => {
                let info = |info_hash| shard.torrents().info(info_hash);
                reply.send(info_hashes.iter().filter_map(info).collect());
            }
            CoreTask::Peers(info_hash, peers_max, reply) => {
                let peers = || shard.torrents().peers(core.clock.now(), &info_hash, peers_max);
                reply.send(shard.torrents().info(&info_hash).map(|info| (info, peers())));
            }
            CoreTask::Drop(info_hash, reply) => reply.send(shard.drop_torrent(&info_hash)),
            CoreTask::List(query, reply) => reply.send(shard.list_page(query)),
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
                    done.reply.send(());
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

impl Scan {
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
