//! The predecessor, as its successor sees it.

use super::limits::{ANSWER, LOAD, TRANSFER};
use super::program::PREDECESSOR;
use super::protocol::{
    FromPredecessor, FromSuccessor, Introduction, MessageReader, MessageWriter, PROTOCOL, Unstored, messages,
    receive_blocking, receive_descriptors, send_blocking,
};
use super::{state, unstored};
use crate::data_plane::DataPlane;
use anyhow::{Context, bail, ensure};
use control::management::{Management, StorageState};
use control::{Manager, Workers as _};
use primitives::{ClockShift, Imported, ShardCount};
use rustix::process::getppid;
use rustix::stdio::{dup2_stdin, stdin};
use snapshot::Secrets;
use std::fs::File;
use std::os::unix::net::UnixStream as BlockingStream;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::net::UnixStream;
use tokio::sync::{OwnedMutexGuard, oneshot};
use tokio::task::JoinHandle;
use tracing::{error, info, warn};
use worker::InheritedSocket;

/// The process that this one is to take over from.
pub(crate) struct Predecessor {
    introduction: Introduction,
    /// The instant from which its cores count time.
    start: Instant,
    messages: BlockingStream,
    state: BlockingStream,
}

/// Reports to the predecessor why this process cannot take over.
pub(crate) struct FailureReport(BlockingStream);

/// Meets the predecessor, if one has started this process, and takes its listening sockets.
pub(crate) fn meet() -> anyhow::Result<Option<(Predecessor, Vec<InheritedSocket>)>> {
    let parent = getppid().map(|parent| parent.as_raw_nonzero().get().to_string());
    if std::env::var(PREDECESSOR).ok().filter(|process| Some(process) == parent.as_ref()).is_none() {
        return Ok(None);
    }
    let messages = BlockingStream::from(stdin().try_clone_to_owned()?);
    messages.set_read_timeout(Some(ANSWER.time)).context("the standard input is no socket")?;
    messages.set_write_timeout(Some(ANSWER.time))?;
    // Whoever reads the standard input from here on finds nothing.
    dup2_stdin(File::open("/dev/null")?)?;
    let FromPredecessor::Introduction(introduction) = receive_blocking(&messages)? else {
        bail!("the process that started this one does not introduce itself");
    };
    let start = Instant::now().checked_sub(Duration::from_millis(introduction.age_ms));
    let mut descriptors = receive_descriptors(&messages, 1 + introduction.sockets.len())?.into_iter();
    let state = descriptors.next().context("the socket for the state is missing")?;
    let sockets = introduction.sockets.iter().zip(descriptors).map(|(name, fd)| name.with(fd)).collect();
    let predecessor = Predecessor {
        start: start.context("the age of the process that started this one is not possible")?,
        messages,
        state: state.into(),
        introduction,
    };
    predecessor.accept()?;
    Ok(Some((predecessor, sockets)))
}

impl FailureReport {
    pub(crate) fn send(self, reason: String) {
        // The predecessor has ended, or does not listen any more because this process serves.
        drop(send_blocking(&self.0, &FromSuccessor::Failed(reason)));
    }
}

impl Predecessor {
    pub(crate) fn failure_report(&self) -> anyhow::Result<FailureReport> {
        Ok(FailureReport(self.messages.try_clone()?))
    }

    /// Answers the predecessor whether this process can take over from it.
    fn accept(&self) -> anyhow::Result<()> {
        let Introduction { protocol, process, .. } = self.introduction;
        if protocol != PROTOCOL {
            let reason = format!(
                "it hands over by version {protocol} of the protocol, the new program by {PROTOCOL}: restart it"
            );
            send_blocking(&self.messages, &FromSuccessor::Failed(reason.clone()))?;
            bail!("process {process} cannot be taken over from: {reason}");
        }
        send_blocking(
            &self.messages,
            &FromSuccessor::Accepted { version: env!("CARGO_PKG_VERSION").to_owned() },
        )
    }

    /// Checks that the swarms can be handed over as they are.
    pub(crate) fn check_workers(&self, shards: ShardCount) -> anyhow::Result<()> {
        let (before, now) = (self.introduction.workers, shards.get());
        ensure!(
            before == now,
            "it has {before} workers, and the configuration is for {now}: restart it instead, since sockets and swarms \
             are divided among the workers"
        );
        Ok(())
    }

    pub(crate) const fn secrets(&self) -> Secrets {
        self.introduction.secrets()
    }

    /// Asks for the database, and waits until it is free.
    pub(crate) async fn take_stored_data(self) -> anyhow::Result<WithStoredData> {
        let Self { introduction, start, messages: stream, state } = self;
        for stream in [&stream, &state] {
            stream.set_nonblocking(true)?;
        }
        let (mut reader, mut writer) = messages(UnixStream::from_std(stream)?);
        writer.send(&FromSuccessor::Prepared).await?;
        let mut unstored = Vec::new();
        let released = async {
            loop {
                match reader.receive().await? {
                    FromPredecessor::Unstored(part) => unstored.push(part),
                    FromPredecessor::Released => return Ok(()),
                    _ => bail!(NOT_IN_ORDER),
                }
            }
        };
        LOAD.wait(NAME, released).await?;
        let state = UnixStream::from_std(state)?;
        let Introduction { process, connection_id_lifetime_s, .. } = introduction;
        Ok(WithStoredData { process, connection_id_lifetime_s, start, reader, writer, state, unstored })
    }
}

/// The predecessor in texts for the operator.
const NAME: &str = "the tracker before this one";

