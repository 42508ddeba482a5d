//! The state of the cores, on its way from one process to the other: frames over a socket of their own.

use super::limits::{
    BUFFER_BYTES, LITTLE_BYTES, PAGE_EVERY_MAX, PAGE_EVERY_MIN, PAGE_WAIT_MAX, PAGES_IN_FLIGHT_OF_CORE,
};
use super::priority::LowPriority;
use anyhow::Context;
use control::{Manager, StatisticsSnapshot};
use core_link::{ChangeRecording, CoreHandle, CoreTask, Cores};
use futures_util::future::try_join_all;
use metrics::Counter;
use primitives::{AuthenticationKey, ClockShift, ExportPlace, Imported, KeyId, ShardId, StatePage};
use snapshot::frames::{Frame, FrameReader, FrameWriter};
use snapshot::{Importer, KEYS_PER_FRAME, KeyName, KeyNumbers, Placement, ask};
use std::mem::replace;
use std::time::{Duration, Instant};
use tokio::io::{BufReader, BufWriter};
use tokio::net::UnixStream;
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::time::sleep;

type Taken = Vec<(ShardId, StatePage)>;

/// Sends the state of the cores, and what changes in it. While it exists, the cores record changes.
pub(super) struct StateSender {
    recording: Recording,
    frames: FrameWriter<BufWriter<UnixStream>>,
}

/// The least time from one page of a core to the next. It grows while the kernel drops datagrams that the cores do not receive in time.
struct Pace {
    every: Duration,
    /// Datagrams that the kernel had dropped at the page before.
    dropped: u64,
}

impl Pace {
    /// Returns the time until the next page, when the kernel has dropped this many datagrams.
    fn next(&mut self, dropped: u64) -> Duration {
        let have_more_dropped = replace(&mut self.dropped, dropped) != dropped;
        let every = if have_more_dropped { 2 * self.every } else { self.every - self.every / 64 };
        self.every = every.clamp(PAGE_EVERY_MIN, PAGE_EVERY_MAX);
        self.every
    }
}

/// The cores record their changes until this is dropped.
struct Recording(Cores);

impl Drop for Recording {
    fn drop(&mut self) {
        // Without a runtime, the process is ending.
        let Ok(runtime) = Handle::try_current() else { return };
        for core in self.0.handles().to_vec() {
            runtime.spawn(async move {
                // A core that does not reply stops recording by itself, when there is no more room.
                let _replied = ask(&core, |reply| CoreTask::RecordChanges(ChangeRecording::Off, reply)).await;
            });
        }
    }
}

impl StateSender {
    /// Begins to record changes, and sends the keys that sessions have by their numbers.
    pub(super) async fn begin(
        cores: Cores,
        stream: UnixStream,
        keys: &[(AuthenticationKey, KeyId)],
    ) -> anyhow::Result<Self> {
        let recording = Recording(cores);
        for core in recording.0.handles() {
            ask(core, |reply| CoreTask::RecordChanges(ChangeRecording::On, reply)).await?;
        }
        let mut frames = FrameWriter::begin(BufWriter::with_capacity(BUFFER_BYTES, stream)).await?;
        for some in keys.chunks(KEYS_PER_FRAME) {
            let names: Vec<_> = some.iter().map(|(key, number)| KeyName::new(*number, key)).collect();
            frames.keys(&names).await?;
        }
        Ok(Self { recording, frames })
    }

    /// Sends all of the state with the changes meanwhile, until there are few. Then the successor has caught up.
    pub(super) async fn send_all(&mut self, statistics: &StatisticsSnapshot) -> anyhow::Result<()> {
        let Self { recording: Recording(cores), frames } = self;
        let dropped = || statistics.total().counter(Counter::KernelDropped);
        let mut pace = Pace { every: PAGE_EVERY_MIN, dropped: dropped() };
        let mut places = vec![Some(ExportPlace::default()); cores.handles().len()];
        let mut taken = take(cores, &mut places).await?;
        while places.iter().any(Option::is_some) {
            // The cores work on the next pages while these are sent.
            let (sent, next, ()) =
                tokio::join!(send(frames, &taken), take(cores, &mut places), sleep(pace.next(dropped())));
            sent?;
            taken = next?;
        }
        send(frames, &taken).await?;
        while self.send_changes().await? > LITTLE_BYTES {}
        Ok(self.frames.end().await?)
    }

