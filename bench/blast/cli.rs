use crate::outstanding::CAPACITY;
use clap::error::ErrorKind;
use clap::{CommandFactory, Parser};
use std::net::SocketAddr;
use std::path::PathBuf;

/// Puts load on a UDP tracker (BEP 15) and measures its answers.
///
/// Without --rate the load is closed-loop: each thread keeps --window requests outstanding, which finds the
/// tracker's saturation. With --rate it is open-loop: requests leave on a schedule whatever the tracker does,
/// and latency counts from the scheduled moment, so that a tracker that stalls cannot hide it.
///
/// Peers are announced from many source addresses where the target is on the loopback (127.0.0.0/8).
///
/// The exit code is 0; or 1 when a bound (--min-rate, --max-loss, --max-p99-us) did not hold, when --verify found a
/// wrong reply, or when a peer of --fill was not answered; or 2 when the load could not be made.
#[derive(Debug, Clone, Parser)]
#[command(name = "ringtrack-blast", version)]
#[expect(clippy::struct_excessive_bools, reason = "switches of a command line, which can be combined")]
pub(crate) struct Options {
    /// The tracker's addresses, at most one of each family; share between them with --ipv6-percent
    #[arg(long, required = true, value_name = "ADDRESS:PORT", num_args = 1..=2)]
    pub(crate) target: Vec<SocketAddr>,

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

    /// Requests outstanding in each thread (closed loop)
    #[arg(long, default_value_t = 1024, conflicts_with = "rate",
        value_parser = parse_window)]
    pub(crate) window: u32,

    /// Weights of connect/announce/scrape; the default is what public trackers see
    #[arg(long, default_value = "25/72/3", value_name = "C/A/S", value_parser = parse_mix)]
    pub(crate) mix: Mix,

    /// Share of announces and scrapes with a wrong connection id, in percent
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

    /// Source ports of each thread and family
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=64))]
    pub(crate) ports: u16,

    /// Requests of one source that the kernel is given as one message, to spare the load's core. Such a message
    /// reaches one socket of the tracker, the first request's: against several workers, 1 sends as clients do
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..=64))]
    pub(crate) segments: u16,

    /// Neighbouring peers of a source that are in one torrent and are announced in one message, which then reaches
    /// the worker that has the torrent; at most --segments
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=32))]
    pub(crate) torrent_run: u16,

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

    /// Check every reply: kind, length, counts and peers within what this load announces. A fill or another load
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

impl Options {
    /// Finds what the options of a command line allow each for itself, but not together.
    pub(crate) fn check(&self) -> Result<(), clap::Error> {
        if self.torrent_run > self.segments {
            let text = format!("--torrent-run {} is above --segments {}", self.torrent_run, self.segments);
            return Err(Self::command().error(ErrorKind::ValueValidation, text));
        }
        Ok(())
    }
}

/// Weights of the kinds of requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Mix {
    pub(crate) connect: u32,
    pub(crate) announce: u32,
    pub(crate) scrape: u32,
}

impl Mix {
    pub(crate) const fn total(self) -> u32 {
        self.connect + self.announce + self.scrape
    }
}

fn parse_window(text: &str) -> Result<u32, String> {
    let window = text.parse().ok().filter(|&window: &u32| (1..=CAPACITY).contains(&(window as usize)));
    window.ok_or_else(|| format!("a whole number from 1 to {CAPACITY}"))
}

fn parse_mix(text: &str) -> Result<Mix, String> {
    let weights: Result<Vec<u32>, _> = text.split('/').map(str::parse).collect();
    match weights.as_deref() {
        Ok(&[connect, announce, scrape]) if connect.max(announce).max(scrape) <= 1_000_000 => {
            let mix = Mix { connect, announce, scrape };
            if mix.total() == 0 { Err("at least one weight is above 0".to_owned()) } else { Ok(mix) }
        }
        _ => Err("three whole numbers up to 1000000, such as 25/72/3".to_owned()),
    }
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

    #[test]
    fn a_mix_is_three_weights() {
        assert_eq!(parse_mix("25/72/3"), Ok(Mix { connect: 25, announce: 72, scrape: 3 }));
        for wrong in ["", "1/2", "0/0/0", "1/2/3/4", "1/-2/3", "1/2/3000000"] {
            assert!(parse_mix(wrong).is_err(), "{wrong}");
        }
    }
}
