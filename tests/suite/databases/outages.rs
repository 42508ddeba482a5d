use super::{all, block_on, hash, until};
use database::{
    Creation, Database, TimeLimits, TooManyWaiting, WriteBehind, WriteBehindSettings, WriteBehindState,
};
use primitives::{ListChange, TorrentList};
use ringtrack_tests::database_server::{DatabaseServer, ServerKind};
use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::time::Instant;

use crate::patience::PATIENCE;

const LIMITS: TimeLimits = TimeLimits { connect: Duration::from_secs(1), statement: Duration::from_secs(2) };

const SETTINGS: WriteBehindSettings = WriteBehindSettings {
    flush_every: Duration::from_millis(20),
    pending_max: 1000,
    retry_first: Duration::from_millis(20),
    retry_max: Duration::from_millis(200),
    remind_every: Duration::from_secs(3600),
};

/// A buffer for the log lines of this thread.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Log {
    fn lines_with(&self, part: &str) -> usize {
        let text = String::from_utf8(self.0.lock().unwrap().clone()).unwrap();
        text.lines().filter(|line| line.contains(part)).count()
    }

    fn record(&self) -> impl Drop {
        let (log, builder) = (self.clone(), tracing_subscriber::fmt());
        let subscriber = builder.with_ansi(false).with_writer(move || log.clone()).finish();
        tracing_subscriber::util::SubscriberInitExt::set_default(subscriber)
    }
}

/// A write-behind with its own server, and the number of accepted changes.
struct Outage {
    write_behind: WriteBehind,
    database: Database,
    changes: u32,
}

impl Outage {
    async fn new(server: &DatabaseServer) -> Self {
        let url = server.make_database("tracker").parse().unwrap();
        let database = Database::open_within(&url, Creation::Now, LIMITS).await.unwrap();
        Self { write_behind: WriteBehind::start(Some(database.clone()), SETTINGS), database, changes: 0 }
    }

    /// Submits changes. Not async, because submitting never waits for the database.
    fn change(&mut self, count: u32) -> Result<(), TooManyWaiting> {
        let info_hashes: Vec<_> = (self.changes..self.changes + count).map(hash).collect();
        let taken = self.write_behind.change_list(TorrentList::Allowed, ListChange::Add, &info_hashes);
        if taken.is_ok() {
            self.changes += count;
        }
        taken
    }

    async fn until_away(&self) -> String {
        let state = || self.write_behind.info().state;
        until("it notices the outage", || matches!(state(), WriteBehindState::Away(_))).await;
        let WriteBehindState::Away(reason) = state() else { panic!("it is away") };
        reason
    }

    /// Submits changes while the server is away, until no more are accepted. Returns the reported reason.
    async fn fill(&mut self) -> String {
        self.change(10).unwrap();
        let reason = self.until_away().await;
        assert!(self.write_behind.flush().await.is_err());
        self.change(990).unwrap();
        let lost = self.write_behind.info().lost;
        assert_eq!(self.change(1), Err(TooManyWaiting));
        let one_that_waits = [hash(self.changes - 1)];
        self.write_behind.change_list(TorrentList::Allowed, ListChange::Add, &one_that_waits).unwrap();
        let info = self.write_behind.info();
        assert!((1000..=1001).contains(&info.waiting), "{info:?}");
        assert_eq!(info.lost, lost + 1);
        reason
    }

    /// Asserts that all changes are stored after the server is back.
    async fn assert_comes_through(&self) {
        until("all is written", || self.write_behind.info().waiting == 0).await;
        let wanted: Vec<_> = (0..self.changes).map(hash).collect();
        let stored = all(self.database.load_list(TorrentList::Allowed)).await;
        assert!(stored == wanted, "{} of {} are stored", stored.len(), wanted.len());
        assert_eq!(self.write_behind.info().state, WriteBehindState::Connected);
    }
}

/// A server hangs, recovers, crashes, recovers, and hangs until the end.
async fn outages(kind: ServerKind) {
    let log = Log::default();
    let _recording = log.record();
    let mut server = DatabaseServer::start(kind);
    let mut outage = Outage::new(&server).await;
    outage.change(5).unwrap();
    outage.assert_comes_through().await;

    let paused = server.pause();
    let reason = outage.fill().await;
    assert!(reason.starts_with("no answer within "), "{reason}");
    drop(paused);
    outage.assert_comes_through().await;
    assert_eq!((log.lines_with("database is away"), log.lines_with("database is back")), (1, 1));

    server.crash();
    outage.fill().await;
    server.restart();
    outage.assert_comes_through().await;
    assert_eq!((log.lines_with("database is away"), log.lines_with("database is back")), (2, 2));
    assert_eq!(log.lines_with("more are refused"), 2);
    assert_eq!(log.lines_with("WARN database::"), 2, "each outage is logged once");

    let _paused = server.pause();
    outage.change(7).unwrap();
    let begin = Instant::now();
    let stopped = outage.write_behind.stop(begin + Duration::from_millis(300)).await;
    assert!(begin.elapsed() < PATIENCE, "{:?}", begin.elapsed());
    assert_eq!(stopped.lost, 7);
    assert_eq!(log.lines_with("changes are lost"), 1);
}

#[test]
fn while_postgres_is_away_changes_wait_and_none_is_lost() {
    block_on(outages(ServerKind::Postgres));
}

#[test]
fn while_mariadb_is_away_changes_wait_and_none_is_lost() {
    block_on(outages(ServerKind::MariaDb));
}
