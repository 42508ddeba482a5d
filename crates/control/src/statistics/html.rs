use super::chart::{Chart, Line};
use super::figures::Figures;
use super::history::{History, Point};
use super::text::{Escaped, Rate, Thousands, Uptime};
use crate::limits::{CLIENTS_SHOWN_MAX, VERSIONS_SHOWN_MAX};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fmt::{self, Display, Formatter};
use std::sync::LazyLock;

/// The page, as it is written.
#[derive(Debug)]
pub(super) struct StatisticsHtml<'a> {
    pub(super) figures: &'a Figures,
    pub(super) history: &'a History,
}

const STYLE: &str = include_str!("style.css");

/// Value of `Content-Security-Policy`: the page needs its style and its icon, and nothing else.
pub(super) static SECURITY_POLICY: LazyLock<String> = LazyLock::new(|| {
    let hash = BASE64_STANDARD.encode(Sha256::digest(STYLE));
    format!(
        "default-src 'none'; style-src 'sha256-{hash}'; img-src 'self'; base-uri 'none'; form-action 'none'; \
         frame-ancestors 'none'"
    )
});

impl Display for StatisticsHtml<'_> {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        write!(
            out,
            "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>Tracker statistics</title>\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
             <meta name=\"color-scheme\" content=\"light dark\">\
             <meta name=\"description\" content=\"Swarms, requests and client software of this BitTorrent tracker\">\
             <link rel=\"icon\" type=\"image/svg+xml\" href=\"/favicon.ico\"><style>{STYLE}</style></head><body>"
        )?;
        self.write_header(out)?;
        write!(out, "<main>")?;
        self.write_tiles(out)?;
        self.write_charts(out)?;
        write!(out, "<div class=\"pair\">")?;
        self.write_families(out)?;
        self.write_protocols(out)?;
        write!(out, "</div>")?;
        self.write_clients(out)?;
        writeln!(
            out,
            "</main><footer><p>The same figures for programs: <a href=\"/stats.json\">stats.json</a></p></footer>\
             </body></html>"
        )
    }
}

impl StatisticsHtml<'_> {
    fn write_header(&self, out: &mut Formatter<'_>) -> fmt::Result {
        let Figures { version, uptime_seconds, time, .. } = self.figures;
        write!(
            out,
            "<header><svg viewBox=\"0 0 32 32\" aria-hidden=\"true\"><circle cx=\"15\" cy=\"17\" r=\"11\"/>\
             <circle cx=\"24\" cy=\"8\" r=\"6\"/></svg><div><h1>Tracker statistics</h1><p>Ringtrack {version}, up {}, \
             at <time datetime=\"{time}\">{} UTC</time></p></div></header>",
            Uptime(*uptime_seconds),
            time.replace('T', " ").trim_end_matches('Z'),
        )
    }

    fn write_tiles(&self, out: &mut Formatter<'_>) -> fmt::Result {
        let Figures { peers_all, peers_seeder_only, peers_leecher_only, completed, .. } = *self.figures;
        let (received, sent) = self.figures.bits_per_second();
        let tiles = [
            ("Torrents", Thousands(self.figures.active_torrents).to_string(), self.torrents_kept()),
            ("Peers", Thousands(peers_all).to_string(), "in all swarms".to_owned()),
            ("Seeders", Thousands(peers_seeder_only).to_string(), share(peers_seeder_only, peers_all)),
            ("Leechers", Thousands(peers_leecher_only).to_string(), share(peers_leecher_only, peers_all)),
            (
                "Announces per second",
                Rate(self.history.rates().announces()).to_string(),
                traffic(received, sent),
            ),
            ("Completed", Thousands(completed).to_string(), "downloads since the start".to_owned()),
        ];
        write!(out, "<dl class=\"tiles\">")?;
        for (name, value, note) in tiles {
            write!(out, "<div><dt>{name}</dt><dd>{value}<small>{note}</small></dd></div>")?;
        }
        write!(out, "</dl>")
    }

    fn torrents_kept(&self) -> String {
        let Figures { torrents, active_torrents, .. } = *self.figures;
        format!("active, of {} known", Thousands(torrents.max(active_torrents)))
    }

    fn write_charts(&self, out: &mut Formatter<'_>) -> fmt::Result {
        let line = |name, value: fn(&Point) -> f64| Line {
            name,
            values: self.history.points().map(value).collect(),
        };
        let rate = |value| Rate(value).to_string();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "the values are numbers of things"
        )]
        let count = |value| Thousands(value as u64).to_string();
        let announces = [line("", |point| point.announces_per_s)];
        let peers = [line("Seeders", |point| point.seeders), line("Leechers", |point| point.leechers)];
        let torrents = [line("", |point| point.torrents)];
        write!(
            out,
            "<section aria-labelledby=\"hour\"><h2 id=\"hour\">The last hour</h2><div class=\"charts\">"
        )?;
        for chart in [
            Chart { id: "announces", title: "Announces per second", show: rate, lines: &announces },
            Chart { id: "peers", title: "Peers", show: count, lines: &peers },
            Chart { id: "torrents", title: "Active torrents", show: count, lines: &torrents },
        ] {
            write!(out, "{chart}")?;
        }
        write!(out, "</div></section>")
    }

    fn write_families(&self, out: &mut Formatter<'_>) -> fmt::Result {
        let table = Table {
            id: "families",
            title: "Swarms",
            class: "table",
            columns: &["Peers over", "Swarms", "Seeders", "Leechers", "Peers"],
        };
        table.write(out, |out| {
            for (name, family) in self.figures.families() {
                let cells = [family.swarms, family.seeders, family.leechers, family.peers()];
                write_row(out, name, &cells.map(|cell| Thousands(cell).to_string()))?;
            }
            Ok(())
        })?;
        write!(out, "<p class=\"note\">A client counts in each swarm of which it is a peer.</p></section>")
    }

    fn write_protocols(&self, out: &mut Formatter<'_>) -> fmt::Result {
        let table = Table {
            id: "protocols",
            title: "Requests",
            class: "table",
            columns: &["Over", "Announces/s", "Scrapes/s", "Announces", "Scrapes", "Failed"],
        };
        table.write(out, |out| {
            for (name, protocol) in self.figures.protocols() {
                let requests = protocol.requests;
                let cells = [
                    Rate(protocol.announces_per_second).to_string(),
                    Rate(protocol.scrapes_per_second).to_string(),
                    Thousands(requests.announces).to_string(),
                    Thousands(requests.scrapes).to_string(),
                    Thousands(requests.failed).to_string(),
                ];
                write_row(out, name, &cells)?;
            }
            Ok(())
        })?;
        let connections = self.figures.connections;
        write!(
            out,
            "<p class=\"note\">Open connections: {}, of which {} are WebSockets.</p></section>",
            Thousands(connections.http),
            Thousands(connections.web_socket)
        )
    }

    fn write_clients(&self, out: &mut Formatter<'_>) -> fmt::Result {
        let sum = |versions: &BTreeMap<String, u64>| versions.values().sum::<u64>();
        let mut clients: Vec<_> =
            self.figures.clients.iter().map(|(name, versions)| (*name, versions, sum(versions))).collect();
        let total: u64 = clients.iter().map(|(.., peers)| peers).sum();
        clients.sort_by_key(|&(name, _, peers)| (std::cmp::Reverse(peers), name));
        let table = Table {
            id: "clients",
            title: "Client software",
            class: "table clients",
            columns: &["Client and its versions", "Peers", "Share"],
        };
        table.write(out, |out| {
            for (name, versions, peers) in clients.iter().take(CLIENTS_SHOWN_MAX) {
                let head = format!("{}{}{}", Escaped(name), bar(*peers, total), Versions(versions));
                write_row(out, &head, &[Thousands(*peers).to_string(), share(*peers, total)])?;
            }
            Ok(())
        })?;
        let hidden: u64 = clients.iter().skip(CLIENTS_SHOWN_MAX).map(|(.., peers)| peers).sum();
        write!(
            out,
            "<p class=\"note\">Peers that announced within about one interval{}.</p></section>",
            if hidden > 0 {
                format!(", and {} with other clients", Thousands(hidden))
            } else {
                String::new()
            }
        )
    }
}

