//! The successor, as its predecessor sees it.

use super::limits::{ANSWER, EXIT_MAX, START};
use super::program::Program;
use super::protocol::{
    FromPredecessor, FromSuccessor, Introduction, MessageReader, MessageWriter, Step, messages,
};
use anyhow::{Context, anyhow, bail};
use std::future::pending;
use std::io;
use std::iter::once;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream as BlockingStream;
use std::process::ExitStatus;
use tokio::net::UnixStream;
use tokio::process::Child;
use tokio::time::{sleep, timeout};
use tracing::warn;
use worker::InheritedSocket;

/// The process that is to take over. Until it has, it is killed when this is dropped.
pub(super) struct Successor {
    child: Child,
    pub(super) process: u32,
    /// The version that it says it has.
    pub(super) version: String,
    reader: MessageReader,
    stage: Stage,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Preparing,
    Serving,
}

impl Drop for Successor {
    fn drop(&mut self) {
        if self.stage == Stage::Preparing {
            // It fails if the process has exited. The runtime reaps it.
            drop(self.child.start_kill());
        }
    }
}

impl Successor {
    /// Starts the program.
    pub(super) async fn start(program: &Program) -> anyhow::Result<(Self, MessageWriter)> {
        let (near, far) = BlockingStream::pair()?;
        near.set_nonblocking(true)?;
        let (reader, writer) = messages(UnixStream::from_std(near)?);
        let started = async {
            let child = program.start(far.into()).await;
            child.with_context(|| format!("{} cannot be started", program.path.display()))
        };
        // If it starts later, it finds the socket closed, and ends.
        let child = START.wait(NAME, started).await?;
        let process = child.id().context("the process has exited already")?;
        Ok((Self { child, process, version: String::new(), reader, stage: Stage::Preparing }, writer))
    }

    /// Introduces this process, and hands the sockets over. Returns the socket for the state of the cores.
    pub(super) async fn meet(
        &mut self,
        messages: &mut MessageWriter,
        introduction: Introduction,
        sockets: &[InheritedSocket],
    ) -> anyhow::Result<UnixStream> {
        let (near, far) = BlockingStream::pair()?;
        near.set_nonblocking(true)?;
        let descriptors: Vec<_> =
            once(far.as_fd()).chain(sockets.iter().map(|socket| socket.fd.as_fd())).collect();
        let introduced = async {
            messages.send(&FromPredecessor::Introduction(introduction)).await?;
            messages.send_descriptors(&descriptors).await?;
            match self.receive().await? {
                FromSuccessor::Accepted { version } => Ok(version),
                other => Err(unexpected(&other)),
            }
        };
        self.version = ANSWER.wait(NAME, introduced).await?;
        Ok(UnixStream::from_std(near)?)
    }

    /// Waits for the message that ends a step.
    pub(super) async fn wait_for(&mut self, step: Step) -> anyhow::Result<FromSuccessor> {
        step.wait(NAME, self.receive()).await
    }

    /// Does the work of a step, for which the successor sends no message.
    pub(super) async fn during<T>(
        &mut self,
        step: Step,
        work: impl Future<Output = anyhow::Result<T>>,
    ) -> anyhow::Result<T> {
        let done = async {
            tokio::select! {
                biased;
                message = self.receive() => Err(unexpected(&message?)),
                done = work => done,
            }
        };
        step.wait(NAME, done).await
    }

    /// Receives a message. If it is dropped before, nothing is lost.
    pub(super) async fn receive(&mut self) -> anyhow::Result<FromSuccessor> {
        match self.reader.receive().await? {
            FromSuccessor::Failed(reason) => bail!("{reason}"),
            message => Ok(message),
        }
    }

    /// Notes that it serves: it is not killed any more.
    pub(super) const fn note_serving(&mut self) {
        self.stage = Stage::Serving;
    }

    /// Does work until the successor fails. Returns how it has failed; `None` if the work is done, or has failed with the successor
    /// still running.
    pub(super) async fn failure_during(
        &mut self,
        work: impl Future<Output = anyhow::Result<()>>,
    ) -> Option<ExitStatus> {
        let done = async {
            if let Err(error) = work.await {
                warn!("{NAME} does not take what the last clients announce: {error:#}");
                // The end of a process is seen after that of its sockets.
                sleep(EXIT_MAX).await;
            }
        };
        tokio::select! {
            biased;
            status = self.failure() => Some(status),
            () = done => None,
        }
    }

    /// Waits until it fails. When it ends as requested, it has stored everything itself.
    pub(super) async fn failure(&mut self) -> ExitStatus {
        match self.child.wait().await {
            Ok(status) if !status.success() => status,
            _ => pending().await,
        }
    }

    /// Ends the successor after an error. Returns the error, or how the successor has exited if that was the cause.
    pub(super) async fn end(mut self, mut error: anyhow::Error) -> anyhow::Error {
        if !is_end(&error) {
            // It fails if the process has exited.
            drop(self.child.start_kill());
        } else if let Ok(Err(last_said)) = timeout(EXIT_MAX, self.receive()).await {
            error = last_said;
        }
        match timeout(EXIT_MAX, self.child.wait()).await {
            Ok(Ok(status)) if is_end(&error) => {
                anyhow!("{NAME} ended before it served: {status}; its log says why")
            }
            _ => error,
        }
    }
}

/// The successor in texts for the operator.
pub(super) const NAME: &str = "the new process";

/// Returns whether the other process has closed its socket.
fn is_end(error: &anyhow::Error) -> bool {
    let kinds = [io::ErrorKind::UnexpectedEof, io::ErrorKind::BrokenPipe, io::ErrorKind::ConnectionReset];
    error.downcast_ref::<io::Error>().is_some_and(|error| kinds.contains(&error.kind()))
}

pub(super) fn unexpected(message: &FromSuccessor) -> anyhow::Error {
    anyhow!("{NAME} sent {message:?}, which does not follow")
}
