use crate::attack::{self, Attack};
use crate::kind::Kind;
use crate::mix::Mix;
use crate::outstanding::CAPACITY;
use crate::target::{HttpPlace, Target};
use clap::error::ErrorKind;
use clap::{CommandFactory, Parser, ValueEnum};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

/// Puts load on a tracker over UDP (BEP 15), HTTP or HTTPS (BEP 3), or WebSocket (the WebTorrent protocol), and
/// measures its responses.
///
/// Without --rate the load is a closed loop: each thread keeps --window requests outstanding, which finds the
/// saturation of the tracker. With --rate it is an open loop: requests are sent on a schedule regardless of the
/// tracker, and latency counts from the scheduled time, so that a stall of the tracker is not hidden.
///
/// Peers are announced from many source addresses if the target is on the loopback (127.0.0.0/8), or with
/// --first-source.
///
/// Over HTTP a connection has at most one request outstanding. A request that fails with its connection counts as
/// lost, and the reason is reported. HTTP has no connects: their weight in the mix is ignored.
///
/// Over WebSocket all connections are opened before the load begins, and their peers announced: --peers is ignored.
/// A connection may have several requests outstanding, and is not opened again if it ends. Offers and answers count
/// as responses when they are delivered; the latency of both counts from the announce with the offer.
///
/// The exit code is 0 on success; 1 if a limit (--min-rate, --max-loss, --max-p99-us) did not hold, --verify found
/// a wrong reply, or a peer of --fill was not answered; 2 if the load could not be generated.
#[derive(Debug, Clone, Parser)]
#[command(name = "ringtrack-blast", version)]
#[expect(clippy::struct_excessive_bools, reason = "switches of a command line, which can be combined")]
pub(crate) struct Options {
    /// The tracker: HOST:PORT or udp://HOST:PORT for UDP, `http://HOST:PORT/announce`,
    /// `https://HOST:PORT/announce`, `ws://HOST:PORT`, `wss://HOST:PORT`. Two trackers, one per address family, share the load by --ipv6-percent
    #[arg(long, required = true, value_name = "TRACKER", num_args = 1..=2)]
    pub(crate) target: Vec<Target>,

    /// Cores that generate the load, one pinned thread each
    #[arg(long, value_delimiter = ',', default_value = "1", value_name = "CORE,...")]
    pub(crate) cores: Vec<usize>,

    /// Seconds to measure, after the warm-up
    #[arg(long, default_value_t = 10.0)]
    pub(crate) seconds: f64,

    /// Seconds of load before the measurement
    #[arg(long, default_value_t = 2.0)]
    pub(crate) warmup: f64,

    /// End a measurement early when each thread has sent this many requests in it
    #[arg(long, value_name = "N")]
    pub(crate) requests: Option<u64>,

    /// Misuse the tracker in this way, at full speed unless --rate is given
    #[arg(long, value_enum)]
    pub(crate) attack: Option<Attack>,

    /// Requests per second over all threads (open loop)
    #[arg(long)]
    pub(crate) rate: Option<f64>,

