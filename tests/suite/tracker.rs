//! The running tracker: how a test starts the program, reads its log, asks for its figures and stops it.

use std::collections::HashMap;
use std::ffi::OsString;
use std::io::{BufRead, BufReader};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use ringtrack_tests::process::pause;
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

pub(crate) use crate::patience::PATIENCE;
use crate::patience::wait_for;
use crate::program::program;

/// The last figure of a report.
const LAST_FIGURE: &str = "timer_lateness_us_max";

/// How the program is to be started.
#[derive(Clone)]
pub(crate) struct Launch {
    /// `None` for the program that is built for the tests.
    program: Option<PathBuf>,
    wrapper: Vec<String>,
    arguments: Vec<OsString>,
    environment: Vec<(String, String)>,
    /// The temporary folder for latency dumps and stored data.
    dumps: Arc<TempDir>,
}

impl Launch {
    /// With the default configuration, but on free ports of both families' loopback addresses.
    pub(crate) fn on_loopback() -> Self {
        const ADDRESSES: &str = r#"["127.0.0.1:0", "[::1]:0"]"#;
        Self::with_defaults().set("udp.listen", ADDRESSES).set("http.listen", ADDRESSES)
    }

    /// With the default configuration, but on free ports of both families' wildcard addresses.
    pub(crate) fn on_wildcards() -> Self {
        const ADDRESSES: &str = r#"["0.0.0.0:0", "[::]:0"]"#;
        Self::with_defaults().set("udp.listen", ADDRESSES).set("http.listen", ADDRESSES)
    }

    /// With the default configuration, but without listeners on TCP, whose default ports all tests would share.
    pub(crate) fn with_defaults() -> Self {
        let keys = ["http.listen", "health_check_api.listen", "metrics.listen"];
        keys.into_iter().fold(Self::with_default_listeners(), |launch, key| launch.set(key, "[]"))
    }

    /// With the default configuration.
    pub(crate) fn with_default_listeners() -> Self {
        // The kernel kills the tracker when the test's thread ends, for whatever reason.
        let wrapper = ["setpriv", "--pdeathsig", "KILL", "--"].map(String::from).to_vec();
        let dumps = Arc::new(tempfile::tempdir().expect("a folder for dumps"));
        let directory = dumps.path().to_str().expect("a path of plain text").to_owned();
        let launch = Self { program: None, wrapper, arguments: Vec::new(), environment: Vec::new(), dumps }
            .set("latency.directory", &directory);
        launch.env("STATE_DIRECTORY", &directory)
    }

    /// Sets a key, such as `udp.listen`, by its environment variable.
    pub(crate) fn set(self, key: &str, value: &str) -> Self {
        let name = format!("RINGTRACK_{}", key.replace('.', "_").to_uppercase());
        self.env(&name, value)
    }

    pub(crate) fn config(mut self, file: &Path) -> Self {
        self.arguments = vec!["--config".into(), file.into()];
        self
    }

    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Starts this copy of the program, which can be replaced.
    pub(crate) fn program(mut self, program: &Path) -> Self {
        self.program = Some(program.to_owned());
        self
    }

    /// Starts the program by a command that executes the rest of its command line in its own process.
    pub(crate) fn under(mut self, wrapper: &[&str]) -> Self {
        self.wrapper.extend(wrapper.iter().map(|&word| word.to_owned()));
        self
    }

    /// Starts the program without any other command. A killed test then leaves its tracker running.
    pub(crate) fn by_itself(mut self) -> Self {
        self.wrapper.clear();
        self
    }

    /// Starts the program and waits until it serves.
    pub(crate) fn start(self) -> Tracker {
        let mut tracker = self.spawn();
        tracker
            .log
            .wait_for("the line `ready`", |lines| lines.iter().any(|line| is_ready(line)).then_some(()));
        tracker.addresses = tracker.addresses_of("udp");
        tracker
    }

    /// Starts the program and waits until it ends by itself.
    pub(crate) fn run_to_end(self) -> Ended {
        self.spawn().wait()
    }

    fn spawn(self) -> Tracker {
        let program = self.program.unwrap_or_else(program).into_os_string();
        let mut words = self.wrapper.into_iter().map(OsString::from).chain([program]);
        let mut command = Command::new(words.next().expect("the program at least"));
        command.args(words).args(self.arguments).env_clear().envs(self.environment);
        // For the lookup of the wrappers.
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let log = Arc::new(Log::default());
        let stderr = child.stderr.take().expect("the standard error output is a pipe");
        let reader = Arc::clone(&log);
        std::thread::spawn(move || reader.read(BufReader::new(stderr)));
        let process = Pid::from_child(&child);
        Tracker { child, process, log, addresses: Vec::new(), dumps: self.dumps }
    }
}

