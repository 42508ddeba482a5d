//! `[log]`: the level and the format of the log.

use confique::Config;
use serde::Serialize;

use crate::values::choice::{self, Choice};

/// The log, which is written to the standard error stream.
#[derive(Debug, Clone, PartialEq, Eq, Config, Serialize)]
pub struct Log {
    /// The least severe level of messages that are logged.
    ///
    /// Allowed: "error", "warn", "info", "debug" or "trace".
    ///
    /// "warn" omits start, statistics and shutdown; "debug" and "trace" help to find a fault. No level logs individual
    /// requests, so the log never costs throughput.
    #[config(env = "RINGTRACK_LOG_LEVEL", default = "info", deserialize_with = choice::of)]
    #[serde(serialize_with = "choice::show")]
    pub level: LogLevel,

    /// The format of log messages.
    ///
    /// Allowed: "text" (one line for people) or "json" (one object per line, for programs that collect logs).
    ///
    /// Both contain the same information; "json" is longer.
    #[config(env = "RINGTRACK_LOG_FORMAT", default = "text", deserialize_with = choice::of)]
    #[serde(serialize_with = "choice::show")]
    pub format: LogFormat,
}

/// The least severe level of messages that are logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogLevel {
    /// Failures that keep the tracker from working.
    Error,
    /// Also conditions that an operator should look at.
    Warn,
    /// Also start, shutdown and statistics.
    Info,
    /// Also details that help to find a fault.
    Debug,
    /// Also every step.
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

/// The format of log messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// A line of text per message.
    Text,
    /// A JSON object per line.
    Json,
}

impl Choice for LogFormat {
    const CHOICES: &'static [(&'static str, Self)] = &[("text", Self::Text), ("json", Self::Json)];
}
