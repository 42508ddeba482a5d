//! `ringtrack-client`: announces to trackers, scrapes and checks them. Exit code 0: all is well, 1: a tracker failed, 2: the
//! command line is wrong.
#![forbid(unsafe_code)]

mod cli;
mod output;

use crate::cli::{Command, CommandLine, TrackerOptions};
use crate::output::{Answer, Row, write_reports, write_rows};
use anyhow::Context;
use clap::Parser;
use client::check::{Level, check};
use client::{Endpoint, TrackerClient, TrackerError, TrackerUrl, roots_from_pem, system_roots, tls_config};
use futures_util::future::join_all;
use futures_util::{Stream, StreamExt, stream};
use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// A tracker failed, or has faults.
const EXIT_FAILURE: u8 = 1;
/// clap exits with the same code.
const EXIT_USAGE: u8 = 2;

/// Trackers that are asked at the same time: a list of hundreds is done soon, and no home router is overwhelmed.
const TRACKERS_AT_ONCE: usize = 16;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let CommandLine { command } = CommandLine::parse();
    let client = match client_of(command.options()) {
        Ok(client) => client,
        Err(error) => return fail(&error, EXIT_USAGE),
    };
    match run(&client, &command).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(EXIT_FAILURE),
        Err(error) => fail(&error, EXIT_FAILURE),
    }
}

/// If the standard error output is closed too, only the exit code is left.
fn fail(error: &anyhow::Error, code: u8) -> ExitCode {
    writeln!(io::stderr().lock(), "ringtrack-client: {error:#}").ok();
    ExitCode::from(code)
}

fn client_of(options: &TrackerOptions) -> anyhow::Result<TrackerClient> {
    let mut roots = system_roots();
    if let Some(file) = &options.ca {
        let pem = std::fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
        roots_from_pem(&mut roots, &pem)
            .map_err(anyhow::Error::msg)
            .with_context(|| format!("{} has no certificates", file.display()))?;
    }
    let timeout = Duration::from_secs(options.timeout.into());
    Ok(TrackerClient::new(Arc::new(tls_config(roots)), options.families(), timeout))
}

/// Returns whether all is well.
async fn run(client: &TrackerClient, command: &Command) -> anyhow::Result<bool> {
    let options = command.options();
    match command {
        Command::Announce { options, peer } => {
            let announce = peer.announce();
            print_rows(options, rows(client, options, async |endpoint| endpoint.announce(&announce).await))
                .await
        }
        Command::Scrape { options, info_hashes } => {
            print_rows(options, rows(client, options, async |endpoint| endpoint.scrape(info_hashes).await))
                .await
        }
        Command::Check { info_hash, .. } => {
            // Checks of the same torrent would meet each other's peers.
            let at_once = if info_hash.is_some() { 1 } else { TRACKERS_AT_ONCE };
            let checks = options.urls.iter().map(|url| check(client, url, *info_hash));
            let mut reports = stream::iter(checks).buffered(at_once);
            let mut is_well = true;
            while let Some(reports) = reports.next().await {
                is_well &= reports.iter().all(|report| report.level < Level::Error);
                let mut output = io::stdout().lock();
                write_reports(&mut output, &reports, options.json).context("cannot write the results")?;
            }
            Ok(is_well)
        }
    }
}

/// Asks each address of each tracker, and returns what came of it, tracker by tracker.
fn rows<'a, T: 'a>(
    client: &'a TrackerClient,
    options: &'a TrackerOptions,
    ask: impl AsyncFn(&Endpoint) -> Result<T, TrackerError> + Copy + 'a,
) -> impl Stream<Item = Vec<Row<'a, T>>> {
    stream::iter(&options.urls).map(move |url| ask_tracker(client, url, ask)).buffered(TRACKERS_AT_ONCE)
}

async fn ask_tracker<'a, T>(
    client: &TrackerClient,
    url: &'a TrackerUrl,
    ask: impl AsyncFn(&Endpoint) -> Result<T, TrackerError>,
) -> Vec<Row<'a, T>> {
    let start = Instant::now();
    let addresses = match client.addresses(url).await {
        Ok(addresses) => addresses,
        Err(error) => return vec![Row { url, address: None, elapsed: start.elapsed(), outcome: Err(error) }],
    };
    let ask = &ask;
    join_all(addresses.into_iter().map(async |address| {
        let start = Instant::now();
        let outcome = match client.endpoint(url, address) {
            Ok(endpoint) => ask(&endpoint).await,
            Err(error) => Err(error),
        };
        Row { url, address: Some(address), elapsed: start.elapsed(), outcome }
    }))
    .await
}

async fn print_rows<'a, T: Answer + 'a>(
    options: &TrackerOptions,
    rows: impl Stream<Item = Vec<Row<'a, T>>>,
) -> anyhow::Result<bool> {
    let mut rows = std::pin::pin!(rows);
    let mut is_well = true;
    while let Some(rows) = rows.next().await {
        is_well &= are_well(&rows);
        let mut output = io::stdout().lock();
        write_rows(&mut output, &rows, options.json).context("cannot write the results")?;
    }
    Ok(is_well)
}

/// Returns whether all addresses that this computer can reach have answered, and there is one.
fn are_well<T>(rows: &[Row<'_, T>]) -> bool {
    let has_no_route = |row: &&Row<'_, T>| row.outcome.as_ref().is_err_and(TrackerError::is_no_route);
    let mut asked = rows.iter().filter(|row| !has_no_route(row)).peekable();
    asked.peek().is_some() && asked.all(|row| row.outcome.is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_without_a_route_does_not_matter_if_there_is_another() {
        let url = TrackerUrl::parse("udp://t.example").unwrap();
        let no_route = || Err(TrackerError::Connection(io::Error::from_raw_os_error(101).to_string()));
        for (outcomes, expected) in [
            (vec![Ok(())], true),
            (vec![Ok(()), no_route()], true),
            (vec![no_route(), no_route()], false),
            (vec![Ok(()), Err(TrackerError::Timeout)], false),
        ] {
            let row = |outcome| Row { url: &url, address: None, elapsed: Duration::ZERO, outcome };
            let rows: Vec<_> = outcomes.into_iter().map(row).collect();
            assert_eq!(are_well(&rows), expected);
        }
    }
}
