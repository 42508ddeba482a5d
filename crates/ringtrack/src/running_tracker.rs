//! How commands reach a running tracker: an abstract socket, so that nothing is configured and no file stays.
//!
//! The tracker answers a connection with one byte, or with nothing if it accepts no requests of the other side's user. The
//! first byte of a request names what it asks for, and the request ends where the other side writes no more. The tracker's
//! process and user are what the kernel says of the socket, because any user can listen at such a name.

use crate::config_diff::{DIFF, Known};
use crate::dump_latency::{self, DUMP};
use crate::keys::random;
use crate::upgrade::{UPGRADE, UPGRADE_MAX};
use anyhow::{Context, bail, ensure};
use control::Request;
use rustix::net::sockopt::socket_peercred;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, connect, socket_with};
use rustix::process::geteuid;
use std::collections::BTreeSet;
use std::fmt::{self, Display, Formatter};
use std::fs;
use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener, UnixStream};
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::Semaphore;
use tokio::sync::mpsc::Sender;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

/// How the name of each tracker's socket begins. The rest is random, so that two trackers do not choose the same.
const NAME: &str = "ringtrack-";

/// The kernel's list of the sockets that this process can connect to.
const SOCKETS: &str = "/proc/self/net/unix";

/// Time in which all trackers together have to answer: far more than a busy machine takes.
const ANSWERS_MAX: Duration = Duration::from_secs(5);

/// Time that is left for an answer that is there already when the others have taken all of it.
const ANSWER_MIN: Duration = Duration::from_millis(1);

/// Time to wait for a reply: the cores reply within a tenth of a second, a hanging one is waited for a whole second, and
/// lists of a million torrents are read in one.
const REPLY_MAX: Duration = Duration::from_secs(10);

/// Time that the tracker keeps a connection: the command finds out which other trackers answer before its request.
const CONNECTION_MAX: Duration = ANSWERS_MAX.saturating_add(REPLY_MAX);

/// Bytes of a request that are read: the longest path.
const REQUEST_BYTES_MAX: u64 = 8 << 10;

/// The answer that requests are accepted.
const SIGN: &[u8] = b"\n";

/// Bytes that are read at once.
const READ_BYTES: usize = 16 << 10;

/// Connections that a tracker serves at a time: those of a few commands.
const CONNECTIONS_MAX: usize = 16;

/// Time after which accepting is tried again.
const RETRY: Duration = Duration::from_secs(1);

/// Upgrades the tracker, and returns the reply to the command.
pub(crate) type Upgrade = Box<dyn Fn() -> Pin<Box<dyn Future<Output = Vec<u8>> + Send>> + Send + Sync>;

/// Answers commands.
pub(crate) struct Commands {
    pub(crate) requests: Sender<Request>,
    /// The last requested dump of latencies.
    pub(crate) dumped: watch::Sender<String>,
    pub(crate) known: Arc<Known>,
    pub(crate) upgrade: Upgrade,
}

impl Commands {
    async fn reply(&self, request: &[u8]) -> Vec<u8> {
        match request {
            [DUMP, ..] => dump_latency::reply(&self.requests, &self.dumped).await,
            [UPGRADE] => (self.upgrade)().await,
            [DIFF, file @ ..] => Arc::clone(&self.known).reply(file.to_owned()).await,
            _ => Vec::new(),
        }
    }
}

/// Accepts requests of commands from now on, until `stopped` becomes true: then another process may accept them.
pub(crate) fn accept_requests(commands: Commands, mut stopped: watch::Receiver<bool>) -> anyhow::Result<()> {
    let name = format!("{NAME}{:016x}", u64::from_ne_bytes(random()?));
    let listener = UnixListener::bind_addr(&SocketAddr::from_abstract_name(name)?)?;
    listener.set_nonblocking(true)?;
    let listener = tokio::net::UnixListener::from_std(listener)?;
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let commands = Arc::new(commands);
    tokio::spawn(async move {
        while let Ok(place) = Arc::clone(&places).acquire_owned().await {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                _ = stopped.wait_for(|is_stopped| *is_stopped) => return,
            };
            // Accepting fails if there are no more file descriptors.
            let Ok((peer, _)) = accepted else {
                sleep(RETRY).await;
                continue;
            };
            let commands = Arc::clone(&commands);
            tokio::spawn(async move {
                // A connection that breaks makes no request.
                drop(serve(peer, &commands).await);
                drop(place);
            });
        }
    });
    Ok(())
}

