use super::connection::Client;
use super::run::SimulatedCore;
use super::sockets::SimulatedPath;
use super::{Datagram, Simulator};
use core_link::{CoreCommand, CoreTask};
use core_loop::{Clock, TIMER_MS};
use metrics::Counter;
use std::time::Duration;

/// The longest time between two timer turns of a core that is stepped.
const TIMER_LATE_MAX: Duration = Duration::from_millis(TIMER_MS + 10);

impl Simulator {
    /// Connects a client to a core, counted from 0, modulo the number of cores.
    pub fn connect(&mut self, core: usize, client: Client) -> Client {
        let core = core % self.cores.len();
        self.cores[core].sockets().connect(client.clone());
        client
    }

    /// Delivers a datagram. Replies to it are not kept.
    pub fn deliver(&mut self, datagram: &Datagram) {
        let core = self.arrival_core(datagram);
        let path = SimulatedPath { request: 0, source: datagram.source };
        let sockets = self.cores[core].sockets();
        sockets.sent.clear();
        sockets.deliver(path, &datagram.bytes);
    }

    /// Advances both clocks.
    pub fn pass_ms(&mut self, milliseconds: u64) {
        self.pass_us(1000 * milliseconds);
    }

    /// Advances both clocks.
    pub fn pass_us(&mut self, microseconds: u64) {
        self.clock.pass(Duration::from_micros(microseconds));
    }

    /// Lets time pass until this much has, with every deadline on the way, or all cores have ended.
    pub fn run_for_ms(&mut self, milliseconds: u64) {
        let end = self.clock.instant() + Duration::from_millis(milliseconds);
        self.run_until_idle();
        while self.clock.instant() < end && !self.has_ended() {
            self.run_to_next_deadline();
        }
    }

    /// Sends a core a command.
    pub fn command(&mut self, core: usize, command: CoreCommand) {
        self.cores[core].command(command);
    }

    /// Sends a core a task.
    pub fn submit(&mut self, core: usize, task: CoreTask) {
        self.cores[core].submit(task);
    }

    /// Makes a core's next receive fail.
    pub fn fail_receive(&mut self, core: usize) {
        self.cores[core].sockets().fails = true;
    }

    /// Lets each send of a core take at most this many replies.
    pub fn limit_sends(&mut self, core: usize, room: Option<usize>) {
        self.cores[core].sockets().room = room;
    }

    /// Makes a core miss one of 16 events of connections, which no correct kernel does.
    pub fn lose_events(&mut self, core: usize) {
        self.cores[core].sockets().loses_events = true;
    }

    /// Returns whether all cores have ended.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        self.cores.iter().all(SimulatedCore::has_ended)
    }

    /// Asserts that a core that has just been stepped has taken every turn of its timer that was due.
    ///
    /// # Panics
    /// If it has not.
    pub fn assert_timer(&mut self, core: usize) {
        let now = self.clock.instant();
        let core = &mut self.cores[core];
        let turns = core.shard().statistics().counter(Counter::TimerTurns);
        let (last_turns, last) = core.last_timer_turn.get_or_insert((turns, now));
        if *last_turns != turns {
            (*last_turns, *last) = (turns, now);
        }
        assert!(now < *last + TIMER_LATE_MAX, "a timer turn was due");
    }
}
