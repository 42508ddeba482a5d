use super::http_connection::HttpConnection;
use super::limits::{ACCEPTS_MAX, TURN};
use super::server::{Accepting, HttpServer};
use super::slot::{Connection, Watch};
use crate::core_state::CoreState;
use crate::sockets::{Accept, ConnectionEvent, Sockets};
use crate::wire::{Security, SlotKey};
use engine::Persistence;
use guard::{Class, OpenConnection, Source};
use metrics::Counter;
use std::net::IpAddr;
use std::time::Instant;

impl<S: Sockets> HttpServer<S> {
    /// Whether a connection has something to do.
    pub(crate) fn has_work(&self) -> bool {
        !self.ready.is_empty()
    }

    /// Returns the number of connections that have something to do, or wait for the owner of a torrent.
    pub(crate) fn waiting(&self) -> usize {
        self.ready.len()
    }

    /// Takes a turn: serves connections for [`TURN`], a share each. Those that remain have theirs in the next turn.
    pub(crate) fn take_turn(&mut self, core: &mut CoreState<S>) {
        if self.has_work() {
            core.begin_turn();
            self.serve_requests(core.instant + TURN, core);
            self.serve_handshakes(core);
        }
    }

    fn serve_requests(&mut self, turn_end: Instant, core: &mut CoreState<S>) {
        while core.instant < turn_end
            && let Some(key) = self.ready.next_request()
        {
            self.serve_share(key, core);
        }
    }

    fn serve_handshakes(&mut self, core: &mut CoreState<S>) {
        self.ready.begin_handshakes();
        while let Some(key) = self.ready.next_handshake() {
            let before = core.instant;
            self.serve_share(key, core);
            self.ready.handshake_took(core.instant - before);
        }
    }

    fn serve_share(&mut self, key: SlotKey, core: &mut CoreState<S>) {
        let Some(connection) = self.slots.get_mut(key) else { return };
        connection.is_queued = false;
        self.turn(key, core, HttpConnection::advance);
        core.note_sent();
    }

    /// Notes that a connection has something to do.
    pub(crate) fn take_up(&mut self, event: ConnectionEvent) {
        let Some(connection) = self.slots.get_mut(event.key) else { return };
        if event.hung_up {
            connection.http.note_hung_up();
        } else if event.readable {
            connection.http.note_readable();
        }
        self.ready.push(event.key, connection);
    }

    /// Accepts up to [`ACCEPTS_MAX`] connections that wait at a listener.
    pub(crate) fn accept(&mut self, listener: usize, core: &mut CoreState<S>) {
        for _ in 0..ACCEPTS_MAX {
            match core.sockets.accept(listener) {
                Accept::Accepted(wire, remote, security) => self.receive_client(wire, remote, security, core),
                Accept::Nothing => return,
                Accept::Gone => {}
                Accept::Failed => {
                    core.shard.statistics_mut().add(Counter::HttpAcceptErrors, 1);
                    self.accepting = Accepting::Paused;
                    return core.sockets.pause_accepting();
                }
            }
        }
    }

    fn receive_client(&mut self, wire: S::Wire, remote: IpAddr, security: Security, core: &mut CoreState<S>) {
        let open = match self.open(remote, security, core) {
            Ok(open) => open,
            Err(refusal) => return core.shard.statistics_mut().add(refusal, 1),
        };
        let identity = match security {
            Security::Plain => None,
            Security::Tls => self.identity.as_deref(),
        };
        let Ok(http) = HttpConnection::new(&self.service, remote, identity) else {
            core.leave_source(open);
            core.shard.statistics_mut().add(Counter::HttpConnections, 1);
            core.shard.statistics_mut().add(Counter::HttpClosedTls, 1);
            return;
        };
        let deadline = self.first_deadline(core);
        let watch = Watch::NotYet;
        self.admit(
            Connection { wire, http, open, watch, is_queued: false, deadline, buffered_bytes: 0 },
            core,
        );
    }

    /// Counts a new connection from `ip`, unless it is a trusted proxy's or has no limits, and makes room for it. If there is none, or a limit
    /// of its source is reached, returns the counter of such connections.
    fn open(
        &mut self,
        ip: IpAddr,
        security: Security,
        core: &mut CoreState<S>,
    ) -> Result<Option<OpenConnection>, Counter> {
        let open = if self.service.policy().proxy.trusts(ip) {
            None
        } else {
            self.admit_source(Source::of(ip), security, core)?
        };
        if self.make_room(open.as_ref(), core) {
            return Ok(open);
        }
        core.leave_source(open);
        Err(Counter::HttpRefusedFull)
    }

    /// Admits a connection of a source and counts it if the source has limits, or returns the counter of those that are refused
    /// for the same reason. A client of a banned network is told so, unless that takes a TLS handshake.
    fn admit_source(
        &self,
        source: Source,
        security: Security,
        core: &mut CoreState<S>,
    ) -> Result<Option<OpenConnection>, Counter> {
        if security == Security::Tls && core.shard.is_banned(source) {
            return Err(Counter::HttpRefusedBanned);
        }
        let (guard, now_ms) = (core.shard.guard(), core.now.monotonic_ms);
        guard.admit(now_ms, Class::Connections, source).map_err(|_| Counter::HttpRefusedRate)?;
        if security == Security::Tls {
            guard.admit(now_ms, Class::Handshakes, source).map_err(|_| Counter::HttpRefusedHandshakes)?;
        }
        if guard.is_allowed(source) {
            return Ok(None);
        }
        guard.open(source, self.limits.connections_per_prefix_max).map(Some).ok_or(Counter::HttpRefusedPrefix)
    }

    /// Accepts connections from the listeners.
    pub(crate) fn serve_listeners(&mut self, core: &mut CoreState<S>) {
        self.service.set_persistence(Persistence::AsRequested);
        self.accepting = Accepting::Paused;
        self.resume_accepting(core);
    }

    /// Accepts no more connections, and closes each with its next answer, and WebSockets within seconds.
    pub(crate) fn leave_listeners(&mut self, core: &mut CoreState<S>) {
        self.service.set_persistence(Persistence::UntilNextAnswer);
        self.accepting = Accepting::Off;
        core.sockets.pause_accepting();
    }

    /// Accepts connections, from the beginning or again after a failure.
    pub(crate) fn resume_accepting(&mut self, core: &mut CoreState<S>) {
        if self.accepting == Accepting::Paused && core.sockets.resume_accepting().is_ok() {
            self.accepting = Accepting::On;
        }
    }
}
