//! `[log]`, `[statistics]` and `[latency]`: what the tracker reports about itself.

use std::path::PathBuf;

use crate::declare::section;
use crate::values::choice::{Switch, choice, one_of};
use crate::values::integer::{Interval, zero_or};
use crate::values::location::{Location, location};
use crate::values::path::path;

/// The allowed values of `latency.directory`.
const DIRECTORY: &str = "the path of a directory, or \"\" for the service manager's or the working directory";

section! {
    /// The log.
    pub struct Log;

    /// The least severe level of messages that are logged.
    ///
    /// Allowed: "error", "warn", "info", "debug" or "trace".
    ///
    /// "warn" omits start, statistics and shutdown; "debug" and "trace" help to find a fault. No level logs individual
    /// requests, so the log never costs throughput.
    level: LogLevel = LogLevel::Info, one_of;

    /// The format of log messages.
    ///
    /// Allowed: "text" (one line for people) or "json" (one object per line, for programs that collect logs).
    ///
    /// Both contain the same information; "json" is longer.
    format: LogFormat = LogFormat::Text, one_of;
}

section! {
    /// Statistics.
    pub struct Statistics;

    /// How often a line with statistics is logged, at level "info".
    ///
    /// Allowed: 0 (never) or 1 to 86400 seconds.
    ///
    /// A line costs next to nothing, since the workers count in any case; a shorter interval shows shorter peaks and
    /// fills the log faster.
    // Minimum: more than one line per second cannot be read.
    // Maximum: one day.
    interval_s: Interval = Interval::Every(60), zero_or(1..=86_400);

    /// Whether the HTTP and HTTPS listeners show a page with the tracker's statistics: totals, rates, charts of the last
    /// hour and client software.
    ///
    /// Allowed: "off" or "on".
    ///
    /// With "on", `/stats` is a page for browsers, and `/stats.json` has the figures for programs. Anyone can see them;
    /// they name no torrent, client address or key. The peer ids of announces are counted by client software, which costs
    /// a few nanoseconds each.
    page: Switch = Switch::Off, one_of;

    /// Where a browser is sent that opens `/` on the HTTP and HTTPS listeners.
    ///
    /// Allowed: "" for nowhere, which is an error 404; a path such as "/stats"; or a URL such as `https://example.org/`.
    ///
    /// Without the page, a redirect can still lead to the web site of the tracker.
    redirect: Option<Location> = None, location;
}

section! {
    /// Reply latency histograms: dumped on SIGUSR1, by `ringtrack dump-latency` and at an interval.
    pub struct Latency;

    /// The directory to which dumps are written.
    ///
    /// Allowed: the path of a directory, or "" for the first directory of the environment variable `LOGS_DIRECTORY`,
    /// which systemd sets, or the working directory if that variable is not set.
    ///
    /// Nothing is written before the first dump; a directory that cannot be written to is an error in the log. The
    /// dumps of one run go to one file of at most 64 MiB; a full file is kept once, with the suffix `.1`.
    directory: Option<PathBuf> = None, path(DIRECTORY);

    /// How often the histograms are dumped.
    ///
    /// Allowed: 0 (only on request) or 1 to 86400 seconds.
    ///
    /// A shorter interval shows shorter disturbances; a dump takes a few kilobytes in the file and about ten lines in
    /// the log. With an interval there is one more dump before the tracker stops.
    // Minimum: more than one dump per second cannot be read.
    // Maximum: one day.
    interval_s: Interval = Interval::Off, zero_or(1..=86_400);

    /// How often the kernel timestamps arriving datagrams for a tenth of a second, so that replies can be timed from
    /// the network card's interrupt and not only from the moment when the worker reads its socket.
    ///
    /// Allowed: 0 (never) or 1 to 3600 seconds.
    ///
    /// A shorter period yields more samples. Each timestamped datagram costs the kernel a control message and a clock
    /// read, and while one socket requests timestamps, the clock is read for every packet of the machine.
    // Minimum: a tenth of all datagrams is then timestamped.
    // Maximum: with a longer period, hardly any dump has samples.
    kernel_sample_every_s: Interval = Interval::Every(10), zero_or(1..=3600);
}

choice! {
    /// The least severe level of messages that are logged.
    pub enum LogLevel {
        Error = "error",
        Warn = "warn",
        Info = "info",
        Debug = "debug",
        Trace = "trace",
    }
}

choice! {
    /// The format of log messages.
    pub enum LogFormat {
        Text = "text",
        Json = "json",
    }
}
