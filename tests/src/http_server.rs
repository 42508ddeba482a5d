//! Connections to a simulated tracker over wires that are played: what a core's HTTP server does for one of them.

mod wire;

pub use self::wire::PlayedWire;

use crate::simulator::Simulator;
use engine::{ConnectionToken, RoutedRequest};
use std::net::IpAddr;
use tls::ServerIdentity;
use worker::http::{Buffers, ConnectionContext, End, HttpConnection, Next, WaitsFor};

/// A connection at its core.
#[derive(Debug)]
pub struct Connected {
    home: usize,
    http: Option<HttpConnection>,
    /// What it goes over.
    pub wire: PlayedWire,
    /// What its last turn led to.
    pub state: ConnectionState,
    troubles: Troubles,
    routed: u32,
    awaits_owner: bool,
}

/// Where a connection stands after its turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConnectionState {
    /// It waits.
    Waits(WaitsFor),
    /// It has more to be served.
    Again,
    /// It is closed.
    Ended(End),
}

/// What goes wrong with routed requests: a bit for each of eight, and then from the first bit on again.
#[derive(Debug, Clone, Copy, Default)]
pub struct Troubles {
    /// The ring to the first owner is full.
    pub ring_full: u8,
    /// A ring on the way is.
    pub given_up: u8,
}

impl Connected {
    /// Takes in a connection from `remote` at a core.
    ///
    /// # Panics
    /// When TLS cannot begin.
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

    /// Lets it go on, as often as it has more to be served.
    ///
    /// # Panics
    /// When it waits for something that is there, or goes on for ever.
    pub fn advance(&mut self, tracker: &mut Simulator, buffers: &mut Buffers) {
        let mut turns_left = self.wire.arrived.len() + 100_000;
        self.take_turn(tracker, buffers);
        while self.state == ConnectionState::Again {
            turns_left = turns_left.checked_sub(1).expect("there is an end to what has arrived");
            self.take_turn(tracker, buffers);
        }
    }

    /// Lets it go on once.
    pub fn take_turn(&mut self, tracker: &mut Simulator, buffers: &mut Buffers) {
        self.turn(tracker, buffers, HttpConnection::advance);
    }

    /// Lets it go on on account of something that has arrived.
    pub fn note_readable(&mut self, tracker: &mut Simulator, buffers: &mut Buffers) {
        if let Some(http) = &mut self.http {
            http.note_readable();
        }
        self.advance(tracker, buffers);
    }

    /// The client has sent its last byte.
    pub fn hang_up(&mut self, tracker: &mut Simulator, buffers: &mut Buffers) {
        self.wire.client_has_ended = true;
        if let Some(http) = &mut self.http {
            http.note_hung_up();
        }
        self.advance(tracker, buffers);
    }

    /// Has the routed requests run and brings this connection's home, if it has one.
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
            self.turn(tracker, buffers, |http, wire, context| http.answer(routed, wire, context));
        }
        if self.state == ConnectionState::Again {
            self.advance(tracker, buffers);
        }
    }

    /// Its request has waited for its owner long enough.
    pub fn stop_waiting(&mut self, tracker: &mut Simulator, buffers: &mut Buffers) {
        if let Some(http) = &mut self.http {
            http.stop_waiting();
        }
        self.advance(tracker, buffers);
    }

    /// It is closed from here.
    pub fn close(&mut self) {
        if self.http.take().is_some() {
            self.state = ConnectionState::Ended(End::Stop);
        }
    }

    /// Bytes that the connection keeps.
    #[must_use]
    pub fn held_bytes(&self) -> usize {
        self.http.as_ref().map_or(0, HttpConnection::held_bytes)
    }

    fn turn(
        &mut self,
        tracker: &mut Simulator,
        buffers: &mut Buffers,
        take: impl FnOnce(&mut HttpConnection, &mut PlayedWire, &mut ConnectionContext<'_>) -> Next,
    ) {
        if self.http.is_none() {
            return;
        }
        let mut next = self.with_context(tracker, buffers, take);
        while let Next::RoutedRequest(owner, mut routed) = next {
            self.routed += 1;
            let home = tracker.shard(self.home);
            routed.token = ConnectionToken { home, slot: self.routed, generation: 0 };
            next = match self.send_routed(tracker, owner, routed) {
                Ok(()) => Next::Waits(WaitsFor::RoutedRequest),
                Err(routed) => self.with_context(tracker, buffers, |http, wire, context| {
                    http.respond_busy(routed, wire, context)
                }),
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
        take: impl FnOnce(&mut HttpConnection, &mut PlayedWire, &mut ConnectionContext<'_>) -> Next,
    ) -> Next {
        let context = tracker.context(self.home);
        let mut context =
            ConnectionContext { service: context.service, engine: context.engine, now: context.now, buffers };
        let http = self.http.as_mut().expect("it has not ended");
        take(http, &mut self.wire, &mut context)
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
            Next::RoutedRequest(..) => unreachable!("it was sent"),
        };
        self.check_that_it_waits_for_what_is_not_there();
    }

    fn check_that_it_waits_for_what_is_not_there(&self) {
        let ConnectionState::Waits(waits_for) = self.state else { return };
        match waits_for {
            WaitsFor::AnswerTaken => {
                assert_eq!(self.wire.room, 0, "no more is sent, and there is room");
                assert!(self.held_bytes() > 0, "nothing is there to be sent");
            }
            WaitsFor::RoutedRequest => assert!(self.awaits_owner, "no errand is on its way"),
            WaitsFor::OwnerBusy => {
                assert!(!self.awaits_owner, "its request waits while an errand is on its way");
            }
            WaitsFor::FirstRequest | WaitsFor::Request | WaitsFor::NextRequest | WaitsFor::Close => {
                assert!(self.wire.arrived.is_empty(), "{waits_for:?} while there is something to read");
                assert!(!self.wire.client_has_ended, "{waits_for:?} of a client that has ended");
                assert!(!self.awaits_owner, "{waits_for:?} while an errand is on its way");
            }
        }
    }

    /// Whether this routed request's bit is set.
    const fn has(&self, bits: u8) -> bool {
        bits >> (self.routed % 8) & 1 == 1
    }
}
