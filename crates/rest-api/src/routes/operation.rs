use crate::app::App;
use crate::http::{ApiError, with_type};
use api_contract::v1::{Ack, DatabaseState, Health, Latency, Refusal, Reloaded, Snapshot, Storage};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_DISPOSITION;
use axum::response::Response;
use control::management::{LatencyInfo, ManagementError, SnapshotInfo, StorageInfo, StorageState};
use std::collections::BTreeMap;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

fn latency_of(info: LatencyInfo) -> Latency {
    let LatencyInfo { name, count, p50_us, p90_us, p99_us, p999_us, max_us } = info;
    Latency { name, count, p50_us, p90_us, p99_us, p999_us, max_us }
}

pub(super) fn storage_of(info: StorageInfo) -> Storage {
    let StorageInfo {
        state, waiting: writes_waiting, done: writes_done, lost: writes_lost, failures, ..
    } = info;
    let (state, error) = match state {
        StorageState::Absent => (DatabaseState::Absent, None),
        StorageState::Connected => (DatabaseState::Connected, None),
        StorageState::Away(why) => (DatabaseState::Away, Some(why)),
    };
    Storage { state, error, writes_waiting, writes_done, writes_lost, failures }
}

/// Routes that need no token.
pub(crate) fn open_routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(health_check))
}

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(get_configuration))
        .routes(routes!(reload))
        .routes(routes!(write_snapshot))
        .routes(routes!(get_latencies))
        .routes(routes!(get_latency_log))
        .routes(routes!(get_storage))
        .routes(routes!(get_totals))
}

/// Whether the API is alive
#[utoipa::path(
    get, path = "/api/health_check", tag = "operation", security(()),
    responses((status = 200, description = "It is", body = Health)),
)]
async fn health_check() -> Json<Health> {
    Json(Health::OK)
}

/// The configuration in use, without secrets
#[utoipa::path(
    get, path = "/api/v1/config", tag = "operation",
    responses((status = 200, description = "An object of sections", body = Object)),
)]
async fn get_configuration(State(app): State<App>) -> Json<serde_json::Value> {
    Json(app.tracker.configuration())
}

/// Read the configuration again with lists, upstream trackers, certificates and API tokens, as SIGHUP does
#[utoipa::path(
    post, path = "/api/v1/reload", tag = "operation",
    responses((status = 200, description = "In use, as far as no restart is needed", body = Reloaded)),
)]
async fn reload(State(app): State<App>) -> Result<Json<Reloaded>, ApiError> {
    let reloaded = app.tracker.reload().await.map_err(ApiError::failed("failed to reload"))?;
    let control::management::Reloaded { changed, needs_restart } = reloaded;
    Ok(Json(Reloaded { status: Ack::OK.status, changed, needs_restart }))
}

/// Write a snapshot of all swarms, as SIGUSR2 does
#[utoipa::path(
    post, path = "/api/v1/snapshot", tag = "operation",
    responses(
        (status = 200, description = "It is in place", body = Snapshot),
        (status = 409, description = "There is no directory for snapshots", body = Refusal),
        (status = 503, description = "One is being written, or has to be loaded first", body = Refusal),
    ),
)]
async fn write_snapshot(State(app): State<App>) -> Result<Json<Snapshot>, ApiError> {
    let written = app.tracker.snapshots().write().await.map_err(|error| match error {
        ManagementError::NoSnapshots => ApiError::conflict(error.to_string().into()),
        ManagementError::SnapshotBusy => {
            ApiError::Refused(StatusCode::SERVICE_UNAVAILABLE, error.to_string().into())
        }
        _ => ApiError::failed("failed to write a snapshot")(error),
    })?;
    let SnapshotInfo { swarms, peers, bytes, duration, .. } = written;
    Ok(Json(Snapshot { peers, swarms, bytes, seconds: duration.as_secs_f64() }))
}

/// How long replies took since the start
#[utoipa::path(
    get, path = "/api/v1/latency", tag = "figures",
    responses((status = 200, description = "Percentiles of each kind of reply", body = Vec<Latency>)),
)]
async fn get_latencies(State(app): State<App>) -> Result<Json<Vec<Latency>>, ApiError> {
    let latencies =
        app.tracker.latency().latencies().await.map_err(ApiError::failed("failed to ask for latencies"))?;
    Ok(Json(latencies.into_iter().map(latency_of).collect()))
}

/// How long replies took since the start, as an HdrHistogram log
#[utoipa::path(
    get, path = "/api/v1/latency.hlog", tag = "figures",
    responses((status = 200, description = "The log", body = String, content_type = "text/plain")),
)]
async fn get_latency_log(State(app): State<App>) -> Result<Response, ApiError> {
    let log = app.tracker.latency().log().await.map_err(ApiError::failed("failed to ask for latencies"))?;
    let name = [(CONTENT_DISPOSITION, "attachment; filename=\"ringtrack.hlog\"")];
    Ok(with_type("text/plain; charset=utf-8", (name, log)))
}

/// Totals of all runs of the tracker, as far as they are stored
#[utoipa::path(
    get, path = "/api/v1/totals", tag = "operation",
    responses((status = 200, description = "The totals by name", body = BTreeMap<String, u64>)),
)]
async fn get_totals(State(app): State<App>) -> Json<BTreeMap<&'static str, u64>> {
    Json(app.tracker.totals().into_iter().collect())
}

/// The state of the database and of the writes to it
#[utoipa::path(
    get, path = "/api/v1/storage", tag = "operation",
    responses((status = 200, description = "Its state", body = Storage)),
)]
async fn get_storage(State(app): State<App>) -> Json<Storage> {
    Json(storage_of(app.tracker.storage()))
}
