//! `[log]`: what is logged, and how.

use confique::Config;
use serde::Serialize;

use crate::values::choice::{self, Choice};

/// The log, which is written to the standard error output.
#[derive(Debug, Clone, PartialEq, Eq, Config, Serialize)]
pub struct Log {
    /// Down to which level messages are logged.
    ///
    /// Allowed: "error", "warn", "info", "debug" or "trace".
    ///
    /// "warn" leaves out the start, the statistics and the stop; "debug" and "trace" help to find a fault.
    /// No level logs single requests, so that the log never costs throughput.
    #[config(env = "RINGTRACK_LOG_LEVEL", default = "info", deserialize_with = choice::of)]
    #[serde(serialize_with = "choice::show")]
    pub level: LogLevel,

    /// The form of a message.
    ///
    /// Allowed: "text" (a line for people) or "json" (an object a line, for programs that collect logs).
    ///
    /// Both say the same; "json" is longer.
    #[config(env = "RINGTRACK_LOG_FORMAT", default = "text", deserialize_with = choice::of)]
    #[serde(serialize_with = "choice::show")]
    pub format: LogFormat,
}

/// Down to which level messages are logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogLevel {
    /// What keeps the tracker from its work.
    Error,
    /// And what an operator should look at.
    Warn,
    /// And start, stop and statistics.
    Info,
    /// And what helps to find a fault.
    Debug,
    /// And every step.
    Trace,
}

impl Choice for LogLevel {
    const CHOICES: &'static [(&'static str, Self)] = &[
        ("error", Self::Error),
        ("warn", Self::Warn),
        ("info", Self::Info),
        ("debug", Self::Debug),
        ("trace", Self::Trace),
    ];
}

/// The form of a log message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// A line for people.
    Text,
    /// A JSON object a line.
    Json,
}

impl Choice for LogFormat {
    const CHOICES: &'static [(&'static str, Self)] = &[("text", Self::Text), ("json", Self::Json)];
}
