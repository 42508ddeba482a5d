use crate::mix::Mix;
use crate::outstanding::CAPACITY;
use crate::target::{HttpPlace, Target};
use clap::error::ErrorKind;
use clap::{CommandFactory, Parser, ValueEnum};
use std::net::SocketAddr;
use std::path::PathBuf;

/// Puts load on a tracker, over UDP (BEP 15), HTTP or HTTPS (BEP 3), and measures its answers.
///
/// Without --rate the load is closed-loop: each thread keeps --window requests outstanding, which finds the
/// tracker's saturation. With --rate it is open-loop: requests leave on a schedule whatever the tracker does,
/// and latency counts from the scheduled moment, so that a tracker that stalls cannot hide it.
///
/// Peers are announced from many source addresses where the target is on the loopback (127.0.0.0/8).
///
/// Over HTTP a connection has one request on its way at most. What fails with its connection counts as lost, with the
/// reason told. There are no connects: their weight in the mix does not count.
///
/// The exit code is 0; or 1 when a bound (--min-rate, --max-loss, --max-p99-us) did not hold, when --verify found a
/// wrong reply, or when a peer of --fill was not answered; or 2 when the load could not be made.
#[derive(Debug, Clone, Parser)]
#[command(name = "ringtrack-blast", version)]
#[expect(clippy::struct_excessive_bools, reason = "switches of a command line, which can be combined")]
pub(crate) struct Options {
    /// The tracker: HOST:PORT or udp://HOST:PORT for UDP, `http://HOST:PORT/announce`, `https://HOST:PORT/announce`.
    /// Two of them, one of each family, share the load by --ipv6-percent
    #[arg(long, required = true, value_name = "TRACKER", num_args = 1..=2)]
    pub(crate) target: Vec<Target>,

    /// The cores to load from, one thread pinned to each
    #[arg(long, value_delimiter = ',', default_value = "1", value_name = "CORE,...")]
    pub(crate) cores: Vec<usize>,

    /// Seconds to measure, after the warm-up
    #[arg(long, default_value_t = 10.0)]
    pub(crate) seconds: f64,

    /// Seconds of load before the measurement
    #[arg(long, default_value_t = 2.0)]
    pub(crate) warmup: f64,

    /// Requests per second over all threads (open loop)
    #[arg(long)]
    pub(crate) rate: Option<f64>,

