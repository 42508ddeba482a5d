use crate::clock::Clock;
use crate::coalescing::Coalescing;
use crate::connection::HttpServer;
use crate::control_queue::ControlQueue;
use crate::core_state::CoreState;
use crate::datagrams::UdpServer;
use crate::kernel_filter::KernelFilter;
use crate::limits::{
    CONTROL_PAUSE_MS, DRAIN_MS_MAX, EVENTS_MAX, EVENTS_PER_TURN_MAX, LAST_EVENTS_MS_MAX, LISTENERS_MAX,
    RETRY_MS,
};
use crate::mesh::Mesh;
use crate::ring::Rings;
use crate::sockets::{Event, ReceiveTimestamps, ReplyBatch as _, Sockets};
use crate::timer::Timer;
use core_link::{CoreCommand, CoreEnd, CoreEvent, CoreSettings, KernelSampling, Notify, ReplySource};
use engine::{HttpService, Secrets, Shard, UdpService};
use guard::{CoreGuard, Guard};
use latency::ReplyTimer;
use metrics::{Gauge, PublishedStatistics};
use primitives::AddressFamily;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tls::ServerIdentity;

/// Everything a core needs at start-up.
#[derive(Debug)]
pub struct CoreSetup<S: Sockets> {
    pub clock: Box<dyn Clock>,
    pub settings: CoreSettings,
    pub secrets: Secrets,
    /// Shared by all cores.
    pub guard: Arc<Guard>,
    /// With at most [`LISTENERS_MAX`] UDP listeners.
    pub sockets: S,
    /// An empty batch.
    pub received: S::Received,
    /// An empty batch.
    pub replies: S::Replies,
    /// Certificate and key for the HTTP listeners with TLS.
    pub identity: Option<Arc<ServerIdentity>>,
    pub mesh: Mesh<S::Path>,
    pub published: Arc<PublishedStatistics>,
    pub link: CoreEnd,
}

/// One core: a shard, and everything that asks it for something.
///
/// [`Self::step`] gives each source of work a turn with a budget of its own: a batch of datagrams for each UDP listener,
/// `ACCEPTS_MAX` accepts for each TCP listener, `TURN` for the connections, `MESH_BATCH_MAX` messages for each ring,
/// `CONTROL_SLICE_US` for the control plane, and about `EXPIRY_TURN_US` for the timer.
#[derive(Debug)]
pub struct Core<S: Sockets> {
    state: CoreState<S>,
    udp: UdpServer<S>,
    http: HttpServer<S>,
    control: ControlQueue,
    timer: Timer,
    coalescing: Coalescing,
    filter: KernelFilter,
    /// How often the kernel stamps datagrams while the core serves.
    sampling: KernelSampling,
    /// Where replies on wildcard addresses leave from, by family, if the control plane has said so.
    reply_sources: [Option<ReplySource>; AddressFamily::ALL.len()],
    stage: Stage,
    /// Whether the core exits once it has stopped.
    is_to_end: bool,
    /// Whether messages of other cores may wait.
    rings_have_more: bool,
    published: Arc<PublishedStatistics>,
    link: CoreEnd,
}

/// What a core has to do after a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// There is more work.
    Busy,
    /// Nothing, until a socket has an event, the core is notified, or this instant has come.
    Idle(Instant),
    /// Nothing for this long, whatever happens: datagrams gather meanwhile.
    Coalescing(Duration),
    /// The core has ended.
    Ended,
}

/// Whether changes are left to report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reported {
    All,
    Some,
}

/// A part of a core's life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// The control plane sends lists, keys and bans. Requests that arrive meanwhile wait in the sockets.
    Starting,
    Serving,
    /// Another process serves the listening sockets. Connections are served until they are closed.
    Leaving,
    /// Requests in the UDP sockets are answered.
    Draining(DrainEnd),
    /// The rings for requests are closed. Other cores may still send some.
    AwaitingRequests,
    /// The rings for returns are closed too. Other cores may still return some.
    AwaitingReturns,
    /// Only tasks are done.
    Stopped,
    /// The last events wait for room until this instant.
    Reporting(Instant),
    Ended,
}

impl Stage {
    /// Whether tasks and commands of the control plane are taken.
    const fn is_controlled(self) -> bool {
        matches!(self, Self::Starting | Self::Serving | Self::Leaving | Self::Stopped)
    }

    /// Whether clients wait for the core.
    const fn serves(self) -> bool {
        matches!(self, Self::Serving | Self::Leaving)
    }

    /// Whether the core may set options of the listening sockets. Another process may serve them later.
    const fn sets_options(self) -> bool {
        matches!(self, Self::Starting | Self::Serving)
    }
}