async fn serve(mut peer: tokio::net::UnixStream, commands: &Commands) -> io::Result<()> {
    if !accepts(peer.peer_cred()?.uid(), geteuid().as_raw()) {
        return Ok(());
    }
    let mut request = Vec::new();
    timeout(CONNECTION_MAX, async {
        peer.write_all(SIGN).await?;
        (&mut peer).take(REQUEST_BYTES_MAX).read_to_end(&mut request).await
    })
    .await??;
    let reply = timeout(reply_max(&request), commands.reply(&request)).await?;
    timeout(CONNECTION_MAX, peer.write_all(&reply)).await?
}

/// Returns the time that a reply may take.
const fn reply_max(request: &[u8]) -> Duration {
    match request {
        [UPGRADE] => UPGRADE_MAX,
        _ => REPLY_MAX,
    }
}

/// Whether a tracker of a user accepts requests of another user.
const fn accepts(peer: u32, own: u32) -> bool {
    peer == own || peer == 0
}

/// A tracker that has answered, and waits for a request.
#[derive(Debug)]
pub(crate) struct RunningTracker {
    connection: UnixStream,
    process: u32,
    user: u32,
    /// Whether it accepts requests of this user.
    is_open: bool,
}

impl RunningTracker {
    /// Finds the tracker of the named process, or the only one that accepts requests of this user, or of several the
    /// only one of this user.
    pub(crate) fn find(named: Option<u32>) -> anyhow::Result<Self> {
        let mut trackers = all()?;
        trackers.retain(|tracker| named.is_none_or(|process| tracker.process == process));
        let deadline = Instant::now() + ANSWERS_MAX;
        trackers.retain_mut(|tracker| tracker.hear(deadline).is_ok());
        let Some(process) = named else { return choose(trackers, geteuid().as_raw()) };
        let tracker = trackers.into_iter().next();
        tracker.with_context(|| format!("there is no process {process}, or it is not a tracker that serves"))
    }

    /// Connects without waiting: a listener whose queue is full is not waited for.
    fn connect(name: &str) -> anyhow::Result<Self> {
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        let connection = socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
        connect(&connection, &SocketAddrUnix::new_abstract_name(name.as_bytes())?)?;
        let owner = socket_peercred(&connection)?;
        let connection = UnixStream::from(connection);
        connection.set_nonblocking(false)?;
        let process = owner.pid.as_raw_nonzero().get().try_into()?;
        Ok(Self { connection, process, user: owner.uid.as_raw(), is_open: false })
    }

    /// Waits for the answer.
    fn hear(&mut self, deadline: Instant) -> io::Result<()> {
        self.is_open = self.read(&mut [0], deadline)? > 0;
        Ok(())
    }

    /// Sends a request, waits for the reply, and returns at most this much of it.
    pub(crate) fn ask(&self, request: &[u8], reply_bytes_max: usize) -> anyhow::Result<Vec<u8>> {
        self.ask_within(REPLY_MAX, request, reply_bytes_max)
    }

    /// Like [`Self::ask`], for a request whose reply takes another time.
    pub(crate) fn ask_within(
        &self,
        reply_max: Duration,
        request: &[u8],
        reply_bytes_max: usize,
    ) -> anyhow::Result<Vec<u8>> {
        ensure!(self.is_open, "{self} accepts no requests of this user");
        let sent =
            (&self.connection).write_all(request).and_then(|()| self.connection.shutdown(Shutdown::Write));
        sent.with_context(|| format!("{self} accepts no request"))?;
        let deadline = Instant::now() + reply_max;
        let (mut reply, mut bytes) = (Vec::new(), [0; READ_BYTES]);
        while reply.len() < reply_bytes_max
            && let Ok(count @ 1..) = self.read(&mut bytes, deadline)
        {
            reply.extend_from_slice(&bytes[..count]);
        }
        Ok(reply)
    }

    fn read(&self, bytes: &mut [u8], deadline: Instant) -> io::Result<usize> {
        let left = deadline.saturating_duration_since(Instant::now()).max(ANSWER_MIN);
        self.connection.set_read_timeout(Some(left))?;
        (&self.connection).read(bytes)
    }
}

impl Display for RunningTracker {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        write!(formatter, "process {} of user {}", self.process, self.user)
    }
}

/// Returns the processes that listen at a tracker's name, connected.
fn all() -> anyhow::Result<Vec<RunningTracker>> {
    let sockets = fs::read(SOCKETS).with_context(|| format!("{SOCKETS} cannot be read"))?;
    let sockets = String::from_utf8_lossy(&sockets);
    // Accepted connections have the name of their listener.
    let names: BTreeSet<&str> = sockets.lines().filter_map(|line| Some(line.rsplit_once(" @")?.1)).collect();
    let trackers = names.into_iter().filter(|name| name.starts_with(NAME));
    let mut trackers: Vec<_> = trackers.filter_map(|name| RunningTracker::connect(name).ok()).collect();
    trackers.sort_by_key(|tracker| tracker.process);
    Ok(trackers)
}

