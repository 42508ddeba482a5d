use super::dialer::Dialer;
use super::request::RequestWriter;
use super::stream::{Flushed, Received, Stream};
use crate::attack::Attack;
use crate::cli::{ConnectionUse, Options};
use crate::connection_tally::ConnectionTally;
use crate::kind::Kind;
use crate::lane::{Lane, Turn};
use crate::outstanding::Clock;
use crate::pace::{Pace, REST_NS_MAX};
use crate::phases::Phases;
use crate::population::Population;
use anyhow::{Context, ensure};
use std::io;
use std::time::Duration;

/// Connections attended to in a turn.
const PLACES_OF_TURN: usize = 64;

/// Time between two bytes of a slow request.
const BYTE_NS: u64 = 100_000_000;

/// Requests written at once by a connection that reads no response.
const PIPELINED: usize = 64;

/// Time after which a place whose connection was closed or refused connects again.
const REOPEN_NS: u64 = 10_000_000;

/// Time that a TLS handshake may take.
const HANDSHAKE_NS_MAX: u64 = 5_000_000_000;

/// The lane of connections that misuse a tracker over HTTP.
pub(crate) struct HostileLane {
    attack: Attack,
    clock: Clock,
    phases: Phases,
    population: Population,
    dialer: Dialer,
    places: Vec<Place>,
    /// The place that is attended to next.
    next: usize,
    /// Requests of one write.
    requests: Vec<u8>,
    buffer: Vec<u8>,
    tally: ConnectionTally,
}

/// A place for one connection after another.
#[derive(Debug)]
struct Place {
    source: u32,
    stream: Option<Stream>,
    opened_ns: u64,
    /// Nothing is done before.
    due_ns: u64,
    /// Bytes sent of a slow request.
    sent_bytes: usize,
}

/// What a connection did in its turn.
enum Step {
    Nothing,
    /// This many requests, bytes of a slow request, or handshakes.
    Did(u64),
    /// It did what it was opened for.
    Finished,
}

impl HostileLane {
    /// Prepares the connections of thread `thread`, which are opened during the load.
    pub(crate) fn open(
        options: &Options,
        attack: Attack,
        thread: usize,
        clock: Clock,
    ) -> anyhow::Result<Self> {
        ensure!(options.target.len() == 1, "--attack over HTTP needs one target");
        let place = options.target[0].http().context("the target is not over HTTP")?;
        let population = Population::of_targets(options)[0];
        let sources = population.all_sources();
        let first = thread * usize::from(options.connections);
        let place_of = |number: usize| {
            let source = u32::try_from(first + number).unwrap_or(0) % sources;
            Place { source, stream: None, opened_ns: 0, due_ns: 0, sent_bytes: 0 }
        };
        let mut dialer = Dialer::new(options, &options.target[0], place)?;
        if attack == Attack::Handshakes {
            dialer.forget_sessions();
        }
        Ok(Self {
            attack,
            clock,
            phases: Phases::new(),
            population,
            dialer,
            places: (0..usize::from(options.connections)).map(place_of).collect(),
            next: 0,
            requests: requests(&RequestWriter::new(options, place, ConnectionUse::KeepAlive), &population),
            buffer: vec![0; 1 << 16],
            tally: ConnectionTally::default(),
        })
    }

    /// Attends to the next place. Returns what was done.
    fn attend(&mut self, now_ns: u64) -> u64 {
        let number = self.next;
        self.next = (number + 1) % self.places.len();
        if self.places[number].due_ns > now_ns {
            return 0;
        }
        if self.places[number].stream.is_none() {
            self.dial(number, now_ns);
            return 1;
        }
        match self.act(number, now_ns) {
            Ok(Step::Nothing) => 0,
            Ok(Step::Did(count)) => {
                self.phases.measured.of_mut(Kind::Announce).sent += count;
                count
            }
            Ok(Step::Finished) => {
                self.phases.measured.of_mut(Kind::Announce).sent += 1;
                self.close(number, now_ns);
                1
            }
            Err(error) => {
                self.tally.ended_by_tracker += 1;
                self.tally.note_failure(&error.to_string());
                self.close(number, now_ns + REOPEN_NS);
                1
            }
        }
    }