    /// Sends what has changed since the last time, and returns how many bytes that was.
    pub(super) async fn send_changes(&mut self) -> anyhow::Result<usize> {
        let Self { recording: Recording(cores), frames } = self;
        let mut nothing_else = vec![None; cores.handles().len()];
        let bytes = send(frames, &take(cores, &mut nothing_else).await?).await?;
        frames.flush().await?;
        Ok(bytes)
    }

    /// Sends that nothing more comes.
    pub(super) async fn finish(&mut self) -> anyhow::Result<()> {
        Ok(self.frames.end().await?)
    }
}

/// Takes of each core what has changed and the page at its place, if it has one, which becomes the next one.
async fn take(cores: &Cores, places: &mut [Option<ExportPlace>]) -> anyhow::Result<Taken> {
    let of_cores = cores.handles().iter().zip(places).map(|(core, place)| take_of(core, place));
    Ok(try_join_all(of_cores).await?.into_iter().flatten().collect())
}

async fn take_of(core: &CoreHandle, place: &mut Option<ExportPlace>) -> anyhow::Result<Taken> {
    let mut taken = match *place {
        Some(at) => {
            let (changes, exported) = ask(core, |reply| CoreTask::ExportChanging(at, reply)).await??;
            *place = exported.next;
            vec![(core.shard(), changes), (core.shard(), exported.page)]
        }
        None => vec![(core.shard(), ask(core, CoreTask::TakeChanges).await??)],
    };
    taken.retain(|(_, page)| bytes(page) > 0);
    Ok(taken)
}

/// Sends pages, and returns how many bytes that was.
async fn send(frames: &mut FrameWriter<BufWriter<UnixStream>>, taken: &Taken) -> anyhow::Result<usize> {
    for (shard, page) in taken {
        frames.page(*shard, page).await?;
    }
    Ok(taken.iter().map(|(_, page)| bytes(page)).sum())
}

const fn bytes(page: &StatePage) -> usize {
    page.swarms.len() + page.sessions.len()
}

/// Imports the state that a [`StateSender`] sends, to its end. Sends what was imported when this process has caught up.
pub(super) async fn import(
    stream: UnixStream,
    (cores, shift): (Cores, ClockShift),
    manager: &Manager,
    caught_up: oneshot::Sender<Imported>,
) -> anyhow::Result<()> {
    let in_flight_max = PAGES_IN_FLIGHT_OF_CORE * cores.handles().len();
    let begin = || Importer::new(cores.clone(), Placement::Same, shift, in_flight_max);
    let mut frames = FrameReader::begin(BufReader::with_capacity(BUFFER_BYTES, stream)).await?;
    let (mut numbers, mut pages, mut caught_up) = (KeyNumbers::default(), begin(), Some(caught_up));
    let mut low_priority = LowPriority::begin()?;
    loop {
        match frames.next().await.context("the state is not understood")? {
            Frame::Keys(names) => {
                for (number, key) in names.iter().filter_map(KeyName::read) {
                    if let Some(own) = manager.key_number(&key) {
                        numbers.add(number, own);
                    }
                }
            }
            Frame::Page(shard, mut page) => {
                numbers.translate(&mut page);
                let since = Instant::now();
                pages.put(shard, page).await?;
                // Otherwise the time that the predecessor leaves is not enough.
                if let Some(low) = low_priority.take_if(|_| since.elapsed() > PAGE_WAIT_MAX) {
                    low.end()?;
                }
            }
            Frame::End(_) => {
                if let Some(low) = low_priority.take() {
                    low.end()?;
                }
                let imported = replace(&mut pages, begin()).finish().await?;
                match caught_up.take() {
                    // The receiver is gone if the start was given up.
                    Some(caught_up) => drop(caught_up.send(imported)),
                    None => return Ok(()),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_follow_more_slowly_while_datagrams_are_dropped() {
        let mut pace = Pace { every: PAGE_EVERY_MIN, dropped: 7 };
        assert_eq!(pace.next(7), Duration::from_millis(10));
        assert_eq!([8, 9, 10].map(|dropped| pace.next(dropped).as_millis()), [20, 25, 25]);
        assert!((Duration::from_millis(24)..Duration::from_millis(25)).contains(&pace.next(10)));
        assert_eq!((0..200).map(|_| pace.next(10)).last(), Some(Duration::from_millis(10)));
    }
}