const NOT_IN_ORDER: &str = "the tracker before this one sends messages in another order";

/// The predecessor has released the stored data.
pub(crate) struct WithStoredData {
    process: u32,
    pub(crate) connection_id_lifetime_s: u32,
    start: Instant,
    reader: MessageReader,
    writer: MessageWriter,
    state: UnixStream,
    unstored: Vec<Unstored>,
}

impl WithStoredData {
    /// Takes the state of the predecessor's cores, once lists and keys are loaded, until little is left of it.
    pub(crate) async fn take_state(
        self,
        data_plane: &DataPlane,
        manager: &Arc<Manager>,
    ) -> anyhow::Result<CaughtUp> {
        let Self { process, start, mut reader, mut writer, state, unstored, .. } = self;
        check_stored_data(&Management::storage(&**manager).state)?;
        for part in unstored {
            unstored::apply(manager, part).await;
        }
        let shift = clock_shift(start, data_plane.start_of_time());
        let (caught_up, mut when_caught_up) = oneshot::channel();
        let (cores, keys) = (data_plane.cores().clone(), Arc::clone(manager));
        let rest = tokio::spawn(async move { state::import(state, (cores, shift), &keys, caught_up).await });
        writer.send(&FromSuccessor::Loaded).await?;
        let all = async {
            loop {
                tokio::select! {
                    counts = &mut when_caught_up => return Ok(counts.ok()),
                    message = reader.receive() => take_report(manager, message?).await?,
                }
            }
        };
        match TRANSFER.wait(NAME, all).await? {
            Some(Imported { malformed_bytes: bytes @ 1.., .. }) => {
                bail!("{bytes} bytes of the state are not understood")
            }
            Some(counts) => Ok(CaughtUp { process, reader, writer, rest, imported: counts }),
            None => Err(rest.await?.err().context("the state ends too early")?),
        }
    }
}

/// Checks that the stored data is loaded. Without it the predecessor serves better than this process.
fn check_stored_data(state: &StorageState) -> anyhow::Result<()> {
    match state {
        StorageState::Absent | StorageState::Connected => Ok(()),
        StorageState::Away(reason) => bail!("the stored data cannot be loaded: {reason}"),
    }
}

/// Returns what to add to a time of the predecessor's clock.
fn clock_shift(start_before: Instant, start: Instant) -> ClockShift {
    let later_ms = start.saturating_duration_since(start_before).as_millis();
    ClockShift(-i64::try_from((later_ms + 500) / 1000).unwrap_or(i64::MAX))
}

async fn take_report(manager: &Manager, message: FromPredecessor) -> anyhow::Result<()> {
    let FromPredecessor::Reported(report) = message else { bail!(NOT_IN_ORDER) };
    Ok(manager.take_passed_on(report.read()).await?)
}

/// This process has nearly all that the predecessor has.
pub(crate) struct CaughtUp {
    process: u32,
    reader: MessageReader,
    writer: MessageWriter,
    /// The import of what comes later.
    rest: JoinHandle<anyhow::Result<()>>,
    imported: Imported,
}

impl CaughtUp {
    /// Reports to the predecessor that this process serves, and waits until it is the main process of the service. What the predecessor
    /// sends until its end is applied in the background, while no other upgrade may begin: `running` is held.
    pub(crate) async fn note_serving(self, manager: &Arc<Manager>, running: Option<OwnedMutexGuard<()>>) {
        let Self { process, mut reader, mut writer, rest, imported } = self;
        let Imported { swarms, peers, sessions, expired, refused, malformed_bytes: _ } = imported;
        info!(
            process,
            swarms, peers, sessions, expired, refused, "took over from the tracker before this one"
        );
        let manager = Arc::clone(manager);
        let is_main = async {
            writer.send(&FromSuccessor::Serving { swarms, peers }).await?;
            loop {
                match reader.receive().await? {
                    FromPredecessor::MainProcess => return Ok(()),
                    message => take_report(&manager, message).await?,
                }
            }
        };
        if let Err(error) = ANSWER.wait(NAME, is_main).await {
            error!("{NAME} failed while it handed over: {error:#}");
        }
        tokio::spawn(async move {
            let _running = running;
            match take_rest(&manager, &mut reader, rest).await {
                Ok(()) => info!(process, "the tracker before this one has handed over everything"),
                Err(error) => {
                    warn!("{NAME} has not handed over the changes of its last connections: {error:#}");
                }
            }
        });
    }
}

async fn take_rest(
    manager: &Manager,
    reader: &mut MessageReader,
    rest: JoinHandle<anyhow::Result<()>>,
) -> anyhow::Result<()> {
    loop {
        match reader.receive().await? {
            FromPredecessor::Finished => return rest.await?,
            message => take_report(manager, message).await?,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_without_the_stored_data_does_not_take_over() {
        for state in [StorageState::Absent, StorageState::Connected] {
            assert!(check_stored_data(&state).is_ok(), "{state:?}");
        }
        let error = check_stored_data(&StorageState::Away("it is gone".to_owned())).unwrap_err();
        assert_eq!(error.to_string(), "the stored data cannot be loaded: it is gone");
    }

    #[test]
    fn times_are_shifted_by_whole_seconds_into_the_past() {
        let before = Instant::now();
        for (later_ms, shift) in [(0, 0), (499, 0), (500, -1), (10_400, -10), (10_600, -11)] {
            assert_eq!(clock_shift(before, before + Duration::from_millis(later_ms)), ClockShift(shift));
        }
    }
}
