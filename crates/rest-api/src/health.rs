use crate::limits::PROBE_INTERVAL;
use crate::probe::{Probed, probe};
use crate::tracker::Tracker;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};
use futures_util::future::join_all;
use serde::Serialize;
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::Mutex;

const FAILED: &str = "health check failed";

/// What the health-check API answers.
#[derive(Debug, Clone, Serialize)]
struct Report {
    status: Status,
    message: &'static str,
    details: Vec<Probed>,
}

/// How the listeners do, all together.
#[derive(Debug, Clone, Copy, Serialize)]
enum Status {
    Ok,
    Error,
    /// There are none.
    None,
}

impl Report {
    fn new(details: Vec<Probed>) -> Self {
        let (status, message) = match details.as_slice() {
            [] => (Status::None, ""),
            some if some.iter().all(Probed::is_ok) => (Status::Ok, ""),
            _ => (Status::Error, FAILED),
        };
        Self { status, message, details }
    }
}

/// The tracker's listeners, and what was found last.
struct Health {
    tracker: Arc<dyn Tracker>,
    /// Held while it is looked, so that whoever asks meanwhile waits for the same outcome.
    last: Mutex<Option<(Instant, Report)>>,
}

impl Health {
    /// In a task of its own: a client that goes before it has its answer does not let the next one ask anew.
    async fn report_to_its_end(self: Arc<Self>) -> Report {
        let report = tokio::spawn(async move { self.report().await }).await;
        // It fails only where the runtime is on its way down.
        report.unwrap_or(Report { status: Status::Error, message: FAILED, details: Vec::new() })
    }

    async fn report(&self) -> Report {
        let mut last = self.last.lock().await;
        if let Some((moment, report)) = &*last
            && moment.elapsed() < PROBE_INTERVAL
        {
            return report.clone();
        }
        let report = Report::new(join_all(self.tracker.listeners().into_iter().map(probe)).await);
        *last = Some((Instant::now(), report.clone()));
        report
    }
}

pub(crate) fn router(tracker: Arc<dyn Tracker>) -> Router {
    let health = Arc::new(Health { tracker, last: Mutex::new(None) });
    Router::new()
        .route(
            "/health_check",
            get(|State(health): State<Arc<Health>>| async move { Json(health.report_to_its_end().await) }),
        )
        .fallback(|| async { StatusCode::NOT_FOUND })
        .with_state(health)
}
