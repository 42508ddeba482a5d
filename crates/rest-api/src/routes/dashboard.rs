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

const SCRIPT: &str = "text/javascript; charset=utf-8";

/// A file of the dashboard.
#[derive(Debug, Clone, Copy)]
struct File {
    path: &'static str,
    content_type: &'static str,
    content: &'static str,
}

macro_rules! file {
    ($name:literal, $path:expr, $content_type:expr) => {
        File {
            path: $path,
            content_type: $content_type,
            content: include_str!(concat!("../../dashboard/", $name)),
        }
    };
    ($name:literal, $content_type:expr) => {
        file!($name, concat!("/dashboard/", $name), $content_type)
    };
}

const FILES: &[File] = &[
    file!("index.html", "/", "text/html; charset=utf-8"),
    file!("style.css", "text/css; charset=utf-8"),
    file!("icon.svg", "image/svg+xml"),
    file!("api.js", SCRIPT),
    file!("bans.js", SCRIPT),
    file!("chart.js", SCRIPT),
    file!("config.js", SCRIPT),
    file!("dom.js", SCRIPT),
    file!("figures.js", SCRIPT),
    file!("format.js", SCRIPT),
    file!("health.js", SCRIPT),
    file!("keys.js", SCRIPT),
    file!("latency.js", SCRIPT),
    file!("lists.js", SCRIPT),
    file!("main.js", SCRIPT),
    file!("overview.js", SCRIPT),
    file!("route.js", SCRIPT),
    file!("sse.js", SCRIPT),
    file!("torrents.js", SCRIPT),
    file!("upstreams.js", SCRIPT),
    file!("views.js", SCRIPT),
    file!("work.js", SCRIPT),
];

/// Routes that need no token.
pub(crate) fn routes() -> Router<App> {
    FILES.iter().fold(Router::new(), |router, file| {
        let tag = format!("\"{}\"", hex::encode(&Sha256::digest(file.content)[..8]));
        router.route(file.path, get(async move |headers: HeaderMap| answer(file, &tag, &headers)))
    })
}

/// Returns a file, or only that it has not changed. Browsers ask each time, so that a new version of the tracker is not
/// used with files of the old one.
fn answer(file: &File, tag: &str, request: &HeaderMap) -> Response {
    let headers = [
        (CONTENT_SECURITY_POLICY, POLICY),
        (REFERRER_POLICY, "no-referrer"),
        (CACHE_CONTROL, "no-cache"),
        (ETAG, tag),
        (CONTENT_TYPE, file.content_type),
    ];
    let known = request.get_all(IF_NONE_MATCH).iter().filter_map(|tags| tags.to_str().ok());
    if known.flat_map(|tags| tags.split(',')).any(|known| known.trim().trim_start_matches("W/") == tag) {
        return (StatusCode::NOT_MODIFIED, headers).into_response();
    }
    (headers, file.content).into_response()
}
