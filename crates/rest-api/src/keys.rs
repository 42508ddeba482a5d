use crate::answer::{Ack, ApiError, Refusal, with_type};
use crate::app::App;
use crate::change::{Change, masked};
use crate::limits::KEY_SECONDS_MAX;
use crate::parameters::{KeyInPath, SecondsInPath};
use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use axum::response::Response;
use axum::{Extension, Json};
use chrono::DateTime;
use control::{KeyInfo, WantedKey};
use primitives::AuthenticationKey;
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::Duration;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(crate) const GENERATE_FAILED: &str = "failed to generate key";
pub(crate) const DELETE_FAILED: &str = "failed to delete key";

/// A key.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Key {
    #[schema(pattern = "^[0-9A-Za-z]{32}$")]
    key: String,
    /// When the key expires, in Unix seconds; null: never.
    valid_until: Option<u64>,
    /// The same as a date, such as `2023-03-28 13:25:00.000000000 UTC`.
    expiry_time: Option<String>,
}

/// A key with its account.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct KeyAccount {
    #[serde(flatten)]
    key: Key,
    /// Bytes uploaded.
    uploaded: u64,
    /// Bytes downloaded.
    downloaded: u64,
    /// When the key was last used in an announce, in Unix seconds.
    last_seen: Option<u64>,
    /// Torrents that are being seeded with the key.
    seeding: u32,
    /// Torrents that are being downloaded with the key.
    leeching: u32,
}

/// A request for a key. Both fields are required, as in version 1: `{}` does not ask for a permanent key.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct KeyForm {
    /// The key to make or renew; null: a new one.
    #[serde(deserialize_with = "Option::deserialize")]
    #[schema(required, pattern = "^[0-9A-Za-z]{32}$")]
    key: Option<String>,
    /// Validity in seconds; null: permanent.
    #[serde(deserialize_with = "Option::deserialize")]
    #[schema(required, maximum = 200_000_000_000_u64)]
    seconds_valid: Option<u64>,
    /// Rejects arrays, which serde would otherwise accept as the fields in order.
    #[serde(flatten)]
    #[schema(ignore)]
    #[expect(dead_code, reason = "only needed while deserializing")]
    others: IgnoredAny,
}

impl From<&KeyInfo> for Key {
    fn from(info: &KeyInfo) -> Self {
        Self {
            key: info.key.reveal().to_owned(),
            valid_until: info.valid_until_unix_s,
            expiry_time: info.valid_until_unix_s.and_then(date),
        }
    }
}

impl From<&KeyInfo> for KeyAccount {
    fn from(info: &KeyInfo) -> Self {
        Self {
            key: info.into(),
            uploaded: info.uploaded,
            downloaded: info.downloaded,
            last_seen: info.last_seen_unix_s,
            seeding: info.seeding,
            leeching: info.leeching,
        }
    }
}

fn date(unix_s: u64) -> Option<String> {
    let moment = DateTime::from_timestamp(i64::try_from(unix_s).ok()?, 0)?;
    Some(moment.format("%Y-%m-%d %H:%M:%S%.9f UTC").to_string())
}

impl TryFrom<KeyForm> for WantedKey {
    type Error = ApiError;

    fn try_from(form: KeyForm) -> Result<Self, ApiError> {
        let key = form.key.as_deref().map(parse_key).transpose()?;
        Ok(Self { key, validity: form.seconds_valid.map(validity).transpose()? })
    }
}

fn parse_key(text: &str) -> Result<AuthenticationKey, ApiError> {
    AuthenticationKey::parse(text.as_bytes()).ok_or_else(|| {
        ApiError::BadRequest(format!(
            "Invalid URL: invalid auth key: string {text:?}, expected 32 ASCII letters and digits"
        ))
    })
}

fn validity(seconds: u64) -> Result<Duration, ApiError> {
    if seconds <= KEY_SECONDS_MAX {
        Ok(Duration::from_secs(seconds))
    } else {
        Err(ApiError::BadRequest(format!("Invalid URL: invalid auth key duration: \"{seconds}\"")))
    }
}

fn key_answer(info: &KeyInfo) -> Response {
    with_type("application/json; charset=utf-8", Json(Key::from(info)))
}

#[expect(deprecated, reason = "served as long as clients use it")]
pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(post_key))
        .routes(routes!(post_key_for_seconds, delete_key, get_key))
        .routes(routes!(reset_key))
        .routes(routes!(reload_keys))
}

