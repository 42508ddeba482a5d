use super::buffers::Buffers;
use super::connection::{Connection, Deadline, Watch};
use super::end::{End, WaitsFor};
use super::http_connection::{ConnectionContext, HttpConnection, Next};
use super::limits::{DRAIN_S, OWNER_WAIT_S};
use super::listener::HttpListener;
use super::poll::Poll;
use super::prefixes::{PrefixLengths, Prefixes};
use super::ready::ReadyConnections;
use super::slots::{SlotKey, Slots};
use crate::mesh::MeshSenders;
use engine::{ConnectionToken, Engine, HttpPolicy, HttpService, Now, RoutedRequest};
use primitives::{Counter, Gauge, ShardId};
use std::io;
use std::sync::Arc;
use std::task::Waker;
use std::time::Instant;
use tls::ServerIdentity;

/// What a core is given for its HTTP clients.
#[derive(Debug)]
pub struct HttpSetup {
    /// Its listeners, one socket of each, in the same order on each core.
    pub listeners: Vec<HttpListener>,
    /// How clients are served.
    pub policy: HttpPolicy,
    /// What their connections may take.
    pub limits: HttpLimits,
    /// Certificate and key of the listeners with TLS.
    pub identity: Option<Arc<ServerIdentity>>,
}

/// What the HTTP connections of one core may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HttpLimits {
    /// Connections of this core.
    pub connections_max: usize,
    /// Connections of one source prefix on this core.
    pub connections_per_prefix_max: u32,
    /// What a source prefix is.
    pub prefixes: PrefixLengths,
    /// Seconds from the beginning to the end of the first request.
    pub first_request_s: u32,
    /// Seconds from the first byte of a later request to its end.
    pub request_s: u32,
    /// Seconds until the next request begins.
    pub idle_s: u32,
    /// Seconds until an answer is taken.
    pub answer_s: u32,
}

impl HttpLimits {
    pub(super) const fn seconds(&self, waits_for: WaitsFor) -> u32 {
        match waits_for {
            WaitsFor::FirstRequest => self.first_request_s,
            WaitsFor::Request => self.request_s,
            WaitsFor::NextRequest => self.idle_s,
            WaitsFor::AnswerTaken | WaitsFor::RoutedRequest => self.answer_s,
            WaitsFor::OwnerBusy => OWNER_WAIT_S,
            WaitsFor::Close => DRAIN_S,
        }
    }
}

/// Where the HTTP clients of a core are served.
#[derive(Debug)]
pub(crate) struct HttpServer {
    pub(super) shard: ShardId,
    pub(super) poll: Poll,
    pub(super) listeners: Vec<HttpListener>,
    /// Whether listeners wait because there are no more descriptors.
    pub(super) accepting: Accepting,
    pub(super) identity: Option<Arc<ServerIdentity>>,
    pub(super) limits: HttpLimits,
    pub(super) service: HttpService,
    pub(super) slots: Slots,
    pub(super) prefixes: Prefixes,
    pub(super) ready: ReadyConnections,
    /// Wakes the task that serves the connections, while it waits for its sockets.
    pub(super) waiting: Option<Waker>,
    /// How far the look at deadlines has come.
    pub(super) swept: usize,
    buffers: Buffers,
}

/// Whether connections are accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Accepting {
    On,
    /// The process has no more descriptors. It is tried again at the next turn of the timer.
    Paused,
}

/// What a turn of connections needs from the core.
pub(crate) struct CoreContext<'a> {
    pub(crate) engine: &'a mut Engine,
    pub(crate) mesh: &'a MeshSenders,
    pub(crate) now: Now,
    /// The latest look at the clock: at the beginning, behind what was accepted and behind each share.
    pub(crate) instant: Instant,
}

impl HttpServer {
    pub(crate) fn new(shard: ShardId, setup: HttpSetup) -> io::Result<Self> {
        let poll = Poll::new()?;
        for (index, listener) in setup.listeners.iter().enumerate() {
            poll.watch_listener(&listener.socket, index)?;
        }
        Ok(Self {
            shard,
            poll,
            listeners: setup.listeners,
            accepting: Accepting::On,
            identity: setup.identity,
            prefixes: Prefixes::new(setup.limits.prefixes, setup.limits.connections_per_prefix_max),
            limits: setup.limits,
            service: HttpService::new(setup.policy),
            slots: Slots::default(),
            ready: ReadyConnections::default(),
            waiting: None,
            swept: 0,
            buffers: Buffers::new(),
        })
    }

    /// Whether there is nobody to serve, ever.
    pub(crate) const fn is_closed(&self) -> bool {
        self.listeners.is_empty()
    }

    /// New connections get this certificate.
    pub(crate) fn set_identity(&mut self, identity: Arc<ServerIdentity>) {
        self.identity = Some(identity);
    }

    /// Brings a routed request back to the connection that waits for it. If it is gone, the routed request is all that is left.
    pub(super) fn bring_back(&mut self, routed: Box<RoutedRequest>, around: &mut CoreContext<'_>) {
        let owner = routed.owner();
        let key = SlotKey { slot: routed.token.slot, generation: routed.token.generation };
        if self.slots.get_mut(key).is_some() {
            self.turn(key, around, |http, wire, context| http.answer(routed, wire, context));
        } else {
            self.service.take_back(routed);
        }
        if let Some(owner) = owner {
            self.ready.owner_has_room(owner);
        }
        self.wake();
    }

