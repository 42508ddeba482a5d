use super::buffers::Buffers;
use super::end::{End, Next, WaitsFor};
use super::http_connection::{ConnectionContext, HttpConnection};
use super::limits::{ENDED_PER_TURN_MAX, TIMER_TURNS_PER_ROUND};
use super::ready::ReadyConnections;
use super::slot::{Connection, Deadline, Held, Watch};
use super::slots::Slots;
use super::web_socket::QueueFull;
use crate::core_state::CoreState;
use crate::sockets::Sockets;
use crate::wire::{SlotKey, Wire};
use core_link::{CoreSettings, HttpLimits};
use engine::{
    ConnectionToken, HttpPolicy, HttpService, Now, Persistence, RoutedRequest, SignalFrame, Signals,
};
use latency::ReplyTag;
use metrics::{Counter, Gauge};
use primitives::ShardId;
use std::sync::Arc;
use tls::ServerIdentity;
use ws_protocol::CloseCode;

/// Serves the HTTP clients of a core.
#[derive(Debug)]
pub(crate) struct HttpServer<S: Sockets> {
    pub(super) shard: ShardId,
    pub(super) accepting: Accepting,
    pub(super) identity: Option<Arc<ServerIdentity>>,
    pub(super) limits: HttpLimits,
    pub(super) service: HttpService,
    pub(super) slots: Slots<S::Wire>,
    pub(super) ready: ReadyConnections,
    /// The next slot of which the deadline is checked.
    pub(super) swept: usize,
    /// Chooses connections that may be closed for others.
    pub(super) random: fastrand::Rng,
    /// The bytes that connections hold.
    pub(super) buffered_bytes: usize,
    web_sockets: usize,
    buffers: Buffers,
}

/// Whether connections are accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Accepting {
    On,
    /// The core does not serve yet, or accepting failed, for example because the process has no more descriptors. It is
    /// retried at the next timer turn.
    Paused,
    /// Another process accepts them.
    Off,
}

impl<S: Sockets> HttpServer<S> {
    /// `identity` is the certificate and key for the listeners with TLS.
    pub(crate) fn new(settings: &CoreSettings, identity: Option<Arc<ServerIdentity>>, seed: u64) -> Self {
        Self {
            shard: settings.engine.shard,
            accepting: Accepting::Paused,
            identity,
            limits: settings.http_limits,
            service: HttpService::new(settings.http_policy.clone()),
            slots: Slots::default(),
            ready: ReadyConnections::default(),
            swept: 0,
            random: fastrand::Rng::with_seed(seed),
            buffered_bytes: 0,
            web_sockets: 0,
            buffers: Buffers::new(),
        }
    }

    pub(crate) const fn service(&mut self) -> &mut HttpService {
        &mut self.service
    }

    /// Returns the bytes that connections hold.
    pub(crate) const fn buffered_bytes(&self) -> usize {
        self.buffered_bytes
    }

    pub(crate) fn set_identity(&mut self, identity: Arc<ServerIdentity>) {
        self.identity = Some(identity);
    }

    /// Replaces policy and limits. Connections beyond lower limits stay, and deadlines that have begun as well.
    pub(crate) fn use_settings(&mut self, policy: HttpPolicy, limits: HttpLimits) {
        self.service.use_policy(policy);
        self.limits = limits;
    }

    /// Returns a routed request to the connection that waits for it, or to the pool if the connection is gone.
    pub(crate) fn bring_back(&mut self, routed: Box<RoutedRequest>, core: &mut CoreState<S>) {
        let owner = routed.owner();
        let key = SlotKey { slot: routed.token.slot, generation: routed.token.generation };
        if let Some(connection) = self.slots.get_mut(key) {
            // The figures of this core do not have the outcomes of messages that other cores carried out.
            let outcome = routed.message_outcome();
            if let Some(tag) =
                outcome.and_then(|outcome| ReplyTag::message(outcome, connection.http.family()))
            {
                core.latency.reply_written(tag, connection.http.received.unwrap_or(core.instant));
            }
            self.turn(key, core, |http, context| http.answer(routed, context));
        } else {
            self.service.take_back(routed);
        }
        if let Some(owner) = owner {
            let Self { ready, slots, .. } = self;
            ready.owner_has_room(owner, |key| slots.get_mut(key).is_some());
        }
    }

