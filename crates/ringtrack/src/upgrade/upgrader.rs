//! The predecessor's part of an upgrade, from the request to its end.

use super::limits::{ANSWER, LOAD, LOOK, PREPARE, SERVE, TAKE_CHANGES, TAKE_UNSTORED, TRANSFER};
use super::program::Program;
use super::protocol::{FromPredecessor, FromSuccessor, Introduction, MessageWriter, Reported};
use super::state::StateSender;
use super::successor::{NAME, Successor, unexpected};
use super::{DONE, FAILED, unstored};
use crate::config_diff::Known;
use crate::listen::SharedSockets;
use crate::memory::available_bytes;
use crate::service_manager;
use anyhow::{anyhow, ensure};
use control::{
    Manager, Request, StatisticsSnapshot, StoredDataHandover, SupervisionSettings, resident_bytes,
};
use core_link::{CoreCommand, Cores};
use metrics::Gauge;
use rustix::process::Pid;
use snapshot::Secrets;
use std::pin::pin;
use std::process::ExitStatus;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;
use tokio::sync::{Mutex as AsyncMutex, OwnedMutexGuard, mpsc, watch};
use tokio::time::{Interval, MissedTickBehavior, interval};
use tracing::{error, info, warn};
use worker::InheritedSocket;

/// Whether another process has taken over. This one neither stores nor announces anything then.
#[derive(Debug, Clone, Default)]
pub(crate) struct HandedOver(Arc<Mutex<Takeover>>);

#[derive(Debug, Clone, Copy, Default)]
enum Takeover {
    #[default]
    None,
    /// By this process.
    Done(u32),
    /// The other process has failed, with this status. This one stores everything and ends, so that it is started again.
    Failed(ExitStatus),
}

impl HandedOver {
    pub(crate) fn get(&self) -> bool {
        matches!(*self.lock(), Takeover::Done(_))
    }

    /// Returns the process that has taken over.
    pub(crate) fn successor(&self) -> Option<Pid> {
        match *self.lock() {
            Takeover::Done(process) => Pid::from_raw(process.cast_signed()),
            Takeover::None | Takeover::Failed(_) => None,
        }
    }

    fn set(&self, takeover: Takeover) {
        *self.lock() = takeover;
    }

    fn lock(&self) -> MutexGuard<'_, Takeover> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns an error if the other process has failed.
    pub(crate) fn check(&self) -> anyhow::Result<()> {
        match *self.lock() {
            Takeover::Failed(status) => Err(anyhow!("{NAME} failed while it took over: {status}")),
            Takeover::None | Takeover::Done(_) => Ok(()),
        }
    }
}

/// The program that takes over, and the listening sockets that it gets.
pub(crate) struct HandedOn {
    pub(crate) program: Program,
    pub(crate) shared: SharedSockets,
}

/// What this process hands over, and what it needs for that.
pub(crate) struct Upgraded {
    pub(crate) handed_on: HandedOn,
    pub(crate) known: Arc<Known>,
    pub(crate) secrets: Secrets,
    pub(crate) cores: Cores,
    /// The instant from which the cores count time.
    pub(crate) start: Instant,
    pub(crate) snapshot: StatisticsSnapshot,
    pub(crate) manager: Arc<Manager>,
    pub(crate) supervision: watch::Receiver<SupervisionSettings>,
    pub(crate) requests: mpsc::Sender<Request>,
    /// Ends the APIs and the commands.
    pub(crate) stop: watch::Sender<bool>,
    pub(crate) handed_over: HandedOver,
}

/// Upgrades the tracker on request, one time after another until it succeeds.
#[derive(Clone)]
pub(crate) struct Upgrader {
    upgraded: Arc<Upgraded>,
    /// Locked by the upgrade that is under way, also by the one by which this process takes over.
    running: Arc<AsyncMutex<()>>,
}

/// What this process passes on until its end.
struct PassingOn {
    messages: MessageWriter,
    state: StateSender,
    stored: StoredDataHandover,
}

impl Upgrader {
    pub(crate) fn new(upgraded: Upgraded) -> Self {
        Self { upgraded: Arc::new(upgraded), running: Arc::default() }
    }

    /// Returns the listening sockets.
    pub(crate) fn sockets(&self) -> &[InheritedSocket] {
        &self.upgraded.handed_on.shared.sockets
    }

    /// Returns what keeps other upgrades from beginning until it is dropped; `None` while one is under way.
    pub(crate) fn begin(&self) -> Option<OwnedMutexGuard<()>> {
        Arc::clone(&self.running).try_lock_owned().ok()
    }

    /// Upgrades the tracker, and returns the reply to the command. An upgrade that has begun goes on without the command.
    pub(crate) async fn reply(&self) -> Vec<u8> {
        let Some(running) = self.begin() else {
            return [&[FAILED], &b"another upgrade is under way"[..]].concat();
        };
        let upgraded = Arc::clone(&self.upgraded);
        let outcome = tokio::spawn(upgraded.upgrade(running)).await.map_err(anyhow::Error::from).flatten();
        let (sign, text) = match outcome {
            Ok(text) => (DONE, text),
            Err(error) => (FAILED, format!("{error:#}")),
        };
        [&[sign], text.as_bytes()].concat()
    }
}

