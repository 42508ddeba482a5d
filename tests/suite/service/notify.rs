//! The tracker's messages to a service manager, over the socket that `NOTIFY_SOCKET` names.

use std::io::{IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::net::TcpStream;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::{UnixDatagram, UnixListener};
use std::thread;
use std::time::{Duration, Instant};

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage,
    SendFlags, recvmsg, sendmsg,
};
use rustix::process::Signal;
use tempfile::TempDir;
use udp_protocol::{ConnectRequest, TransactionId};
use zerocopy::IntoBytes;

use crate::http_client::{HttpClient, scrape_target, with_patience};
use crate::patience::{PATIENCE, wait_for};
use crate::program::in_checkout;
use crate::tracker::{Launch, Tracker};
use crate::udp_client::{Answer, Client, uninterrupted};
use crate::upgrade::Installed;

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
        self.next_with_descriptors().0
    }

    /// Returns the next message that says neither what the tracker does nor that this takes long.
    fn next_with_descriptors(&self) -> (String, Vec<OwnedFd>) {
        let mut messages = std::iter::repeat_with(|| self.receive());
        messages.find(|(text, _)| !is_of_start(text)).expect("there is a next one")
    }

    fn receive(&self) -> (String, Vec<OwnedFd>) {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let mut buffer = [0; 256];
        let received = uninterrupted(|| {
            let into = &mut [IoSliceMut::new(&mut buffer)];
            Ok(recvmsg(&self.socket, into, &mut control, RecvFlags::CMSG_CLOEXEC)?)
        });
        let length = received.expect("a message to the service manager").bytes;
        let descriptors = control.drain().flat_map(|message| match message {
            RecvAncillaryMessage::ScmRights(descriptors) => descriptors.collect(),
            _ => Vec::new(),
        });
        (String::from_utf8_lossy(&buffer[..length]).trim_end().to_owned(), descriptors.collect())
    }

    /// The sockets that it is to keep, with their names, up to the message that the tracker is ready.
    fn kept_until_ready(&self) -> Vec<(String, OwnedFd)> {
        let mut kept: Vec<(String, OwnedFd)> = Vec::new();
        loop {
            let (text, descriptors) = self.next_with_descriptors();
            let name =
                |prefix| text.strip_prefix(prefix).map(|rest| rest.lines().next().unwrap_or("").to_owned());
            if let Some(name) = name("FDSTORE=1\nFDNAME=") {
                assert!(text.ends_with("\nFDPOLL=0"), "{text}");
                kept.extend(descriptors.into_iter().map(|descriptor| (name.clone(), descriptor)));
            } else if let Some(removed) = name("FDSTOREREMOVE=1\nFDNAME=") {
                kept.retain(|(name, _)| *name != removed);
            } else {
                assert_eq!(text, "READY=1");
                return kept;
            }
        }
    }

    /// Starts the tracker, and keeps its sockets.
    fn start_and_keep(&self, launch: Launch) -> (Tracker, Vec<(String, OwnedFd)>) {
        thread::scope(|scope| {
            let kept = scope.spawn(|| self.kept_until_ready());
            // The kernel kills it when this thread ends.
            (launch.start(), kept.join().expect("it is ready"))
        })
    }

    /// How the tracker is started with sockets that are kept.
    fn launch_with(&self, kept: &[(String, OwnedFd)]) -> Launch {
        let path = self.folder.path().join("kept");
        let giver = UnixListener::bind(&path).expect("a socket in the folder");
        let names = kept.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>().join(":");
        let descriptors: Vec<_> =
            kept.iter().map(|(_, descriptor)| descriptor.try_clone().expect("a copy")).collect();
        thread::spawn(move || {
            let (taker, _) = giver.accept().expect("the program that passes them on");
            let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(200))];
            let mut control = SendAncillaryBuffer::new(&mut space);
            let descriptors: Vec<_> = descriptors.iter().map(AsFd::as_fd).collect();
            assert!(control.push(SendAncillaryMessage::ScmRights(&descriptors)), "there is room");
            sendmsg(taker, &[IoSlice::new(names.as_bytes())], &mut control, SendFlags::empty())
                .expect("it takes them");
        });
        let script = in_checkout("tests/suite/service/activate.py");
        let [script, path] = [&script, &path].map(|path| path.to_str().expect("a path of plain text"));
        self.launch().env("FDSTORE", "64").under(&["/usr/bin/python3", "-B", script, path])
    }

    /// Messages that were received but not read.
    fn rest(&self) -> Vec<String> {
        self.socket.set_nonblocking(true).expect("a non-blocking socket");
        let mut buffer = [0; 256];
        let next = || self.socket.recv(&mut buffer).ok().map(|length| buffer[..length].to_vec());
        let all = std::iter::from_fn(next).map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        all.filter(|text| !is_of_start(text)).collect()
    }
}

