use super::client::{Awaited, Client};
use super::judge::judge;
use super::message::Message;
use super::sdp::{DESCRIPTIONS, Descriptions};
use super::stamp::Stamp;
use super::writer::{Announce, Event, Writer};
use crate::cli::Options;
use crate::connection_tally::ConnectionTally;
use crate::kind::Kind;
use crate::outstanding::{Clock, Outstanding, Sent};
use crate::phases::Phases;
use crate::population::Population;
use crate::verify::{Expectations, Strictness, Verdict};
use primitives::InfoHash;
use ws_protocol::{Action, Incoming, Opcode, Signal, SignalKind, append_frame};

/// The clients of a thread, with the requests that they wait for.
#[derive(Debug)]
pub(crate) struct Clients {
    pub(crate) all: Vec<Client>,
    pub(crate) outstanding_requests: u32,
    pub(crate) phases: Phases,
    pub(crate) tally: ConnectionTally,
    pub(crate) rng: fastrand::Rng,
    pub(crate) clock: Clock,
    /// Messages of one client that are to be sent.
    pub(crate) out: Vec<u8>,
    pub(crate) writer: Writer,
    /// One per target, as in the next.
    pub(crate) populations: Vec<Population>,
    expectations: Vec<Expectations>,
    outstanding: Outstanding,
    descriptions: Descriptions,
    options: Options,
}

impl Clients {
    pub(crate) fn new(
        options: &Options,
        thread: usize,
        clock: Clock,
        populations: Vec<Population>,
        all: Vec<Client>,
    ) -> Self {
        Self {
            all,
            outstanding_requests: 0,
            phases: Phases::new(),
            tally: ConnectionTally::default(),
            rng: fastrand::Rng::with_seed(options.seed ^ (thread as u64 + 1) << 48),
            clock,
            out: Vec::new(),
            writer: Writer::new(options.seed),
            populations,
            expectations: options.addresses().map(|target| Expectations::new(options, target)).collect(),
            outstanding: Outstanding::new(),
            descriptions: Descriptions::new(options.seed),
            options: options.clone(),
        }
    }

    /// Writes a request of a client to `out`, and counts it.
    pub(crate) fn request(&mut self, way: u16, kind: Kind, due_ns: u64, now_ns: u64) {
        let sent = Sent { kind, repeats: 0, way, peer: 0, due_ns, sent_ns: now_ns };
        let (id, pushed_out) = self.outstanding.insert(sent);
        self.outstanding_requests += 1;
        self.phases.measured.of_mut(kind).sent += 1;
        if let Some(lost) = pushed_out {
            self.lose(&lost);
        }
        let info_hash = match kind {
            Kind::Scrape => {
                self.write_scrape(way);
                None
            }
            _ => Some(self.write_announce(way, &sent)),
        };
        self.all[usize::from(way)].awaited.push_back(Awaited { kind, info_hash, request: Some(id) });
    }

    fn write_scrape(&mut self, way: u16) {
        let population = &self.populations[self.all[usize::from(way)].target];
        let torrents = (0..self.options.scrape_hashes).map(|_| population.any_torrent(&mut self.rng));
        self.writer.scrape(torrents, &mut self.out);
    }

    /// Writes an announce of one of the client's torrents, and returns the torrent.
    fn write_announce(&mut self, way: u16, sent: &Sent) -> InfoHash {
        let client = &self.all[usize::from(way)];
        let (info_hash, status) = client.torrents[self.rng.usize(..client.torrents.len())];
        let announce = Announce { info_hash, peer_id: client.peer_id, status, event: Event::None };
        let (first, offers) = (self.rng.u8(..), self.options.offers);
        let (seed, connection) = (self.options.seed, client.number);
        let offer = |number: u8| {
            let description = first.wrapping_add(number) % DESCRIPTIONS;
            let stamp = Stamp { due_ns: sent.due_ns, sent_ns: sent.sent_ns, connection, description };
            (stamp.seal(seed), self.descriptions.offers[usize::from(description)].as_str())
        };
        self.phases.measured.of_mut(Kind::Offer).sent += u64::from(offers);
        self.writer.announce(&announce, (0..offers).map(offer), &mut self.out);
        info_hash
    }