/// Returns the only tracker that accepts requests of this user, or else the only one of a user.
fn choose(mut trackers: Vec<RunningTracker>, user: u32) -> anyhow::Result<RunningTracker> {
    trackers.retain(|tracker| tracker.is_open);
    ensure!(!trackers.is_empty(), "no tracker runs here that accepts requests of this user");
    let listed = trackers.iter().map(RunningTracker::to_string).collect::<Vec<_>>().join(", ");
    let is_only_one = trackers.len() == 1;
    let mut candidates = trackers.into_iter().filter(|tracker| is_only_one || tracker.user == user);
    match (candidates.next(), candidates.next()) {
        (Some(tracker), None) => Ok(tracker),
        _ => bail!("several trackers run, {listed}: choose one with --pid"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::Source;
    use config::Configuration;
    use tokio::sync::mpsc::channel;
    use tokio::task::spawn_blocking;

    /// Returns trackers with these processes and users.
    fn trackers(known: &[(u32, u32)]) -> Vec<RunningTracker> {
        let tracker = |&(process, user): &(u32, u32)| RunningTracker {
            connection: UnixStream::pair().unwrap().0,
            process,
            user,
            is_open: true,
        };
        known.iter().map(tracker).collect()
    }

    fn chosen(known: &[(u32, u32)]) -> Result<u32, String> {
        let tracker = choose(trackers(known), 1000);
        tracker.map(|tracker| tracker.process).map_err(|error| error.to_string())
    }

    #[test]
    fn the_only_tracker_is_chosen_or_else_the_only_one_of_the_user() {
        assert_eq!(chosen(&[(7, 0)]), Ok(7));
        assert_eq!(chosen(&[(7, 0), (9, 1000)]), Ok(9));
        assert!(chosen(&[]).is_err());
    }

    #[test]
    fn several_candidates_are_listed_with_their_users() {
        let list = |list: &str| Err(format!("several trackers run, {list}: choose one with --pid"));
        assert_eq!(chosen(&[(7, 0), (9, 33)]), list("process 7 of user 0, process 9 of user 33"));
        assert_eq!(chosen(&[(7, 1000), (9, 1000)]), list("process 7 of user 1000, process 9 of user 1000"));
    }

    #[test]
    fn a_tracker_accepts_requests_of_its_own_user_and_of_root_only() {
        assert!(accepts(1000, 1000) && accepts(0, 1000) && accepts(0, 0));
        assert!(!accepts(1001, 1000) && !accepts(1000, 0));
    }

    #[test]
    fn a_tracker_that_accepts_no_requests_of_this_user_is_not_chosen() {
        let mut tracker = trackers(&[(7, 0)]).remove(0);
        tracker.is_open = false;
        let error = tracker.ask(&[DUMP], 100).unwrap_err().to_string();
        assert_eq!(error, "process 7 of user 0 accepts no requests of this user");
        assert!(choose(vec![tracker], 1000).is_err());
    }

    #[tokio::test]
    async fn each_request_gets_its_reply_until_the_commands_are_stopped() {
        let (requests, mut inbox) = channel(1);
        let dumps = watch::Sender::new("an older dump".to_owned());
        let known = Arc::new(Known::new(Source::default(), Configuration::default(), true));
        let upgrade: Upgrade = Box::new(|| Box::pin(async { b"upgraded".to_vec() }));
        let (stop, stopped) = watch::channel(false);
        accept_requests(Commands { requests, dumped: dumps.clone(), known, upgrade }, stopped).unwrap();
        let own = Some(std::process::id());
        spawn_blocking(move || RunningTracker::find(own)).await.unwrap().unwrap();
        let upgraded = spawn_blocking(move || RunningTracker::find(own)?.ask(&[UPGRADE], 100));
        assert_eq!(upgraded.await.unwrap().unwrap(), b"upgraded");
        assert!(inbox.is_empty());
        for dump in ["a dump", ""] {
            let command = spawn_blocking(move || RunningTracker::find(own)?.ask(&[DUMP], 100));
            assert_eq!(inbox.recv().await, Some(Request::Report));
            assert!(inbox.is_empty());
            dumps.send_replace(dump.to_owned());
            assert_eq!(command.await.unwrap().unwrap(), dump.as_bytes());
        }
        stop.send_replace(true);
        let is_found = async || spawn_blocking(move || RunningTracker::find(own)).await.unwrap().is_ok();
        timeout(ANSWERS_MAX, async { while is_found().await {} }).await.unwrap();
    }
}