    /// Serves one share of a connection.
    pub(super) fn turn(
        &mut self,
        key: SlotKey,
        core: &mut CoreState<S>,
        take: impl FnOnce(&mut HttpConnection, &mut ConnectionContext<'_, S::Wire>) -> Next,
    ) {
        let Some(connection) = self.slots.get_mut(key) else { return };
        let (was_web_socket, family) = (connection.http.is_web_socket(), connection.http.family());
        let received = *connection.http.received.get_or_insert(core.instant);
        core.shard.statistics_mut().forget_recent_outcomes();
        let Some(mut next) = self.visit(key, core, take) else { return };
        if let Next::Routed(owner, mut routed) = next {
            routed.token = self.token(key);
            core.shard.statistics_mut().add(Counter::RoutedHttpRequests, 1);
            next = match core.mesh.send_http(owner, routed) {
                Ok(()) => Next::Waits(WaitsFor::RoutedRequest),
                Err(routed) => {
                    let busy = self.visit(key, core, |http, context| http.respond_busy(routed, context));
                    busy.unwrap_or(Next::Again)
                }
            };
        }
        core.note_written(family, received);
        if let Some(Connection { http, .. }) = self.slots.get_mut(key) {
            http.received = http.received.filter(|_| http.has_unanswered(&next));
            if http.is_web_socket() && !was_web_socket {
                self.web_sockets += 1;
                core.shard.statistics_mut().set(Gauge::WsConnectionsOpen, self.web_sockets as u64);
            }
        }
        self.settle(key, next, core);
        if self.note_buffered(key) == Held::More {
            self.free_buffers(key, core);
        }
        self.pass_on_signals(core);
    }

    /// Lets a connection use the parts of the core that it needs.
    fn visit<T>(
        &mut self,
        key: SlotKey,
        core: &mut CoreState<S>,
        visit: impl FnOnce(&mut HttpConnection, &mut ConnectionContext<'_, S::Wire>) -> T,
    ) -> Option<T> {
        let token = self.token(key);
        let connection = self.slots.get_mut(key)?;
        let mut context = ConnectionContext {
            wire: &mut connection.wire,
            service: &mut self.service,
            shard: &mut core.shard,
            now: core.now,
            connection: token,
            buffers: &mut self.buffers,
        };
        Some(visit(&mut connection.http, &mut context))
    }

    const fn token(&self, key: SlotKey) -> ConnectionToken {
        ConnectionToken { home: self.shard, slot: key.slot, generation: key.generation }
    }

    /// Returns the offers and answers that are to be passed on.
    pub(crate) const fn signals(&mut self) -> &mut Signals {
        &mut self.buffers.signals
    }

    /// Passes offers and answers on to the connections of their peers, or to the homes of these.
    pub(crate) fn pass_on_signals(&mut self, core: &mut CoreState<S>) {
        if self.buffers.signals.is_empty() {
            return;
        }
        let mut signals = core::mem::take(&mut self.buffers.signals);
        for SignalFrame { to, frame } in signals.iter() {
            if to.home == self.shard {
                self.deliver(to, frame, core);
            } else if !core.mesh.send_signal(to, frame) {
                core.shard.statistics_mut().add(Counter::WsSignalsDropped, 1);
            }
        }
        signals.clear();
        self.buffers.signals = signals;
    }

    /// Adds an offer or an answer to the frames of a connection of this core. While too many bytes wait it is dropped, and a
    /// client that has read nothing for a while is cut off.
    pub(crate) fn deliver(&mut self, to: ConnectionToken, frame: &[u8], core: &mut CoreState<S>) {
        let key = SlotKey { slot: to.slot, generation: to.generation };
        let mut pushed = self.push_frame(key, frame);
        if pushed.is_err() {
            let _sent = self.visit(key, core, HttpConnection::send_frames);
            pushed = self.push_frame(key, frame);
        }
        let Self { slots, ready, limits, .. } = self;
        match (pushed, slots.get_mut(key)) {
            (Ok(true), Some(connection)) => {
                ready.push(key, connection);
                if self.note_buffered(key) == Held::More {
                    self.free_buffers(key, core);
                }
                return;
            }
            (Err(QueueFull), Some(connection)) if connection.deadline.is_slow(core.now.monotonic, limits) => {
                self.end(key, End::Slow, core);
            }
            _ => {}
        }
        core.shard.statistics_mut().add(Counter::WsSignalsDropped, 1);
    }

    fn push_frame(&mut self, key: SlotKey, frame: &[u8]) -> Result<bool, QueueFull> {
        self.slots.get_mut(key).map_or(Ok(false), |connection| connection.http.push_frame(frame))
    }

    fn settle(&mut self, key: SlotKey, next: Next, core: &mut CoreState<S>) {
        match next {
            Next::Waits(waits_for) => self.wait(key, waits_for, core),
            Next::WaitsForOwner(owner) => self.wait_for_owner(key, owner, core),
            Next::Again => self.queue(key, core),
            Next::Routed(_, routed) => self.service.take_back(routed),
            Next::Ends(end) => self.end(key, end, core),
        }
    }

    fn wait(&mut self, key: SlotKey, waits_for: WaitsFor, core: &mut CoreState<S>) {
        let Some(connection) = self.slots.get_mut(key) else { return };
        let progress = connection.http.progress(waits_for);
        connection.deadline.wait(waits_for, progress, core.now.monotonic, &self.limits);
        if connection.watch == Watch::Watched {
            return;
        }
        connection.watch = Watch::Watched;
        if core.sockets.watch(&connection.wire, key).is_err() {
            self.end(key, End::Broken, core);
        }
    }

    /// Queues a connection after those that wait for an owner, or before them if it has waited already.
    fn wait_for_owner(&mut self, key: SlotKey, owner: ShardId, core: &mut CoreState<S>) {
        let before = self.slots.get_mut(key).map(|connection| connection.deadline);
        self.wait(key, WaitsFor::OwnerBusy, core);
        let Some(connection) = self.slots.get_mut(key) else { return };
        connection.is_queued = true;
        if before == Some(connection.deadline) {
            self.ready.behind(owner).push_front(key);
        } else {
            self.ready.behind(owner).push_back(key);
        }
    }

    /// Continues a connection when the others have had their share.
    fn queue(&mut self, key: SlotKey, core: &CoreState<S>) {
        let Some(connection) = self.slots.get_mut(key) else { return };
        let waits_for = connection.http.waits_in_queue();
        let progress = connection.http.progress(waits_for);
        connection.deadline.wait(waits_for, progress, core.now.monotonic, &self.limits);
        self.ready.push(key, connection);
    }

    /// Closes a connection. The peers that it announced leave their swarms.
    pub(super) fn end(&mut self, key: SlotKey, end: End, core: &mut CoreState<S>) {
        if let Some(code) = end.close_code() {
            self.visit(key, core, |http, context| http.say_goodbye(code, context));
        }
        let Some(mut connection) = self.slots.remove(key) else { return };
        core.leave_source(connection.open.take());
        let is_web_socket = connection.http.is_web_socket();
        let end = if is_web_socket && end == End::Late(WaitsFor::AnswerTaken) { End::Slow } else { end };
        let is_behind = end == End::ForNewcomer && connection.deadline.waits_for == WaitsFor::AnswerTaken;
        if is_behind || matches!(end, End::Late(WaitsFor::AnswerTaken) | End::Slow | End::BuffersFull) {
            connection.wire.discard_unsent();
        }
        self.buffered_bytes -= connection.buffered_bytes as usize;
        self.web_sockets -= usize::from(is_web_socket);
        for &peer in connection.http.announced() {
            core.leave(peer, self.token(key));
        }
        let statistics = core.shard.statistics_mut();
        statistics.add(end.counter(), 1);
        statistics.set(Gauge::HttpConnectionsOpen, self.slots.len() as u64);
        statistics.set(Gauge::WsConnectionsOpen, self.web_sockets as u64);
    }

    /// Puts a new connection into a slot and queues it after the others.
    pub(super) fn admit(&mut self, connection: Connection<S::Wire>, core: &mut CoreState<S>) {
        let key = self.slots.insert(connection);
        core.shard.statistics_mut().add(Counter::HttpConnections, 1);
        core.shard.statistics_mut().set(Gauge::HttpConnectionsOpen, self.slots.len() as u64);
        if let Some(connection) = self.slots.get_mut(key) {
            self.ready.push(key, connection);
        }
    }

    pub(super) fn first_deadline(&self, core: &CoreState<S>) -> Deadline {
        Deadline::new(WaitsFor::FirstRequest, 0, core.now.monotonic, &self.limits)
    }

    /// Closes late connections, and WebSockets where they are off. Each call, one per timer turn, checks a part of them, so
    /// that all are checked within [`TIMER_TURNS_PER_ROUND`] turns.
    pub(crate) fn sweep(&mut self, core: &mut CoreState<S>) {
        self.resume_accepting(core);
        self.stop_waiting_for_owners(core.now);
        let (places, web_sockets_end) = (self.slots.places(), self.end_of_web_sockets());
        let mut ended = 0;
        for _ in 0..places.div_ceil(TIMER_TURNS_PER_ROUND) {
            let slot = if self.swept < places { self.swept } else { 0 };
            self.swept = slot + 1;
            let Some((key, connection)) = self.slots.at(slot) else { continue };
            let deadline = connection.deadline;
            if let Some(code) = web_sockets_end
                && ended < ENDED_PER_TURN_MAX
                && connection.http.is_open_web_socket()
            {
                ended += 1;
                self.turn(key, core, |http, context| http.end_messages(code, context));
                continue;
            }
            match deadline.waits_for {
                _ if !deadline.has_passed(core.now.monotonic) => {}
                WaitsFor::OwnerBusy => {}
                WaitsFor::NextFrame => self.turn(key, core, HttpConnection::ping),
                late => self.end(key, End::Late(late), core),
            }
        }
    }

    /// Returns the code with which all WebSockets are closed, if they are.
    const fn end_of_web_sockets(&self) -> Option<CloseCode> {
        match (self.service.persistence(), &self.service.policy().web_socket) {
            (Persistence::UntilNextAnswer, _) => Some(CloseCode::ServiceRestart),
            (Persistence::AsRequested, None) => Some(CloseCode::GoingAway),
            (Persistence::AsRequested, Some(_)) => None,
        }
    }

    /// Queues the requests that have waited for their owner long enough, to be answered in any case.
    fn stop_waiting_for_owners(&mut self, now: Now) {
        let Self { ready, slots, .. } = self;
        while let Some(key) = ready.late_for_owner(|key| {
            slots.get_mut(key).is_none_or(|connection| connection.deadline.has_passed(now.monotonic))
        }) {
            let Some(connection) = slots.get_mut(key) else { continue };
            connection.http.stop_waiting();
            connection.is_queued = false;
            ready.push(key, connection);
        }
    }

    /// Stops accepting, and closes the connections without a request at another core. The others are closed with its answer.
    pub(crate) fn close(&mut self, core: &mut CoreState<S>) {
        self.service.set_persistence(Persistence::UntilNextAnswer);
        core.sockets.close_listeners();
        for slot in 0..self.slots.places() {
            let key =
                self.slots.at(slot).filter(|(_, connection)| !connection.awaits_owner()).map(|(key, _)| key);
            if let Some(key) = key {
                self.end(key, End::Stop, core);
            }
        }
    }

    /// Closes all connections.
    pub(crate) fn close_all(&mut self, core: &mut CoreState<S>) {
        for slot in 0..self.slots.places() {
            if let Some(key) = self.slots.at(slot).map(|(key, _)| key) {
                self.end(key, End::Stop, core);
            }
        }
    }
}
