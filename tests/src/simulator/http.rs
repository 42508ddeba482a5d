use super::Simulator;
use engine::{ConnectionToken, Engine, HttpExchange, HttpService, HttpStep, Now, RoutedRequest};
use http_protocol::RESPONSE_BYTES_MAX;
use primitives::{Counter, ShardId};
use std::net::IpAddr;

/// What a core serves its HTTP connections with.
#[derive(Debug)]
pub struct HttpContext<'a> {
    /// Decides.
    pub service: &'a mut HttpService,
    /// Decides about torrents.
    pub engine: &'a mut Engine,
    /// The time.
    pub now: Now,
}

/// A connection of an HTTP client.
#[derive(Debug)]
pub struct HttpLine {
    home: usize,
    connection: HttpExchange,
}

/// What becomes of the request at the front of some bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Begun {
    /// It is answered.
    Answered(Vec<u8>),
    /// Its routed request is on the way, under this number.
    Underway(u32),
    /// There is none, or not all of it.
    Incomplete,
    /// It is something else than HTTP.
    NotHttp,
}

impl HttpLine {
    /// Decides about the header of the PROXY protocol, and whatever else comes before a request.
    pub const fn connection(&mut self) -> &mut HttpExchange {
        &mut self.connection
    }
}

impl Simulator {
    /// Takes in a connection from `remote` at a core, counted from 0 and round the end.
    #[must_use]
    pub fn accept(&self, core: usize, remote: IpAddr) -> HttpLine {
        let home = core % self.cores.len();
        HttpLine { home, connection: HttpExchange::new(self.cores[home].http.policy(), remote) }
    }

    /// What a core serves its connections with.
    pub fn context(&mut self, core: usize) -> HttpContext<'_> {
        let now = self.now;
        let core = &mut self.cores[core];
        HttpContext { service: &mut core.http, engine: &mut core.engine, now }
    }

    /// What a core is called by the others.
    #[must_use]
    pub fn shard(&self, core: usize) -> ShardId {
        self.cores[core].shard
    }

    /// Gives the bytes to the line's core.
    pub fn begin(&mut self, line: &mut HttpLine, bytes: &[u8]) -> Begun {
        let mut answer = vec![0; RESPONSE_BYTES_MAX];
        let HttpContext { service, engine, now } = self.context(line.home);
        let written = match line.connection.advance(service, engine, now, bytes, &mut answer) {
            HttpStep::Incomplete => return Begun::Incomplete,
            HttpStep::NotHttp => return Begun::NotHttp,
            HttpStep::Refused(written) | HttpStep::Answered { written, .. } => written,
            // Nobody waits here.
            HttpStep::OwnerBusy(_) => {
                line.connection.stop_waiting();
                return self.begin(line, bytes);
            }
            // A scrape of all torrents: its head.
            HttpStep::Stream { head, .. } => head,
            HttpStep::RoutedRequest { owner, mut routed, .. } => {
                self.routed_begun += 1;
                let number = self.routed_begun;
                routed.token =
                    ConnectionToken { home: self.cores[line.home].shard, slot: number, generation: 0 };
                match self.send_routed(line.home, owner, routed) {
                    Ok(()) => return Begun::Underway(number),
                    Err(routed) => {
                        let HttpContext { service, engine, .. } = self.context(line.home);
                        service.give_up(engine, routed, &mut answer)
                    }
                }
            }
        };
        Begun::Answered(answer[written].to_vec())
    }

    /// Has all routed requests run and brings them home: their numbers, and the answers.
    pub fn finish_routed_requests(&mut self) -> Vec<(u32, Vec<u8>)> {
        let mut answers = Vec::new();
        while self.routed_underway() > 0 {
            self.serve_routed_requests();
            for core in 0..self.cores.len() {
                while let Some(routed) = self.next_home(core) {
                    answers.extend(self.finish_routed(core, routed));
                }
            }
        }
        answers
    }

    /// Has a routed request that is back go on, or gives its number and the answer.
    fn finish_routed(&mut self, core: usize, mut routed: Box<RoutedRequest>) -> Option<(u32, Vec<u8>)> {
        let number = routed.token.slot;
        let mut answer = vec![0; RESPONSE_BYTES_MAX];
        let HttpContext { service, engine, .. } = self.context(core);
        let written = match service.send_on(engine, &mut routed) {
            None => service.finish(engine, routed, &mut answer),
            Some(owner) => {
                let routed = self.send_routed(core, owner, routed).err()?;
                let HttpContext { service, engine, .. } = self.context(core);
                service.give_up(engine, routed, &mut answer)
            }
        };
        Some((number, answer[written].to_vec()))
    }

    /// The answer to one whole request.
    ///
    /// # Panics
    /// When there is none.
    pub fn ask(&mut self, line: &mut HttpLine, request: &[u8]) -> Vec<u8> {
        match self.begin(line, request) {
            Begun::Answered(answer) => answer,
            Begun::Underway(number) => {
                let answers = self.finish_routed_requests();
                let own = answers.into_iter().find(|(other, _)| *other == number);
                own.expect("a routed request comes home").1
            }
            none => panic!("{none:?}: {}", request.escape_ascii()),
        }
    }

    /// Hands a routed request over to its first owner, as its home does; gives it back where the ring is full.
    ///
    /// # Errors
    /// With the routed request, where the ring is full.
    pub fn send_routed(
        &mut self,
        home: usize,
        owner: ShardId,
        routed: Box<RoutedRequest>,
    ) -> Result<(), Box<RoutedRequest>> {
        let Self { cores, rings, .. } = self;
        let Some(core) = cores.get_mut(home) else { return Err(routed) };
        core.engine.statistics_mut().add(Counter::RoutedHttpRequests, 1);
        rings.send((core.shard, owner), routed)
    }

    /// Has every routed request that is on its way run by its owner and sent home.
    pub fn serve_routed_requests(&mut self) {
        for core in 0..self.cores.len() {
            while let Some(mut routed) = self.rings.next_for(core) {
                self.cores[core].engine.serve_routed(self.now, &mut routed);
                self.rings.send_home(routed);
            }
        }
    }

    /// The next routed request that has come home to a core.
    pub fn next_home(&mut self, core: usize) -> Option<Box<RoutedRequest>> {
        self.rings.next_home(core)
    }

    /// Routed requests of all cores that are not at home.
    #[must_use]
    pub fn routed_underway(&self) -> usize {
        self.cores.iter().map(|core| core.http.underway()).sum()
    }
}
