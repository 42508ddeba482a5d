//! systemd: the messages to it, and the sockets that it keeps or opens for the tracker.

use crate::upgrade::HandedOver;
use anyhow::Context;
use control::ServiceManager;
use primitives::ShardCount;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::sockopt::{socket_acceptconn, socket_cookie, socket_type};
use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, SocketType, getsockname, sendmsg};
use rustix::pipe::{PipeFlags, pipe_with};
use sd_notify::NotifyState;
use std::collections::BTreeSet;
use std::env;
use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixDatagram;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::interval;
use tracing::{info, warn};
use worker::{InheritedSocket, SocketKind};

/// Time for which a start is extended at once, as long as it makes progress.
const EXTENSION: Duration = Duration::from_micros(EXTENSION_US as u64);
const EXTENSION_US: u32 = 30_000_000;

/// systemd, if it started the tracker with `Type=notify`; otherwise nothing is sent. At a stop the APIs are notified,
/// too, so that no change is accepted that might not be stored.
pub(crate) struct Systemd {
    pub(crate) stop: watch::Sender<bool>,
    /// Whether another process is the main one of the service. Then this one is silent.
    handed_over: HandedOver,
}

impl Systemd {
    /// Reports that the tracker serves. With a heartbeat, since the first one of the supervision may be too late after an upgrade.
    pub(crate) fn ready(stop: watch::Sender<bool>, handed_over: HandedOver) -> Self {
        notify_with_heartbeat(NotifyState::Ready);
        Self { stop, handed_over }
    }
}

impl ServiceManager for Systemd {
    /// Returns half of `WatchdogSec=`, as systemd recommends.
    fn heartbeat_interval(&self) -> Option<Duration> {
        sd_notify::watchdog_enabled().map(|watchdog| watchdog / 2)
    }

    fn heartbeat(&self) {
        if !self.handed_over.get() {
            notify(&[NotifyState::Watchdog]);
        }
    }

    fn stopping(&self) {
        if !self.handed_over.get() {
            notify(&[NotifyState::Stopping]);
        }
        self.stop.send_replace(true);
    }
}

/// Asks systemd for more time for the start while this work lasts, and says what it is.
pub(crate) async fn while_starting<T>(what: &str, work: impl Future<Output = T>) -> T {
    notify(&[NotifyState::Status(what)]);
    let extend = async {
        let mut moments = interval(EXTENSION / 3);
        loop {
            moments.tick().await;
            notify(&[NotifyState::ExtendTimeoutUsec(EXTENSION_US)]);
        }
    };
    let done = tokio::select! {
        done = work => done,
        () = extend => unreachable!("it never ends"),
    };
    notify(&[NotifyState::Status("")]);
    done
}

/// Returns whether a service manager has started the tracker. It starts it again when no process of the service is left: one that has
/// taken over is not its child, so that it does not see how that one exits.
pub(crate) fn is_there() -> bool {
    env::var_os("NOTIFY_SOCKET").is_some()
}

/// Makes another process the main one of the service. From then on, messages of this one are ignored.
pub(crate) fn hand_over_to(process: u32) {
    notify_with_heartbeat(NotifyState::MainPid(process));
}

/// The variable with the number of descriptors that systemd keeps (`FileDescriptorStoreMax=`). systemd sets it from version 254 on.
const STORE: &str = "FDSTORE";

/// Time for systemd to read the messages before: it may be busy with other services.
const READ_MAX: Duration = Duration::from_secs(5);

/// What the name of a socket of a shard begins with.
const UDP: &str = "udp-";
const TCP: &str = "tcp-";

/// The sockets that systemd has kept from the process before, or opened for this one.
#[derive(Default)]
pub(crate) struct PassedSockets {
    pub(crate) sockets: Vec<InheritedSocket>,
    /// The names under which it may keep them.
    pub(crate) names: Vec<String>,
}

/// Returns the sockets that systemd has passed. Called once, before anything opens a descriptor.
pub(crate) fn passed_sockets() -> anyhow::Result<PassedSockets> {
    let names =
        sd_notify::listen_fds_with_names().context("the sockets of systemd cannot be used (LISTEN_FDS)")?;
    let names: Vec<String> = names.map(|(_, name)| name).collect();
    let descriptors = udp_socket::passed_descriptors(names.len())?;
    let mut sockets = Vec::new();
    for (name, fd) in names.iter().zip(descriptors) {
        match passed_socket(name, fd) {
            Ok(socket) => sockets.push(socket),
            Err(error) => warn!("the socket {name} of systemd is closed: {error:#}"),
        }
    }
    Ok(PassedSockets { sockets: each_once(sockets), names })
}

/// Leaves one descriptor of each socket. systemd passes a socket of a socket unit twice if it has also been kept; the one of the unit is
/// left, which no number of workers closes.
fn each_once(mut sockets: Vec<InheritedSocket>) -> Vec<InheritedSocket> {
    sockets.sort_by_key(|socket| socket.shard.is_some());
    let mut known = BTreeSet::new();
    sockets.retain(|socket| socket_cookie(&socket.fd).ok().is_none_or(|cookie| known.insert(cookie)));
    sockets
}