    /// Requests outstanding per thread (closed loop); over HTTP, at most --connections
    #[arg(long, default_value_t = 1024, conflicts_with = "rate",
        value_parser = parse_window)]
    pub(crate) window: u32,

    /// Weights of connect/announce/scrape; the default is what public trackers see
    #[arg(long, default_value = "25/72/3", value_name = "C/A/S")]
    pub(crate) mix: Mix,

    /// Share of announces and scrapes with a wrong connection id, in percent (UDP)
    #[arg(long, default_value_t = 0.0)]
    pub(crate) invalid_percent: f64,

    /// Peers requested in each announce; -1 leaves the number to the tracker
    #[arg(long, default_value_t = 30, allow_negative_numbers = true)]
    pub(crate) numwant: i32,

    /// Torrents per scrape
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=74))]
    pub(crate) scrape_hashes: u16,

    /// Number of torrents
    #[arg(long, default_value_t = 1_000_000)]
    pub(crate) torrents: u64,

    /// Number of peers; each is in one torrent
    #[arg(long, default_value_t = 2_000_000)]
    pub(crate) peers: u64,

    /// Skew of the torrents' popularity: peer x of 0..1 is in torrent x^SKEW; 1 is even
    #[arg(long, default_value_t = 3.0)]
    pub(crate) skew: f64,

    /// Share of the peers that are seeders, in percent
    #[arg(long, default_value_t = 80.0)]
    pub(crate) seeders_percent: f64,

    /// Share of the announces whose peer leaves its swarm until it is announced again, in percent (UDP)
    #[arg(long, default_value_t = 0.0)]
    pub(crate) stopped_percent: f64,

    /// Share of the requests over IPv6, in percent, if targets of both families are given
    #[arg(long, default_value_t = 33.0)]
    pub(crate) ipv6_percent: f64,

    /// First source address of the requests; further ones follow it, without 0 and 255 in the last byte. This
    /// machine must have them all, for example by `ip route add local`. Default: 127.1.0.1 on the loopback, and
    /// otherwise the one address that the kernel chooses
    #[arg(long, value_name = "IPV4")]
    pub(crate) first_source: Option<Ipv4Addr>,

    /// Source addresses of the requests, on the loopback or from --first-source on
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=60_000))]
    pub(crate) sources: u32,

    /// Source ports per thread and family (UDP)
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=64))]
    pub(crate) ports: u16,

    /// Requests of one source that are passed to the kernel as one message, to save CPU time (UDP). Such a message
    /// reaches one socket of the tracker, that of its first request: against several workers, 1 sends as clients do
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..=64))]
    pub(crate) segments: u16,

    /// Neighbouring peers of a source that are in one torrent and announced in one message, which then reaches the
    /// owner of the torrent; at most --segments (UDP)
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=32))]
    pub(crate) torrent_run: u16,

    /// Path and query of the tracker's URL that announces carry (BEP 41), such as /announce/KEY. Source addresses
    /// use several in turn, which must have one length (UDP). Over HTTP the path is part of --target
    #[arg(long, value_delimiter = ',', value_name = "PATH,...")]
    pub(crate) url_data: Vec<String>,

    /// Torrents of each connection, which has one peer id for all of them (WebSocket)
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=64))]
    pub(crate) connection_torrents: u16,

    /// Offers in each announce, with descriptions of 1 to 2 KB (WebSocket)
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u8).range(..=20))]
    pub(crate) offers: u8,

    /// Share of the delivered offers that are answered, in percent (WebSocket)
    #[arg(long, default_value_t = 100.0)]
    pub(crate) answers_percent: f64,

    /// The tracker responds to answers as it does to announces, which is then ignored (WebSocket)
    #[arg(long)]
    pub(crate) answers_get_responses: bool,

    /// How connections are used (HTTP)
    #[arg(long, value_enum, default_value = "keep-alive")]
    pub(crate) connection: ConnectionUse,

    /// Limit of connections per thread and target (HTTP), or their number (WebSocket). Each has one source address for as long as it is kept
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..=CONNECTIONS_MAX))]
    pub(crate) connections: u16,

    /// How a thread waits while nothing is due
    #[arg(long, value_enum, default_value = "spin")]
    pub(crate) wait: Wait,

    /// Idle connections held during the load, over all threads: one announce each before the load begins, then
    /// silence (HTTP). Over WebSocket each of their peers is in one torrent and gets offers, which are not read
    #[arg(long, default_value_t = 0, value_name = "N")]
    pub(crate) idle_connections: u32,

    /// Accept only certificates of the authorities in this PEM file; without it every certificate is accepted
    /// (HTTPS, WebSocket)
    #[arg(long, value_name = "FILE")]
    pub(crate) ca: Option<PathBuf>,

    /// Milliseconds after which a request counts as lost
    #[arg(long, default_value_t = 500)]
    pub(crate) timeout_ms: u64,

    /// Times that a request without an answer is sent again, each after another time-out, before it counts as lost; its
    /// latency counts from the first time (UDP)
    #[arg(long, default_value_t = 0)]
    pub(crate) retries: u8,

    /// Seed of the load: the same seed makes the same peers and torrents
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,

    /// Announce each peer once, repeat lost announces, print the number of answered peers, and exit
    #[arg(long)]
    pub(crate) fill: bool,

    /// Print the info hashes of the torrents, one per line in hexadecimal, and exit: a whitelist for trackers that
    /// need one
    #[arg(long, conflicts_with = "fill")]
    pub(crate) list_torrents: bool,

    /// Check every reply: its kind, form and length, and that its counts and peers are within those of this load.
    /// Earlier loads must not have announced others. A wrong reply leads to exit code 1
    #[arg(long)]
    pub(crate) verify: bool,

    /// Write the result, also of a fill, as JSON to this file, or to the standard output for `-`
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,

    /// Write the latencies as an HdrHistogram log (V2, compressed), one histogram per kind of request
    #[arg(long, value_name = "FILE")]
    pub(crate) hlog: Option<PathBuf>,

    /// Show no progress while the load runs
    #[arg(long)]
    pub(crate) quiet: bool,

    /// Fail below this many responses per second
    #[arg(long)]
    pub(crate) min_rate: Option<f64>,

    /// Fail above this share of lost requests, in percent
    #[arg(long, value_name = "PERCENT")]
    pub(crate) max_loss: Option<f64>,

    /// Fail above this 99th percentile of the latency, in microseconds; a lost request counts with at least the
    /// time-out
    #[arg(long, value_name = "MICROSECONDS")]
    pub(crate) max_p99_us: Option<u64>,
}

