use super::connection::Client;
use super::run::SimulatedCore;
use super::sockets::{SimulatedPath, SocketCall};
use super::{Datagram, Reply, Simulator};
use core_link::{CoreCommand, CoreTask};
use core_loop::{Clock, TIMER_MS};
use metrics::Counter;
use std::time::Duration;

/// The longest time between two timer turns of a core that is stepped.
const TIMER_LATE_MAX: Duration = Duration::from_millis(TIMER_MS + 10);

impl Simulator {
    /// Connects a client to a core, counted from 0, modulo the number of cores.
    pub fn connect(&mut self, core: usize, client: Client) -> Client {
        self.listeners[core % self.listeners.len()].borrow_mut().connect(client.clone());
        client
    }

    /// Delivers a datagram with this number, which its reply refers to, unless the filter drops it. Returns whether it was
    /// delivered.
    pub fn deliver(&mut self, request: usize, datagram: &Datagram) -> bool {
        let shard = self.arrival_shard(datagram);
        let path = SimulatedPath { request, source: datagram.source };
        self.listeners[shard].borrow_mut().deliver(path, &datagram.bytes)
    }

    /// Returns the replies that were sent since the last call of this or of [`Self::serve`].
    pub fn take_replies(&mut self) -> Vec<Reply> {
        let mut replies = Vec::new();
        self.pass_replies(|request, destination, bytes| {
            replies.push(Reply { request, destination, bytes: bytes.to_vec() });
        });
        replies
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

    /// Makes the next call of this kind fail on a core.
    pub fn fail_next(&mut self, core: usize, call: SocketCall) {
        self.cores[core].sockets().failing.push(call);
    }

    /// Lets all calls succeed from now on, with room for all replies.
    pub fn mend(&mut self) {
        for core in &mut self.cores {
            core.sockets().failing.clear();
            core.sockets().room = None;
        }
    }

    /// Lets the control plane of a core die.
    pub fn cut_link(&mut self, core: usize) {
        self.cores[core].link = None;
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
