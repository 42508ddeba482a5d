//! A second process takes over the sockets and the swarms of the first, as an upgrade does, under its clients.

use super::actions::Simulation;
use super::control::stored;
use super::troubles::Trouble;
use core_link::{ChangeRecording, CoreCommand, CoreTask, Reply};
use primitives::{ClockShift, ExportPlace, ExportedPage, StatePage};
use std::ops::Range;
use std::sync::Arc;
use std::sync::mpsc::channel;

/// Milliseconds of virtual time after which a task counts as lost.
const TASK_MS_MAX: u64 = 5000;

/// Milliseconds after which connections that are left are closed.
const LEAVE_MS: u64 = 500;

/// Milliseconds in which each client whose connection is left learns it, however slowly it reads.
const LEAVE_MS_MAX: u64 = 10_000;

/// Milliseconds in which every reply of a process that was killed arrives.
const LATE_MS: u64 = 400;

/// The code with which a process that leaves closes WebSockets.
const SERVICE_RESTART: u16 = 1012;

/// Milliseconds in which a process has to end.
const END_MS_MAX: u64 = 5000;

/// How an attempt to hand over ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Success,
    /// The successor dies before it serves.
    DiesEarly,
    /// It dies when the first process has left the sockets.
    DiesLate,
}

/// What the successor has of the swarms.
#[derive(Debug)]
struct Transfer {
    shift: ClockShift,
    /// For each shard, where its export continues; `None` if all pages are out.
    places: Vec<Option<ExportPlace>>,
}

/// The connections that a process serves, by their numbers.
#[derive(Debug)]
struct Connections {
    http: Vec<usize>,
    web: Vec<usize>,
}

impl Simulation {
    /// Hands over to a successor, if need be after some that die.
    pub(crate) fn hand_over(&mut self) {
        loop {
            let outcome = match self.random.u8(0..6) {
                0 => Outcome::DiesEarly,
                1 => Outcome::DiesLate,
                _ => Outcome::Success,
            };
            if self.attempt(outcome) == Outcome::Success {
                return;
            }
        }
    }

    fn attempt(&mut self, outcome: Outcome) -> Outcome {
        let shards = self.tracker.shards();
        let connections = self.served_connections();
        let shift = self.tracker.start_successor(&self.settings);
        let mut transfer = Transfer { shift, places: vec![Some(ExportPlace::default()); shards] };
        // As an upgrade does, which stores what the first process has counted before the successor loads it.
        self.tracker.take_events_to(&mut self.events);
        for shard in 0..shards {
            for update in stored(&self.events.completed) {
                self.ask(shards + shard, |reply| CoreTask::Update(update, reply));
            }
            self.ask(shard, |reply| CoreTask::RecordChanges(ChangeRecording::On, reply));
        }
        while transfer.places.iter().any(Option::is_some) {
            self.act_in_handover();
            self.announce_late();
            self.pull(&mut transfer);
            if outcome == Outcome::DiesEarly && self.random.u8(0..3) == 0 {
                self.resume();
                return outcome;
            }
        }
        self.command_all(shards..2 * shards, || CoreCommand::Serve);
        // Both serve for a moment.
        for _ in 0..self.random.u8(2..6) {
            self.announce_late();
            self.run_for_ms(50);
        }
        let leave = || CoreCommand::Leave(Reply::new(|()| {}));
        self.command_all(0..shards, leave);
        self.run_for_ms(150);
        connections.http.iter().for_each(|&connection| self.announce_late_over(connection));
        self.act_in_handover();
        self.pull(&mut transfer);
        if outcome == Outcome::DiesLate {
            self.resume();
            return outcome;
        }
        self.assert_clients_learn_it(&connections);
        self.end_first_process(&mut transfer);
        Outcome::Success
    }

    /// Returns the connections that are open and known to have been accepted.
    fn served_connections(&self) -> Connections {
        let http = self
            .http
            .iter()
            .map(|client| client.announced > 0 && !client.has_left && !client.client.is_closed());
        let web = self.web.iter().map(|client| client.is_open() && !client.has_left && !client.is_closed());
        let numbers = |open: Vec<bool>| (0..open.len()).filter(|&number| open[number]).collect();
        Connections { http: numbers(http.collect()), web: numbers(web.collect()) }
    }