/// Limit per target: the connections of a thread to both targets are numbered by one `u16`.
const CONNECTIONS_MAX: i64 = 30_000;

/// Limit of bytes in a path and query: the capacity of one option (BEP 41).
const URL_DATA_BYTES_MAX: usize = 255;

const DIFFERENT_PROTOCOLS: &str = "the trackers of --target use different protocols";

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ConnectionUse {
    /// One request after another
    KeepAlive,
    /// One request per connection, whose latency includes connecting. Over HTTPS, sessions of earlier connections
    /// are resumed, as clients do
    PerRequest,
}

/// How a thread waits while nothing is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Wait {
    /// Poll without a pause: it reacts at once, and costs the tracker's core no wake-ups
    Spin,
    /// Sleep, which leaves the core to another load
    Sleep,
}

impl Options {
    /// Returns an error for options that are valid each alone but not together.
    pub(crate) fn check(&self) -> Result<(), clap::Error> {
        let contradiction = if self.target.iter().all(|target| target.http().is_none()) {
            self.contradiction_over_udp()
        } else {
            self.contradiction_over_http()
        };
        match contradiction.or_else(|| attack::contradiction(self)) {
            Some(text) => Err(Self::command().error(ErrorKind::ValueValidation, text)),
            None => Ok(()),
        }
    }

    fn contradiction_over_udp(&self) -> Option<String> {
        if self.torrent_run > self.segments {
            return Some(format!("--torrent-run {} is above --segments {}", self.torrent_run, self.segments));
        }
        if self.idle_connections > 0 {
            return Some("--idle-connections is for HTTP".to_owned());
        }
        let bytes = self.url_data.first().map_or(1, String::len);
        let is_one_option = (1..=URL_DATA_BYTES_MAX).contains(&bytes);
        let is_of_one_length = self.url_data.iter().all(|path| path.len() == bytes);
        (!is_one_option || !is_of_one_length)
            .then(|| format!("--url-data takes paths of one length, from 1 to {URL_DATA_BYTES_MAX} bytes"))
    }

    fn contradiction_over_http(&self) -> Option<String> {
        let places: Option<Vec<&HttpPlace>> = self.target.iter().map(Target::http).collect();
        let Some(places) = places else {
            return Some(DIFFERENT_PROTOCOLS.to_owned());
        };
        if self.torrent_run > 1
            || self.invalid_percent > 0.0
            || self.stopped_percent > 0.0
            || self.retries > 0
        {
            return Some(
                "--torrent-run, --invalid-percent, --stopped-percent and --retries are for UDP".to_owned(),
            );
        }
        if !self.url_data.is_empty() {
            return Some("--url-data is for UDP: over HTTP the path is part of --target".to_owned());
        }
        if self.mix().total() == 0 {
            return Some("--mix has only connects, which HTTP does not have".to_owned());
        }
        if self.is_over_websocket() {
            return self.contradiction_over_websocket();
        }
        let is_unscraped = self.mix.scrape > 0 && places.iter().any(|place| place.scrape_path().is_none());
        is_unscraped.then(|| "scrapes (--mix) need a part /announce in the path of --target".to_owned())
    }

    fn contradiction_over_websocket(&self) -> Option<String> {
        if !self.target.iter().all(Target::is_over_websocket) {
            return Some(DIFFERENT_PROTOCOLS.to_owned());
        }
        let is_for_others = self.fill || self.connection == ConnectionUse::PerRequest;
        is_for_others.then(|| "--fill and --connection per-request are not for WebSocket".to_owned())
    }

    /// Returns whether the targets use HTTP, HTTPS or WebSocket. In a checked command line, all use the same protocol.
    pub(crate) fn is_over_http(&self) -> bool {
        self.target.iter().any(|target| target.http().is_some())
    }

    pub(crate) fn is_over_websocket(&self) -> bool {
        self.target.iter().any(Target::is_over_websocket)
    }

    /// Returns the number of peers of each target: over WebSocket, those of all connections.
    pub(crate) fn peers(&self) -> u64 {
        if !self.is_over_websocket() {
            return self.peers;
        }
        let of_load = u64::from(self.connections) * (self.target.len() * self.cores.len()) as u64;
        of_load * u64::from(self.connection_torrents) + u64::from(self.idle_connections)
    }