/// A running tracker, which is killed when this is dropped.
pub(crate) struct Tracker {
    child: Child,
    /// The child, or the process that has taken over from it.
    process: Pid,
    log: Arc<Log>,
    addresses: Vec<SocketAddr>,
    dumps: Arc<TempDir>,
}

/// A tracker that has ended.
pub(crate) struct Ended {
    /// Its exit code; `None` if a signal killed it.
    pub(crate) code: Option<i32>,
    /// All lines of its log.
    pub(crate) log: Vec<String>,
}

impl Tracker {
    /// The UDP address for IPv4 clients.
    pub(crate) fn v4(&self) -> SocketAddr {
        self.address(SocketAddr::is_ipv4, Ipv4Addr::LOCALHOST.into())
    }

    /// The HTTP address for IPv4 clients.
    pub(crate) fn http_v4(&self) -> SocketAddr {
        self.first_of("http", SocketAddr::is_ipv4)
    }

    /// The HTTP address for IPv6 clients.
    pub(crate) fn http_v6(&self) -> SocketAddr {
        self.first_of("http", SocketAddr::is_ipv6)
    }

    /// The HTTPS address for IPv4 clients.
    pub(crate) fn https_v4(&self) -> SocketAddr {
        self.first_of("https", SocketAddr::is_ipv4)
    }

    fn first_of(&self, scheme: &str, is_of_family: impl Fn(&SocketAddr) -> bool) -> SocketAddr {
        self.addresses_of(scheme).into_iter().find(is_of_family).expect("it listens there")
    }

    fn addresses_of(&self, scheme: &str) -> Vec<SocketAddr> {
        self.log().iter().filter_map(|line| listening_address(scheme, line)).collect()
    }

    /// The UDP address for IPv6 clients.
    pub(crate) fn v6(&self) -> SocketAddr {
        self.address(SocketAddr::is_ipv6, Ipv6Addr::LOCALHOST.into())
    }

    fn address(&self, is_of_family: impl Fn(&SocketAddr) -> bool, loopback: IpAddr) -> SocketAddr {
        let address = self.addresses.iter().find(|address| is_of_family(address)).expect("it listens there");
        let ip = if address.ip().is_unspecified() { loopback } else { address.ip() };
        SocketAddr::new(ip, address.port())
    }

    pub(crate) fn id(&self) -> u32 {
        self.process.as_raw_nonzero().get().cast_unsigned()
    }

    /// Follows an upgrade: another process is the tracker, whose log is the same.
    pub(crate) fn follow(&mut self, process: u32) {
        self.process = Pid::from_raw(process.cast_signed()).expect("a process");
    }

    /// Processor time that its threads have used so far.
    pub(crate) fn processor_time(&self) -> Duration {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.id())).expect("a running process");
        let (_, fields) = stat.rsplit_once(')').expect("the name of the program");
        let ticks = |field: &str| field.parse::<u64>().expect("hundredths of a second");
        // In user space and in the kernel.
        Duration::from_millis(10 * fields.split_whitespace().skip(11).take(2).map(ticks).sum::<u64>())
    }

    /// The folder of its latency dumps and stored data.
    pub(crate) fn dumps(&self) -> &Path {
        self.dumps.path()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(self.process, signal).expect("a signal to a process of our own");
    }

    /// Stops all of its threads until it gets `SIGCONT`.
    pub(crate) fn pause(&self) {
        pause(self.process);
    }

    /// The lines logged so far.
    pub(crate) fn log(&self) -> Vec<String> {
        self.log.lock().lines.clone()
    }

    /// Waits until `find` returns something for the log.
    pub(crate) fn wait_for_log<T>(&self, what: &str, find: impl FnMut(&[String]) -> Option<T>) -> T {
        self.log.wait_for(what, find)
    }

    /// Asks for a report of all figures. They are up to a tenth of a second old.
    pub(crate) fn figures(&self) -> Figures {
        let last_of_report = |line: &&String| figure(line).is_some_and(|(name, _)| name == LAST_FIGURE);
        let before = self.log().iter().filter(last_of_report).count();
        self.signal(Signal::USR1);
        self.wait_for_log("a report of all figures", |lines| {
            (lines.iter().filter(last_of_report).count() > before).then(|| Figures::of(lines))
        })
    }

    /// Waits until the figures have these values. Each core publishes its own ten times a second.
    #[track_caller]
    pub(crate) fn wait_for_figures(&self, wanted: &[(&str, u64)]) {
        wait_for(|| {
            let figures = self.figures();
            let other = wanted.iter().find(|&&(name, value)| figures.get(name) != value);
            match other {
                None => Ok(()),
                Some(&(name, value)) => Err(format!("{name} is {} and not {value}", figures.get(name))),
            }
        });
    }

    /// Stops it and waits for its end.
    pub(crate) fn stop(self) -> Ended {
        self.signal(Signal::TERM);
        self.wait()
    }

    /// Waits for its end.
    pub(crate) fn wait(mut self) -> Ended {
        self.log.wait_for_end();
        let status = self.child.wait().expect("the state of a child of our own");
        Ended { code: status.code(), log: self.log() }
    }
}