impl Upgraded {
    /// Hands over, and returns what serves instead of this process, which then ends by itself.
    async fn upgrade(self: Arc<Self>, running: OwnedMutexGuard<()>) -> anyhow::Result<String> {
        info!("upgrading: starting {}", self.handed_on.program.path.display());
        let begin = Instant::now();
        let mut stop = self.stop.subscribe();
        let handed_over = tokio::select! {
            biased;
            _ = stop.wait_for(|is_stopping| *is_stopping) => Err(anyhow!("the tracker is stopping")),
            handed_over = self.hand_over() => handed_over,
        };
        let (successor, passing_on, text) =
            handed_over.inspect_err(|error| error!("not upgraded, serving on: {error:#}"))?;
        info!(took_ms = begin.elapsed().as_millis(), "upgraded: {text}");
        let passing_on = self.leave(successor.process, passing_on).await;
        tokio::spawn(self.finish(successor, passing_on, running));
        Ok(format!("{text}\n"))
    }

    async fn hand_over(&self) -> anyhow::Result<(Successor, PassingOn, String)> {
        self.handed_on.program.check_replaceable()?;
        check_memory()?;
        let (mut successor, messages) = Successor::start(&self.handed_on.program).await?;
        match self.hand_over_to(&mut successor, messages).await {
            Ok((passing_on, text)) => Ok((successor, passing_on, text)),
            Err(error) => {
                let error = successor.end(error).await;
                self.resume();
                Err(error)
            }
        }
    }

    /// Has the cores serve the sockets with their own options: the successor may have set others.
    fn resume(&self) {
        if let Err(error) = self.handed_on.shared.take_over() {
            warn!("the sockets may have options of {NAME}: {error:#}");
        }
        for core in self.cores.handles() {
            // A core that does not take it is noticed by its watchdog.
            drop(core.command(CoreCommand::Resume));
        }
    }

    /// Hands over until the successor serves. After an error this process has everything again as soon as what was handed over is
    /// dropped.
    async fn hand_over_to(
        &self,
        successor: &mut Successor,
        mut messages: MessageWriter,
    ) -> anyhow::Result<(PassingOn, String)> {
        let socket =
            successor.meet(&mut messages, self.introduction(), &self.handed_on.shared.sockets).await?;
        expect(&successor.wait_for(PREPARE).await?, |sent| matches!(sent, FromSuccessor::Prepared))?;
        let stored = self.manager.hand_over_stored_data().await?;
        successor.during(TAKE_UNSTORED, self.release(&mut messages)).await?;
        expect(&successor.wait_for(LOAD).await?, |sent| matches!(sent, FromSuccessor::Loaded))?;
        let keys = self.manager.key_numbers();
        let sent = async {
            let mut state = StateSender::begin(self.cores.clone(), socket, &keys).await?;
            state.send_all(&self.snapshot).await?;
            Ok(state)
        };
        let state = successor.during(TRANSFER, sent).await?;
        let mut passing_on = PassingOn { messages, state, stored };
        let serving = SERVE.wait(NAME, passing_on.keep_on(successor.receive())).await?;
        let FromSuccessor::Serving { swarms, peers } = serving else { return Err(unexpected(&serving)) };
        successor.note_serving();
        let Successor { process, version, .. } = &*successor;
        let text =
            format!("process {process} of version {version} serves, with {swarms} swarms and {peers} peers");
        Ok((passing_on, text))
    }

    /// Sends what this process has in memory only, once the database is released.
    async fn release(&self, messages: &mut MessageWriter) -> anyhow::Result<()> {
        for part in unstored::collect(&self.manager, &self.known.running()).await? {
            messages.send(&FromPredecessor::Unstored(part)).await?;
        }
        messages.send(&FromPredecessor::Released).await
    }

    fn introduction(&self) -> Introduction {
        let workers = u16::try_from(self.cores.handles().len()).expect("there are at most SHARDS_MAX cores");
        let lifetime_s = self.known.running().connection_ids.lifetime_s;
        Introduction::new(
            workers,
            self.start.elapsed(),
            &self.secrets,
            lifetime_s,
            &self.handed_on.shared.sockets,
        )
    }

    /// Leaves the sockets, the APIs and the service to the successor.
    async fn leave(&self, successor: u32, mut passing_on: PassingOn) -> PassingOn {
        // Until then, this process sends the heartbeats.
        service_manager::hand_over_to(successor);
        self.handed_over.set(Takeover::Done(successor));
        if let Err(error) = self.manager.command_all(|_, reply| CoreCommand::Leave(reply)).await {
            warn!("both processes receive from the sockets until this one ends: {error}");
        }
        self.stop.send_replace(true);
        let told = passing_on.messages.send(&FromPredecessor::MainProcess);
        if let Err(error) = ANSWER.wait(NAME, told).await {
            warn!("{error:#}");
        }
        passing_on
    }