    /// Returns the kinds whose figures are reported.
    pub(crate) fn kinds(&self) -> &'static [Kind] {
        if self.is_over_websocket() { &Kind::OVER_WEBSOCKET } else { &Kind::REQUESTS }
    }

    pub(crate) fn addresses(&self) -> impl Iterator<Item = SocketAddr> {
        self.target.iter().map(|target| target.address)
    }

    /// Returns the mix without the kinds that the protocol does not have.
    pub(crate) fn mix(&self) -> Mix {
        if self.is_over_http() { self.mix.without_connects() } else { self.mix }
    }

    /// Chooses the target of the next request and returns its index.
    pub(crate) fn choose_target(&self, rng: &mut fastrand::Rng) -> usize {
        if self.target.len() == 1 {
            return 0;
        }
        let is_ipv6 = rng.f64() * 100.0 < self.ipv6_percent;
        self.addresses().position(|address| address.is_ipv6() == is_ipv6).unwrap_or(0)
    }
}

fn parse_window(text: &str) -> Result<u32, String> {
    let window = text.parse().ok().filter(|&window: &u32| (1..=CAPACITY).contains(&(window as usize)));
    window.ok_or_else(|| format!("a whole number from 1 to {CAPACITY}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_free_of_contradictions() {
        Options::command().debug_assert();
    }

    #[test]
    fn a_run_of_a_torrent_fits_into_a_message() {
        let check = |segments| {
            let fixed =
                ["ringtrack-blast", "--target", "127.0.0.1:1", "--torrent-run", "8", "--segments", segments];
            Options::parse_from(fixed).check()
        };
        assert!(check("8").is_ok());
        assert!(check("7").is_err());
    }

    #[test]
    fn a_window_holds_one_request_to_as_many_as_can_be_outstanding() {
        assert_eq!(parse_window("1"), Ok(1));
        assert!(parse_window("0").is_err() && parse_window("262145").is_err());
    }

    fn contradiction(arguments: &[&str]) -> Option<String> {
        let options = Options::parse_from([&["ringtrack-blast", "--target"], arguments].concat());
        options.check().err().map(|error| error.to_string())
    }

    #[test]
    fn options_of_one_protocol_are_refused_for_the_other() {
        let http = "http://127.0.0.1:1/announce";
        assert_eq!(contradiction(&[http, "--connection", "per-request", "--idle-connections", "9"]), None);
        for wrong in [
            &["127.0.0.1:1", "--idle-connections", "9"][..],
            &["127.0.0.1:1", http],
            &[http, "--mix", "1/0/0"],
            &[http, "--torrent-run", "2"],
            &[http, "--invalid-percent", "1"],
            &[http, "--stopped-percent", "1"],
            &[http, "--retries", "1"],
            &[http, "--url-data", "/announce/1"],
            &["http://127.0.0.1:1/a", "--mix", "0/1/1"],
            &[http, "ws://127.0.0.1:1"],
            &["ws://127.0.0.1:1", "--fill"],
            &["ws://127.0.0.1:1", "--connection", "per-request"],
        ] {
            assert!(contradiction(wrong).is_some(), "{wrong:?}");
        }
    }

    #[test]
    fn over_websocket_the_peers_are_those_of_the_connections() {
        let fixed =
            ["ringtrack-blast", "--target", "ws://127.0.0.1:1", "--connections", "7", "--cores", "0,1"];
        let more = ["--connection-torrents", "3", "--idle-connections", "5"];
        assert_eq!(Options::parse_from(fixed.iter().chain(&more)).peers(), 47);
    }

    #[test]
    fn url_data_paths_have_one_length_and_fit_into_an_option() {
        let over_udp = |paths: &str| contradiction(&["127.0.0.1:1", "--url-data", paths]);
        let (longest, too_long) = ("/".repeat(255), "/".repeat(256));
        assert_eq!((over_udp("/announce/1,/announce/2"), over_udp(&longest)), (None, None));
        for wrong in ["/announce/1,/announce/22", too_long.as_str(), ""] {
            assert!(over_udp(wrong).is_some(), "{wrong}");
        }
    }

    #[test]
    fn over_http_the_weight_of_connects_is_ignored() {
        let options = Options::parse_from(["ringtrack-blast", "--target", "http://127.0.0.1:1/announce"]);
        assert_eq!(options.mix(), Mix { connect: 0, announce: 72, scrape: 3 });
    }
}