/// When a core stops to drain its sockets, whatever is left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct DrainEnd {
    /// When this much processor time is used.
    processor_time: Duration,
    /// When nothing is left but requests for which a ring has no room.
    waiting: Instant,
}

impl<S: Sockets> Core<S> {
    /// Returns a core that waits for [`CoreCommand::Serve`], and reports that it is ready.
    ///
    /// # Panics
    /// When there are more than [`LISTENERS_MAX`] UDP listeners.
    #[must_use]
    pub fn new(setup: CoreSetup<S>) -> Self {
        let CoreSetup { clock, settings, secrets, sockets, received, replies, .. } = setup;
        let guard = CoreGuard::new(setup.guard, settings.sources.clone());
        let listeners = sockets.udp_listeners();
        assert!(usize::from(listeners) <= LISTENERS_MAX, "a listener's number is a byte");
        let instant = clock.instant();
        let now = clock.at(instant);
        let processor_time = clock.processor_time();
        let latency = ReplyTimer::new(replies.capacity());
        let udp = UdpServer::new(UdpService::new(&settings.engine, &secrets), received, replies, listeners);
        let shard = Shard::new(&settings.engine, &secrets, guard);
        let filter = KernelFilter::new(settings.kernel_filtering, &settings.http_policy.proxy, instant);
        setup.link.report_ready();
        Self {
            state: CoreState { clock, shard, mesh: setup.mesh, sockets, latency, instant, now },
            udp,
            http: HttpServer::new(&settings, setup.identity, !secrets.intervals),
            control: ControlQueue::new(instant),
            timer: Timer::new(instant, processor_time, settings.kernel_sampling),
            coalescing: Coalescing::new(settings.coalesce, instant),
            filter,
            sampling: settings.kernel_sampling,
            reply_sources: [None; AddressFamily::ALL.len()],
            stage: Stage::Starting,
            is_to_end: false,
            rings_have_more: true,
            published: setup.published,
            link: setup.link,
        }
    }

    /// Gives each source of work a turn.
    pub fn step(&mut self) -> Step {
        self.state.begin_turn();
        if self.link.notify().take() {
            self.rings_have_more = true;
            if self.link.has_task() {
                self.control.note_tasks();
            }
        }
        self.serve_rings();
        match self.stage {
            Stage::Starting => {
                self.work_for_control_plane();
                self.obey_commands();
            }
            Stage::Serving | Stage::Leaving => self.serve(),
            Stage::Draining(end) => self.drain(end),
            Stage::AwaitingRequests => self.await_requests(),
            Stage::AwaitingReturns => self.await_returns(),
            Stage::Stopped => {
                self.work_for_control_plane();
                self.report_events();
                self.obey_commands();
            }
            Stage::Reporting(until) => self.report_last_events(until),
            Stage::Ended => return Step::Ended,
        }
        self.state.mesh.notify();
        self.next_step()
    }

    /// Returns how the core is notified while it is idle.
    #[must_use]
    pub fn notify(&self) -> &Notify {
        self.link.notify()
    }

    /// Returns the core's sockets.
    pub const fn sockets(&mut self) -> &mut S {
        &mut self.state.sockets
    }

    /// Returns the core's shard.
    pub const fn shard(&mut self) -> &mut Shard {
        &mut self.state.shard
    }

    /// Returns the core's shard, and the service that decides about its HTTP requests.
    pub const fn http(&mut self) -> (&mut Shard, &mut HttpService) {
        (&mut self.state.shard, self.http.service())
    }

    fn serve(&mut self) {
        self.take_events();
        self.state.mesh.send_waiting();
        if self.stage == Stage::Serving {
            let datagrams = self.udp.take_turn(&mut self.state);
            self.coalescing.note(datagrams, self.state.instant);
            self.state.mesh.notify();
        }
        self.http.take_turn(&mut self.state);
        self.state.mesh.send_leaving();
        self.state.mesh.notify();
        self.work_for_control_plane();
        if self.timer.due() <= self.state.instant {
            self.timer.take_turn(&mut self.state, &mut self.udp, &mut self.http);
            if self.stage == Stage::Serving {
                self.filter.take_turn(&mut self.state, &mut self.udp);
                if self.filter.has_released_sources() {
                    self.timer.hasten(self.state.instant);
                }
            }
            self.publish();
            self.report_events();
            self.obey_commands();
        }
    }

    fn take_events(&mut self) {
        let events = self.state.sockets.poll();
        for index in 0..events {
            match self.state.sockets.event(index) {
                Event::Datagrams(listener) => self.udp.note_ready(listener),
                Event::Connections(listener) => self.http.accept(listener, &mut self.state),
                Event::Connection(event) => self.http.take_up(event),
                Event::WokenUp => {}
            }
        }
        if events >= EVENTS_MAX {
            // Datagrams do not wait until the events of all connections have been taken.
            self.udp.note_all_ready();
        }
    }

