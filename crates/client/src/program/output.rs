//! What is printed: lines for people, or an object per line and result for programs. `docs/OPERATING.md` describes the objects.

use client::check::{Finding, Level, Report};
use client::{Announced, Scraped, TrackerError, TrackerUrl};
use serde::Serialize;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::time::Duration;

/// What came of asking one address of a tracker.
pub(crate) struct Row<'a, T> {
    pub(crate) url: &'a TrackerUrl,
    /// Without one, the name could not be resolved.
    pub(crate) address: Option<SocketAddr>,
    pub(crate) elapsed: Duration,
    pub(crate) outcome: Result<T, TrackerError>,
}

/// An answer that can be printed.
pub(crate) trait Answer: Serialize {
    /// Returns what fits into the line of the address, and further lines.
    fn lines(&self) -> (String, Vec<String>);
}

impl Answer for Announced {
    fn lines(&self) -> (String, Vec<String>) {
        let interval =
            self.interval_s.map_or("no interval".to_owned(), |seconds| format!("interval {seconds} s"));
        let (seeders, leechers, peers) = (self.seeders, self.leechers, self.peers.len());
        let first = format!("{interval}, seeders {seeders}, leechers {leechers}, peers {peers}");
        let notes = self.notes.iter().map(|note| format!("note: {note}"));
        (first, notes.chain(self.peers.iter().map(ToString::to_string)).collect())
    }
}

impl Answer for Scraped {
    fn lines(&self) -> (String, Vec<String>) {
        let torrents = self.torrents.iter().map(|torrent| match torrent.counts {
            None => format!("{}  not in the answer", torrent.info_hash),
            Some(counts) => format!(
                "{}  seeders {:>5}  leechers {:>5}  completed {:>5}",
                torrent.info_hash, counts.seeders, counts.leechers, counts.completed
            ),
        });
        let notes = self.notes.iter().map(|note| format!("note: {note}"));
        (format!("torrents {}", self.torrents.len()), notes.chain(torrents).collect())
    }
}

#[derive(Serialize)]
struct JsonRow<'a, T> {
    url: &'a str,
    address: Option<SocketAddr>,
    elapsed_ms: u64,
    ok: bool,
    #[serde(flatten)]
    answer: Option<&'a T>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_kind: Option<&'static str>,
}

