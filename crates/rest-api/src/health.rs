use crate::limits::PROBE_INTERVAL;
use crate::probe::{Probed, probe};
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};
use control::Management;
use futures_util::future::join_all;
use serde::Serialize;
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::Mutex;

const FAILED: &str = "health check failed";

/// The response of the health-check API.
#[derive(Debug, Clone, Serialize)]
struct Report {
    status: Status,
    message: &'static str,
    details: Vec<Probed>,
}

/// The state of all listeners together.
#[derive(Debug, Clone, Copy, Serialize)]
enum Status {
    Ok,
    Error,
    /// There are no listeners.
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

/// The tracker whose listeners are probed, and the latest report.
struct Health {
    tracker: Arc<dyn Management>,
    /// Locked during a check, so that requests that arrive meanwhile wait for its result.
    last: Mutex<Option<(Instant, Report)>>,
}

impl Health {
    /// Runs the check in its own task, so that its result is kept even if the client disconnects.
    async fn report_to_its_end(self: Arc<Self>) -> Report {
        let report = tokio::spawn(async move { self.report().await }).await;
        // The task fails only if the runtime is shutting down.
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

pub(crate) fn router(tracker: Arc<dyn Management>) -> Router {
    let health = Arc::new(Health { tracker, last: Mutex::new(None) });
    Router::new()
        .route(
            "/health_check",
            get(|State(health): State<Arc<Health>>| async move { Json(health.report_to_its_end().await) }),
        )
        .fallback(|| async { StatusCode::NOT_FOUND })
        .with_state(health)
}
