use crate::url::DatabaseUrl;
use std::time::Duration;
use tokio::time::Instant;

/// What the log is told of a database: once that it is away, from time to time that it still is, once that it is back.
#[derive(Debug)]
pub(crate) struct Health {
    url: DatabaseUrl,
    remind_every: Duration,
    away: Option<Away>,
}

#[derive(Debug, Clone, Copy)]
struct Away {
    since: Instant,
    told: Instant,
}

impl Health {
    pub(crate) const fn new(url: DatabaseUrl, remind_every: Duration) -> Self {
        Self { url, remind_every, away: None }
    }

    pub(crate) fn failed(&mut self, now: Instant, reason: &str, waiting: usize) {
        let url = &self.url;
        match &mut self.away {
            None => {
                self.away = Some(Away { since: now, told: now });
                tracing::warn!(%url, reason, waiting, "the database is away: changes wait and are tried again");
            }
            Some(away) if now.duration_since(away.told) >= self.remind_every => {
                away.told = now;
                let away_s = now.duration_since(away.since).as_secs();
                tracing::warn!(%url, reason, waiting, away_s, "the database is still away");
            }
            Some(_) => {}
        }
    }

    pub(crate) fn written(&mut self, now: Instant) {
        if let Some(away) = self.away.take() {
            let away_s = now.duration_since(away.since).as_secs();
            tracing::info!(url = %self.url, away_s, "the database is back");
        }
    }
}
