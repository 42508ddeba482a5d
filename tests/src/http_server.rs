//! Connections to a simulated tracker over scripted wires, driven as a core's HTTP server drives them.

mod wire;

pub use self::wire::PlayedWire;

use crate::simulator::Simulator;
use core_loop::connection::{Buffers, ConnectionContext, End, HttpConnection, Next, WaitsFor};
use engine::{ConnectionToken, RoutedRequest};
use std::net::IpAddr;
use tls::ServerIdentity;

/// A connection and the core that holds it.
#[derive(Debug)]
pub struct Connected {
    home: usize,
    http: Option<HttpConnection>,
    /// The transport of the connection.
    pub wire: PlayedWire,
    /// The state after its last turn.
    pub state: ConnectionState,
    troubles: Troubles,
    routed: u32,
    awaits_owner: bool,
}

/// The state of a connection after a turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConnectionState {
    /// It waits for an event.
    Waits(WaitsFor),
    /// It has more work.
    Again,
    /// It is closed.
    Ended(End),
}

/// Faults of routed requests: one bit for each of eight requests, after which the bits repeat.
#[derive(Debug, Clone, Copy, Default)]
pub struct Troubles {
    /// The ring to the first owner is full.
    pub ring_full: u8,
    /// A later ring is full, so that the request is given up.
    pub given_up: u8,
}

impl Connected {
    /// Accepts a connection from `remote` at core `home`.
    ///
    /// # Panics
    /// If TLS cannot begin.
    pub fn new(
        tracker: &mut Simulator,
        home: usize,
        remote: IpAddr,
        identity: Option<&ServerIdentity>,
        troubles: Troubles,
    ) -> Self {
        let service = tracker.context(home).service;
        let http = HttpConnection::new(service, remote, identity).expect("random numbers");
        Self {
            home,
            http: Some(http),
            wire: PlayedWire::default(),
            state: ConnectionState::Waits(WaitsFor::FirstRequest),
            troubles,
            routed: 0,
            awaits_owner: false,
        }
    }

    /// Runs turns until it has no more work.
    ///
    /// # Panics
    /// If it waits for something that is there, or never stops.
    pub fn advance(&mut self, tracker: &mut Simulator, buffers: &mut Buffers) {
        let mut turns_left = self.wire.arrived.len() + 100_000;
        self.take_turn(tracker, buffers);
        while self.state == ConnectionState::Again {
            turns_left = turns_left.checked_sub(1).expect("the connection comes to rest");
            self.take_turn(tracker, buffers);
        }
    }

    /// Runs one turn.
    pub fn take_turn(&mut self, tracker: &mut Simulator, buffers: &mut Buffers) {
        self.turn(tracker, buffers, HttpConnection::advance);
    }

    /// Reports that bytes have arrived, and advances.
    pub fn note_readable(&mut self, tracker: &mut Simulator, buffers: &mut Buffers) {
        if let Some(http) = &mut self.http {
            http.note_readable();
        }
        self.advance(tracker, buffers);
    }

    /// Ends the client's sending side, and advances.
    pub fn hang_up(&mut self, tracker: &mut Simulator, buffers: &mut Buffers) {
        self.wire.client_has_ended = true;
        if let Some(http) = &mut self.http {
            http.note_hung_up();
        }
        self.advance(tracker, buffers);
    }

    /// Serves all routed requests, and delivers those of this connection's core.
    pub fn bring_back(&mut self, tracker: &mut Simulator, buffers: &mut Buffers) {
        tracker.serve_routed_requests();
        while let Some(mut routed) = tracker.next_home(self.home) {
            if self.has(self.troubles.given_up) {
                routed.give_up();
            }
            self.awaits_owner = false;
            if self.http.is_none() {
                tracker.context(self.home).service.take_back(routed);
                continue;
            }
            self.turn(tracker, buffers, |http, context| http.answer(routed, context));
        }
        if self.state == ConnectionState::Again {
            self.advance(tracker, buffers);
        }
    }

