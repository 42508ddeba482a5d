#[cfg(test)]
mod tests;

use crate::announce::{Announces, UpstreamAnnounce, UpstreamAnswer};
use crate::client::{ClientContext, UpstreamClient};
use crate::driver::{drive, end, take_changes};
use crate::inbox::Inbox;
use crate::info::UpstreamInfo;
use crate::owners::Owners;
use crate::schedule::{Connect, Schedule, UpstreamId};
use crate::upstream::Upstream;
use ::client::TrackerError;
use core_link::Cores;
use fastrand::Rng;
use futures_util::future::BoxFuture;
use primitives::{ShardId, SwarmChange};
use std::fmt;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};

/// The settings of a [`Forwarder`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ForwarderSettings {
    /// How long an announce may take, retransmissions and redirects included.
    pub timeout: Duration,
    /// Announces under way at one upstream tracker at most; also its HTTP connections.
    pub requests_max: usize,
    /// Announces that one upstream tracker receives per second at most, after a burst.
    pub rate_per_second_max: NonZeroU32,
    /// Announces that one upstream tracker may receive at once after a pause.
    pub burst_max: NonZeroU32,
    /// Due announces that may wait for one upstream tracker.
    pub waiting_max: usize,
    /// Torrents without local peers that are remembered, for as long as upstream trackers want no announce of them. The cores
    /// limit those with local peers.
    pub torrents_max: usize,
    pub private_peers: PrivatePeers,
}

/// Whether peers at addresses of private networks are accepted from upstream trackers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PrivatePeers {
    Accepted,
    Refused,
}

/// Why an upstream tracker is not added.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AddError {
    #[error("there is an upstream tracker with this URI")]
    SameUri,
    #[error("there is an upstream tracker with this name")]
    SameName,
    #[error("there are too many upstream trackers")]
    TooMany,
}

/// Announces torrents to upstream trackers.
#[derive(Clone)]
pub struct Forwarder(Arc<Shared>);

/// What the handles and the tasks share.
pub(crate) struct Shared {
    pub(crate) owners: Owners,
    pub(crate) schedule: Mutex<Schedule>,
    pub(crate) inbox: Inbox,
    runtime: Handle,
    /// One for each upstream tracker, and one for the inbox.
    tasks: Mutex<JoinSet<()>>,
}

impl fmt::Debug for Forwarder {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Forwarder").field("upstreams", &self.upstreams()).finish()
    }
}

impl Announces for UpstreamClient {
    fn announce<'a>(
        &'a self,
        announce: &'a UpstreamAnnounce,
    ) -> BoxFuture<'a, Result<UpstreamAnswer, TrackerError>> {
        Box::pin(Self::announce(self, announce))
    }
}

impl Forwarder {
    /// Starts the tasks that announce, on the current tokio runtime.
    #[must_use]
    pub fn start(cores: Cores, settings: ForwarderSettings, upstreams: Vec<Upstream>) -> Self {
        let context = Arc::new(ClientContext::new(settings.private_peers));
        let connect = move |upstream: &Upstream, requests_max| -> Arc<dyn Announces> {
            Arc::new(UpstreamClient::new(&context, upstream, requests_max))
        };
        Self::start_with(cores, settings, upstreams, Box::new(connect))
    }

    fn start_with(
        cores: Cores,
        settings: ForwarderSettings,
        upstreams: Vec<Upstream>,
        connect: Box<Connect>,
    ) -> Self {
        let schedule = Schedule::new(settings, connect, Rng::new(), Instant::now());
        let forwarder = Self(Arc::new(Shared {
            owners: Owners::new(cores),
            schedule: Mutex::new(schedule),
            inbox: Inbox::default(),
            runtime: Handle::current(),
            tasks: Mutex::default(),
        }));
        forwarder.spawn(take_changes(Arc::clone(&forwarder.0)));
        forwarder.use_file(upstreams);
        forwarder
    }

    fn schedule(&self) -> MutexGuard<'_, Schedule> {
        lock(&self.0.schedule)
    }

    /// Replaces the settings, except for [`ForwarderSettings::private_peers`].
    pub fn use_settings(&self, settings: ForwarderSettings) {
        self.schedule().use_settings(settings);
    }

    /// Takes what a core reported. A task takes note of it soon.
    pub fn note(&self, owner: ShardId, changes: Vec<SwarmChange>) {
        self.0.inbox.put(owner, changes);
    }

    /// Returns whether changes can be taken. If not, they are to stay in the cores, which merge them, for a moment.
    #[must_use]
    pub fn has_room(&self) -> bool {
        self.0.inbox.has_room()
    }

    /// Replaces the upstream trackers of the file. One whose fields are unchanged keeps its state, except that refusals for
    /// ever are forgotten. Those that were added by [`Self::add`] stay. Names that are taken get a number. As many are used as
    /// are possible in all.
    pub fn use_file(&self, upstreams: Vec<Upstream>) {
        let new = self.schedule().use_file(upstreams, Instant::now());
        new.into_iter().for_each(|id| self.drive(id));
    }

    /// Adds an upstream tracker until the process ends.
    ///
    /// # Errors
    /// If there is one with the same URI or name, or there are too many.
    pub fn add(&self, upstream: Upstream) -> Result<(), AddError> {
        let id = self.schedule().add(upstream, Instant::now())?;
        self.drive(id);
        Ok(())
    }

    fn drive(&self, id: UpstreamId) {
        self.spawn(drive(Arc::clone(&self.0), id));
    }

    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let mut tasks = lock(&self.0.tasks);
        // Those of upstream trackers that were removed.
        while tasks.try_join_next().is_some() {}
        tasks.spawn_on(task, &self.0.runtime);
    }

    /// Removes the upstream tracker with this name. Returns whether there was one. It is sent no `stopped`: it forgets our peers
    /// by itself.
    pub fn remove(&self, name: &str) -> bool {
        self.schedule().remove(name)
    }

    /// Ends announces to the upstream tracker with this name until it is resumed. Returns whether there is one.
    pub fn suspend(&self, name: &str) -> bool {
        self.schedule().suspend(name)
    }

    /// Announces to a suspended or failing upstream tracker again at once. Returns whether there is one.
    pub fn resume(&self, name: &str) -> bool {
        self.schedule().resume(name)
    }

    /// Returns all upstream trackers, in the order in which they were added.
    #[must_use]
    pub fn upstreams(&self) -> Vec<UpstreamInfo> {
        self.schedule().infos(Instant::now())
    }

    /// Announces `stopped` for the torrents in use as far as `deadline` allows, and ends all tasks.
    pub async fn stop(&self, deadline: Instant) {
        let mut tasks = std::mem::take(&mut *lock(&self.0.tasks));
        let all = async {
            end(&self.0).await;
            while tasks.join_next().await.is_some() {}
        };
        if timeout_at(deadline, all).await.is_err() {
            tracing::debug!(
                "the deadline left no time to announce to all upstream trackers that torrents have stopped"
            );
        }
        tasks.shutdown().await;
    }
}

/// Locks a mutex whose contents stay usable after a panic.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
