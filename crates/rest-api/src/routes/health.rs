use super::operation::storage_of;
use super::probe::{ProbeError, exchange, probe, reachable};
use crate::app::App;
use crate::auth::limit_sources;
use crate::limits::{CORE_TURN_TIME_MAX, HEALTH_BYTES_MAX, HEALTH_TIME_MAX, PROBE_INTERVAL};
use api_contract::v1::{CoreHealth, DatabaseState, HealthReport, HealthStatus, Probed, TrackerHealth};
use axum::body::{Body, to_bytes};
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};
use control::management::Management;
use futures_util::future::join_all;
use metrics::Counter;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;
use tokio::net::TcpStream;
use tokio::sync::Mutex;
use tokio::time::timeout;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

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
pub(crate) struct HealthChecks {
    tracker: Arc<dyn Management>,
    /// Locked during a check, so that requests that arrive meanwhile wait for its result.
    last: Mutex<Option<(Instant, HealthReport)>>,
}

impl HealthChecks {
    pub(crate) fn new(tracker: Arc<dyn Management>) -> Self {
        Self { tracker, last: Mutex::new(None) }
    }

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

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(get_health))
}

/// Whether the listeners answer, the cores work and the database is there
///
/// Takes half a second.
#[utoipa::path(
    get, path = "/api/v1/health", tag = "operation",
    responses((status = 200, description = "The state of each", body = TrackerHealth)),
)]
async fn get_health(State(app): State<App>) -> Json<TrackerHealth> {
    let (report, cores) = tokio::join!(Arc::clone(&app.health).report_to_its_end(), cores_of(&*app.tracker));
    let database = storage_of(app.tracker.storage());
    let fails = cores.iter().any(|core| !core.alive) || database.state == DatabaseState::Away;
    let status = if fails { HealthStatus::Error } else { report.status };
    Json(TrackerHealth { status, listeners: report.details, cores, database })
}

async fn cores_of(tracker: &dyn Management) -> Vec<CoreHealth> {
    let turns = || -> Vec<u64> {
        let cores = tracker.shards();
        cores.iter().map(|statistics| statistics.counter(Counter::TimerTurns)).collect()
    };
    let before = turns();
    tokio::time::sleep(CORE_TURN_TIME_MAX).await;
    let both = before.into_iter().zip(turns());
    (0..).zip(both).map(|(shard, (before, after))| CoreHealth { shard, alive: after > before }).collect()
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
    let health = Arc::new(HealthChecks::new(Arc::clone(&tracker)));
    let router =
        Router::new()
            .route(
                "/health_check",
                get(|State(health): State<Arc<HealthChecks>>| async move {
                    Json(health.report_to_its_end().await)
                }),
            )
            .fallback(|| async { StatusCode::NOT_FOUND })
            .with_state(health);
    limit_sources(router, tracker, |_| false)
}