/// Make or renew a key
#[utoipa::path(
    post, path = "/api/v1/keys", tag = "keys",
    request_body = KeyForm,
    responses(
        (status = 200, description = "The key", body = Key),
        (status = 400, description = "No JSON, no key, or too long", body = String, content_type = "text/plain"),
        (status = 413, description = "The body is too large", body = String, content_type = "text/plain"),
        (status = 415, description = "The body is not said to be JSON", body = String, content_type = "text/plain"),
        (status = 422, description = "Other JSON", body = String, content_type = "text/plain"),
    ),
)]
async fn post_key(
    State(app): State<App>,
    Extension(change): Extension<Arc<Change>>,
    form: Result<Json<KeyForm>, JsonRejection>,
) -> Result<Response, ApiError> {
    let Json(form) = form?;
    make_key(&app, &change, form.try_into()?).await
}

async fn make_key(app: &App, change: &Change, wanted: WantedKey) -> Result<Response, ApiError> {
    if let Some(key) = wanted.key {
        change.set_subject(masked(key));
    }
    let made = app.tracker.keys().put_key(wanted).await.map_err(ApiError::failed(GENERATE_FAILED))?;
    change.set_subject(masked(made.key));
    Ok(key_answer(&made))
}

/// Make a key that is valid for a number of seconds
#[utoipa::path(
    post, path = "/api/v1/key/{key_or_seconds}", tag = "keys",
    params(("key_or_seconds" = u64, Path, description = "Seconds", maximum = 200_000_000_000_u64)),
    responses(
        (status = 200, description = "The key", body = Key),
        (status = 400, description = "No number, or too long", body = String, content_type = "text/plain"),
    ),
)]
#[deprecated = "`POST /api/v1/keys` can do more"]
async fn post_key_for_seconds(
    State(app): State<App>,
    Extension(change): Extension<Arc<Change>>,
    SecondsInPath(seconds): SecondsInPath,
) -> Result<Response, ApiError> {
    make_key(&app, &change, WantedKey { key: None, validity: Some(validity(seconds)?) }).await
}

/// Remove a key
///
/// If the key does not exist, the status is 500.
#[utoipa::path(
    delete, path = "/api/v1/key/{key_or_seconds}", tag = "keys",
    params(("key_or_seconds" = String, Path, description = "The key", pattern = "^[0-9A-Za-z]{32}$")),
    responses(
        (status = 200, description = "It is not there any more", body = Ack),
        (status = 400, description = "No key", body = String, content_type = "text/plain"),
    ),
)]
async fn delete_key(State(app): State<App>, KeyInPath(key): KeyInPath) -> Result<Json<Ack>, ApiError> {
    let was_known = app.tracker.keys().remove_key(key).await.map_err(ApiError::failed(DELETE_FAILED))?;
    if was_known { Ok(Ack::OK) } else { Err(ApiError::Failed(format!("{DELETE_FAILED}: it is not known"))) }
}

/// A key with its account
#[utoipa::path(
    get, path = "/api/v1/key/{key_or_seconds}", tag = "keys",
    params(("key_or_seconds" = String, Path, description = "The key", pattern = "^[0-9A-Za-z]{32}$")),
    responses(
        (status = 200, description = "The key", body = KeyAccount),
        (status = 400, description = "No key", body = String, content_type = "text/plain"),
        (status = 404, description = "It is not known", body = Refusal),
    ),
)]
async fn get_key(State(app): State<App>, KeyInPath(key): KeyInPath) -> Result<Json<KeyAccount>, ApiError> {
    let known = app.tracker.keys().key(key).ok_or(ApiError::Unknown("key not known"))?;
    Ok(Json(KeyAccount::from(&known)))
}

/// Reset a key's byte counts to zero
#[utoipa::path(
    post, path = "/api/v1/key/{key_or_seconds}/reset", tag = "keys",
    params(("key_or_seconds" = String, Path, description = "The key", pattern = "^[0-9A-Za-z]{32}$")),
    responses(
        (status = 200, description = "They are zero", body = Ack),
        (status = 400, description = "No key", body = String, content_type = "text/plain"),
        (status = 404, description = "It is not known", body = Refusal),
    ),
)]
async fn reset_key(State(app): State<App>, KeyInPath(key): KeyInPath) -> Result<Json<Ack>, ApiError> {
    let known =
        app.tracker.keys().reset_account(key).await.map_err(ApiError::failed("failed to reset key"))?;
    if known { Ok(Ack::OK) } else { Err(ApiError::Unknown("key not known")) }
}

/// Reload the stored keys
#[utoipa::path(
    get, path = "/api/v1/keys/reload", tag = "keys",
    responses((status = 200, description = "Read", body = Ack)),
)]
async fn reload_keys(State(app): State<App>) -> Result<Json<Ack>, ApiError> {
    app.tracker.keys().reload().await.map_err(ApiError::failed("failed to reload keys"))?;
    Ok(Ack::OK)
}
