use super::Simulator;
use engine::{Engine, Errand, HttpConnection, HttpService, HttpStep, Now, Ticket};
use http_protocol::RESPONSE_BYTES_MAX;
use primitives::{Counter, ShardId};
use std::net::IpAddr;

/// What a core serves its HTTP connections with.
#[derive(Debug)]
pub struct HttpDesk<'a> {
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
    connection: HttpConnection,
}

/// What becomes of the request at the front of some bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Begun {
    /// It is answered.
    Answered(Vec<u8>),
    /// Its errand is on the way, under this number.
    Underway(u32),
    /// There is none, or not all of it.
    Incomplete,
    /// It is something else than HTTP.
    NotHttp,
}

impl HttpLine {
    /// Decides about the header of the PROXY protocol, and whatever else comes before a request.
    pub const fn connection(&mut self) -> &mut HttpConnection {
        &mut self.connection
    }
}

impl Simulator {
    /// Takes in a connection from `remote` at a core, counted from 0 and round the end.
    #[must_use]
    pub fn accept(&self, core: usize, remote: IpAddr) -> HttpLine {
        let home = core % self.cores.len();
        HttpLine { home, connection: HttpConnection::new(self.cores[home].http.policy(), remote) }
    }

    /// What a core serves its connections with.
    pub fn desk(&mut self, core: usize) -> HttpDesk<'_> {
        let now = self.now;
        let core = &mut self.cores[core];
        HttpDesk { service: &mut core.http, engine: &mut core.engine, now }
    }

    /// What a core is called by the others.
    #[must_use]
    pub fn shard(&self, core: usize) -> ShardId {
        self.cores[core].shard
    }

    /// Gives the bytes to the line's core.
    pub fn begin(&mut self, line: &mut HttpLine, bytes: &[u8]) -> Begun {
        let mut answer = vec![0; RESPONSE_BYTES_MAX];
        let HttpDesk { service, engine, now } = self.desk(line.home);
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
            HttpStep::Errand { owner, mut errand, .. } => {
                self.errands_begun += 1;
                let number = self.errands_begun;
                errand.ticket = Ticket { home: self.cores[line.home].shard, slot: number, generation: 0 };
                match self.send_errand(line.home, owner, errand) {
                    Ok(()) => return Begun::Underway(number),
                    Err(errand) => {
                        let HttpDesk { service, engine, .. } = self.desk(line.home);
                        service.give_up(engine, errand, &mut answer)
                    }
                }
            }
        };
        Begun::Answered(answer[written].to_vec())
    }

    /// Has all errands run and brings them home: their numbers, and the answers.
    pub fn finish_errands(&mut self) -> Vec<(u32, Vec<u8>)> {
        let mut answers = Vec::new();
        while self.errands_underway() > 0 {
            self.run_errands();
            for core in 0..self.cores.len() {
                while let Some(errand) = self.next_home(core) {
                    answers.extend(self.finish_errand(core, errand));
                }
            }
        }
        answers
    }

    /// Has an errand that is back go on, or gives its number and the answer.
    fn finish_errand(&mut self, core: usize, mut errand: Box<Errand>) -> Option<(u32, Vec<u8>)> {
        let number = errand.ticket.slot;
        let mut answer = vec![0; RESPONSE_BYTES_MAX];
        let HttpDesk { service, engine, .. } = self.desk(core);
        let written = match service.send_on(engine, &mut errand) {
            None => service.finish(engine, errand, &mut answer),
            Some(owner) => {
                let errand = self.send_errand(core, owner, errand).err()?;
                let HttpDesk { service, engine, .. } = self.desk(core);
                service.give_up(engine, errand, &mut answer)
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
                let answers = self.finish_errands();
                let own = answers.into_iter().find(|(other, _)| *other == number);
                own.expect("an errand comes home").1
            }
            none => panic!("{none:?}: {}", request.escape_ascii()),
        }
    }

    /// Hands an errand over to its first owner, as its home does; gives it back where the ring is full.
    ///
    /// # Errors
    /// With the errand, where the ring is full.
    pub fn send_errand(
        &mut self,
        home: usize,
        owner: ShardId,
        errand: Box<Errand>,
    ) -> Result<(), Box<Errand>> {
        let Self { cores, errands, .. } = self;
        let Some(core) = cores.get_mut(home) else { return Err(errand) };
        core.engine.statistics_mut().add(Counter::HttpErrands, 1);
        errands.send((core.shard, owner), errand)
    }

    /// Has every errand that is on its way run by its owner and sent home.
    pub fn run_errands(&mut self) {
        for core in 0..self.cores.len() {
            while let Some(mut errand) = self.errands.next_for(core) {
                self.cores[core].engine.run_errand(self.now, &mut errand);
                self.errands.send_home(errand);
            }
        }
    }

    /// The next errand that has come home to a core.
    pub fn next_home(&mut self, core: usize) -> Option<Box<Errand>> {
        self.errands.next_home(core)
    }

    /// Errands of all cores that are not at home.
    #[must_use]
    pub fn errands_underway(&self) -> usize {
        self.cores.iter().map(|core| core.http.underway()).sum()
    }
}
