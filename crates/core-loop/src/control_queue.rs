use crate::clock::Clock;
use crate::limits::{CONTROL_JOBS_MAX, CONTROL_SLICE_US, SWEEP_MS, SWEEPS_LATE_MAX};
use access::{AccessUpdate, Sweep};
use core_link::{ChangeRecording, CoreEnd, CoreTask, Reply};
use engine::{BranchCountScan, FirstTorrentsScan, ScanStep, Shard, Torrents, UpdateStep};
use primitives::TorrentInfo;
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// The tasks of the control plane that this core has not finished, and the sweeps.
#[derive(Debug)]
pub(crate) struct ControlQueue {
    /// Applied one after another.
    updates: VecDeque<Update>,
    /// Advanced in turn. The first one changes with each slice.
    scans: VecDeque<Scan>,
    /// Whether tasks may wait in the channel.
    is_notified: bool,
    /// When the next slice may begin.
    due: Instant,
    sweep_due: Instant,
    /// Whether sweeps that were due are not complete.
    is_sweeping: bool,
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

impl ControlQueue {
    pub(crate) const fn new(now: Instant) -> Self {
        Self {
            updates: VecDeque::new(),
            scans: VecDeque::new(),
            is_notified: true,
            due: now,
            sweep_due: now,
            is_sweeping: false,
        }
    }

    /// Notes that the control plane may have sent tasks.
    pub(crate) const fn note_tasks(&mut self) {
        self.is_notified = true;
    }

    /// Returns when the next slice has to begin, if there is work for it. A new sweep waits until the core is awake.
    pub(crate) fn due(&self) -> Option<Instant> {
        (self.is_notified || self.jobs() > 0 || self.is_sweeping).then_some(self.due)
    }

    /// Works for a slice of time if it is due. The next one follows after a pause, in which the core serves requests.
    pub(crate) fn take_turn(
        &mut self,
        shard: &mut Shard,
        link: &CoreEnd,
        clock: &dyn Clock,
        now: Instant,
        pause: Duration,
    ) {
        if now < self.due || (self.due().is_none() && now < self.sweep_due) {
            return;
        }
        let slice_end = now + Duration::from_micros(CONTROL_SLICE_US);
        self.take_tasks(shard, link, clock, slice_end);
        self.work(shard, clock, slice_end);
        self.sweep(shard, clock, slice_end);
        self.due = clock.instant() + pause;
    }

    fn take_tasks(&mut self, shard: &mut Shard, link: &CoreEnd, clock: &dyn Clock, slice_end: Instant) {
        while self.is_notified && self.jobs() < CONTROL_JOBS_MAX {
            match link.next_task() {
                Some(task) => self.accept(shard, clock, task),
                None => self.is_notified = false,
            }
            if clock.instant() >= slice_end {
                return;
            }
        }
    }

    /// Sweeps parts of the lists, keys and sessions until the sweeps are up to date or the slice ends, and at least one if
    /// it is due. While a sweep is not complete, it is due in every slice.
    fn sweep(&mut self, shard: &mut Shard, clock: &dyn Clock, slice_end: Instant) {
        let period = Duration::from_millis(SWEEP_MS);
        let mut now = clock.instant();
        self.sweep_due = self.sweep_due.max(now.checked_sub(period * SWEEPS_LATE_MAX).unwrap_or(now));
        while self.sweep_due <= now {
            if shard.sweep_access(clock.at(now)) == Sweep::Done {
                self.sweep_due += period;
            }
            now = clock.instant();
            if now >= slice_end {
                break;
            }
        }
        self.is_sweeping = self.sweep_due <= now;
    }

    /// Returns the number of tasks that are not finished.
    pub(crate) fn jobs(&self) -> usize {
        self.updates.len() + self.scans.len()
    }

    /// Completes a short task at once and queues a long one.
    fn accept(&mut self, shard: &mut Shard, clock: &dyn Clock, task: CoreTask) {
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
                let peers = || shard.torrents().peers(clock.at(clock.instant()), &info_hash, peers_max);
                reply.send(shard.torrents().info(&info_hash).map(|info| (info, peers())));
            }
            CoreTask::Drop(info_hash, reply) => reply.send(shard.drop_torrent(&info_hash)),
            CoreTask::List(query, reply) => reply.send(shard.list_page(query)),
            CoreTask::IsListed(list, info_hash, reply) => reply.send(shard.is_listed(list, &info_hash)),
            CoreTask::Representative(info_hash, reply) => {
                reply.send(shard.representative(clock.at(clock.instant()), &info_hash));
            }
            CoreTask::UseExternal(peers) => shard.use_external(clock.at(clock.instant()), &peers),
            CoreTask::Export(place, reply) => reply.send(shard.export(clock.at(clock.instant()), place)),
            CoreTask::RecordChanges(recording, reply) => {
                match recording {
                    ChangeRecording::On => shard.record_changes(),
                    ChangeRecording::Off => shard.forget_changes(),
                }
                reply.send(());
            }
            CoreTask::ExportChanging(place, reply) => {
                reply.send(shard.export_changing(clock.at(clock.instant()), place));
            }
            CoreTask::TakeChanges(reply) => reply.send(shard.take_changes(clock.at(clock.instant()))),
            CoreTask::Import(page, shift, reply) => {
                reply.send(shard.import(clock.at(clock.instant()), &page, shift));
            }
        }
    }

    /// Works for at least one step, until `end` or until nothing is left.
    fn work(&mut self, shard: &mut Shard, clock: &dyn Clock, end: Instant) {
        while self.jobs() > 0 {
            self.advance_updates(shard);
            self.advance_scans(shard);
            if clock.instant() >= end {
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
