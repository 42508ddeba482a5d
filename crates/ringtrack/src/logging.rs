use anyhow::anyhow;
use config::{Log, LogFormat, LogLevel};
use std::io;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::layer::{Layered, SubscriberExt};
use tracing_subscriber::reload::{self, Handle};
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, Registry, fmt, registry};

/// What the lines of the log pass before they are written.
type Filtered = Layered<reload::Layer<LevelFilter, Registry>, Registry>;

type Output = Box<dyn Layer<Filtered> + Send + Sync>;

/// The log, whose settings can be replaced.
pub(crate) struct Logging {
    level: Handle<LevelFilter, Registry>,
    output: Handle<Output, Filtered>,
}

impl Logging {
    /// Sends the log to the standard error output, which journald reads.
    pub(crate) fn start(log: &Log) -> anyhow::Result<Self> {
        let (filter, level) = reload::Layer::new(level(log.level));
        let (lines, output) = reload::Layer::new(output(log.format));
        let started = registry().with(filter).with(lines).try_init();
        started.map_err(|error| anyhow!("the log could not be started: {error}"))?;
        Ok(Self { level, output })
    }

    pub(crate) fn use_settings(&self, log: &Log) {
        // It fails only if the log is gone, which is a global of the process.
        let _level = self.level.reload(level(log.level));
        let _output = self.output.reload(output(log.format));
    }
}

fn output(format: LogFormat) -> Output {
    let lines = fmt::layer().with_writer(io::stderr).with_target(false);
    match format {
        LogFormat::Text => lines.with_ansi(false).boxed(),
        LogFormat::Json => lines.json().flatten_event(true).boxed(),
    }
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