    /// Asserts that the clients of all connections learn that these are left, and are answered before, unless a limit by source
    /// refuses them.
    fn assert_clients_learn_it(&mut self, connections: &Connections) {
        let latest_ms = self.now_ms() + LEAVE_MS_MAX;
        while !self.has(Trouble::Abuse) {
            self.read_all();
            let http = connections.http.iter().map(|&number| &self.http[number]);
            let web = connections.web.iter().map(|&number| &self.web[number]);
            let http_left: Vec<_> = http.filter(|client| !client.has_left && !client.is_closing).collect();
            let web_left: Vec<_> =
                web.filter(|client| !client.has_left && client.close_code != Some(SERVICE_RESTART)).collect();
            if http_left.is_empty() && web_left.is_empty() {
                return;
            }
            assert!(self.now_ms() < latest_ms, "clients do not learn it: {http_left:?} {web_left:?}");
            self.run_for_ms(50);
        }
    }

    /// Lets the first process serve alone again, after its successor has died.
    fn resume(&mut self) {
        self.tracker.kill_successor();
        let shards = self.tracker.shards();
        self.command_all(0..shards, || CoreCommand::Resume);
        for shard in 0..shards {
            self.ask(shard, |reply| CoreTask::RecordChanges(ChangeRecording::Off, reply));
        }
        self.has_lost_process = true;
        self.run_for_ms(LATE_MS);
        self.read_all();
        // The successor has answered some, too.
        self.peers.forget_answered();
    }

    fn end_first_process(&mut self, transfer: &mut Transfer) {
        let shards = self.tracker.shards();
        self.run_for_ms(LEAVE_MS);
        self.command_all(0..shards, || CoreCommand::Stop);
        self.run_for_ms(150);
        self.pull(transfer);
        assert_eq!(transfer.places, vec![None; shards], "nothing is left to be exported");
        self.command_all(0..shards, || CoreCommand::End);
        let ended_ms = self.now_ms() + END_MS_MAX;
        while !self.tracker.first_process_has_ended() {
            assert!(self.now_ms() < ended_ms, "the first process ends");
            self.run_for_ms(50);
        }
        // The successor reports the sessions that it has imported as begun.
        (0..shards).for_each(|core| drop(self.tracker.take_events_of(core)));
        self.events.accounts.clear();
        self.tracker.forget_first_process();
    }

    fn command_all(&mut self, cores: Range<usize>, command: impl Fn() -> CoreCommand) {
        cores.for_each(|core| self.tracker.command(core, command()));
    }

    /// Pulls the changes and a page of each core of the first process, and the changes meanwhile.
    fn pull(&mut self, transfer: &mut Transfer) {
        for shard in 0..transfer.places.len() {
            if let Some(place) = transfer.places[shard] {
                let exported = self.ask(shard, |reply| CoreTask::ExportChanging(place, reply));
                let (changes, ExportedPage { page, next }) = exported.expect("few changes");
                transfer.places[shard] = next;
                self.import(shard, changes, transfer.shift);
                self.import(shard, page, transfer.shift);
            }
            let changes = self.ask(shard, CoreTask::TakeChanges).expect("few changes");
            self.import(shard, changes, transfer.shift);
        }
    }

    fn import(&mut self, shard: usize, page: StatePage, shift: ClockShift) {
        let successor = self.tracker.shards() + shard;
        let page = Arc::new(page);
        let imported = self.ask(successor, |reply| CoreTask::Import(page, shift, reply));
        assert_eq!(imported.refused, 0, "there is room for all of it: {imported:?}");
    }

    /// Lets a core do a task, and returns its result.
    fn ask<T: Send + 'static>(&mut self, core: usize, task: impl FnOnce(Reply<T>) -> CoreTask) -> T {
        let (sender, result) = channel();
        let reply = Reply::new(move |value| sender.send(value).expect("it is waited for"));
        self.tracker.submit(core, task(reply));
        for _ in 0..TASK_MS_MAX {
            self.run_for_ms(1);
            if let Ok(value) = result.try_recv() {
                return value;
            }
        }
        panic!("a task of core {core} is lost");
    }
}
