use crate::cli::Options;
use crate::connection_tally::{ConnectionTally, IdleTally};
use crate::latencies::Latencies;
use crate::load::LoadResult;
use crate::slices::SLICE_NS;
use crate::tally::KindTally;
use anyhow::Context;
use hdrhistogram::serialization::V2DeflateSerializer;
use hdrhistogram::serialization::interval_log::{IntervalLogWriterBuilder, Tag};
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::time::{Duration, SystemTime};

const QUANTILES: [(&str, f64); 6] =
    [("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("p99.9", 0.999), ("p99.99", 0.9999), ("max", 1.0)];

/// Writes the result as the command line requests: a table on the standard output, JSON, a histogram log.
pub(crate) fn write(options: &Options, result: &LoadResult) -> anyhow::Result<()> {
    let to_stdout = options.json.as_deref() == Some(Path::new("-"));
    if !to_stdout {
        print(&as_table(options, result))?;
    }
    write_json(options, &as_json(options, result))?;
    if let Some(file) = &options.hlog {
        write_hlog(options, file, result).with_context(|| format!("{} cannot be written", file.display()))?;
    }
    Ok(())
}

/// Writes `value` to the file that --json names, or to the standard output for `-`.
pub(crate) fn write_json(options: &Options, value: &Value) -> anyhow::Result<()> {
    let Some(file) = options.json.as_deref() else { return Ok(()) };
    let text = format!("{value:#}\n");
    if file == Path::new("-") {
        return print(&text);
    }
    std::fs::write(file, text).with_context(|| format!("{} cannot be written", file.display()))
}

fn print(text: &str) -> anyhow::Result<()> {
    std::io::stdout().lock().write_all(text.as_bytes()).context("the standard output cannot be written")
}

fn as_table(options: &Options, result: &LoadResult) -> String {
    let mut text = head_lines(result);
    if options.is_over_http() {
        text += &connection_lines(&result.connections);
    }
    text.extend(options.rate.and_then(|rate| shortfall(rate, result.sent_per_s())));
    let _ = write!(text, "{:<10}{:>12}{:>12}{:>10}{:>9}", "", "sent", "answered", "lost", "peers");
    let _ = writeln!(text, "{}  us", QUANTILES.map(|(name, _)| format!("{name:>9}")).concat());
    for &kind in options.kinds() {
        let of_kind = result.tally.of(kind);
        let KindTally { sent, answered, lost, .. } = of_kind;
        let _ = write!(
            text,
            "{:<10}{sent:>12}{answered:>12}{lost:>10}{:>9.1}",
            kind.name(),
            of_kind.peers_per_reply()
        );
        let _ = writeln!(text, "{}", quantiles_us(&of_kind.latency).map(|us| format!("{us:>9.0}")).concat());
    }
    text
}

/// Returns a line if the load fell behind its schedule by more than 1 %.
fn shortfall(offered_per_s: f64, sent_per_s: f64) -> Option<String> {
    (sent_per_s < 0.99 * offered_per_s).then(|| {
        format!("the load fell behind: {sent_per_s:.0} requests/s were sent, {offered_per_s:.0} were due\n")
    })
}

fn head_lines(result: &LoadResult) -> String {
    let mut text = String::new();
    let tally = &result.tally;
    // Writing to a string cannot fail.
    let _ = writeln!(
        text,
        "{:.0} responses/s over {:.1} s; {} sent, {} lost ({:.3} %), {} errors, {} wrong, {} unmatched; load {:.0} % busy",
        result.responses_per_s(),
        result.seconds,
        tally.sent(),
        tally.lost(),
        result.loss_percent(),
        tally.error_replies(),
        tally.wrong.values().sum::<u64>(),
        tally.unmatched,
        result.busy_percent(),
    );
    for (text_of_error, count) in &tally.errors {
        let _ = writeln!(text, "  error {text_of_error:?}: {count}");
    }
    for (what, count) in &tally.wrong {
        let _ = writeln!(text, "  wrong, {what}: {count}");
    }
    text
}

fn connection_lines(connections: &ConnectionTally) -> String {
    let ConnectionTally { opened, ended_by_tracker, handshakes, idle, failures } = connections;
    let mut text =
        format!("  connections, warm-up included: {opened} opened, {ended_by_tracker} ended by the tracker");
    if handshakes.full + handshakes.resumed > 0 {
        let _ = write!(text, "; TLS handshakes: {} full, {} resumed", handshakes.full, handshakes.resumed);
    }
    text.push('\n');
    if idle.asked_for > 0 {
        let IdleTally { asked_for, open_at_begin, open_at_end } = idle;
        let _ = writeln!(
            text,
            "  idle connections: {asked_for} asked for, {open_at_begin} open at the start, {open_at_end} at the end"
        );
    }
    for (reason, count) in failures {
        let _ = writeln!(text, "  failed connection, {reason}: {count}");
    }
    text
}

fn quantiles_us(latency: &Latencies) -> [f64; QUANTILES.len()] {
    QUANTILES.map(|(_, quantile)| latency.quantile_ns(quantile) as f64 / 1000.0)
}

fn as_json(options: &Options, result: &LoadResult) -> Value {
    let tally = &result.tally;
    let kinds: serde_json::Map<String, Value> = options
        .kinds()
        .iter()
        .map(|&kind| {
            let of_kind = tally.of(kind);
            (kind.name().to_owned(), kind_json(of_kind))
        })
        .collect();
    json!({
        "targets": options.target.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "loop": if options.rate.is_some() { "open" } else { "closed" },
        "offered_per_s": options.rate,
        "sent_per_s": result.sent_per_s(),
        "seconds": result.seconds,
        "measured_from_unix_s": result.measured_from_unix_s,
        "slice_s": SLICE_NS as f64 / 1e9,
        "answered_per_slice": result.slices.answered(),
        "responses_per_s": result.responses_per_s(),
        "loss_percent": result.loss_percent(),
        "sent": tally.sent(),
        "answered": tally.answered(),
        "answered_with_warmup": tally.answered() + result.answered_in_warmup,
        "repeated": tally.repeated(),
        "lost": tally.lost(),
        "longest_silence_ms": result.longest_silence_ns as f64 / 1e6,
        "unmatched": tally.unmatched,
        "load_busy_percent": result.busy_percent(),
        "connections": options.is_over_http().then(|| connections_json(&result.connections)),
        "errors": tally.errors,
        "wrong": tally.wrong,
        "reply_bytes_mean": tally.reply_bytes as f64 / tally.answered().max(1) as f64,
        "latency_us": latency_json(&tally.requests()),
        "kinds": kinds,
    })
}

fn connections_json(connections: &ConnectionTally) -> Value {
    let ConnectionTally { opened, ended_by_tracker, handshakes, idle, failures } = connections;
    json!({
        "opened": opened,
        "ended_by_tracker": ended_by_tracker,
        "handshakes_full": handshakes.full,
        "handshakes_resumed": handshakes.resumed,
        "idle_asked_for": idle.asked_for,
        "idle_open_at_begin": idle.open_at_begin,
        "idle_open_at_end": idle.open_at_end,
        "failures": failures,
    })
}

fn kind_json(tally: &KindTally) -> Value {
    json!({
        "sent": tally.sent,
        "repeated": tally.repeated,
        "answered": tally.answered,
        "lost": tally.lost,
        "peers_per_reply": tally.peers_per_reply(),
        "latency_us": latency_json(tally),
    })
}

/// Returns the quantiles of the responses, and one that includes lost requests.
fn latency_json(tally: &KindTally) -> Value {
    let of_answers =
        QUANTILES.into_iter().zip(quantiles_us(&tally.latency)).map(|((name, _), us)| (name, us));
    let p99_with_lost_us = tally.latency_with_lost().quantile_ns(0.99) as f64 / 1000.0;
    let quantiles = of_answers.chain([("p99_with_lost", p99_with_lost_us)]);
    quantiles.map(|(name, us)| (name.to_owned(), json!(us))).collect::<serde_json::Map<_, _>>().into()
}

/// Writes one histogram per kind, tagged with its name, in nanoseconds.
fn write_hlog(options: &Options, file: &Path, result: &LoadResult) -> anyhow::Result<()> {
    let mut out = BufWriter::new(File::create(file)?);
    let mut serializer = V2DeflateSerializer::new();
    let mut log = IntervalLogWriterBuilder::new()
        .with_start_time(SystemTime::now())
        .with_max_value_divisor(1e6)
        .begin_log_with(&mut out, &mut serializer)?;
    for &kind in options.kinds() {
        let latency = &result.tally.of(kind).latency;
        if !latency.is_empty() {
            let duration = Duration::from_secs_f64(result.seconds);
            log.write_histogram(latency.histogram(), Duration::ZERO, duration, Tag::new(kind.name()))
                .map_err(|error| anyhow::anyhow!("the histogram cannot be encoded: {error:?}"))?;
        }
    }
    out.flush()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_load_that_falls_behind_its_schedule_reports_it() {
        assert_eq!(shortfall(1000.0, 991.0), None);
        let said = shortfall(1000.0, 900.0).expect("a tenth was not sent");
        assert!(said.contains("900 requests/s were sent, 1000 were due"), "{said}");
    }
}
