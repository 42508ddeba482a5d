use super::connection::{Connection, Watch};
use super::http_connection::HttpConnection;
use super::http_server::{Accepting, CoreContext, HttpServer};
use super::limits::ACCEPTS_MAX;
use super::listener::Security;
use super::prefixes::Prefix;
use primitives::Counter;
use rustix::io::Errno;
use rustix::net::{SocketAddrAny, SocketFlags, acceptfrom_with};
use std::net::{IpAddr, SocketAddr};
use std::os::fd::OwnedFd;
use std::time::Instant;

impl HttpServer {
    /// Takes in what waits at a listener, up to [`ACCEPTS_MAX`] connections.
    pub(super) fn accept(&mut self, index: usize, around: &mut CoreContext<'_>) {
        self.accept_some(index, around);
        around.instant = Instant::now();
    }

    fn accept_some(&mut self, index: usize, around: &mut CoreContext<'_>) {
        for _ in 0..ACCEPTS_MAX {
            let Some(listener) = self.listeners.get(index) else { return };
            let security = listener.security;
            match acceptfrom_with(&listener.socket, SocketFlags::NONBLOCK | SocketFlags::CLOEXEC) {
                Ok((socket, remote)) => self.receive_client(socket, remote, security, around),
                Err(Errno::AGAIN) => return,
                // The client was gone before it was taken in.
                Err(Errno::CONNABORTED | Errno::INTR) => {}
                Err(_) => {
                    around.engine.statistics_mut().add(Counter::HttpAcceptErrors, 1);
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
        around: &mut CoreContext<'_>,
    ) {
        let Some(remote) = remote.and_then(|remote| SocketAddr::try_from(remote).ok()) else { return };
        let prefix = match self.admit_source(remote.ip()) {
            Ok(prefix) => prefix,
            Err(refusal) => return around.engine.statistics_mut().add(refusal, 1),
        };
        let identity = match security {
            Security::Plain => None,
            Security::Tls => self.identity.as_deref(),
        };
        let Ok(http) = HttpConnection::new(&self.service, remote.ip(), identity) else {
            if let Some(prefix) = prefix {
                self.prefixes.leave(prefix);
            }
            around.engine.statistics_mut().add(Counter::HttpConnections, 1);
            around.engine.statistics_mut().add(Counter::HttpClosedTls, 1);
            return;
        };
        let deadline = self.first_deadline(around);
        let watch = Watch::NotYet;
        self.admit(Connection { socket, http, prefix, watch, is_queued: false, deadline }, around);
    }

    /// Whether one more connection from `ip` has room; what it is counted by, or why not.
    fn admit_source(&mut self, ip: IpAddr) -> Result<Option<Prefix>, Counter> {
        if self.slots.len() >= self.limits.connections_max {
            return Err(Counter::HttpRefusedFull);
        }
        if self.service.policy().proxy.trusts(ip) {
            return Ok(None);
        }
        self.prefixes.enter(ip).map(Some).ok_or(Counter::HttpRefusedPrefix)
    }

    /// A listener that cannot be accepted from would be told of again and again.
    fn pause_accepting(&mut self) {
        if self.accepting == Accepting::On {
            self.accepting = Accepting::Paused;
            for listener in &self.listeners {
                // What is not watched any more need not be forgotten.
                let _forgotten = self.poll.forget_listener(&listener.socket);
            }
        }
    }

    /// Tries it again.
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