    /// Handles what the tracker has sent to a client, and writes its replies to `out`. Returns whether it was a response
    /// or a message of another peer.
    pub(crate) fn handle(&mut self, way: u16, incoming: Incoming<'_>) -> bool {
        let text = match incoming {
            Incoming::Message(text) => text,
            Incoming::Ping(payload) => {
                append_frame(&mut self.out, Opcode::Pong, Some([0; 4]), payload);
                return false;
            }
            _ => return false,
        };
        match Message::read(text) {
            Ok(Message::Passed(signal)) => self.receive_signal(way, &signal, text.len()),
            Ok(message) => self.receive_response(way, &message, text.len()),
            Err(what) => {
                self.phases.measured.note_wrong(what);
                true
            }
        }
    }

    fn receive_response(&mut self, way: u16, message: &Message<'_>, bytes: usize) -> bool {
        let (kind, info_hash) = match *message {
            Message::Announced { info_hash, .. } => (Kind::Announce, Some(info_hash)),
            Message::Failed { action: Some(Action::Announce) | None, info_hash, .. } => {
                (Kind::Announce, info_hash)
            }
            Message::Scraped(_) | Message::Failed { .. } => (Kind::Scrape, None),
            Message::Passed(_) => return false,
        };
        let client = &mut self.all[usize::from(way)];
        let verdict = judge(&self.expectations[client.target], message);
        let awaited = client.take_awaited(kind, info_hash);
        if awaited.is_some_and(|awaited| awaited.request.is_none()) {
            return false;
        }
        let Some(sent) = awaited.and_then(|awaited| self.outstanding.take(awaited.request?)) else {
            match verdict {
                Verdict::Error(text) => self.phases.measured.note_error(text),
                _ if info_hash.is_some_and(|info_hash| !client.is_in(info_hash)) => {
                    self.phases.measured.note_wrong("a response for another torrent");
                }
                _ => self.phases.measured.unmatched += 1,
            }
            return true;
        };
        self.outstanding_requests -= 1;
        self.phases.settle(&sent, self.clock.now_ns(), bytes, &verdict);
        true
    }

    /// Counts an offer or an answer of another client, and answers an offer.
    fn receive_signal(&mut self, way: u16, signal: &Signal<'_>, bytes: usize) -> bool {
        let Some(stamp) = Stamp::open(signal.offer_id, self.options.seed) else {
            self.phases.measured.note_wrong("an offer id of no offer of the load");
            return true;
        };
        let kind = match signal.kind {
            SignalKind::Offer => Kind::Offer,
            SignalKind::Answer => Kind::Answer,
        };
        let sent = Sent { kind, repeats: 0, way, peer: 0, due_ns: stamp.due_ns, sent_ns: stamp.sent_ns };
        let verdict =
            self.judge_signal(way, signal, stamp).map_or(Verdict::Right { peers: 0 }, Verdict::Wrong);
        let is_right = self.phases.settle(&sent, self.clock.now_ns(), bytes, &verdict);
        let mut is_answered = || self.rng.f64() * 100.0 < self.options.answers_percent;
        if is_right && kind == Kind::Offer && is_answered() {
            self.phases.of_mut(&sent).of_mut(Kind::Answer).sent += 1;
            self.answer(way, signal, stamp.description);
        }
        true
    }

    fn answer(&mut self, way: u16, offer: &Signal<'_>, description: u8) {
        let client = &mut self.all[usize::from(way)];
        let answer = &self.descriptions.answers[usize::from(description)];
        self.writer.answer(client.peer_id, offer, answer, &mut self.out);
        if self.options.answers_get_responses {
            let info_hash = Some(offer.info_hash);
            client.awaited.push_back(Awaited { kind: Kind::Announce, info_hash, request: None });
        }
    }