    /// Requests outstanding in each thread (closed loop); over HTTP, no more than --connections
    #[arg(long, default_value_t = 1024, conflicts_with = "rate",
        value_parser = parse_window)]
    pub(crate) window: u32,

    /// Weights of connect/announce/scrape; the default is what public trackers see
    #[arg(long, default_value = "25/72/3", value_name = "C/A/S")]
    pub(crate) mix: Mix,

    /// Share of announces and scrapes with a wrong connection id, in percent (UDP)
    #[arg(long, default_value_t = 0.0)]
    pub(crate) invalid_percent: f64,

    /// Peers asked for in each announce; -1 leaves the number to the tracker
    #[arg(long, default_value_t = 30, allow_negative_numbers = true)]
    pub(crate) numwant: i32,

    /// Torrents in a scrape
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=74))]
    pub(crate) scrape_hashes: u16,

    /// Torrents
    #[arg(long, default_value_t = 1_000_000)]
    pub(crate) torrents: u64,

    /// Peers, each of which is in one torrent
    #[arg(long, default_value_t = 2_000_000)]
    pub(crate) peers: u64,

    /// How uneven the torrents' popularity is: peer x of 0..1 is in torrent x^SKEW; 1 is even
    #[arg(long, default_value_t = 3.0)]
    pub(crate) skew: f64,

    /// Share of the peers that are seeders, in percent
    #[arg(long, default_value_t = 80.0)]
    pub(crate) seeders_percent: f64,

    /// Share of the requests that go over IPv6, in percent, where targets of both families are given
    #[arg(long, default_value_t = 33.0)]
    pub(crate) ipv6_percent: f64,

    /// Source addresses that requests come from, on the loopback
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=60_000))]
    pub(crate) sources: u32,

    /// Source ports of each thread and family (UDP)
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=64))]
    pub(crate) ports: u16,

    /// Requests of one source that the kernel is given as one message, to spare the load's core (UDP). Such a message
    /// reaches one socket of the tracker, the first request's: against several workers, 1 sends as clients do
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..=64))]
    pub(crate) segments: u16,

    /// Neighbouring peers of a source that are in one torrent and are announced in one message, which then reaches
    /// the worker that has the torrent; at most --segments (UDP)
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=32))]
    pub(crate) torrent_run: u16,

    /// Path and query of the tracker's URL that announces hand on (BEP 41), such as /announce/KEY. Source addresses
    /// take several in turn, which have to be of one length (UDP). Over HTTP it stands in --target
    #[arg(long, value_delimiter = ',', value_name = "PATH,...")]
    pub(crate) url_data: Vec<String>,

    /// What a connection is used for (HTTP)
    #[arg(long, value_enum, default_value = "keep-alive")]
    pub(crate) connection: ConnectionUse,

    /// Connections of each thread and target at most (HTTP). Each comes from one source address as long as it is kept
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..=CONNECTIONS_MAX))]
    pub(crate) connections: u16,

    /// What a thread does while nothing is due (HTTP)
    #[arg(long, value_enum, default_value = "spin")]
    pub(crate) wait: Wait,

    /// Connections that are held beside the load, of all threads together: one announce each before the load begins,
    /// then silence (HTTP)
    #[arg(long, default_value_t = 0, value_name = "N")]
    pub(crate) idle_connections: u32,

    /// Accept certificates only of these authorities, a file of PEM; otherwise every certificate is accepted (HTTPS)
    #[arg(long, value_name = "FILE")]
    pub(crate) ca: Option<PathBuf>,

    /// Milliseconds after which a request counts as lost
    #[arg(long, default_value_t = 500)]
    pub(crate) timeout_ms: u64,

    /// Seed of the load: the same seed makes the same peers and torrents
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,

    /// Announce each peer once, again where its answer is lost, say how many were answered, and end
    #[arg(long)]
    pub(crate) fill: bool,

    /// Write the info hashes of the torrents, one in hexadecimal a line, and end: a whitelist for trackers that
    /// need one
    #[arg(long, conflicts_with = "fill")]
    pub(crate) list_torrents: bool,

    /// Check every reply: kind, form, length, counts and peers within what this load announces. A fill or another load
    /// before it may have announced no others. A wrong reply ends with code 1
    #[arg(long)]
    pub(crate) verify: bool,

    /// Write the result, of a fill too, as JSON to this file, or to the standard output for `-`
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,

    /// Write the latencies as an HdrHistogram log (V2, compressed), one histogram for each kind of request
    #[arg(long, value_name = "FILE")]
    pub(crate) hlog: Option<PathBuf>,

    /// No progress while the load runs
    #[arg(long)]
    pub(crate) quiet: bool,

    /// Fewest responses per second
    #[arg(long)]
    pub(crate) min_rate: Option<f64>,

    /// Most requests lost, in percent
    #[arg(long, value_name = "PERCENT")]
    pub(crate) max_loss: Option<f64>,

    /// Highest 99th percentile of the latency, in microseconds; a lost request counts with the time-out at least
    #[arg(long, value_name = "MICROSECONDS")]
    pub(crate) max_p99_us: Option<u64>,
}

/// Connections of a thread are numbered by a `u16`, those of two targets together.
const CONNECTIONS_MAX: i64 = 30_000;

/// Bytes of a path and query: what one option has room for (BEP 41).
const URL_DATA_BYTES_MAX: usize = 255;

/// What a connection is used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ConnectionUse {
    /// One request after the other
    KeepAlive,
    /// One request, whose latency has the making of the connection in it. Over HTTPS, sessions of earlier connections
    /// are resumed, as clients do
    PerRequest,
}

