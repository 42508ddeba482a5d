use anyhow::anyhow;
use config::{Log, LogFormat, LogLevel};
use std::io;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::fmt;
use tracing_subscriber::util::SubscriberInitExt;

/// Sends the log to the standard error output, which journald reads.
pub(crate) fn start_logging(log: &Log) -> anyhow::Result<()> {
    let builder = fmt().with_writer(io::stderr).with_max_level(level(log.level)).with_target(false);
    let started = match log.format {
        LogFormat::Text => builder.with_ansi(false).finish().try_init(),
        LogFormat::Json => builder.json().flatten_event(true).finish().try_init(),
    };
    started.map_err(|error| anyhow!("the log could not be started: {error}"))
}

const fn level(level: LogLevel) -> LevelFilter {
    match level {
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Trace => LevelFilter::TRACE,
    }
}