    /// Wakes the task that serves the connections, if there is something to do for it.
    pub(super) fn wake(&mut self) {
        if !self.ready.is_empty()
            && let Some(task) = self.waiting.take()
        {
            task.wake();
        }
    }

    /// One share of a connection, and what becomes of it.
    pub(super) fn turn(
        &mut self,
        key: SlotKey,
        around: &mut CoreContext<'_>,
        take: impl FnOnce(&mut HttpConnection, &mut std::os::fd::OwnedFd, &mut ConnectionContext<'_>) -> Next,
    ) {
        let Some(connection) = self.slots.get_mut(key) else { return };
        let mut context = ConnectionContext {
            service: &mut self.service,
            engine: around.engine,
            now: around.now,
            buffers: &mut self.buffers,
        };
        let mut next = take(&mut connection.http, &mut connection.socket, &mut context);
        if let Next::RoutedRequest(owner, mut routed) = next {
            routed.token = ConnectionToken { home: self.shard, slot: key.slot, generation: key.generation };
            context.engine.statistics_mut().add(Counter::RoutedHttpRequests, 1);
            next = match around.mesh.send_routed(owner, routed) {
                Ok(()) => Next::Waits(WaitsFor::RoutedRequest),
                Err(routed) => connection.http.respond_busy(routed, &mut connection.socket, &mut context),
            };
        }
        self.settle(key, next, around);
    }

    fn settle(&mut self, key: SlotKey, next: Next, around: &mut CoreContext<'_>) {
        match next {
            Next::Waits(waits_for) => self.wait(key, waits_for, around),
            Next::WaitsForOwner(owner) => self.wait_for_owner(key, owner, around),
            Next::Again => self.queue(key, around),
            Next::RoutedRequest(_, routed) => self.service.take_back(routed),
            Next::Ends(end) => self.end(key, end, around.engine),
        }
    }

    fn wait(&mut self, key: SlotKey, waits_for: WaitsFor, around: &mut CoreContext<'_>) {
        let Some(connection) = self.slots.get_mut(key) else { return };
        let requests = connection.http.requests();
        connection.deadline.wait(waits_for, requests, around.now.monotonic, &self.limits);
        if connection.watch == Watch::Watched {
            return;
        }
        connection.watch = Watch::Watched;
        if self.poll.watch(&connection.socket, key).is_err() {
            self.end(key, End::Broken, around.engine);
        }
    }

    /// Puts a connection behind those that wait for an owner, or before them if it has waited already.
    fn wait_for_owner(&mut self, key: SlotKey, owner: ShardId, around: &mut CoreContext<'_>) {
        let before = self.slots.get_mut(key).map(|connection| connection.deadline);
        self.wait(key, WaitsFor::OwnerBusy, around);
        let Some(connection) = self.slots.get_mut(key) else { return };
        connection.is_queued = true;
        if before == Some(connection.deadline) {
            self.ready.behind(owner).push_front(key);
        } else {
            self.ready.behind(owner).push_back(key);
        }
    }

    /// Lets a connection go on when the others have had their share.
    fn queue(&mut self, key: SlotKey, around: &CoreContext<'_>) {
        let Some(connection) = self.slots.get_mut(key) else { return };
        let requests = connection.http.requests();
        connection.deadline.wait(WaitsFor::Request, requests, around.now.monotonic, &self.limits);
        self.ready.push(key, connection);
    }

    /// Closes a connection.
    pub(super) fn end(&mut self, key: SlotKey, end: End, engine: &mut Engine) {
        let Some(connection) = self.slots.remove(key) else { return };
        if let Some(prefix) = connection.prefix {
            self.prefixes.leave(prefix);
        }
        if end == End::Late(WaitsFor::AnswerTaken) {
            // What the client does not take, the kernel need not keep.
            let _gone =
                rustix::net::sockopt::set_socket_linger(&connection.socket, Some(std::time::Duration::ZERO));
        }
        engine.statistics_mut().add(end.counter(), 1);
        engine.statistics_mut().set(Gauge::HttpConnectionsOpen, self.slots.len() as u64);
    }

    /// Gives a new connection its place, and its share when the others have had theirs.
    pub(super) fn admit(&mut self, connection: Connection, around: &mut CoreContext<'_>) {
        let key = self.slots.insert(connection);
        around.engine.statistics_mut().add(Counter::HttpConnections, 1);
        around.engine.statistics_mut().set(Gauge::HttpConnectionsOpen, self.slots.len() as u64);
        if let Some(connection) = self.slots.get_mut(key) {
            self.ready.push(key, connection);
        }
    }

    pub(super) fn first_deadline(&self, around: &CoreContext<'_>) -> Deadline {
        Deadline::new(WaitsFor::FirstRequest, 0, around.now.monotonic, &self.limits)
    }
}

#[cfg(test)]
mod tests;
