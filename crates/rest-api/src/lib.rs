//! The management API over HTTP, and the health checks.
//!
//! It is version 1 of Torrust Tracker's REST API, so that its clients work unchanged, with what operators need beside
//! it: lists and keys by the million, bans, latencies, events. The tracker is known as [`control::Management`] only.
//! `docs/openapi.json` says what is asked and answered; it is made from the routes themselves.

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
mod tracker;
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

/// Who may use the management API.
#[derive(Debug, Clone)]
pub struct ApiSettings {
    /// The tokens that let in now. Without any, nobody may.
    pub tokens: watch::Receiver<Arc<[Token]>>,
}

/// Serves the management API until `shutdown`, and requests that are being answered then for a few seconds more.
///
/// # Errors
/// When the listener cannot be used by the runtime that this runs on.
pub async fn serve(
    listener: Listener,
    management: Arc<impl Management>,
    settings: ApiSettings,
    shutdown: impl Future<Output = ()>,
) -> io::Result<()> {
    let (stop, stopped) = watch::channel(false);
    let router = router::router(App::new(management, settings, stopped));
    server::serve_router(listener, router, stop, shutdown).await
}

/// Serves the health checks until `shutdown`. Each asks all listeners of the tracker, once a second at most.
///
/// # Errors
/// When the listener cannot be used by the runtime that this runs on.
pub async fn serve_health_checks(
    listener: Listener,
    management: Arc<impl Management>,
    shutdown: impl Future<Output = ()>,
) -> io::Result<()> {
    server::serve_router(listener, health::router(management), watch::Sender::new(false), shutdown).await
}

/// The `OpenAPI` document of the management API, as JSON for people to read.
///
/// # Panics
/// Never: the document is JSON.
#[must_use]
pub fn openapi_document(management: Arc<impl Management>) -> String {
    let (_, stopped) = watch::channel(false);
    let (_, tokens) = watch::channel(Arc::default());
    let app = App::new(management, ApiSettings { tokens }, stopped);
    let mut text = serde_json::to_string_pretty(&router::document(&app)).expect("the document is JSON");
    text.push('\n');
    text
}
