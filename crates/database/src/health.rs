use crate::url::DatabaseUrl;
use std::time::Duration;
use tokio::time::Instant;

/// Logs once that a database is away, from time to time that it still is, and once that it is back.
#[derive(Debug)]
pub(crate) struct Health {
    url: DatabaseUrl,
    remind_every: Duration,
    away: Option<Away>,
}

#[derive(Debug, Clone, Copy)]
struct Away {
    since: Instant,
    logged: Instant,
}

impl Health {
    pub(crate) const fn new(url: DatabaseUrl, remind_every: Duration) -> Self {
        Self { url, remind_every, away: None }
    }

    pub(crate) fn failed(&mut self, now: Instant, reason: &str, waiting: usize) {
        let url = &self.url;
        match &mut self.away {
            None => {
                self.away = Some(Away { since: now, logged: now });
                tracing::warn!(%url, reason, waiting, "the database is away: changes wait and are tried again");
            }
            Some(away) if now.duration_since(away.logged) >= self.remind_every => {
                away.logged = now;
                let away_s = now.duration_since(away.since).as_secs();
                tracing::warn!(%url, reason, waiting, away_s, "the database is still away");
            }
            Some(_) => {}
        }
    }

    pub(crate) fn reached(&mut self, now: Instant) {
        if let Some(away) = self.away.take() {
            let away_s = now.duration_since(away.since).as_secs();
            tracing::info!(url = %self.url, away_s, "the database is back");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Arc, Mutex};
    use tracing::field::{Field, Visit};
    use tracing::{Event, Subscriber};
    use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
    use tracing_subscriber::registry;

    /// Collects the messages of the log.
    #[derive(Clone, Default)]
    struct Messages(Arc<Mutex<Vec<String>>>);

    impl Visit for Messages {
        fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
            if field.name() == "message" {
                self.0.lock().unwrap().push(format!("{value:?}"));
            }
        }
    }

    impl<S: Subscriber> Layer<S> for Messages {
        fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
            event.record(&mut self.clone());
        }
    }

    #[test]
    fn an_outage_is_logged_at_its_start_each_minute_and_at_its_end() {
        let messages = Messages::default();
        let mut health = Health::new("sqlite:x".parse().unwrap(), Duration::from_secs(60));
        let begin = Instant::now();
        let logged = |log: &mut dyn FnMut()| {
            messages.0.lock().unwrap().clear();
            tracing::subscriber::with_default(registry().with(messages.clone()), log);
            messages.0.lock().unwrap().join("; ")
        };
        let mut failed_after =
            |seconds| logged(&mut || health.failed(begin + Duration::from_secs(seconds), "it is gone", 7));
        assert_eq!(failed_after(0), "the database is away: changes wait and are tried again");
        assert_eq!(failed_after(59), "");
        assert_eq!(failed_after(60), "the database is still away");
        assert_eq!(failed_after(119), "");
        assert_eq!(failed_after(120), "the database is still away");
        assert_eq!(logged(&mut || health.reached(begin)), "the database is back");
        assert_eq!(logged(&mut || health.reached(begin)), "");
    }
}
