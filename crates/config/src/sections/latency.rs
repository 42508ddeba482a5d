//! `[latency]`: the latency histograms of replies.

use std::path::{Path, PathBuf};

use confique::Config;
use serde::Serialize;

use crate::limits;
use crate::values::interval::{Interval, off_or_seconds};
use crate::values::path::{self, PathOrNothing};

/// The latency histograms of replies. They are always recorded; a dump writes them to a file and starts new ones. The
/// signal SIGUSR1 and `ringtrack dump-latency` request a dump at any time.
#[derive(Debug, Clone, PartialEq, Eq, Config, Serialize)]
pub struct Latency {
    /// The directory to which dumps are written.
    ///
    /// Allowed: the path of a directory, or "" for the first directory of the environment variable `LOGS_DIRECTORY`,
    /// which systemd sets, or the working directory if that variable is not set.
    ///
    /// Nothing is written before the first dump; a directory that cannot be written to is an error in the log. The
    /// dumps of one run go to one file of at most 64 MiB; a full file is kept once, with the suffix `.1`.
    #[config(env = "RINGTRACK_LATENCY_DIRECTORY", default = "", deserialize_with = path::or_nothing)]
    #[serde(serialize_with = "path::show")]
    pub directory: LatencyDirectory,

    /// How often the histograms are dumped.
    ///
    /// Allowed: 0 (only on request) or 1 to 86400 seconds.
    ///
    /// A shorter interval shows shorter disturbances; a dump takes a few kilobytes in the file and about ten lines in
    /// the log. With an interval there is one more dump before the tracker stops.
    #[config(
        env = "RINGTRACK_LATENCY_INTERVAL_S",
        default = 0,
        deserialize_with = off_or_seconds::<
            { limits::LATENCY_INTERVAL_S_MIN }, { limits::LATENCY_INTERVAL_S_MAX }, _
        >
    )]
    pub interval_s: Interval,

    /// How often the kernel timestamps arriving datagrams for a tenth of a second, so that replies can be timed from
    /// the network card's interrupt and not only from the moment when the worker reads its socket.
    ///
    /// Allowed: 0 (never) or 1 to 3600 seconds.
    ///
    /// A shorter period yields more samples. Each timestamped datagram costs the kernel a control message and a clock
    /// read, and while one socket requests timestamps, the clock is read for every packet of the machine.
    #[config(
        env = "RINGTRACK_LATENCY_KERNEL_SAMPLE_EVERY_S",
        default = 10,
        deserialize_with = off_or_seconds::<
            { limits::LATENCY_KERNEL_SAMPLE_EVERY_S_MIN }, { limits::LATENCY_KERNEL_SAMPLE_EVERY_S_MAX }, _
        >
    )]
    pub kernel_sample_every_s: Interval,
}

/// The directory to which dumps are written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LatencyDirectory {
    /// The service manager's log directory, or the working directory.
    Automatic,
    /// A configured directory.
    Path(PathBuf),
}

impl PathOrNothing for LatencyDirectory {
    const EXPECTED: &'static str =
        "the path of a directory, or \"\" for the service manager's or the working directory";
    const NOTHING: Self = Self::Automatic;

    fn path(path: PathBuf) -> Self {
        Self::Path(path)
    }

    fn named(&self) -> Option<&Path> {
        match self {
            Self::Automatic => None,
            Self::Path(path) => Some(path),
        }
    }
}