/// A table in a section of its own, which the note after it ends.
struct Table<'a> {
    id: &'a str,
    title: &'a str,
    class: &'a str,
    columns: &'a [&'a str],
}

impl Table<'_> {
    fn write(
        &self,
        out: &mut Formatter<'_>,
        write_rows: impl FnOnce(&mut Formatter<'_>) -> fmt::Result,
    ) -> fmt::Result {
        let Self { id, title, class, columns } = self;
        write!(
            out,
            "<section><h2 id=\"{id}\">{title}</h2>\
             <div class=\"{class}\" role=\"region\" aria-labelledby=\"{id}\" tabindex=\"0\"><table><thead><tr>"
        )?;
        columns.iter().try_for_each(|column| write!(out, "<th scope=\"col\">{column}</th>"))?;
        write!(out, "</tr></thead><tbody>")?;
        write_rows(out)?;
        write!(out, "</tbody></table></div>")
    }
}

/// Writes a row. `head` is HTML.
fn write_row(out: &mut Formatter<'_>, head: &str, cells: &[String]) -> fmt::Result {
    write!(out, "<tr><th scope=\"row\">{head}</th>")?;
    cells.iter().try_for_each(|cell| write!(out, "<td>{cell}</td>"))?;
    write!(out, "</tr>")
}

/// Returns a part of a whole in percent.
fn share(part: u64, whole: u64) -> String {
    format!("{:.1} %", percent(part, whole))
}

fn percent(part: u64, whole: u64) -> f64 {
    part as f64 * 100.0 / whole.max(1) as f64
}

/// Returns a bar whose length is a part of the whole.
fn bar(part: u64, whole: u64) -> String {
    format!(
        "<svg class=\"bar\" viewBox=\"0 0 100 4\" preserveAspectRatio=\"none\" aria-hidden=\"true\">\
         <rect width=\"{:.1}\" height=\"4\"/></svg>",
        percent(part, whole)
    )
}

/// Returns received and sent bits per second.
fn traffic(received: f64, sent: f64) -> String {
    format!("{} in, {} out", bits(received), bits(sent))
}

fn bits(per_second: f64) -> String {
    match per_second {
        ..1e6 => format!("{:.0} kbit/s", per_second / 1e3),
        ..1e9 => format!("{:.1} Mbit/s", per_second / 1e6),
        _ => format!("{:.2} Gbit/s", per_second / 1e9),
    }
}

/// The most frequent versions of a client, and the number of the others.
struct Versions<'a>(&'a BTreeMap<String, u64>);

impl Display for Versions<'_> {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        let mut versions: Vec<_> = self.0.iter().collect();
        versions.sort_by_key(|&(version, peers)| (std::cmp::Reverse(peers), version));
        write!(out, "<span>")?;
        for (index, (version, _)) in versions.iter().take(VERSIONS_SHOWN_MAX).enumerate() {
            write!(out, "{}{}", if index > 0 { " · " } else { "" }, Escaped(version))?;
        }
        if let more @ 1.. = versions.len().saturating_sub(VERSIONS_SHOWN_MAX) {
            write!(out, " and {more} more")?;
        }
        write!(out, "</span>")
    }
}

#[cfg(test)]
mod tests;