    /// Passes on what changes until the end of this process, and ends it. If the successor fails before, this process has everything
    /// again: it serves as long as its cores do, unless a service manager starts the tracker again.
    async fn finish(
        self: Arc<Self>,
        mut successor: Successor,
        mut passing_on: PassingOn,
        running: OwnedMutexGuard<()>,
    ) {
        // Until this process ends, no other upgrade begins.
        let _held = running;
        let failed = successor.failure_during(self.pass_on_connections(&mut passing_on)).await;
        if let Some(status) = failed
            && !service_manager::is_there()
        {
            self.serve_again(status, passing_on);
            return;
        }
        let status = match failed {
            Some(status) => status,
            None => self.end_before(&mut successor, &mut passing_on).await,
        };
        self.handed_over.set(Takeover::Failed(status));
        // The stored data is this process's again.
        drop(passing_on);
        error!(
            "{NAME} has failed: {status}. This one stores everything, and ends with an error, to be started again"
        );
        let _stopping = self.requests.send(Request::Stop).await;
    }

    /// Passes on what changes until the last connection is closed, or there is no more time for that.
    async fn pass_on_connections(&self, passing_on: &mut PassingOn) -> anyhow::Result<()> {
        let deadline = Instant::now() + self.supervision.borrow().shutdown_deadline;
        let mut looks = looks();
        while self.snapshot.total().gauge(Gauge::HttpConnectionsOpen) > 0 && Instant::now() < deadline {
            looks.tick().await;
            passing_on.pass_on().await?;
        }
        Ok(())
    }

    /// Passes on what the cores have at their end, and ends this process. Returns when the successor fails before.
    async fn end_before(&self, successor: &mut Successor, passing_on: &mut PassingOn) -> ExitStatus {
        let last = async {
            passing_on.keep_on(self.stop_cores()).await?;
            passing_on.finish().await
        };
        if let Some(status) = successor.failure_during(last).await {
            return status;
        }
        // It fails if a stop was requested meanwhile.
        let _stopping = self.requests.send(Request::Stop).await;
        successor.failure().await
    }

    /// Waits until the cores have stopped: nothing changes from then on.
    async fn stop_cores(&self) -> anyhow::Result<()> {
        self.cores.request_drain();
        // A core obeys what follows a stop only once it has stopped, and has reported what changed.
        Ok(self.manager.command_all(|_, reply| CoreCommand::Leave(reply)).await?)
    }

    /// Serves the sockets again after the successor has failed.
    fn serve_again(&self, status: ExitStatus, passing_on: PassingOn) {
        error!(
            "{NAME} has failed: {status}. This one serves again, without the management API and without what the new one was told: \
             restart it"
        );
        self.handed_over.set(Takeover::None);
        self.resume();
        drop(passing_on);
    }
}

impl PassingOn {
    /// Passes on what has changed and what was reported since the last time.
    async fn pass_on(&mut self) -> anyhow::Result<()> {
        let Self { messages, state, stored } = self;
        let passed_on = async {
            for report in stored.take_reports() {
                messages.send(&FromPredecessor::Reported(Reported::new(report))).await?;
            }
            state.send_changes().await
        };
        TAKE_CHANGES.wait(NAME, passed_on).await.map(drop)
    }

    /// Passes on what changes until a message is received. What is on its way then is passed on wholly: the successor would not
    /// understand what follows a part of a frame.
    async fn keep_on<T>(&mut self, message: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
        let (mut looks, mut message) = (looks(), pin!(message));
        loop {
            tokio::select! {
                biased;
                message = &mut message => return message,
                _ = looks.tick() => self.pass_on().await?,
            }
        }
    }

    /// Passes on the last changes of cores that have stopped.
    async fn finish(&mut self) -> anyhow::Result<()> {
        self.pass_on().await?;
        let Self { messages, state, .. } = self;
        let finished = async {
            state.finish().await?;
            messages.send(&FromPredecessor::Finished).await
        };
        TAKE_CHANGES.wait(NAME, finished).await
    }
}

fn looks() -> Interval {
    let mut looks = interval(LOOK);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    looks
}

fn expect(sent: &FromSuccessor, is_expected: impl Fn(&FromSuccessor) -> bool) -> anyhow::Result<()> {
    if is_expected(sent) { Ok(()) } else { Err(unexpected(sent)) }
}

/// Checks that there is room for the swarms twice.
fn check_memory() -> anyhow::Result<()> {
    let Some(resident) = resident_bytes() else { return Ok(()) };
    let available = available_bytes(resident);
    ensure!(
        resident <= available,
        "the tracker takes {} MiB, the new process will take as much, and {} MiB are available: restart it instead, since a \
         snapshot keeps the swarms too",
        resident >> 20,
        available >> 20,
    );
    Ok(())
}
