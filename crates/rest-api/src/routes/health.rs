use super::probe::probe;
use crate::limits::PROBE_INTERVAL;
use api_contract::v1::{HealthReport, HealthStatus, Probed};
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};
use control::management::Management;
use futures_util::future::join_all;
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::Mutex;

fn report_of(details: Vec<Probed>) -> HealthReport {
    let (status, message) = if details.is_empty() {
        (HealthStatus::None, "")
    } else if details.iter().all(|probed| probed.result.is_ok()) {
        (HealthStatus::Ok, "")
    } else {
        (HealthStatus::Error, FAILED)
    };
    HealthReport { status, message: message.into(), details }
}

const FAILED: &str = "health check failed";

/// The tracker whose listeners are probed, and the latest report.
struct Health {
    tracker: Arc<dyn Management>,
    /// Locked during a check, so that requests that arrive meanwhile wait for its result.
    last: Mutex<Option<(Instant, HealthReport)>>,
}

impl Health {
    /// Runs the check in its own task, so that its result is kept even if the client disconnects.
    async fn report_to_its_end(self: Arc<Self>) -> HealthReport {
        let report = tokio::spawn(async move { self.report().await }).await;
        // The task fails only if the runtime is shutting down.
        report.unwrap_or(HealthReport {
            status: HealthStatus::Error,
            message: FAILED.into(),
            details: Vec::new(),
        })
    }

    async fn report(&self) -> HealthReport {
        let mut last = self.last.lock().await;
        if let Some((moment, report)) = &*last
            && moment.elapsed() < PROBE_INTERVAL
        {
            return report.clone();
        }
        let report = report_of(join_all(self.tracker.listeners().into_iter().map(probe)).await);
        *last = Some((Instant::now(), report.clone()));
        report
    }
}

pub(crate) fn health_router(tracker: Arc<dyn Management>) -> Router {
    let health = Arc::new(Health { tracker, last: Mutex::new(None) });
    Router::new()
        .route(
            "/health_check",
            get(|State(health): State<Arc<Health>>| async move { Json(health.report_to_its_end().await) }),
        )
        .fallback(|| async { StatusCode::NOT_FOUND })
        .with_state(health)
}