/// Writes the results of one tracker.
pub(crate) fn write_rows<T: Answer>(
    output: &mut impl Write,
    rows: &[Row<'_, T>],
    json: bool,
) -> io::Result<()> {
    if json {
        return rows.iter().try_for_each(|row| write_json(output, &json_row(row)));
    }
    let width = rows.iter().map(|row| address_text(row.address).len()).max().unwrap_or_default();
    for (index, row) in rows.iter().enumerate() {
        if index == 0 {
            writeln!(output, "{}", row.url.url())?;
        }
        let address = address_text(row.address);
        let elapsed = row.elapsed.as_millis();
        match &row.outcome {
            Err(error) => writeln!(output, "  {address:width$}  {elapsed:>5} ms  error: {}", error.line())?,
            Ok(answer) => {
                let (first, more) = answer.lines();
                writeln!(output, "  {address:width$}  {elapsed:>5} ms  {first}")?;
                more.iter().try_for_each(|line| writeln!(output, "      {line}"))?;
            }
        }
    }
    output.flush()
}

fn json_row<'a, T>(row: &'a Row<'a, T>) -> JsonRow<'a, T> {
    let error = row.outcome.as_ref().err();
    JsonRow {
        url: row.url.url().as_str(),
        address: row.address,
        elapsed_ms: row.elapsed.as_millis().try_into().unwrap_or(u64::MAX),
        ok: error.is_none(),
        answer: row.outcome.as_ref().ok(),
        error: error.map(TrackerError::line),
        error_kind: error.map(TrackerError::kind),
    }
}

/// Writes the reports about one tracker.
pub(crate) fn write_reports(output: &mut impl Write, reports: &[Report], json: bool) -> io::Result<()> {
    if json {
        return reports.iter().try_for_each(|report| write_json(output, report));
    }
    if let Some(first) = reports.first() {
        writeln!(output, "{}", first.url)?;
    }
    for report in reports {
        writeln!(output, "  {}", address_text(report.address))?;
        report.findings.iter().try_for_each(|finding| write_finding(output, finding))?;
    }
    output.flush()
}

fn write_finding(output: &mut impl Write, finding: &Finding) -> io::Result<()> {
    let level = match finding.level {
        Level::Ok => "ok",
        Level::Warning => "warning",
        Level::Error => "error",
    };
    writeln!(output, "    {level:7}  {:14}  {}", finding.check, finding.text)?;
    let indent = 4 + 7 + 2 + 14 + 2;
    finding.hint.map_or(Ok(()), |hint| writeln!(output, "{:indent$}{hint}", ""))
}

fn address_text(address: Option<SocketAddr>) -> String {
    address.map_or("name".to_owned(), |address| address.to_string())
}

fn write_json(output: &mut impl Write, value: &impl Serialize) -> io::Result<()> {
    serde_json::to_writer(&mut *output, value)?;
    writeln!(output)?;
    output.flush()
}

#[cfg(test)]
mod tests {
    use super::*;
    use client::{Note, ScrapedTorrent, TorrentCounts};
    use primitives::InfoHash;

    fn printed<T: Answer>(json: bool, answers: Vec<Result<T, TrackerError>>) -> String {
        let url = TrackerUrl::parse("udp://t.example:1/announce").unwrap();
        let addresses = ["192.0.2.1:1", "[2001:db8::1]:1"].map(|text| Some(text.parse().unwrap()));
        let row =
            |(outcome, address)| Row { url: &url, address, elapsed: Duration::from_millis(12), outcome };
        let rows: Vec<_> = answers.into_iter().zip(addresses).map(row).collect();
        let mut output = Vec::new();
        write_rows(&mut output, &rows, json).unwrap();
        String::from_utf8(output).unwrap()
    }

    fn announced() -> Announced {
        Announced {
            interval_s: Some(1800),
            min_interval_s: None,
            seeders: 1,
            leechers: 2,
            peers: vec!["192.0.2.9:6881".parse().unwrap()],
            certificate_until: None,
            notes: vec![Note::UnsortedKeys],
        }
    }

    #[test]
    fn an_announce_is_printed_for_people_and_programs() {
        assert_eq!(
            printed(false, vec![Ok(announced()), Err(TrackerError::Timeout)]),
            "udp://t.example:1/announce\n  \
             192.0.2.1:1         12 ms  interval 1800 s, seeders 1, leechers 2, peers 1\n      \
             note: the keys of the dictionary are not sorted\n      \
             192.0.2.9:6881\n  \
             [2001:db8::1]:1     12 ms  error: no answer in time\n"
        );
        assert_eq!(
            printed(true, vec![Ok(announced()), Err(TrackerError::Timeout)]),
            "{\"url\":\"udp://t.example:1/announce\",\"address\":\"192.0.2.1:1\",\"elapsed_ms\":12,\"ok\":true,\
             \"interval_s\":1800,\"min_interval_s\":null,\"seeders\":1,\"leechers\":2,\"peers\":[\"192.0.2.9:6881\"],\
             \"notes\":[\"the keys of the dictionary are not sorted\"]}\n\
             {\"url\":\"udp://t.example:1/announce\",\"address\":\"[2001:db8::1]:1\",\"elapsed_ms\":12,\"ok\":false,\
             \"error\":\"no answer in time\",\"error_kind\":\"timeout\"}\n"
        );
    }

    #[test]
    fn a_scrape_is_printed_for_people_and_programs() {
        let counts = Some(TorrentCounts { seeders: 1, completed: 3, leechers: 2 });
        let torrents =
            [counts, None].map(|counts| ScrapedTorrent { info_hash: InfoHash([0xab; 20]), counts });
        let scraped = Scraped { torrents: torrents.to_vec(), notes: Vec::new() };
        let hash = "ab".repeat(20);
        assert_eq!(
            printed(false, vec![Ok(scraped.clone())]),
            format!(
                "udp://t.example:1/announce\n  192.0.2.1:1     12 ms  torrents 2\n      \
                 {hash}  seeders     1  leechers     2  completed     3\n      {hash}  not in the answer\n"
            )
        );
        assert_eq!(
            printed(true, vec![Ok(scraped)]),
            format!(
                "{{\"url\":\"udp://t.example:1/announce\",\"address\":\"192.0.2.1:1\",\"elapsed_ms\":12,\"ok\":true,\
                 \"torrents\":[{{\"info_hash\":\"{hash}\",\"seeders\":1,\"completed\":3,\"leechers\":2}},\
                 {{\"info_hash\":\"{hash}\"}}],\"notes\":[]}}\n"
            )
        );
    }
}