impl PassedSockets {
    /// Closes the sockets of the shards, also in systemd, if there were more shards before: sockets without a worker would get a part of
    /// the datagrams.
    pub(crate) fn without_other_shards(mut self, shards: ShardCount) -> anyhow::Result<Self> {
        let is_beyond =
            |socket: &InheritedSocket| socket.shard.is_some_and(|shard| shard >= shards.get().into());
        if self.sockets.iter().any(is_beyond) {
            info!(
                "the number of workers has changed: the sockets that systemd has kept are closed, and bound anew"
            );
            remove_kept(&self.names);
            self.sockets.retain(|socket| socket.shard.is_none());
            wait_until_read().context("systemd does not close the sockets that it has kept")?;
        }
        Ok(self)
    }
}

fn passed_socket(name: &str, fd: OwnedFd) -> anyhow::Result<InheritedSocket> {
    let kind = match socket_type(&fd)? {
        SocketType::DGRAM => SocketKind::Udp,
        SocketType::STREAM if socket_acceptconn(&fd)? => SocketKind::Tcp,
        _ => anyhow::bail!("it neither receives datagrams nor listens for connections"),
    };
    let address = SocketAddr::try_from(getsockname(&fd)?).context("it has no address of IPv4 or IPv6")?;
    let shard =
        name.strip_prefix(UDP).or_else(|| name.strip_prefix(TCP)).and_then(|shard| shard.parse().ok());
    Ok(InheritedSocket { kind, address, shard, fd })
}

/// Has systemd keep these sockets for the next process, if it keeps any, in place of those with the names of before.
pub(crate) fn keep_sockets(before: &[String], sockets: &[InheritedSocket]) {
    let room = env::var(STORE).ok().and_then(|room| room.parse::<usize>().ok()).unwrap_or(0);
    if room == 0 {
        return;
    }
    if room < sockets.len() {
        warn!(
            sockets = sockets.len(),
            room, "systemd does not keep the sockets: raise FileDescriptorStoreMax="
        );
        return;
    }
    remove_kept(before);
    for socket in sockets {
        if let Err(error) = keep(&name_of(socket), socket.fd.as_fd()) {
            warn!(%error, "systemd does not keep a socket");
            return;
        }
    }
}

pub(crate) fn name_of(socket: &InheritedSocket) -> String {
    let kind = match socket.kind {
        SocketKind::Udp => UDP,
        SocketKind::Tcp => TCP,
    };
    match socket.shard {
        Some(shard) => format!("{kind}{shard}"),
        None => format!("{kind}api"),
    }
}

fn remove_kept(names: &[String]) {
    for name in names.iter().collect::<BTreeSet<_>>() {
        notify(&[NotifyState::Custom("FDSTOREREMOVE=1"), NotifyState::Custom(&format!("FDNAME={name}"))]);
    }
}

fn keep(name: &str, descriptor: BorrowedFd<'_>) -> io::Result<()> {
    // Not polled: an error that waits in a socket of UDP would remove it.
    notify_with(&format!("FDSTORE=1\nFDNAME={name}\nFDPOLL=0\n"), descriptor)
}

/// Waits until systemd has read all messages before.
fn wait_until_read() -> io::Result<()> {
    let (waiting, passed) = pipe_with(PipeFlags::CLOEXEC)?;
    notify_with("BARRIER=1\n", passed.as_fd())?;
    drop(passed);
    // The pipe ends when systemd closes its end.
    let until = Timespec::try_from(READ_MAX).map_err(io::Error::other)?;
    match poll(&mut [PollFd::new(&waiting, PollFlags::IN)], Some(&until))? {
        0 => Err(io::ErrorKind::TimedOut.into()),
        _ => Ok(()),
    }
}

fn notify_with(text: &str, descriptor: BorrowedFd<'_>) -> io::Result<()> {
    let Some(path) = env::var_os("NOTIFY_SOCKET") else { return Ok(()) };
    let systemd = UnixDatagram::unbound()?;
    systemd.connect(path)?;
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    let descriptors = [descriptor];
    control.push(SendAncillaryMessage::ScmRights(&descriptors));
    sendmsg(&systemd, &[IoSlice::new(text.as_bytes())], &mut control, SendFlags::NOSIGNAL)?;
    Ok(())
}

fn notify_with_heartbeat(state: NotifyState<'_>) {
    match sd_notify::watchdog_enabled() {
        Some(_) => notify(&[state, NotifyState::Watchdog]),
        None => notify(&[state]),
    }
}

fn notify(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        warn!(%error, "the service manager could not be notified");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::UdpSocket;
    use worker::{Giver, InheritedSockets};

    #[test]
    fn a_socket_of_a_socket_unit_that_was_also_kept_is_passed_once() {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let passed = |name| passed_socket(name, socket.try_clone().unwrap().into()).unwrap();
        for names in [["udp-0", "ringtrack.socket"], ["ringtrack.socket", "udp-0"]] {
            let left = each_once(names.map(passed).into());
            assert_eq!(left.iter().map(|socket| socket.shard).collect::<Vec<_>>(), [None]);
            let mut inherited = InheritedSockets::new(left, Giver::ServiceManager);
            let address = socket.local_addr().unwrap();
            let adopted = inherited.take(SocketKind::Udp, address, ShardCount::ONE).unwrap().unwrap();
            assert_eq!(adopted.sockets.len(), 1);
        }
    }
}
