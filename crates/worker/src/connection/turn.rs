use super::http_connection::HttpConnection;
use super::limits::{ACCEPTS_MAX, TURN};
use super::listener::Security;
use super::poll::{Ready, Source};
use super::prefixes::Prefix;
use super::server::{Accepting, CoreContext, HttpServer};
use super::slot::{Connection, Watch};
use super::slots::SlotKey;
use crate::readiness::PollReadiness;
use crate::turn::Turn;
use core::future::poll_fn;
use core::pin::pin;
use core::task::Poll;
use metrics::Counter;
use rustix::io::Errno;
use rustix::net::{SocketAddrAny, SocketFlags, acceptfrom_with};
use std::cell::RefCell;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd, OwnedFd};
use std::time::Instant;

/// Waits until a socket has an event, or a connection has more to do after an answer from another core.
pub(crate) async fn wait(http_server: &RefCell<HttpServer>, readiness: &PollReadiness) -> io::Result<()> {
    let mut sockets = pin!(readiness.wait());
    poll_fn(|context| {
        let http_server = &mut *http_server.borrow_mut();
        if !http_server.ready.is_empty() {
            return Poll::Ready(Ok(()));
        }
        http_server.waiting = Some(context.waker().clone());
        sockets.as_mut().poll(context)
    })
    .await
}

impl HttpServer {
    /// Takes a turn: notes the events since the last one, then serves connections for [`TURN`], a share each. Those
    /// that remain have theirs in the next turn.
    pub(crate) fn take_turn(&mut self, core: &mut CoreContext<'_>) -> Turn {
        let Ok(events) = self.poll.look() else { return Turn::Failed };
        for index in 0..events {
            self.take_up(self.poll.event(index), core);
        }
        if events == 0 && self.ready.is_empty() {
            return Turn::Idle;
        }
        self.serve_requests(core.instant + TURN, core);
        self.serve_handshakes(core);
        Turn::Busy
    }

    fn serve_requests(&mut self, turn_end: Instant, core: &mut CoreContext<'_>) {
        while core.instant < turn_end
            && let Some(key) = self.ready.next_request()
        {
            self.serve_share(key, core);
        }
    }

    fn serve_handshakes(&mut self, core: &mut CoreContext<'_>) {
        self.ready.begin_handshakes();
        while let Some(key) = self.ready.next_handshake() {
            let before = core.instant;
            self.serve_share(key, core);
            self.ready.handshake_took(core.instant - before);
        }
    }

    fn serve_share(&mut self, key: SlotKey, core: &mut CoreContext<'_>) {
        let Some(connection) = self.slots.get_mut(key) else { return };
        connection.is_queued = false;
        self.turn(key, core, HttpConnection::advance);
        core.instant = Instant::now();
    }

    fn take_up(&mut self, ready: Ready, core: &mut CoreContext<'_>) {
        match ready.source {
            Source::Listener(index) => self.accept(index, core),
            Source::Connection(key) => {
                let Some(connection) = self.slots.get_mut(key) else { return };
                if ready.hung_up {
                    connection.http.note_hung_up();
                } else if ready.readable {
                    connection.http.note_readable();
                }
                self.ready.push(key, connection);
            }
        }
    }

    /// Returns a descriptor that becomes readable when a socket has an event.
    pub(crate) fn descriptor(&self) -> io::Result<OwnedFd> {
        self.poll.as_fd().try_clone_to_owned()
    }

    /// Accepts up to [`ACCEPTS_MAX`] connections that wait at a listener.
    pub(super) fn accept(&mut self, index: usize, core: &mut CoreContext<'_>) {
        self.accept_some(index, core);
        core.instant = Instant::now();
    }

    fn accept_some(&mut self, index: usize, core: &mut CoreContext<'_>) {
        for _ in 0..ACCEPTS_MAX {
            let Some(listener) = self.listeners.get(index) else { return };
            let security = listener.security;
            match acceptfrom_with(&listener.socket, SocketFlags::NONBLOCK | SocketFlags::CLOEXEC) {
                Ok((socket, remote)) => self.receive_client(socket, remote, security, core),
                Err(Errno::AGAIN) => return,
                // The client was gone before it was accepted.
                Err(Errno::CONNABORTED | Errno::INTR) => {}
                Err(_) => {
                    core.shard.statistics_mut().add(Counter::HttpAcceptErrors, 1);
                    self.pause_accepting();
                    return;
                }
            }
        }
    }

    fn receive_client(
        &mut self,
        socket: OwnedFd,
        remote: Option<SocketAddrAny>,
        security: Security,
        core: &mut CoreContext<'_>,
    ) {
        let Some(remote) = remote.and_then(|remote| SocketAddr::try_from(remote).ok()) else { return };
        let prefix = match self.admit_source(remote.ip()) {
            Ok(prefix) => prefix,
            Err(refusal) => return core.shard.statistics_mut().add(refusal, 1),
        };
        let identity = match security {
            Security::Plain => None,
            Security::Tls => self.identity.as_deref(),
        };
        let Ok(http) = HttpConnection::new(&self.service, remote.ip(), identity) else {
            if let Some(prefix) = prefix {
                self.prefixes.leave(prefix);
            }
            core.shard.statistics_mut().add(Counter::HttpConnections, 1);
            core.shard.statistics_mut().add(Counter::HttpClosedTls, 1);
            return;
        };
        let deadline = self.first_deadline(core);
        let watch = Watch::NotYet;
        self.admit(Connection { socket, http, prefix, watch, is_queued: false, deadline }, core);
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

    /// Stops watching the listeners, because the events of connections that cannot be accepted would be repeated.
    fn pause_accepting(&mut self) {
        if self.accepting == Accepting::On {
            self.accepting = Accepting::Paused;
            for listener in &self.listeners {
                // This fails only for a listener that is not watched.
                let _forgotten = self.poll.forget_listener(&listener.socket);
            }
        }
    }

    /// Watches the listeners again.
    pub(super) fn resume_accepting(&mut self) {
        if self.accepting == Accepting::Paused {
            self.accepting = Accepting::On;
            for (index, listener) in self.listeners.iter().enumerate() {
                if self.poll.watch_listener(&listener.socket, index).is_err() {
                    self.accepting = Accepting::Paused;
                }
            }
        }
    }
}