    /// Ends the wait of its request for a busy owner, and advances.
    pub fn stop_waiting(&mut self, tracker: &mut Simulator, buffers: &mut Buffers) {
        if let Some(http) = &mut self.http {
            http.stop_waiting();
        }
        self.advance(tracker, buffers);
    }

    /// Closes it from the tracker's side.
    pub fn close(&mut self) {
        if self.http.take().is_some() {
            self.state = ConnectionState::Ended(End::Stop);
        }
    }

    /// Returns the number of bytes that the connection holds.
    #[must_use]
    pub fn held_bytes(&self) -> usize {
        self.http.as_ref().map_or(0, HttpConnection::held_bytes)
    }

    fn turn(
        &mut self,
        tracker: &mut Simulator,
        buffers: &mut Buffers,
        take: impl FnOnce(&mut HttpConnection, &mut ConnectionContext<'_, PlayedWire>) -> Next,
    ) {
        if self.http.is_none() {
            return;
        }
        let mut next = self.with_context(tracker, buffers, take);
        while let Next::Routed(owner, mut routed) = next {
            self.routed += 1;
            let home = tracker.shard(self.home);
            routed.token = ConnectionToken { home, slot: self.routed, generation: 0 };
            next = match self.send_routed(tracker, owner, routed) {
                Ok(()) => Next::Waits(WaitsFor::RoutedRequest),
                Err(routed) => {
                    self.with_context(tracker, buffers, |http, context| http.respond_busy(routed, context))
                }
            };
        }
        self.settle(&next);
    }

    fn send_routed(
        &mut self,
        tracker: &mut Simulator,
        owner: primitives::ShardId,
        routed: Box<RoutedRequest>,
    ) -> Result<(), Box<RoutedRequest>> {
        if self.has(self.troubles.ring_full) {
            return Err(routed);
        }
        tracker.send_routed(self.home, owner, routed)?;
        self.awaits_owner = true;
        Ok(())
    }

    fn with_context(
        &mut self,
        tracker: &mut Simulator,
        buffers: &mut Buffers,
        take: impl FnOnce(&mut HttpConnection, &mut ConnectionContext<'_, PlayedWire>) -> Next,
    ) -> Next {
        let context = tracker.context(self.home);
        let mut context = ConnectionContext {
            wire: &mut self.wire,
            service: context.service,
            shard: context.shard,
            now: context.now,
            buffers,
        };
        let http = self.http.as_mut().expect("the connection is open");
        take(http, &mut context)
    }

    fn settle(&mut self, next: &Next) {
        self.state = match *next {
            Next::Waits(waits_for) => ConnectionState::Waits(waits_for),
            Next::WaitsForOwner(_) => ConnectionState::Waits(WaitsFor::OwnerBusy),
            Next::Again => ConnectionState::Again,
            Next::Ends(end) => {
                self.http = None;
                ConnectionState::Ended(end)
            }
            Next::Routed(..) => unreachable!("the request was sent"),
        };
        self.check_that_it_waits_for_what_is_not_there();
    }

    fn check_that_it_waits_for_what_is_not_there(&self) {
        let ConnectionState::Waits(waits_for) = self.state else { return };
        match waits_for {
            WaitsFor::AnswerTaken => {
                assert_eq!(self.wire.room, 0, "it waits for room that is there");
                assert!(self.held_bytes() > 0, "it waits without anything to send");
            }
            WaitsFor::RoutedRequest => assert!(self.awaits_owner, "no routed request is underway"),
            WaitsFor::OwnerBusy => {
                assert!(!self.awaits_owner, "its request waits while a routed request is underway");
            }
            WaitsFor::FirstRequest | WaitsFor::Request | WaitsFor::NextRequest | WaitsFor::Close => {
                assert!(self.wire.arrived.is_empty(), "{waits_for:?} while there is something to read");
                assert!(!self.wire.client_has_ended, "{waits_for:?} after the end of the client");
                assert!(!self.awaits_owner, "{waits_for:?} while a routed request is underway");
            }
        }
    }

    /// Whether the bit of the current routed request is set.
    const fn has(&self, bits: u8) -> bool {
        bits >> (self.routed % 8) & 1 == 1
    }
}
