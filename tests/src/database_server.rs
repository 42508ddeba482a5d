//! Private PostgreSQL and MariaDB servers for tests. Each lives in a temporary folder, listens on a Unix socket,
//! and ends with the process that started it.

use crate::process::pause;
use rustix::process::{Pid, Signal, kill_process};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

/// Password of the tests' database user, which has all privileges.
const PASSWORD: &str = "hunter2";

/// A database product.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ServerKind {
    /// PostgreSQL.
    Postgres,
    /// MariaDB.
    MariaDb,
}

/// A private server. It ends, and its folder is removed, when this is dropped or the process ends in any way.
#[derive(Debug)]
pub struct DatabaseServer {
    kind: ServerKind,
    folder: PathBuf,
    running: Option<Running>,
}

/// The script that runs a server, and ends the server when its own standard input ends.
#[derive(Debug)]
struct Running {
    script: Child,
    server: Pid,
}

/// A server whose processes are stopped, as if its machine hung, until this is dropped.
#[derive(Debug)]
pub struct Paused<'server> {
    _server: &'server DatabaseServer,
    processes: Vec<Pid>,
}

impl ServerKind {
    const fn name(self) -> &'static str {
        match self {
            Self::Postgres => "postgres",
            Self::MariaDb => "mariadb",
        }
    }
}

impl DatabaseServer {
    /// Returns the server of this kind that all tests of the process share. Each test creates databases of its own.
    pub fn shared(kind: ServerKind) -> &'static Self {
        static POSTGRES: OnceLock<DatabaseServer> = OnceLock::new();
        static MARIADB: OnceLock<DatabaseServer> = OnceLock::new();
        let server = match kind {
            ServerKind::Postgres => &POSTGRES,
            ServerKind::MariaDb => &MARIADB,
        };
        server.get_or_init(|| Self::start(kind))
    }

    /// Starts a server for one test, which may stop it.
    ///
    /// # Panics
    /// If it does not accept connections within half a minute.
    #[must_use]
    pub fn start(kind: ServerKind) -> Self {
        let folder =
            tempfile::Builder::new().prefix("database").tempdir().expect("a temporary folder").keep();
        let running = Some(Running::start(kind, &folder));
        Self { kind, folder, running }
    }

    /// Creates a database and returns its URL.
    ///
    /// # Panics
    /// If the server does not create it.
    pub fn make_database(&self, name: &str) -> String {
        let statement = format!("CREATE DATABASE {name}");
        let mut client = match self.kind {
            ServerKind::Postgres => {
                let mut client = Command::new("psql");
                client.env("PGPASSWORD", PASSWORD).args(["--quiet", "--username=ringtrack", "--host"]);
                client.arg(&self.folder).args(["--command", &statement, "postgres"]);
                client
            }
            ServerKind::MariaDb => {
                let mut client = Command::new("mariadb");
                client.args(["--no-defaults", "--user=root", "--execute", &statement, "--socket"]);
                client.arg(self.folder.join("socket"));
                client
            }
        };
        let status = client.status().expect("the server's client can be started");
        assert!(status.success(), "{statement}: {status}");
        self.url(name, PASSWORD)
    }

    /// Returns the URL of a database with this password, which may be wrong.
    ///
    /// # Panics
    /// If the path of the temporary folder is not UTF-8.
    #[must_use]
    pub fn url(&self, name: &str, password: &str) -> String {
        let folder = self.folder.to_str().expect("a temporary folder in UTF-8");
        match self.kind {
            ServerKind::Postgres => {
                format!("postgres://ringtrack:{password}@{}/{name}", folder.replace('/', "%2F"))
            }
            ServerKind::MariaDb => {
                format!("mariadb://ringtrack:{password}@localhost/{name}?socket={folder}/socket")
            }
        }
    }

    /// Stops all of its processes until the result is dropped: connections are neither refused nor answered.
    ///
    /// # Panics
    /// If the server is not running.
    #[must_use]
    pub fn pause(&self) -> Paused<'_> {
        let server = self.running.as_ref().expect("the server is running").server;
        pause(server);
        // A stopped server starts no further processes, so the list is complete.
        let id = server.as_raw_nonzero();
        let children = std::fs::read_to_string(format!("/proc/{id}/task/{id}/children")).unwrap_or_default();
        let children = children.split_whitespace().filter_map(|child| child.parse().ok());
        let processes: Vec<_> = children.filter_map(Pid::from_raw).chain([server]).collect();
        processes.iter().for_each(|process| pause(*process));
        Paused { _server: self, processes }
    }

    /// Ends the server as a crash would. Connections are refused until [`Self::restart`].
    pub fn crash(&mut self) {
        if let Some(running) = self.running.take() {
            running.end("keep\n");
        }
    }

    /// Starts the server again with its stored data.
    pub fn restart(&mut self) {
        self.crash();
        self.running = Some(Running::start(self.kind, &self.folder));
    }
}

impl Drop for DatabaseServer {
    fn drop(&mut self) {
        match self.running.take() {
            Some(running) => running.end(""),
            None => drop(std::fs::remove_dir_all(&self.folder)),
        }
    }
}

impl Drop for Paused<'_> {
    fn drop(&mut self) {
        self.processes.iter().for_each(|process| signal(*process, Signal::CONT));
    }
}

impl Running {
    fn start(kind: ServerKind, folder: &Path) -> Self {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/src/database_server.sh");
        let mut script = Command::new("bash")
            .arg(script)
            .arg(kind.name())
            .arg(folder)
            .arg(PASSWORD)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("bash can be started");
        let output = script.stdout.take().expect("the script's output");
        let mut line = String::new();
        BufReader::new(output).read_line(&mut line).expect("a line of the script");
        let Some(server) = server_of(&line) else {
            let log = std::fs::read_to_string(folder.join("log")).unwrap_or_default();
            panic!("{kind:?} did not start; tests/install installs it\n{log}");
        };
        Self { script, server }
    }

    /// Makes the script end the server, and waits for it.
    fn end(mut self, word: &str) {
        if let Some(mut input) = self.script.stdin.take() {
            drop(input.write_all(word.as_bytes()));
        }
        drop(self.script.wait());
    }
}

fn server_of(line: &str) -> Option<Pid> {
    Pid::from_raw(line.strip_prefix("ready ")?.trim().parse().ok()?)
}

fn signal(process: Pid, signal: Signal) {
    // The process may have exited already, which does not matter.
    let _ = kill_process(process, signal);
}