    fn dial(&mut self, number: usize, now_ns: u64) {
        let place = &mut self.places[number];
        (place.opened_ns, place.sent_bytes) = (now_ns, 0);
        match self.dialer.dial(place.source) {
            Ok(stream) => {
                place.stream = Some(stream);
                self.tally.opened += 1;
            }
            Err(error) => {
                place.due_ns = now_ns + REOPEN_NS;
                self.tally.note_failure(&error.to_string());
            }
        }
    }

    fn close(&mut self, number: usize, due_ns: u64) {
        let place = &mut self.places[number];
        place.due_ns = due_ns;
        if let Some(Stream::Tls(tls)) = place.stream.take() {
            tls.note_handshake(&mut self.tally.handshakes);
        }
    }

    /// Does the next step of a connection, or returns why it has ended.
    fn act(&mut self, number: usize, now_ns: u64) -> io::Result<Step> {
        let place = &mut self.places[number];
        let Some(stream) = &mut place.stream else { return Ok(Step::Nothing) };
        let flushed = stream.flush()?;
        if self.attack == Attack::Pipelining {
            return match flushed {
                Flushed::All => stream.send(&self.requests).map(|_| Step::Did(PIPELINED as u64)),
                Flushed::Waits => Ok(Step::Nothing),
            };
        }
        if stream.receive(&mut self.buffer)? == Received::End {
            return Err(super::stream::end());
        }
        match self.attack {
            Attack::Slow => {
                let byte = slow_byte(&self.requests, place.sent_bytes);
                stream.send(&[byte])?;
                place.sent_bytes += 1;
                place.due_ns = now_ns + BYTE_NS;
                Ok(Step::Did(1))
            }
            Attack::Handshakes if stream.has_shaken_hands() => Ok(Step::Finished),
            Attack::Handshakes if now_ns - place.opened_ns > HANDSHAKE_NS_MAX => {
                Err(io::ErrorKind::TimedOut.into())
            }
            _ => Ok(Step::Nothing),
        }
    }
}

/// Returns requests for several peers, one after another.
fn requests(writer: &RequestWriter, population: &Population) -> Vec<u8> {
    let (mut all, mut one) = (Vec::new(), Vec::new());
    for number in 0..PIPELINED as u64 {
        writer.announce(population, number % population.peers, &mut one);
        all.extend_from_slice(&one);
    }
    all
}

/// Returns the byte at a place of an endless head: the start of a request, and then the value of one field.
fn slow_byte(requests: &[u8], at: usize) -> u8 {
    let end_of_line = requests.iter().position(|&byte| byte == b'\r').unwrap_or(0) + 2;
    let field = b"X-Slow: ";
    let begin = requests[..end_of_line].iter().chain(field);
    begin.copied().nth(at).unwrap_or(b'x')
}

impl Lane for HostileLane {
    fn turn(&mut self, _pace: &mut Pace) -> anyhow::Result<Turn> {
        let now_ns = self.clock.now_ns();
        let places = self.places.len().min(PLACES_OF_TURN);
        let sent = (0..places).map(|_| self.attend(now_ns)).sum::<u64>();
        let is_round_over = self.next < PLACES_OF_TURN;
        if sent == 0 && is_round_over {
            std::thread::sleep(Duration::from_nanos(REST_NS_MAX));
        }
        Ok(Turn { replies: 0, sent: usize::try_from(sent).unwrap_or(usize::MAX) })
    }

    fn phases(&mut self) -> &mut Phases {
        &mut self.phases
    }

    fn population(&self, _target: usize) -> Population {
        self.population
    }

    fn connections(&mut self) -> ConnectionTally {
        let mut tally = self.tally.clone();
        tally.idle.open_at_end = self.places.iter().filter(|place| place.stream.is_some()).count() as u64;
        tally
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slow_request_begins_as_others_do_and_never_ends() {
        let requests = b"GET /announce HTTP/1.1\r\nHost: a\r\n\r\n";
        let sent: Vec<u8> = (0..100).map(|at| slow_byte(requests, at)).collect();
        assert!(sent.starts_with(b"GET /announce HTTP/1.1\r\nX-Slow: xxx"));
        assert!(sent.ends_with(b"xxx"));
    }
}
