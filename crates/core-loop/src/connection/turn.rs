use super::http_connection::HttpConnection;
use super::limits::{ACCEPTS_MAX, TURN};
use super::prefixes::Prefix;
use super::server::{Accepting, HttpServer};
use super::slot::{Connection, Watch};
use crate::core_state::CoreState;
use crate::sockets::{Accept, ConnectionEvent, Sockets};
use crate::wire::{Security, SlotKey};
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
        let prefix = match self.admit_source(remote) {
            Ok(prefix) => prefix,
            Err(refusal) => return core.shard.statistics_mut().add(refusal, 1),
        };
        let identity = match security {
            Security::Plain => None,
            Security::Tls => self.identity.as_deref(),
        };
        let Ok(http) = HttpConnection::new(&self.service, remote, identity) else {
            if let Some(prefix) = prefix {
                self.prefixes.leave(prefix);
            }
            core.shard.statistics_mut().add(Counter::HttpConnections, 1);
            core.shard.statistics_mut().add(Counter::HttpClosedTls, 1);
            return;
        };
        let deadline = self.first_deadline(core);
        let watch = Watch::NotYet;
        self.admit(Connection { wire, http, prefix, watch, is_queued: false, deadline }, core);
    }

    /// Returns the prefix that a new connection from `ip` is counted for, none for a trusted proxy. If a limit is
    /// reached, returns the counter of such connections.
    fn admit_source(&mut self, ip: IpAddr) -> Result<Option<Prefix>, Counter> {
        if self.slots.len() >= self.limits.connections_max {
            return Err(Counter::HttpRefusedFull);
        }
        if self.service.policy().proxy.trusts(ip) {
            return Ok(None);
        }
        self.prefixes.enter(ip).map(Some).ok_or(Counter::HttpRefusedPrefix)
    }

    /// Accepts connections, from the beginning or again after a failure.
    pub(crate) fn resume_accepting(&mut self, core: &mut CoreState<S>) {
        if self.accepting == Accepting::Paused && core.sockets.resume_accepting().is_ok() {
            self.accepting = Accepting::On;
        }
    }
}
