//! The figures in the shape of Torrust Tracker's API, and for Prometheus.

mod collection;
mod exporter;
mod process;
mod text;

pub(crate) use exporter::exporter_router;

use crate::app::{App, now_unix_ms};
use crate::http::{ApiError, Query, bad_query, with_type};
use api_contract::v1::{Format, Metrics};
use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use chrono::DateTime;
use collection::Collection;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Content type of the Prometheus text format.
pub(crate) const PROMETHEUS_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

pub(crate) fn format_of(query: &Query) -> Result<Format, ApiError> {
    match query.text("format") {
        None | Some("json") => Ok(Format::Json),
        Some("prometheus") => Ok(Format::Prometheus),
        Some(_) => Err(bad_query("format: one of json, prometheus")),
    }
}

fn rfc3339(unix_ms: u64) -> String {
    let moment = i64::try_from(unix_ms).ok().and_then(DateTime::from_timestamp_millis);
    moment.unwrap_or_default().to_rfc3339()
}

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(get_metrics))
}

/// All figures
#[utoipa::path(
    get, path = "/api/v1/metrics", tag = "figures",
    params(("format" = Option<Format>, Query, description = "Default `json`")),
    responses(
        (status = 200, description = "The figures", content(
            (Metrics = "application/json"), (String = "text/plain"))),
        (status = 400, description = "No format", body = String, content_type = "text/plain"),
    ),
)]
async fn get_metrics(State(app): State<App>, query: Query) -> Result<Response, ApiError> {
    let format = format_of(&query)?;
    let mut collection = Collection::default();
    collection.add_statistics(&app.tracker.statistics(), None);
    collection.add_control_plane(&*app.tracker);
    Ok(match format {
        Format::Json => Json(collection.into_metrics(&rfc3339(now_unix_ms()))).into_response(),
        Format::Prometheus => with_type(PROMETHEUS_TYPE, collection.to_string()),
    })
}
