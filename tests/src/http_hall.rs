//! Connections to a simulated tracker over wires that are played: what a core's hall does for one of them.

mod wire;

pub use self::wire::PlayedWire;

use crate::simulator::Simulator;
use engine::{Errand, Ticket};
use std::net::IpAddr;
use tls::ServerIdentity;
use worker::http::{Buffers, Conversation, Desk, End, Fate, WaitsFor};

/// A connection at its core.
#[derive(Debug)]
pub struct Connected {
    home: usize,
    conversation: Option<Conversation>,
    /// What it goes over.
    pub wire: PlayedWire,
    /// What its last turn led to.
    pub standing: Standing,
    troubles: Troubles,
    errands: u32,
    is_on_errand: bool,
}

/// Where a connection stands after its turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It waits.
    Waits(WaitsFor),
    /// It has more to be served.
    Again,
    /// It is closed.
    Ended(End),
}

/// What goes wrong with errands: a bit for each of eight, and then from the first bit on again.
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
        let service = tracker.desk(home).service;
        let conversation = Conversation::new(service, remote, identity).expect("random numbers");
        Self {
            home,
            conversation: Some(conversation),
            wire: PlayedWire::default(),
            standing: Standing::Waits(WaitsFor::FirstRequest),
            troubles,
            errands: 0,
            is_on_errand: false,
        }
    }

    /// Lets it go on, as often as it has more to be served.
    ///
    /// # Panics
    /// When it waits for something that is there, or goes on for ever.
    pub fn go_on(&mut self, tracker: &mut Simulator, buffers: &mut Buffers) {
        let mut turns_left = self.wire.arrived.len() + 100_000;
        self.take_turn(tracker, buffers);
        while self.standing == Standing::Again {
            turns_left = turns_left.checked_sub(1).expect("there is an end to what has arrived");
            self.take_turn(tracker, buffers);
        }
    }

    /// Lets it go on once.
    pub fn take_turn(&mut self, tracker: &mut Simulator, buffers: &mut Buffers) {
        self.turn(tracker, buffers, Conversation::go_on);
    }

    /// Lets it go on on account of something that has arrived.
    pub fn note_readable(&mut self, tracker: &mut Simulator, buffers: &mut Buffers) {
        if let Some(conversation) = &mut self.conversation {
            conversation.note_readable();
        }
        self.go_on(tracker, buffers);
    }

    /// The client has sent its last byte.
    pub fn hang_up(&mut self, tracker: &mut Simulator, buffers: &mut Buffers) {
        self.wire.client_has_ended = true;
        if let Some(conversation) = &mut self.conversation {
            conversation.note_hung_up();
        }
        self.go_on(tracker, buffers);
    }

    /// Has the errands run and brings this connection's home, if it has one.
    pub fn bring_back(&mut self, tracker: &mut Simulator, buffers: &mut Buffers) {
        tracker.run_errands();
        while let Some(mut errand) = tracker.next_home(self.home) {
            if self.has(self.troubles.given_up) {
                errand.give_up();
            }
            self.is_on_errand = false;
            if self.conversation.is_none() {
                tracker.desk(self.home).service.take_back(errand);
                continue;
            }
            self.turn(tracker, buffers, |conversation, wire, desk| conversation.answer(errand, wire, desk));
        }
        if self.standing == Standing::Again {
            self.go_on(tracker, buffers);
        }
    }

    /// Its request has waited for its owner long enough.
    pub fn stop_waiting(&mut self, tracker: &mut Simulator, buffers: &mut Buffers) {
        if let Some(conversation) = &mut self.conversation {
            conversation.stop_waiting();
        }
        self.go_on(tracker, buffers);
    }

    /// It is closed from here.
    pub fn close(&mut self) {
        if self.conversation.take().is_some() {
            self.standing = Standing::Ended(End::Stop);
        }
    }

    /// Bytes that the connection keeps.
    #[must_use]
    pub fn held_bytes(&self) -> usize {
        self.conversation.as_ref().map_or(0, Conversation::held_bytes)
    }

    fn turn(
        &mut self,
        tracker: &mut Simulator,
        buffers: &mut Buffers,
        take: impl FnOnce(&mut Conversation, &mut PlayedWire, &mut Desk<'_>) -> Fate,
    ) {
        if self.conversation.is_none() {
            return;
        }
        let mut fate = self.with_desk(tracker, buffers, take);
        while let Fate::Errand(owner, mut errand) = fate {
            self.errands += 1;
            let home = tracker.shard(self.home);
            errand.ticket = Ticket { home, slot: self.errands, generation: 0 };
            fate = match self.send_errand(tracker, owner, errand) {
                Ok(()) => Fate::Waits(WaitsFor::Errand),
                Err(errand) => self.with_desk(tracker, buffers, |conversation, wire, desk| {
                    conversation.answer_busy(errand, wire, desk)
                }),
            };
        }
        self.settle(&fate);
    }

    fn send_errand(
        &mut self,
        tracker: &mut Simulator,
        owner: primitives::ShardId,
        errand: Box<Errand>,
    ) -> Result<(), Box<Errand>> {
        if self.has(self.troubles.ring_full) {
            return Err(errand);
        }
        tracker.send_errand(self.home, owner, errand)?;
        self.is_on_errand = true;
        Ok(())
    }

    fn with_desk(
        &mut self,
        tracker: &mut Simulator,
        buffers: &mut Buffers,
        take: impl FnOnce(&mut Conversation, &mut PlayedWire, &mut Desk<'_>) -> Fate,
    ) -> Fate {
        let desk = tracker.desk(self.home);
        let mut desk = Desk { service: desk.service, engine: desk.engine, now: desk.now, buffers };
        let conversation = self.conversation.as_mut().expect("it has not ended");
        take(conversation, &mut self.wire, &mut desk)
    }

    fn settle(&mut self, fate: &Fate) {
        self.standing = match *fate {
            Fate::Waits(waits_for) => Standing::Waits(waits_for),
            Fate::WaitsForOwner(_) => Standing::Waits(WaitsFor::OwnerBusy),
            Fate::Again => Standing::Again,
            Fate::Ends(end) => {
                self.conversation = None;
                Standing::Ended(end)
            }
            Fate::Errand(..) => unreachable!("it was sent"),
        };
        self.check_that_it_waits_for_what_is_not_there();
    }

    fn check_that_it_waits_for_what_is_not_there(&self) {
        let Standing::Waits(waits_for) = self.standing else { return };
        match waits_for {
            WaitsFor::AnswerTaken => {
                assert_eq!(self.wire.room, 0, "no more is sent, and there is room");
                assert!(self.held_bytes() > 0, "nothing is there to be sent");
            }
            WaitsFor::Errand => assert!(self.is_on_errand, "no errand is on its way"),
            WaitsFor::OwnerBusy => {
                assert!(!self.is_on_errand, "its request waits while an errand is on its way");
            }
            WaitsFor::FirstRequest | WaitsFor::Request | WaitsFor::NextRequest | WaitsFor::Close => {
                assert!(self.wire.arrived.is_empty(), "{waits_for:?} while there is something to read");
                assert!(!self.wire.client_has_ended, "{waits_for:?} of a client that has ended");
                assert!(!self.is_on_errand, "{waits_for:?} while an errand is on its way");
            }
        }
    }

    /// Whether this errand's bit is set.
    const fn has(&self, bits: u8) -> bool {
        bits >> (self.errands % 8) & 1 == 1
    }
}
