//! `ringtrack-blast`: a load generator for any tracker, over UDP, HTTP, HTTPS and WebSocket.
#![forbid(unsafe_code)]

mod answered;
mod attack;
mod bounds;
mod cli;
mod connection_tally;
mod fill;
mod http;
mod kind;
mod lane;
mod latencies;
mod listing;
mod load;
mod mix;
mod open_files;
mod outstanding;
mod pace;
mod phases;
mod population;
mod report;
mod slices;
mod sources;
mod start;
mod tally;
mod target;
mod udp;
mod verify;
mod ws;

use crate::cli::Options;
use clap::Parser;
use std::io::Write;
use std::process::ExitCode;

/// A limit of the command line did not hold.
const EXIT_BOUND_BROKEN: u8 = 1;
/// The load could not be generated. clap uses the same code for a wrong command line.
const EXIT_FAILURE: u8 = 2;

fn main() -> ExitCode {
    let options = Options::parse();
    if let Err(contradiction) = options.check() {
        contradiction.exit();
    }
    match run(&options) {
        Ok(broken) if broken.is_empty() => ExitCode::SUCCESS,
        Ok(broken) => {
            respond(&broken.join("\n"));
            ExitCode::from(EXIT_BOUND_BROKEN)
        }
        Err(error) => {
            respond(&format!("ringtrack-blast: {error:#}"));
            ExitCode::from(EXIT_FAILURE)
        }
    }
}

/// Returns a text for each limit that did not hold.
fn run(options: &Options) -> anyhow::Result<Vec<String>> {
    if options.list_torrents {
        listing::write(options)?;
        return Ok(Vec::new());
    }
    for warning in population::warnings(options).into_iter().chain(http::warnings(options)) {
        respond(&warning);
    }
    if options.fill {
        return fill::run(options);
    }
    let result = load::run(options)?;
    report::write(options, &result)?;
    Ok(bounds::broken(options, &result))
}

/// Writes a line to the standard error. A failure is ignored, because then no one reads it.
fn respond(text: &str) {
    writeln!(std::io::stderr().lock(), "{text}").ok();
}
