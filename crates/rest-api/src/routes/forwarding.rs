use super::mode_off;
use crate::app::App;
use crate::auth::Change;
use crate::http::{ACK, ApiError, Query, bad_query};
use api_contract::v1::{Ack, Refusal, Upstream, UpstreamForm, UpstreamState};
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use axum::{Extension, Json};
use control::management::{
    self, FailureKind, ForwardingManagement, UpstreamFields, UpstreamFigures, UpstreamInfo,
};
use std::net::IpAddr;
use std::sync::Arc;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

fn forwarding(app: &App) -> Result<&dyn ForwardingManagement, ApiError> {
    app.tracker.forwarding().ok_or_else(|| mode_off("forwarding is disabled by configuration"))
}

pub(super) async fn require_forwarding(
    State(app): State<App>,
    request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    forwarding(&app)?;
    Ok(next.run(request).await)
}

/// Returns the announces to an upstream tracker by their outcome.
pub(super) fn announces(figures: &UpstreamFigures) -> impl Iterator<Item = (&'static str, u64)> {
    let failed = FailureKind::ALL.map(FailureKind::name).into_iter().zip(figures.failed);
    [("answered", figures.answered)].into_iter().chain(failed)
}

fn upstream(info: UpstreamInfo) -> Upstream {
    let (state, retry_in) = match info.state {
        management::UpstreamState::Active => (UpstreamState::Active, None),
        management::UpstreamState::Paused(left) => (UpstreamState::Paused, Some(left)),
        management::UpstreamState::Failing(left) => (UpstreamState::Failing, Some(left)),
        management::UpstreamState::Suspended => (UpstreamState::Suspended, None),
    };
    Upstream {
        name: (*info.name).to_owned(),
        origin: info.origin,
        ip: info.announced_ip.as_ref().map(IpAddr::to_string),
        state,
        retry_in_s: retry_in.map(|left| left.as_secs()),
        torrents: info.torrents,
        waiting: info.waiting,
        in_flight: info.in_flight,
        latency_ms: info.latency.map(|latency| latency.as_secs_f64() * 1000.0),
        interval_s: info.interval_s,
        last_failure: info.last_failure,
        announces: announces(&info.figures).map(|(outcome, count)| (outcome.to_owned(), count)).collect(),
        shed: info.figures.shed,
        peers: info.figures.peers,
        peers_dropped: info.figures.peers_dropped,
    }
}

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(get_upstreams, post_upstream, delete_upstream))
        .routes(routes!(suspend_upstream))
        .routes(routes!(resume_upstream))
}

/// All upstream trackers
#[utoipa::path(
    get, path = "/api/v1/forwarders", tag = "forwarding",
    responses((status = 200, description = "Their states and figures", body = Vec<Upstream>)),
)]
async fn get_upstreams(State(app): State<App>) -> Result<Json<Vec<Upstream>>, ApiError> {
    Ok(Json(forwarding(&app)?.upstreams().into_iter().map(upstream).collect()))
}

/// Announce torrents to another upstream tracker until the tracker stops
#[utoipa::path(
    post, path = "/api/v1/forwarders", tag = "forwarding",
    request_body = UpstreamForm,
    responses(
        (status = 200, description = "It is added", body = Ack),
        (status = 400, description = "No JSON, or no upstream tracker", body = String, content_type = "text/plain"),
        (status = 409, description = "Its URI or name is there already, there are too many, or forwarding is off", body = Refusal),
    ),
)]
async fn post_upstream(
    State(app): State<App>,
    Extension(change): Extension<Arc<Change>>,
    Json(form): Json<UpstreamForm>,
) -> Result<Json<Ack>, ApiError> {
    let UpstreamForm { uri, name, ip, host, nothing: _ } = form;
    let upstream = management::Upstream::new(&UpstreamFields { uri, name, ip, host })
        .map_err(|error| ApiError::bad_request(error.to_string()))?;
    change.set_subject(&upstream.name);
    forwarding(&app)?.add(upstream).map_err(|error| ApiError::conflict(error.to_string().into()))?;
    Ok(ACK)
}

/// Carries out a change of the upstream tracker that a query names.
fn change_named(
    app: &App,
    change: &Change,
    query: &Query,
    carry_out: impl FnOnce(&dyn ForwardingManagement, &str) -> bool,
) -> Result<Json<Ack>, ApiError> {
    let name = query.text("name").ok_or_else(|| bad_query("missing field `name`"))?;
    if !carry_out(forwarding(app)?, name) {
        return Err(ApiError::unknown("upstream tracker not known"));
    }
    // Only now: someone may have sent a URI, with its passkey, in place of the name.
    change.set_subject(name);
    Ok(ACK)
}

/// Remove an upstream tracker
///
/// One of the file is added again by the next reload.
#[utoipa::path(
    delete, path = "/api/v1/forwarders", tag = "forwarding",
    params(("name" = String, Query, description = "The name of the upstream tracker")),
    responses(
        (status = 200, description = "It is removed", body = Ack),
        (status = 400, description = "No name", body = String, content_type = "text/plain"),
        (status = 404, description = "No upstream tracker has this name", body = Refusal),
    ),
)]
async fn delete_upstream(
    State(app): State<App>,
    Extension(change): Extension<Arc<Change>>,
    query: Query,
) -> Result<Json<Ack>, ApiError> {
    change_named(&app, &change, &query, |forwarding, name| forwarding.remove(name))
}

/// End announces to an upstream tracker until it is resumed
#[utoipa::path(
    post, path = "/api/v1/forwarders/suspend", tag = "forwarding",
    params(("name" = String, Query, description = "The name of the upstream tracker")),
    responses(
        (status = 200, description = "It is suspended", body = Ack),
        (status = 400, description = "No name", body = String, content_type = "text/plain"),
        (status = 404, description = "No upstream tracker has this name", body = Refusal),
    ),
)]
async fn suspend_upstream(
    State(app): State<App>,
    Extension(change): Extension<Arc<Change>>,
    query: Query,
) -> Result<Json<Ack>, ApiError> {
    change_named(&app, &change, &query, |forwarding, name| forwarding.suspend(name))
}

/// Announce to a suspended or failing upstream tracker again at once
#[utoipa::path(
    post, path = "/api/v1/forwarders/resume", tag = "forwarding",
    params(("name" = String, Query, description = "The name of the upstream tracker")),
    responses(
        (status = 200, description = "It is resumed", body = Ack),
        (status = 400, description = "No name", body = String, content_type = "text/plain"),
        (status = 404, description = "No upstream tracker has this name", body = Refusal),
    ),
)]
async fn resume_upstream(
    State(app): State<App>,
    Extension(change): Extension<Arc<Change>>,
    query: Query,
) -> Result<Json<Ack>, ApiError> {
    change_named(&app, &change, &query, |forwarding, name| forwarding.resume(name))
}
