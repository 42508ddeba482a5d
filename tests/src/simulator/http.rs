use super::Simulator;
use engine::{ConnectionToken, HttpExchange, HttpService, HttpStep, Now, RoutedRequest, Shard};
use http_protocol::RESPONSE_BYTES_MAX;
use metrics::Counter;
use primitives::ShardId;
use std::net::IpAddr;

/// The parts of a core that serve its HTTP connections.
#[derive(Debug)]
pub struct HttpContext<'a> {
    /// Decides about requests.
    pub service: &'a mut HttpService,
    /// Decides about torrents.
    pub shard: &'a mut Shard,
    /// The virtual time.
    pub now: Now,
}

/// A connection of an HTTP client.
#[derive(Debug)]
pub struct HttpLine {
    home: usize,
    connection: HttpExchange,
}

/// The result for the request at the front of some bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Begun {
    /// It is answered.
    Answered(Vec<u8>),
    /// It is routed to other cores, under this number.
    Underway(u32),
    /// There is no complete request.
    Incomplete,
    /// The bytes are not HTTP.
    NotHttp,
}

impl HttpLine {
    /// Returns the exchange, which also reads the PROXY protocol header before a request.
    pub const fn connection(&mut self) -> &mut HttpExchange {
        &mut self.connection
    }
}

impl Simulator {
    /// Accepts a connection from `remote` at a core, counted from 0, modulo the number of cores.
    #[must_use]
    pub fn accept(&self, core: usize, remote: IpAddr) -> HttpLine {
        let home = core % self.cores.len();
        HttpLine { home, connection: HttpExchange::new(&self.policy, remote) }
    }

    /// Returns the parts of a core that serve its connections.
    pub fn context(&mut self, core: usize) -> HttpContext<'_> {
        let now = self.now();
        let (shard, service) = self.cores[core].http();
        HttpContext { service, shard, now }
    }

    /// Returns the shard id of a core.
    ///
    /// # Panics
    /// If there is no such core.
    #[must_use]
    pub fn shard(&self, core: usize) -> ShardId {
        ShardId::new(core, self.shards).expect("a core of this tracker")
    }

    /// Serves the request at the front of `bytes` at the line's core.
    pub fn begin(&mut self, line: &mut HttpLine, bytes: &[u8]) -> Begun {
        let mut answer = vec![0; RESPONSE_BYTES_MAX];
        let HttpContext { service, shard, now } = self.context(line.home);
        let written = match line.connection.advance(service, shard, now, bytes, &mut answer) {
            HttpStep::Incomplete => return Begun::Incomplete,
            HttpStep::NotHttp => return Begun::NotHttp,
            HttpStep::Refused(written) | HttpStep::Answered { written, .. } => written,
            // The simulator does not wait for a busy owner.
            HttpStep::OwnerBusy(_) => {
                line.connection.stop_waiting();
                return self.begin(line, bytes);
            }
            // Of a scrape of all torrents, only the head is returned.
            HttpStep::Stream { head, .. } => head,
            HttpStep::Routed { owner, mut routed, .. } => {
                self.routed_begun += 1;
                let number = self.routed_begun;
                routed.token = ConnectionToken { home: self.shard(line.home), slot: number, generation: 0 };
                match self.send_routed(line.home, owner, routed) {
                    Ok(()) => return Begun::Underway(number),
                    Err(routed) => {
                        let HttpContext { service, shard, .. } = self.context(line.home);
                        service.give_up(shard, routed, &mut answer)
                    }
                }
            }
        };
        Begun::Answered(answer[written].to_vec())
    }

    /// Serves all routed requests to the end, and returns their numbers and responses.
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

    /// Sends a returned request on to its next owner, or returns its number and response.
    fn finish_routed(&mut self, core: usize, mut routed: Box<RoutedRequest>) -> Option<(u32, Vec<u8>)> {
        let number = routed.token.slot;
        let mut answer = vec![0; RESPONSE_BYTES_MAX];
        let HttpContext { service, shard, .. } = self.context(core);
        let written = match service.send_on(shard, &mut routed) {
            None => service.finish(shard, routed, &mut answer),
            Some(owner) => {
                let routed = self.send_routed(core, owner, routed).err()?;
                let HttpContext { service, shard, .. } = self.context(core);
                service.give_up(shard, routed, &mut answer)
            }
        };
        Some((number, answer[written].to_vec()))
    }

    /// Returns the response to one whole request.
    ///
    /// # Panics
    /// If there is none.
    pub fn ask(&mut self, line: &mut HttpLine, request: &[u8]) -> Vec<u8> {
        match self.begin(line, request) {
            Begun::Answered(answer) => answer,
            Begun::Underway(number) => {
                let answers = self.finish_routed_requests();
                let own = answers.into_iter().find(|(other, _)| *other == number);
                own.expect("a routed request returns").1
            }
            none => panic!("{none:?}: {}", request.escape_ascii()),
        }
    }

    /// Sends a routed request from its home to an owner.
    ///
    /// # Errors
    /// Returns the routed request if the ring is full.
    pub fn send_routed(
        &mut self,
        home: usize,
        owner: ShardId,
        routed: Box<RoutedRequest>,
    ) -> Result<(), Box<RoutedRequest>> {
        let from = self.shard(home);
        self.cores[home].shard().statistics_mut().add(Counter::RoutedHttpRequests, 1);
        self.rings.send((from, owner), routed)
    }

    /// Serves every pending routed request at its owner and sends it home.
    pub fn serve_routed_requests(&mut self) {
        let now = self.now();
        for core in 0..self.cores.len() {
            while let Some(mut routed) = self.rings.next_for(core) {
                routed.advance(self.cores[core].shard(), now);
                self.rings.send_home(routed);
            }
        }
    }

    /// Takes the next routed request that has returned to a core.
    pub fn next_home(&mut self, core: usize) -> Option<Box<RoutedRequest>> {
        self.rings.next_home(core)
    }

    /// Returns the number of routed requests that have not returned.
    pub fn routed_underway(&mut self) -> usize {
        self.cores.iter_mut().map(|core| core.http().1.underway()).sum()
    }
}
