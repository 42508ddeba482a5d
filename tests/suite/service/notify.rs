//! The tracker's messages to a service manager, over the socket that `NOTIFY_SOCKET` names.

use std::os::unix::net::UnixDatagram;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use tempfile::TempDir;

use crate::patience::{PATIENCE, wait_for};
use crate::tracker::Launch;
use crate::udp_client::{Client, uninterrupted};

/// A service manager's end of the socket.
struct Manager {
    socket: UnixDatagram,
    folder: TempDir,
}

impl Manager {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder for the socket");
        let socket = UnixDatagram::bind(folder.path().join("notify")).expect("a socket in the folder");
        socket.set_read_timeout(Some(PATIENCE)).expect("a read timeout");
        Self { socket, folder }
    }

    fn launch(&self) -> Launch {
        let path = self.folder.path().join("notify");
        Launch::on_loopback().env("NOTIFY_SOCKET", path.to_str().expect("a path of plain text"))
    }

    fn next(&self) -> String {
        let mut buffer = [0; 256];
        let length =
            uninterrupted(|| self.socket.recv(&mut buffer)).expect("a message to the service manager");
        String::from_utf8_lossy(&buffer[..length]).trim_end().to_owned()
    }

    /// Messages that were received but not read.
    fn rest(&self) -> Vec<String> {
        self.socket.set_nonblocking(true).expect("a non-blocking socket");
        let mut buffer = [0; 256];
        let next = || self.socket.recv(&mut buffer).ok().map(|length| buffer[..length].to_vec());
        std::iter::from_fn(next).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).collect()
    }
}

#[test]
fn the_service_manager_is_notified_of_readiness_and_of_shutdown() {
    let manager = Manager::new();
    let tracker = manager.launch().start();
    assert_eq!(manager.next(), "READY=1");
    Client::new(tracker.v4());
    Client::new(tracker.v6());
    tracker.signal(Signal::TERM);
    assert_eq!(manager.next(), "STOPPING=1");
    assert_eq!(tracker.wait().code, Some(0));
    assert_eq!(manager.rest(), [""; 0], "without WATCHDOG_USEC there are no heartbeats");
}

#[test]
fn a_tracker_that_cannot_serve_never_reports_readiness() {
    let manager = Manager::new();
    let other = Launch::on_loopback().start();
    let ended = manager.launch().set("udp.listen", &other.v4().to_string()).run_to_end();
    assert_eq!(ended.code, Some(1), "{:#?}", ended.log);
    assert_eq!(manager.rest(), [""; 0]);
}

#[test]
fn heartbeats_are_sent_twice_per_watchdog_interval() {
    const WATCHDOG: Duration = Duration::from_millis(600);
    const HEARTBEATS: u32 = 4;
    let manager = Manager::new();
    let launch = manager.launch().env("WATCHDOG_USEC", &WATCHDOG.as_micros().to_string());
    let start = Instant::now();
    let tracker = launch.start();
    assert_eq!(manager.next(), "READY=1");
    let take = || {
        let begin = Instant::now();
        (0..HEARTBEATS).for_each(|_| assert_eq!(manager.next(), "WATCHDOG=1"));
        begin.elapsed()
    };
    take();
    assert!(start.elapsed() > WATCHDOG / 2 * HEARTBEATS, "within {:?}", start.elapsed());
    // On a busy machine some are late.
    wait_for(|| match take() {
        taken if taken < WATCHDOG * (HEARTBEATS - 1) => Ok(()),
        taken => Err(format!("{HEARTBEATS} heartbeats take {taken:?}")),
    });
    assert_eq!(tracker.stop().code, Some(0));
    assert_eq!(manager.rest().last().map(String::as_str), Some("STOPPING=1\n"));
}

#[test]
fn the_watchdog_of_another_process_is_ignored() {
    let manager = Manager::new();
    let launch = manager.launch().env("WATCHDOG_USEC", "100000").env("WATCHDOG_PID", "1");
    let tracker = launch.set("statistics.interval_s", "1").start();
    // By then, more than one watchdog interval has passed.
    tracker.wait_for_log("a line with statistics", |lines| {
        lines.iter().any(|line| line.contains(" statistics ")).then_some(())
    });
    assert_eq!(tracker.stop().code, Some(0));
    assert_eq!(manager.rest(), ["READY=1\n", "STOPPING=1\n"]);
}
