use super::findings::{Finding, Findings, Level, hint_for};
use crate::announce::{Announce, PEER_ID_PREFIX, new_peer_id};
use crate::endpoint::{Announced, Endpoint, Note, Scraped};
use crate::error::TrackerError;
use crate::limits::{CERTIFICATE_DAYS_MIN, INTERVALS_S, NUMWANT, SLOW_ANSWER};
use futures_util::future::join_all;
use primitives::{AnnounceEvent, InfoHash, PeerId};
use std::net::SocketAddr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::time::Instant;

/// The check of one address, step by step.
pub(super) struct Steps<'a> {
    endpoint: Endpoint,
    torrent: InfoHash,
    /// Peers of this check.
    first: OwnPeer,
    second: OwnPeer,
    third: OwnPeer,
    /// Those of them that the tracker may have.
    present: Vec<OwnPeer>,
    findings: &'a mut Findings,
}

/// The check whose request failed, and why.
type Failure = (&'static str, TrackerError);

#[derive(Clone, Copy)]
struct OwnPeer {
    id: PeerId,
    port: u16,
}

/// The port of the first peer. Such ports belong to no service.
const PORTS: std::ops::Range<u16> = 20_000..60_000;

impl<'a> Steps<'a> {
    pub(super) fn new(endpoint: Endpoint, torrent: InfoHash, findings: &'a mut Findings) -> Self {
        let port = fastrand::u16(PORTS);
        let [first, second, third] =
            [0, 1, 2].map(|offset| OwnPeer { id: new_peer_id(PEER_ID_PREFIX), port: port + offset });
        Self { endpoint, torrent, first, second, third, present: Vec::new(), findings }
    }

    /// Takes the steps up to one that fails, and greets the port with TLS whatever they find.
    pub(super) async fn run(&mut self) {
        if let Err((check, error)) = self.announce_and_scrape().await {
            self.findings.failed(check, &error);
        }
        self.greet_with_tls().await;
    }

    async fn announce_and_scrape(&mut self) -> Result<(), Failure> {
        let start = Instant::now();
        let answer = self.join("announce", self.first, NUMWANT).await?;
        check_time(self.findings, start.elapsed());
        check_answer(self.findings, &answer, unix_time());

        let mut answer = self.join("listed", self.second, NUMWANT).await?;
        if self.first_in(&answer).is_none() {
            answer = self.announce("listed", self.second, AnnounceEvent::None, NUMWANT).await?;
        }
        let first = self.first_in(&answer);
        check_listed(self.findings, first.is_some(), leaves_peers_out(&answer));

        let answer = self.join("numwant", self.third, 1).await?;
        check_numwant(self.findings, answer.peers.len());
        let scraped = self.endpoint.scrape(&[self.torrent]).await;
        check_scrape(self.findings, &answer, &scraped);

        self.announce("stopped", self.first, AnnounceEvent::Stopped, 0).await?;
        self.present.retain(|peer| peer.port != self.first.port);
        if let Some(first) = first {
            let answer = self.announce("stopped", self.second, AnnounceEvent::None, NUMWANT).await?;
            check_stopped(self.findings, answer.peers.contains(&first));
        }
        Ok(())
    }

    /// Stops the peers that are left, all at once. Whether stops are understood is examined with the first peer.
    pub(super) async fn leave(&self) {
        let stops =
            self.present.iter().map(|&peer| self.announce("stopped", peer, AnnounceEvent::Stopped, 0));
        join_all(stops).await;
    }

    async fn join(&mut self, check: &'static str, peer: OwnPeer, numwant: u32) -> Result<Announced, Failure> {
        self.present.push(peer);
        self.announce(check, peer, AnnounceEvent::Started, numwant).await
    }

    async fn announce(
        &self,
        check: &'static str,
        peer: OwnPeer,
        event: AnnounceEvent,
        numwant: u32,
    ) -> Result<Announced, Failure> {
        let announce = Announce {
            info_hash: self.torrent,
            peer_id: peer.id,
            port: peer.port,
            event,
            left: 1,
            uploaded: 0,
            downloaded: 0,
            numwant: Some(numwant),
            key: u32::from(peer.port),
            ip: None,
        };
        self.endpoint.announce(&announce).await.map_err(|error| (check, error))
    }

    /// Returns the first peer as another one sees it. Only its port is known: the tracker may see any address of this computer, or
    /// of a router. With a torrent that others have, one of them may by chance have the same port.
    fn first_in(&self, answer: &Announced) -> Option<SocketAddr> {
        answer.peers.iter().find(|peer| peer.port() == self.first.port).copied()
    }

    async fn greet_with_tls(&mut self) {
        match self.endpoint.closes_on_tls().await {
            Some(true) => {
                let text = "a connection that begins with TLS is closed at once";
                self.findings.ok("tls_greeting", text.to_owned());
            }
            // No error: opentracker leaves it open too, and public trackers run it.
            Some(false) => self.findings.warn(
                "tls_greeting",
                "a connection that begins with TLS is not closed".to_owned(),
                "newTrackon and clients that try HTTPS first wait for the plain port to refuse it.",
            ),
            None => {}
        }
    }
}

fn unix_time() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

fn check_time(findings: &mut Findings, elapsed: Duration) {
    let text = format!("answered within {} ms", elapsed.as_millis());
    if elapsed <= SLOW_ANSWER {
        findings.ok("time", text);
    } else {
        findings.warn("time", text, "Clients give up on slow trackers, and lists rank them lower.");
    }
}

/// Checks an answer to an announce at this Unix time.
pub(super) fn check_answer(findings: &mut Findings, answer: &Announced, now: u64) {
    let Announced { interval_s, min_interval_s, .. } = *answer;
    let hint = "newTrackon accepts 300 to 10800 s; 1800 s is usual.";
    match interval_s {
        None => findings.error("interval", "the answer has no interval".to_owned(), hint),
        Some(interval_s) if INTERVALS_S.contains(&interval_s) => {
            findings.ok("interval", format!("the interval is {interval_s} s"));
        }
        Some(interval_s) => findings.error("interval", format!("the interval is {interval_s} s"), hint),
    }
    if let Some((min, interval)) = min_interval_s.zip(interval_s).filter(|(min, interval)| min > interval) {
        let text = format!("the min interval of {min} s is longer than the interval of {interval} s");
        findings.warn("min_interval", text, "Clients that keep the interval announce too early.");
    }
    answer.notes.iter().for_each(|note| add_note(findings, note));
    if answer.notes.is_empty() {
        findings.ok("answer", "the answer is whole and in the usual form".to_owned());
    }
    if let Some(until) = answer.certificate_until {
        check_certificate(findings, until.saturating_sub(now) / (24 * 3600));
    }
}

fn add_note(findings: &mut Findings, note: &Note) {
    let (level, check, hint) = match note {
        Note::PartialPeer => {
            (Level::Error, "peers", "A compact peer has 6 bytes, or 18 over IPv6 (BEP 15, BEP 7).")
        }
        Note::ListedPeers => (
            Level::Warning,
            "peers",
            "Compact peers take a tenth of the bytes (BEP 23), and some clients read no others.",
        ),
        Note::NoPeers => {
            (Level::Error, "peers", "newTrackon and clients expect one of them, even if it is empty.")
        }
        Note::UnsortedKeys => {
            (Level::Warning, "keys", "BEP 3 wants sorted keys, and strict clients refuse others.")
        }
        Note::RedirectedTo(_) => {
            (Level::Warning, "redirect", "Publish the URL where it leads: not all clients follow redirects.")
        }
        Note::Status(_) => (Level::Error, "status", "newTrackon accepts status 200 only."),
        Note::Strays(_) => (
            Level::Warning,
            "transaction_id",
            "Clients drop them: a response has to repeat the id of its request.",
        ),
    };
    findings.0.push(Finding { level, check, text: note.to_string(), hint: Some(hint) });
}

fn check_certificate(findings: &mut Findings, days: u64) {
    let text = format!("the certificate is valid for {days} days");
    if days < CERTIFICATE_DAYS_MIN {
        findings.warn("certificate", text, "Renew it: automatic renewal would have by this time.");
    } else {
        findings.ok("certificate", text);
    }
}

/// Returns whether there are more peers than those of an answer and the one that asked for them. A tracker may leave out the counts.
pub(super) fn leaves_peers_out(answer: &Announced) -> bool {
    match answer.seeders.saturating_add(answer.leechers) as usize {
        0 => answer.peers.len() >= NUMWANT as usize,
        count => !answer.peers.is_empty() && count > answer.peers.len() + 1,
    }
}

pub(super) fn check_listed(findings: &mut Findings, is_listed: bool, is_partial: bool) {
    if is_listed {
        findings.ok("listed", "the first peer is returned to a second one".to_owned());
    } else if is_partial {
        findings.ok(
            "listed",
            "the torrent has too many peers to see whether one is returned to another".to_owned(),
        );
    } else {
        findings.error(
            "listed",
            "the first peer is not returned to a second one".to_owned(),
            "Peers cannot find each other: does the tracker keep them, and does it see their addresses?",
        );
    }
}

pub(super) fn check_numwant(findings: &mut Findings, peers: usize) {
    if peers <= 1 {
        findings.ok("numwant", "no more peers are returned than asked for".to_owned());
    } else {
        let text = format!("{peers} peers are returned although one was asked for");
        findings.warn("numwant", text, "Clients that need no peers ask for none, which saves bandwidth.");
    }
}

/// Checks a scrape against the announce just before it.
pub(super) fn check_scrape(
    findings: &mut Findings,
    answer: &Announced,
    scraped: &Result<Scraped, TrackerError>,
) {
    let scraped = match scraped {
        Ok(scraped) => scraped,
        Err(error) => {
            return findings.warn("scrape", format!("there is no scrape: {}", error.line()), hint_for(error));
        }
    };
    scraped.notes.iter().for_each(|note| add_note(findings, note));
    let Some(counts) = scraped.torrents.first().and_then(|torrent| torrent.counts) else {
        let text = "the scrape does not have the torrent that was announced".to_owned();
        return findings.warn("scrape", text, "Clients show the wrong number of peers.");
    };
    // The announcing peer may be counted in one of them only.
    if counts.seeders == answer.seeders && counts.leechers.abs_diff(answer.leechers) <= 1 {
        let text =
            format!("scrape and announce agree: {} seeders, {} leechers", counts.seeders, counts.leechers);
        return findings.ok("scrape", text);
    }
    let text = format!(
        "the scrape has {} seeders and {} leechers, the announce before it {} and {}",
        counts.seeders, counts.leechers, answer.seeders, answer.leechers
    );
    findings.warn("scrape", text, "Does a cache or another process answer scrapes?");
}

pub(super) fn check_stopped(findings: &mut Findings, is_listed: bool) {
    if is_listed {
        let text = "a peer that stopped is still returned".to_owned();
        findings.error("stopped", text, "Clients waste connections on peers that are gone.");
    } else {
        findings.ok("stopped", "a peer that stopped is not returned any more".to_owned());
    }
}
