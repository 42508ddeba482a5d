//! The management API over HTTP, and the health checks.
//!
//! The API is version 1 of Torrust Tracker's REST API, so that its clients work unchanged, extended by bulk requests,
//! bans, latencies and events. It accesses the tracker only through [`control::Management`].
//! `docs/openapi.json` describes requests and responses; it is generated from the routes.

#![forbid(unsafe_code)]

mod answer;
mod app;
mod authentication;
mod bans;
mod bulk_keys;
mod change;
mod client_name;
mod connections;
mod denylist;
mod events;
mod health;
mod keys;
mod limits;
mod lines;
mod lists;
mod metrics;
mod operation;
mod parameters;
mod probe;
mod router;
mod server;
mod stats;
mod token;
mod torrents;
mod whitelist;
mod wrong_tokens;

pub use limits::TOKEN_BYTES_MAX;
pub use server::{Listener, Transport};
pub use token::{Rights, Token, TokenError};

use app::App;
use control::Management;
use std::future::Future;
use std::io;
use std::sync::Arc;
use tokio::sync::watch;

/// Settings of the management API that may change while it is served.
#[derive(Debug, Clone)]
pub struct ApiSettings {
    /// The valid tokens. If there are none, every request that needs one is refused.
    pub tokens: watch::Receiver<Arc<[Token]>>,
}

/// Serves the management API until `shutdown` completes, and requests in progress for a few seconds more.
///
/// # Errors
/// When the listener cannot be registered with the tokio runtime.
pub async fn serve(
    listener: Listener,
    management: Arc<dyn Management>,
    settings: ApiSettings,
    shutdown: impl Future<Output = ()>,
) -> io::Result<()> {
    let (stop, stopped) = watch::channel(false);
    let router = router::router(App::new(management, settings, stopped));
    server::serve_router(listener, router, stop, shutdown).await
}

/// Serves the health checks until `shutdown` completes. All listeners are probed, at most once a second.
///
/// # Errors
/// When the listener cannot be registered with the tokio runtime.
pub async fn serve_health_checks(
    listener: Listener,
    management: Arc<dyn Management>,
    shutdown: impl Future<Output = ()>,
) -> io::Result<()> {
    server::serve_router(listener, health::router(management), watch::Sender::new(false), shutdown).await
}

/// Returns the `OpenAPI` document of the management API as indented JSON.
///
/// # Panics
/// Never: the document always serializes.
#[must_use]
pub fn openapi_document(management: Arc<dyn Management>) -> String {
    let (_, stopped) = watch::channel(false);
    let (_, tokens) = watch::channel(Arc::default());
    let app = App::new(management, ApiSettings { tokens }, stopped);
    let mut text = serde_json::to_string_pretty(&router::document(&app)).expect("the document is JSON");
    text.push('\n');
    text
}