    fn serve_rings(&mut self) {
        // A core that has panicked has closed its rings without a notification.
        let awaits_their_end = matches!(self.stage, Stage::AwaitingRequests | Stage::AwaitingReturns);
        if self.rings_have_more || awaits_their_end {
            let Self { state: core, udp, http, .. } = self;
            self.rings_have_more = Rings { core, udp, http }.take_turn();
            self.state.mesh.notify();
        }
    }

    fn work_for_control_plane(&mut self) {
        let CoreState { shard, clock, instant, .. } = &mut self.state;
        let pause_ms = if self.stage.serves() { CONTROL_PAUSE_MS } else { 0 };
        let pause = Duration::from_millis(pause_ms);
        self.control.take_turn(shard, &self.link, &**clock, *instant, pause);
    }

    fn obey_commands(&mut self) {
        while self.stage.is_controlled()
            && let Some(command) = self.link.next_command()
        {
            self.obey(command);
        }
    }

    fn obey(&mut self, command: CoreCommand) {
        match command {
            CoreCommand::Serve if self.stage == Stage::Starting => self.begin_to_serve(),
            CoreCommand::Serve => {}
            CoreCommand::Resume => self.resume(),
            CoreCommand::Leave(reply) => {
                self.leave();
                reply.send(());
            }
            CoreCommand::Stop => self.stop(),
            CoreCommand::End => self.end(),
            CoreCommand::TakeLatency(empty, reply) => reply.send(self.state.latency.take(empty)),
            CoreCommand::TakeClients(empty, reply) => reply.send(self.state.shard.take_clients(empty)),
            CoreCommand::TakeOffenders(reply) => reply.send(self.state.shard.guard().take_offenders()),
            CoreCommand::UseStatistics(pages) => self.http.service().set_statistics(pages),
            CoreCommand::UseSettings(settings, reply) => {
                self.use_settings(*settings);
                reply.send(());
            }
            CoreCommand::UseSwarmBytes(bytes_max) => self.state.shard.use_swarm_bytes(bytes_max),
            CoreCommand::UseIdentity(identity, reply) => {
                self.http.set_identity(identity);
                reply.send(());
            }
            CoreCommand::UseReplySource(family, source) => self.use_reply_source(family, source),
        }
    }

    fn use_settings(&mut self, settings: CoreSettings) {
        let CoreSettings {
            engine,
            sources,
            http_policy,
            http_limits,
            kernel_sampling,
            kernel_filtering,
            coalesce,
        } = settings;
        self.filter.use_settings(kernel_filtering, &http_policy.proxy, self.state.instant);
        self.state.shard.use_settings(&engine);
        self.state.shard.guard().use_limits(sources);
        self.udp.use_settings(self.state.now, &engine);
        self.http.use_settings(http_policy, http_limits);
        self.sampling = kernel_sampling;
        if self.stage.sets_options() {
            self.timer.use_sampling(kernel_sampling, &mut self.state);
        }
        self.coalescing.use_wait(coalesce);
    }

    /// Serves the listening sockets, with this core's options.
    fn begin_to_serve(&mut self) {
        self.stage = Stage::Serving;
        self.state.shard.serve(self.state.now);
        self.timer.begin(self.state.instant);
        self.renew_options();
        self.state.sockets.resume_receiving();
        self.udp.note_all_ready();
        self.http.serve_listeners(&mut self.state);
    }

    /// Serves the listening sockets again, or still, after another process may have set their options.
    fn resume(&mut self) {
        match self.stage {
            Stage::Leaving => self.begin_to_serve(),
            Stage::Serving => self.renew_options(),
            _ => {}
        }
    }

    /// Sets the options of the sockets that a running core sets, whatever another process has set.
    fn renew_options(&mut self) {
        self.state.sockets.set_receive_timestamps(ReceiveTimestamps::Off);
        self.timer.use_sampling(self.sampling, &mut self.state);
        self.filter.renew(self.state.instant);
        for (family, source) in AddressFamily::ALL.into_iter().zip(self.reply_sources) {
            if let Some(source) = source {
                self.state.sockets.set_reply_source(family, source);
            }
        }
    }

    fn use_reply_source(&mut self, family: AddressFamily, source: ReplySource) {
        self.reply_sources[family as usize] = Some(source);
        if self.stage.sets_options() {
            self.state.sockets.set_reply_source(family, source);
        }
    }

    /// Leaves the listening sockets to another process, with the time stamps off.
    fn leave(&mut self) {
        if self.stage == Stage::Serving {
            self.stage = Stage::Leaving;
            self.timer.use_sampling(KernelSampling::Off, &mut self.state);
            self.state.sockets.pause_receiving();
            self.http.leave_listeners(&mut self.state);
        }
    }