impl Drop for Tracker {
    fn drop(&mut self) {
        // An error means that it has ended already.
        drop(self.child.kill());
        drop(self.child.wait());
        if self.process != Pid::from_child(&self.child) {
            let _ended = kill_process(self.process, Signal::KILL);
        }
    }
}

impl Ended {
    /// The figures of its last report.
    pub(crate) fn figures(&self) -> Figures {
        Figures::of(&self.log)
    }
}

/// The figures of a report.
pub(crate) struct Figures(HashMap<String, u64>);

impl Figures {
    /// The figures of the last report in a log.
    fn of(log: &[String]) -> Self {
        Self(log.iter().filter_map(|line| figure(line)).collect())
    }

    #[track_caller]
    pub(crate) fn get(&self, name: &str) -> u64 {
        *self.0.get(name).unwrap_or_else(|| panic!("no figure is named {name}"))
    }

    /// The sum of the outcomes of one family's datagrams.
    pub(crate) fn outcomes(&self, family: &str) -> u64 {
        let is_outcome = |name: &str| {
            let kinds = ["connect", "announce", "scrape", "unknown"];
            kinds.iter().any(|kind| name.starts_with(&format!("udp_{family}_{kind}_")))
        };
        self.0.iter().filter(|(name, _)| is_outcome(name)).map(|(_, value)| value).sum()
    }

    /// HTTP connections that have ended, for whatever reason.
    pub(crate) fn http_closed(&self) -> u64 {
        self.0.iter().filter(|(name, _)| name.starts_with("http_closed_")).map(|(_, value)| value).sum()
    }
}

/// The name and the value in a line of a report.
pub(crate) fn figure(line: &str) -> Option<(String, u64)> {
    let (_, rest) = line.split_once(" statistic name=\"")?;
    let (name, value) = rest.split_once("\" value=")?;
    Some((name.to_owned(), value.parse().ok()?))
}

fn is_ready(line: &str) -> bool {
    line.ends_with(" ready") || line.contains(r#""message":"ready""#)
}

fn listening_address(scheme: &str, line: &str) -> Option<SocketAddr> {
    let (_, address) = line.split_once(&format!("listening on {scheme}://"))?;
    address.trim_end_matches(['"', '}']).split('"').next()?.parse().ok()
}

/// The log of a running program.
#[derive(Default)]
struct Log {
    said: Mutex<Said>,
    grew: Condvar,
}

#[derive(Default)]
struct Said {
    lines: Vec<String>,
    ended: bool,
}

impl Log {
    fn lock(&self) -> MutexGuard<'_, Said> {
        self.said.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn read(&self, output: impl BufRead) {
        for line in output.lines().map_while(Result::ok) {
            self.lock().lines.push(line);
            self.grew.notify_all();
        }
        self.lock().ended = true;
        self.grew.notify_all();
    }

    /// Waits until `find` returns something for the log. Panics with the log if the program ends or takes too long.
    fn wait_for<T>(&self, what: &str, mut find: impl FnMut(&[String]) -> Option<T>) -> T {
        let deadline = Instant::now() + PATIENCE;
        let mut said = self.lock();
        loop {
            if let Some(found) = find(&said.lines) {
                return found;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            let log = || said.lines.join("\n");
            assert!(!said.ended, "the tracker ended without {what}:\n{}", log());
            assert!(!left.is_zero(), "timed out waiting for {what}:\n{}", log());
            said = self.grew.wait_timeout(said, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn wait_for_end(&self) {
        let said = self.lock();
        let (said, _) = self
            .grew
            .wait_timeout_while(said, PATIENCE, |said| !said.ended)
            .unwrap_or_else(PoisonError::into_inner);
        assert!(said.ended, "the tracker does not end:\n{}", said.lines.join("\n"));
    }
}