    /// Returns the fault of an offer or answer.
    fn judge_signal(&self, way: u16, signal: &Signal<'_>, stamp: Stamp) -> Option<&'static str> {
        let client = &self.all[usize::from(way)];
        let is_own = stamp.connection == client.number;
        let (may_be_own, descriptions) = match signal.kind {
            SignalKind::Offer => (false, &self.descriptions.offers),
            SignalKind::Answer => (true, &self.descriptions.answers),
        };
        if is_own != may_be_own {
            return Some(if is_own { "an offer to its own peer" } else { "an answer to another's offer" });
        }
        if !client.is_in(signal.info_hash) {
            return Some("an offer or answer for another torrent");
        }
        let is_altered =
            || descriptions.get(usize::from(stamp.description)).is_none_or(|sent| sent != signal.description);
        let is_checked = self.expectations[client.target].strictness == Strictness::Full;
        (is_checked && is_altered()).then_some("an offer or answer that is not as sent")
    }

    /// Counts requests as lost that were sent before the time-out.
    pub(crate) fn expire(&mut self) {
        if self.outstanding_requests == 0 {
            return;
        }
        let before_ns = self.clock.now_ns().saturating_sub(self.options.timeout_ms * 1_000_000);
        while let Some(lost) = self.outstanding.pop_before(before_ns) {
            self.tally.note_failure("no answer before the time-out");
            // Its response may still come, and is then counted as unmatched.
            self.lose(&lost);
        }
    }

    /// Counts the requests of a client as lost that has no connection any more.
    pub(crate) fn give_up(&mut self, way: u16) {
        for awaited in std::mem::take(&mut self.all[usize::from(way)].awaited) {
            if let Some(lost) = awaited.request.and_then(|id| self.outstanding.take(id)) {
                self.lose(&lost);
            }
        }
    }

    fn lose(&mut self, lost: &Sent) {
        self.outstanding_requests -= 1;
        self.phases.lose(lost, self.clock.now_ns(), self.options.timeout_ms * 1_000_000);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ws::client::of_thread;
    use clap::Parser;
    use primitives::PeerId;
    use std::time::Instant;
    use ws_protocol::{
        Announce, AnnounceAnswer, Answer, ClientMessage, FrameReader, Offer, OfferId, Sender,
        append_announce_answer, append_signal, read_message,
    };

    /// Three clients of one torrent.
    fn clients(arguments: &[&str]) -> Clients {
        let fixed =
            ["ringtrack-blast", "--target", "ws://127.0.0.1:1", "--connections", "3", "--torrents", "1"];
        let options = Options::parse_from(fixed.iter().chain(&["--verify"]).chain(arguments));
        let populations = vec![Population::new(&options, 1)];
        let all = of_thread(&options, 0, &populations);
        Clients::new(&options, 0, Clock(Instant::now()), populations, all)
    }

    impl Clients {
        /// Makes client 0 announce, and returns its offers.
        fn offered(&mut self) -> Vec<Passed> {
            self.request(0, Kind::Announce, 0, 0);
            self.written()
        }

        /// Returns the written offers and answers as a tracker passes them on.
        fn written(&mut self) -> Vec<Passed> {
            let frames = std::mem::take(&mut self.out);
            let passed = read_frames(&frames, Sender::Client, |text| match read_message(text).expect(text) {
                ClientMessage::Announce(Announce { info_hash, peer_id, offers, .. }) => offers
                    .map(|Offer { offer_id, offer }| {
                        let description = offer.to_owned();
                        Passed { kind: SignalKind::Offer, info_hash, peer_id, offer_id, description }
                    })
                    .collect::<Vec<_>>(),
                ClientMessage::Answer(Answer { info_hash, peer_id, offer_id, answer, .. }) => {
                    let description = answer.to_owned();
                    vec![Passed { kind: SignalKind::Answer, info_hash, peer_id, offer_id, description }]
                }
                ClientMessage::Scrape(_) => Vec::new(),
            });
            passed.concat()
        }

        fn receive(&mut self, way: u16, frames: &[u8]) {
            let count =
                read_frames(frames, Sender::Server, |text| self.handle(way, Incoming::Message(text))).len();
            assert_eq!(count, 1);
        }

        fn pass(&mut self, way: u16, passed: &Passed) {
            let Passed { kind, info_hash, peer_id, offer_id, description } = passed.clone();
            let mut frame = Vec::new();
            append_signal(
                &mut frame,
                &Signal { kind, info_hash, peer_id, offer_id, description: &description },
            );
            self.receive(way, &frame);
        }

        fn respond(&mut self, info_hash: InfoHash) {
            let mut frame = Vec::new();
            let answer = AnnounceAnswer { info_hash, complete: 1, incomplete: 2, interval_s: 60 };
            append_announce_answer(&mut frame, &answer);
            self.receive(0, &frame);
        }

        fn counted(&self, kind: Kind) -> (u64, u64) {
            let tally = self.phases.measured.of(kind);
            (tally.sent, tally.answered)
        }
    }

    /// A signal that owns its description.
    #[derive(Debug, Clone)]
    struct Passed {
        kind: SignalKind,
        info_hash: InfoHash,
        peer_id: PeerId,
        offer_id: OfferId,
        description: String,
    }

    fn read_frames<T>(frames: &[u8], sender: Sender, mut read: impl FnMut(&str) -> T) -> Vec<T> {
        let (mut frames, mut at, mut found) = (frames.to_vec(), 0, Vec::new());
        while at < frames.len() {
            match FrameReader::new(sender).read(&mut frames[at..]) {
                (bytes, Incoming::Message(text)) => {
                    found.push(read(text));
                    at += bytes;
                }
                other => panic!("{other:?}"),
            }
        }
        found
    }

    #[test]
    fn offers_are_answered_and_answers_counted_by_their_offerer() {
        let mut clients = clients(&["--offers", "3"]);
        let offers = clients.offered();
        offers.iter().for_each(|offer| clients.pass(1, offer));
        let answers = clients.written();
        answers.iter().for_each(|answer| clients.pass(0, answer));
        assert_eq!((clients.counted(Kind::Offer), clients.counted(Kind::Answer)), ((3, 3), (3, 3)));
        assert!(clients.phases.measured.wrong.is_empty(), "{:?}", clients.phases.measured.wrong);
    }

    #[test]
    fn the_asked_for_share_of_the_offers_is_answered() {
        for (percent, expected) in [("0", 0..1), ("25", 60..140), ("100", 400..401)] {
            let mut clients = clients(&["--offers", "20", "--answers-percent", percent]);
            for offer in (0..20).flat_map(|_| clients.offered()).collect::<Vec<_>>() {
                clients.pass(1, &offer);
            }
            assert!(expected.contains(&clients.written().len()), "{percent}");
        }
    }

    #[test]
    fn an_offer_or_answer_that_is_not_as_sent_is_wrong() {
        type Change = fn(&mut Passed);
        let cases: [(u16, Change, &str); 6] = [
            (0, |_| {}, "an offer to its own peer"),
            (1, |offer| offer.offer_id.0[19] ^= 1, "an offer id of no offer of the load"),
            (1, |offer| offer.info_hash.0[0] ^= 1, "an offer or answer for another torrent"),
            (1, |offer| offer.description = "{}".to_owned(), "an offer or answer that is not as sent"),
            (1, |offer| offer.kind = SignalKind::Answer, "an answer to another's offer"),
            (0, |offer| offer.kind = SignalKind::Answer, "an offer or answer that is not as sent"),
        ];
        for (way, change, what) in cases {
            let mut clients = clients(&[]);
            let mut offer = clients.offered().remove(0);
            change(&mut offer);
            clients.pass(way, &offer);
            assert_eq!(clients.phases.measured.wrong.keys().collect::<Vec<_>>(), [&what]);
            assert!(clients.out.is_empty(), "a wrong offer is not answered");
        }
    }

    #[test]
    fn a_response_answers_the_oldest_announce_of_its_torrent() {
        let mut clients = clients(&["--answers-get-responses"]);
        let offer = clients.offered().remove(0);
        clients.offered();
        // Client 0 answers an offer of client 1, which the tracker responds to.
        let of_other = Stamp { due_ns: 0, sent_ns: 0, connection: 1, description: 0 }.seal(1);
        let description = clients.descriptions.offers[0].clone();
        clients.pass(0, &Passed { offer_id: of_other, description, ..offer.clone() });
        for answered in [1, 2, 2] {
            clients.respond(offer.info_hash);
            assert_eq!(clients.counted(Kind::Announce), (2, answered));
        }
        assert_eq!((clients.outstanding_requests, clients.phases.measured.unmatched), (0, 0));
        clients.respond(offer.info_hash);
        clients.respond(InfoHash([9; 20]));
        assert_eq!(clients.phases.measured.unmatched, 1);
        assert_eq!(clients.phases.measured.wrong["a response for another torrent"], 1);
    }
}