    /// Exits, after a stop.
    fn end(&mut self) {
        self.is_to_end = true;
        if self.stage == Stage::Stopped {
            self.report_last();
        } else {
            self.stop();
        }
    }

    /// Begins to stop. Before the core serves, requests in the sockets are not answered, because it does not have the lists
    /// and keys.
    fn stop(&mut self) {
        match self.stage {
            Stage::Starting => return self.close_requests(),
            Stage::Serving => self.udp.note_all_ready(),
            Stage::Leaving => self.udp.note_none_ready(),
            _ => return,
        }
        self.http.close(&mut self.state);
        let longest = Duration::from_millis(DRAIN_MS_MAX);
        self.stage = Stage::Draining(DrainEnd {
            processor_time: self.state.clock.processor_time() + longest,
            waiting: self.state.instant + longest,
        });
    }

    fn drain(&mut self, end: DrainEnd) {
        self.state.mesh.send_waiting();
        self.state.mesh.send_leaving();
        self.udp.take_turn(&mut self.state);
        let is_empty = !self.udp.is_ready();
        let is_done = is_empty && (!self.state.mesh.has_waiting() || self.state.instant >= end.waiting);
        if is_done || self.state.clock.processor_time() >= end.processor_time {
            self.close_requests();
        }
    }

    fn close_requests(&mut self) {
        self.state.sockets.pause_receiving();
        self.state.mesh.close_requests();
        self.stage = Stage::AwaitingRequests;
    }

    fn await_requests(&mut self) {
        if self.state.mesh.requests_have_ended() {
            self.state.mesh.close_returns();
            self.stage = Stage::AwaitingReturns;
        }
    }

    fn await_returns(&mut self) {
        if self.state.mesh.returns_have_ended() {
            self.http.close_all(&mut self.state);
            self.publish();
            self.stage = Stage::Stopped;
            if self.is_to_end {
                self.report_last();
            }
        }
    }

    fn report_last(&mut self) {
        let until = self.state.instant + Duration::from_millis(LAST_EVENTS_MS_MAX);
        self.stage = Stage::Reporting(until);
    }

    fn report_last_events(&mut self, until: Instant) {
        if self.report_events() == Reported::All || self.state.instant >= until {
            self.stage = Stage::Ended;
        }
    }

    fn publish(&mut self) {
        let (requests, returns) = self.state.mesh.queued();
        let statistics = self.state.shard.statistics_mut();
        for (gauge, length) in [
            (Gauge::QueuedRequests, requests),
            (Gauge::QueuedReturns, returns),
            (Gauge::ReadyConnections, self.http.waiting()),
            (Gauge::QueuedTasks, self.link.tasks() + self.control.jobs()),
            (Gauge::HttpBufferedBytes, self.http.buffered_bytes()),
        ] {
            statistics.set(gauge, length as u64);
        }
        self.published.publish(self.state.shard.statistics());
    }

    /// Reports some of the changes. Those for which there is no room are reported later.
    fn report_events(&mut self) -> Reported {
        let shard = &mut self.state.shard;
        for _ in 0..EVENTS_PER_TURN_MAX {
            let swarms = shard.take_swarm_changes().map(|changes| CoreEvent::Swarms(shard.id(), changes));
            let Some(event) = swarms.or_else(|| shard.take_event().map(CoreEvent::Access)) else {
                return Reported::All;
            };
            match self.link.report(event) {
                Ok(()) | Err(CoreEvent::Ready) => continue,
                Err(CoreEvent::Access(unsent)) => shard.return_event(&unsent),
                Err(CoreEvent::Swarms(_, unsent)) => shard.return_swarm_changes(unsent),
            }
            break;
        }
        Reported::Some
    }

    fn next_step(&self) -> Step {
        let CoreState { instant, mesh, .. } = &self.state;
        let timer = match self.stage {
            Stage::Ended => return Step::Ended,
            Stage::Serving | Stage::Draining(_) if self.udp.is_ready() => return Step::Busy,
            Stage::Serving | Stage::Leaving if self.http.has_work() => return Step::Busy,
            _ if self.rings_have_more => return Step::Busy,
            Stage::Serving | Stage::Leaving if !mesh.has_waiting() => self.timer.due(),
            _ => *instant + Duration::from_millis(RETRY_MS),
        };
        let control = self.control.due().filter(|_| self.stage.is_controlled());
        let due = control.map_or(timer, |control| control.min(timer));
        if due <= *instant {
            return Step::Busy;
        }
        match self.coalescing.wait() {
            Some(wait) if self.stage == Stage::Serving => Step::Coalescing(wait.min(due - *instant)),
            _ => Step::Idle(due),
        }
    }
}