/// What a thread does while nothing is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Wait {
    /// It looks again: it answers at once, and waking it costs the tracker's core nothing
    Spin,
    /// It sleeps, and leaves its core to another load
    Sleep,
}

impl Options {
    /// Finds what the options of a command line allow each for itself, but not together.
    pub(crate) fn check(&self) -> Result<(), clap::Error> {
        let contradiction = if self.target.iter().all(|target| target.http().is_none()) {
            self.contradiction_over_udp()
        } else {
            self.contradiction_over_http()
        };
        match contradiction {
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
            return Some("the trackers of --target are not spoken to in the same way".to_owned());
        };
        if self.torrent_run > 1 || self.invalid_percent > 0.0 {
            return Some("--torrent-run and --invalid-percent are for UDP".to_owned());
        }
        if !self.url_data.is_empty() {
            return Some("--url-data is for UDP: over HTTP the path stands in --target".to_owned());
        }
        if self.mix().total() == 0 {
            return Some("--mix has connects only, which HTTP does not know".to_owned());
        }
        let is_unscraped = self.mix.scrape > 0 && places.iter().any(|place| place.scrape_path().is_none());
        is_unscraped.then(|| "scrapes (--mix) need a path of --target that has a part /announce".to_owned())
    }

    /// Whether the trackers are spoken to over HTTP or HTTPS; a checked command line has them all of one kind.
    pub(crate) fn is_over_http(&self) -> bool {
        self.target.iter().any(|target| target.http().is_some())
    }

    /// Where the targets are.
    pub(crate) fn addresses(&self) -> impl Iterator<Item = SocketAddr> {
        self.target.iter().map(|target| target.address)
    }

    /// The weights of the kinds that the targets know.
    pub(crate) fn mix(&self) -> Mix {
        if self.is_over_http() { self.mix.without_connects() } else { self.mix }
    }

    /// The target of the next request, by number.
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
    fn a_window_holds_a_request_and_no_more_than_can_be_on_their_way() {
        assert_eq!(parse_window("1"), Ok(1));
        assert!(parse_window("0").is_err() && parse_window("262145").is_err());
    }

    fn contradiction(arguments: &[&str]) -> Option<String> {
        let options = Options::parse_from([&["ringtrack-blast", "--target"], arguments].concat());
        options.check().err().map(|error| error.to_string())
    }

    #[test]
    fn what_only_one_protocol_has_is_refused_for_the_other() {
        let http = "http://127.0.0.1:1/announce";
        assert_eq!(contradiction(&[http, "--connection", "per-request", "--idle-connections", "9"]), None);
        for wrong in [
            &["127.0.0.1:1", "--idle-connections", "9"][..],
            &["127.0.0.1:1", http],
            &[http, "--mix", "1/0/0"],
            &[http, "--torrent-run", "2"],
            &[http, "--invalid-percent", "1"],
            &[http, "--url-data", "/announce/1"],
            &["http://127.0.0.1:1/a", "--mix", "0/1/1"],
        ] {
            assert!(contradiction(wrong).is_some(), "{wrong:?}");
        }
    }

    #[test]
    fn paths_that_are_handed_on_have_one_length_and_fit_into_an_option() {
        let over_udp = |paths: &str| contradiction(&["127.0.0.1:1", "--url-data", paths]);
        let (longest, too_long) = ("/".repeat(255), "/".repeat(256));
        assert_eq!((over_udp("/announce/1,/announce/2"), over_udp(&longest)), (None, None));
        for wrong in ["/announce/1,/announce/22", too_long.as_str(), ""] {
            assert!(over_udp(wrong).is_some(), "{wrong}");
        }
    }

    #[test]
    fn over_http_the_weight_of_connects_does_not_count() {
        let options = Options::parse_from(["ringtrack-blast", "--target", "http://127.0.0.1:1/announce"]);
        assert_eq!(options.mix(), Mix { connect: 0, announce: 72, scrape: 3 });
    }
}
