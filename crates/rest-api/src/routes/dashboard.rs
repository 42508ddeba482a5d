//! The live dashboard: files that anyone may read, since they contain nothing of the tracker. Its script asks for a token and
//! uses the routes of the API.

use crate::app::App;
use axum::Router;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, IF_NONE_MATCH, REFERRER_POLICY,
};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use sha2::{Digest as _, Sha256};

/// Nothing but the dashboard's own files, and requests to this API.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
    connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Returns the names of files of the dashboard, each with its content.
macro_rules! files {
    ($($name:literal),+ $(,)?) => {
        &[$(($name, include_str!(concat!("../../dashboard/", $name)))),+]
    };
}

const FILES: &[(&str, &str)] = files![
    "index.html",
    "style.css",
    "icon.svg",
    "api.js",
    "bans.js",
    "chart.js",
    "config.js",
    "dom.js",
    "figures.js",
    "format.js",
    "health.js",
    "keys.js",
    "latency.js",
    "lists.js",
    "main.js",
    "overview.js",
    "route.js",
    "sources.js",
    "sse.js",
    "torrents.js",
    "upstreams.js",
    "views.js",
    "work.js",
];

/// Routes that need no token.
pub(crate) fn routes() -> Router<App> {
    FILES.iter().fold(Router::new(), |router, &(name, content)| {
        let path = if name == "index.html" { "/".to_owned() } else { format!("/dashboard/{name}") };
        let tag = format!("\"{}\"", hex::encode(&Sha256::digest(content)[..8]));
        let answer = async move |headers: HeaderMap| answer(content_type(name), content, &tag, &headers);
        router.route(&path, get(answer))
    })
}

fn content_type(name: &str) -> &'static str {
    match name.rsplit_once('.') {
        Some((_, "html")) => "text/html; charset=utf-8",
        Some((_, "css")) => "text/css; charset=utf-8",
        Some((_, "svg")) => "image/svg+xml",
        _ => "text/javascript; charset=utf-8",
    }
}

/// Returns a file, or only that it has not changed. Browsers ask each time, so that a new version of the tracker is not
/// used with files of the old one.
fn answer(content_type: &str, content: &'static str, tag: &str, request: &HeaderMap) -> Response {
    let headers = [
        (CONTENT_SECURITY_POLICY, POLICY),
        (REFERRER_POLICY, "no-referrer"),
        (CACHE_CONTROL, "no-cache"),
        (ETAG, tag),
        (CONTENT_TYPE, content_type),
    ];
    let known = request.get_all(IF_NONE_MATCH).iter().filter_map(|tags| tags.to_str().ok());
    if known.flat_map(|tags| tags.split(',')).any(|known| known.trim().trim_start_matches("W/") == tag) {
        return (StatusCode::NOT_MODIFIED, headers).into_response();
    }
    (headers, content).into_response()
}
