//! The routes by subject, and the modes in which they are served.

mod bans;
mod bulk_keys;
mod cores;
mod dashboard;
mod document;
mod events;
mod forwarding;
mod health;
mod keys;
mod lists;
mod metrics;
mod operation;
mod probe;
mod sources;
mod stats;
mod token;
mod torrents;

pub(crate) use health::{HealthChecks, health_router};
pub use health::{HealthError, ask_health};
pub(crate) use metrics::exporter_router;

use crate::app::App;
use crate::auth::{limit_sources, require_token, token_of};
use crate::http::ApiError;
use crate::limits::{BODY_PAUSE_MAX, JSON_BYTES_MAX};
use axum::Router;
use axum::body::Body;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::StatusCode;
use axum::middleware::{Next, from_fn_with_state, map_request};
use axum::response::Response;
use control::management::{TorrentAdmission, UserAdmission};
use std::borrow::Cow;
use std::sync::Arc;
use tower_http::timeout::RequestBodyTimeoutLayer;
use utoipa::OpenApi as _;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Returns the router of all routes.
pub(crate) fn router(app: App) -> Router {
    let (routes, _) = routes(&app).split_for_parts();
    let (tracker, tokens) = (Arc::clone(&app.tracker), app.tokens.clone());
    let served = routes
        .merge(dashboard::routes())
        .fallback(|| async { StatusCode::NOT_FOUND })
        .layer(DefaultBodyLimit::max(JSON_BYTES_MAX))
        .layer(map_request(|request: Request<_>| async { request.map(Body::new) }))
        .layer(RequestBodyTimeoutLayer::new(BODY_PAUSE_MAX))
        .with_state(app);
    limit_sources(served, tracker, move |request| token_of(&tokens.borrow(), request).is_some())
}

fn routes(app: &App) -> OpenApiRouter<App> {
    let keys = keys::routes()
        .merge(bulk_keys::routes())
        .route_layer(from_fn_with_state(app.clone(), require_private));
    let whitelist = lists::whitelist::routes().route_layer(from_fn_with_state(app.clone(), require_listed));
    let forwarding =
        forwarding::routes().route_layer(from_fn_with_state(app.clone(), forwarding::require_forwarding));
    let with_token = OpenApiRouter::new()
        .merge(stats::routes())
        .merge(metrics::routes())
        .merge(events::routes())
        .merge(cores::routes())
        .merge(health::routes())
        .merge(torrents::routes())
        .merge(keys)
        .merge(whitelist)
        .merge(lists::denylist::routes())
        .merge(bans::routes())
        .merge(sources::routes())
        .merge(forwarding)
        .merge(operation::routes())
        .merge(token::routes())
        .routes(routes!(document::get_document))
        .route_layer(from_fn_with_state(app.clone(), require_token));
    OpenApiRouter::with_openapi(document::General::openapi())
        .merge(operation::open_routes())
        .merge(with_token)
}

async fn require_private(State(app): State<App>, request: Request, next: Next) -> Result<Response, ApiError> {
    match app.tracker.policy().users {
        UserAdmission::Private => Ok(next.run(request).await),
        UserAdmission::Public => Err(mode_off("private-tracker capability is disabled by configuration")),
    }
}

async fn require_listed(State(app): State<App>, request: Request, next: Next) -> Result<Response, ApiError> {
    match app.tracker.policy().torrents {
        TorrentAdmission::Listed => Ok(next.run(request).await),
        TorrentAdmission::Any => Err(mode_off("listed-tracker capability is disabled by configuration")),
    }
}

const fn mode_off(reason: &'static str) -> ApiError {
    ApiError::conflict(Cow::Borrowed(reason))
}