/// Whether a message says what the tracker does before it is ready, or that this takes long.
fn is_of_start(text: &str) -> bool {
    ["STATUS=", "EXTEND_TIMEOUT_USEC="].iter().any(|name| text.starts_with(name))
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
    assert_eq!(manager.next(), "READY=1\nWATCHDOG=1");
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

#[test]
fn after_an_upgrade_the_new_process_is_the_main_one_and_alone_sends_messages() {
    let (manager, installed) = (Manager::new(), Installed::new());
    // The heartbeats are those of the messages: the next one is far away.
    let mut tracker = installed.start(manager.launch().env("WATCHDOG_USEC", "600000000"));
    assert_eq!(manager.next(), "READY=1\nWATCHDOG=1");
    installed.upgrade_to_success(&mut tracker);
    assert_eq!(manager.next(), format!("MAINPID={}\nWATCHDOG=1", tracker.id()));
    assert_eq!(manager.next(), "READY=1\nWATCHDOG=1");
    tracker.signal(Signal::TERM);
    assert_eq!(manager.next(), "STOPPING=1");
    assert_eq!(tracker.wait().code, Some(0));
    assert_eq!(manager.rest(), [""; 0]);
}

#[test]
fn sockets_that_the_service_manager_keeps_are_used_again_with_what_waits_in_them() {
    let manager = Manager::new();
    let (tracker, kept) = manager.start_and_keep(manager.launch().env("FDSTORE", "64"));
    let (v4, v6, http) = (tracker.v4(), tracker.v6(), tracker.http_v4());
    let names: Vec<&str> = kept.iter().map(|(name, _)| name.as_str()).collect();
    assert!(names.contains(&"udp-0") && names.contains(&"tcp-0"), "{names:?}");
    tracker.signal(Signal::KILL);
    assert_eq!(tracker.wait().code, None);
    let early = [v4, v6].map(Client::unconnected);
    for client in &early {
        client.send(ConnectRequest::new(TransactionId([0; 4])).as_bytes());
    }
    let mut waiting = HttpClient::over(with_patience(TcpStream::connect(http).expect("it is not refused")));
    let (tracker, kept_again) = manager.start_and_keep(manager.launch_with(&kept));
    assert_eq!((tracker.v4(), tracker.v6(), tracker.http_v4()), (v4, v6, http));
    for client in early {
        assert!(matches!(client.receive().1, Answer::Connected(_)), "the datagram is answered");
    }
    assert_eq!(waiting.get(&scrape_target(&[])).status, 200);
    assert_eq!(kept_again.len(), kept.len());
    assert_eq!(tracker.stop().code, Some(0));
}

#[test]
fn sockets_of_more_workers_than_there_are_are_given_up() {
    let manager = Manager::new();
    let (tracker, mut kept) = manager.start_and_keep(manager.launch().env("FDSTORE", "64"));
    let v4 = tracker.v4();
    tracker.signal(Signal::KILL);
    assert_eq!(tracker.wait().code, None);
    for (name, _) in &mut kept {
        // As if there had been as many workers more.
        *name = name.replace("-0", "-200");
    }
    let launch = manager.launch_with(&kept).set("udp.listen", &v4.to_string());
    let tracker = thread::scope(|scope| {
        scope.spawn(|| {
            // It waits until the service manager has closed the sockets.
            let barrier = loop {
                let (text, descriptors) = manager.next_with_descriptors();
                if text == "BARRIER=1" {
                    break descriptors;
                }
                assert!(text.starts_with("FDSTOREREMOVE=1"), "{text}");
            };
            drop((kept, barrier));
            manager.kept_until_ready()
        });
        launch.start()
    });
    assert_eq!(tracker.v4(), v4);
    Client::new(v4);
    assert_eq!(tracker.stop().code, Some(0));
}
