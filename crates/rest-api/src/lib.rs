//! The management API over HTTP, the health checks, and the figures for Prometheus.
//!
//! The API is version 1 of Torrust Tracker's REST API, so that its clients work unchanged, extended by bulk requests,
//! bans, forwarding, latencies and events. It accesses the tracker only through [`control::management`]; its requests and
//! responses are those of [`api_contract::v1`]. `docs/openapi.json` describes them; it is generated from the routes.

#![forbid(unsafe_code)]

mod app;
mod auth;
mod http;
mod limits;
mod routes;

pub use auth::{Rights, Token, TokenError};
pub use http::{Listener, Transport};
pub use limits::TOKEN_BYTES_MAX;
pub use routes::{HealthError, ask_health};

use app::App;
use control::management::Management;
use std::io;
use std::sync::Arc;
use tokio::sync::watch;

/// Serves the management API until `stop` becomes true, and requests in progress for a few seconds more. If there are no
/// `tokens`, every request that needs one is refused.
///
/// # Errors
/// When the listener cannot be registered with the tokio runtime.
pub async fn serve(
    listener: Listener,
    management: Arc<dyn Management>,
    tokens: watch::Receiver<Arc<[Token]>>,
    stop: watch::Receiver<bool>,
) -> io::Result<()> {
    let router = routes::router(App::new(Arc::clone(&management), tokens, stop.clone()));
    http::serve_router(listener, router, management, stop).await
}

/// Serves the health checks until `stop` becomes true. All listeners are probed, at most once a second.
///
/// # Errors
/// When the listener cannot be registered with the tokio runtime.
pub async fn serve_health_checks(
    listener: Listener,
    management: Arc<dyn Management>,
    stop: watch::Receiver<bool>,
) -> io::Result<()> {
    let router = routes::health_router(Arc::clone(&management));
    http::serve_router(listener, router, management, stop).await
}

/// Serves the figures for Prometheus until `stop` becomes true, to requests with the `token`, if there is one.
///
/// # Errors
/// When the listener cannot be registered with the tokio runtime.
pub async fn serve_figures(
    listener: Listener,
    management: Arc<dyn Management>,
    token: watch::Receiver<Option<Token>>,
    stop: watch::Receiver<bool>,
) -> io::Result<()> {
    let router = routes::exporter_router(Arc::clone(&management), token);
    http::serve_router(listener, router, management, stop).await
}
