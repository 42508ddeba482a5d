use super::probe::{ProbeError, exchange, probe, reachable};
use crate::limits::{HEALTH_BYTES_MAX, HEALTH_TIME_MAX, PROBE_INTERVAL};
use api_contract::v1::{HealthReport, HealthStatus, Probed};
use axum::body::{Body, to_bytes};
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};
use control::management::Management;
use futures_util::future::join_all;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;
use tokio::net::TcpStream;
use tokio::sync::Mutex;
use tokio::time::timeout;

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

/// Why a tracker is not known to be healthy.
#[derive(Debug, thiserror::Error)]
pub enum HealthError {
    #[error("the health check at {0} does not answer: {1}")]
    NoAnswer(SocketAddr, String),
    /// What failed.
    #[error("{0}")]
    Unhealthy(String),
}

/// Asks the health checks that are served at an address.
///
/// # Errors
/// When a listener is not healthy, or there is no answer in a few seconds.
pub async fn ask_health(address: SocketAddr) -> Result<(), HealthError> {
    let address = reachable(address);
    let asked = timeout(HEALTH_TIME_MAX, report_from(address))
        .await
        .unwrap_or(Err(ProbeError::Late(HEALTH_TIME_MAX)));
    let report = asked.map_err(|error| HealthError::NoAnswer(address, error.to_string()))?;
    let failures: Vec<_> = report
        .details
        .into_iter()
        .filter_map(|Probed { info, result, .. }| Some(format!("{info}: {}", result.err()?)))
        .collect();
    match report.status {
        HealthStatus::Ok | HealthStatus::None => Ok(()),
        HealthStatus::Error if failures.is_empty() => Err(HealthError::Unhealthy(report.message.into())),
        HealthStatus::Error => Err(HealthError::Unhealthy(failures.join("; "))),
    }
}

async fn report_from(address: SocketAddr) -> Result<HealthReport, ProbeError> {
    let stream = TcpStream::connect(address).await?;
    exchange(stream, address, "/health_check", async |response| {
        if !response.status().is_success() {
            return Err(ProbeError::Status(response.status()));
        }
        let body =
            to_bytes(Body::new(response.into_body()), HEALTH_BYTES_MAX).await.map_err(io::Error::other)?;
        Ok(serde_json::from_slice(&body).map_err(io::Error::from)?)
    })
    .await
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
