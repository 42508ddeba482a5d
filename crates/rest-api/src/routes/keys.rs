use crate::app::App;
use crate::auth::{Change, masked};
use crate::http::{ACK, ApiError, InPath, with_type};
use crate::limits::KEY_SECONDS_MAX;
use api_contract::v1::{Ack, Key, KeyAccount, KeyForm, Refusal};
use axum::extract::State;
use axum::response::Response;
use axum::{Extension, Json};
use chrono::DateTime;
use control::management::{KeyInfo, WantedKey};
use primitives::AuthenticationKey;
use std::sync::Arc;
use std::time::Duration;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) const DELETE_FAILED: &str = "failed to delete key";

pub(super) fn key_of(info: &KeyInfo) -> Key {
    Key {
        key: info.key.reveal().to_owned(),
        valid_until: info.valid_until_unix_s,
        expiry_time: info.valid_until_unix_s.and_then(date),
    }
}

pub(super) fn account_of(info: &KeyInfo) -> KeyAccount {
    let KeyInfo { uploaded, downloaded, last_seen_unix_s: last_seen, seeding, leeching, .. } = *info;
    KeyAccount { key: key_of(info), uploaded, downloaded, last_seen, seeding, leeching }
}

fn date(unix_s: u64) -> Option<String> {
    let moment = DateTime::from_timestamp(i64::try_from(unix_s).ok()?, 0)?;
    Some(moment.format("%Y-%m-%d %H:%M:%S%.9f UTC").to_string())
}

pub(super) fn wanted_key(form: &KeyForm) -> Result<WantedKey, ApiError> {
    let invalid = |what| ApiError::bad_request(format!("Invalid URL: invalid auth key{what}"));
    let parse = |text: &String| {
        AuthenticationKey::parse(text.as_bytes())
            .ok_or_else(|| invalid(format!(": string {text:?}, expected 32 ASCII letters and digits")))
    };
    let key = form.key.as_ref().map(parse).transpose()?;
    match form.seconds_valid {
        Some(seconds) if seconds > KEY_SECONDS_MAX => Err(invalid(format!(" duration: \"{seconds}\""))),
        seconds => Ok(WantedKey { key, validity: seconds.map(Duration::from_secs) }),
    }
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
    ),
)]
async fn post_key(
    State(app): State<App>,
    Extension(change): Extension<Arc<Change>>,
    Json(form): Json<KeyForm>,
) -> Result<Response, ApiError> {
    make_key(&app, &change, wanted_key(&form)?).await
}

async fn make_key(app: &App, change: &Change, wanted: WantedKey) -> Result<Response, ApiError> {
    if let Some(key) = wanted.key {
        change.set_subject(masked(key));
    }
    let made =
        app.tracker.keys().put_key(wanted).await.map_err(ApiError::failed("failed to generate key"))?;
    change.set_subject(masked(made.key));
    Ok(with_type("application/json; charset=utf-8", Json(key_of(&made))))
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
    InPath(seconds): InPath<u64>,
) -> Result<Response, ApiError> {
    let form = KeyForm { seconds_valid: Some(seconds), ..KeyForm::default() };
    make_key(&app, &change, wanted_key(&form)?).await
}

/// Remove a key
///
/// If the key does not exist, the status is 500.
#[utoipa::path(
    delete, path = "/api/v1/key/{key_or_seconds}", tag = "keys",
    params(("key_or_seconds" = String, Path, description = "The key", pattern = "^[0-9A-Za-z]{32}$")),
    responses((status = 200, description = "It is no longer there", body = Ack)),
)]
async fn delete_key(
    State(app): State<App>,
    InPath(key): InPath<AuthenticationKey>,
) -> Result<Json<Ack>, ApiError> {
    let was_known = app.tracker.keys().remove_key(key).await.map_err(ApiError::failed(DELETE_FAILED))?;
    if was_known { Ok(ACK) } else { Err(ApiError::Failed(format!("{DELETE_FAILED}: it is not known"))) }
}

/// A key with its account
#[utoipa::path(
    get, path = "/api/v1/key/{key_or_seconds}", tag = "keys",
    params(("key_or_seconds" = String, Path, description = "The key", pattern = "^[0-9A-Za-z]{32}$")),
    responses(
        (status = 200, description = "The key", body = KeyAccount),
        (status = 404, description = "It is not known", body = Refusal),
    ),
)]
async fn get_key(
    State(app): State<App>,
    InPath(key): InPath<AuthenticationKey>,
) -> Result<Json<KeyAccount>, ApiError> {
    let known = app.tracker.keys().key(key).ok_or(ApiError::unknown("key not known"))?;
    Ok(Json(account_of(&known)))
}

/// Reset a key's byte counts to zero
#[utoipa::path(
    post, path = "/api/v1/key/{key_or_seconds}/reset", tag = "keys",
    params(("key_or_seconds" = String, Path, description = "The key", pattern = "^[0-9A-Za-z]{32}$")),
    responses(
        (status = 200, description = "They are zero", body = Ack),
        (status = 404, description = "It is not known", body = Refusal),
    ),
)]
async fn reset_key(
    State(app): State<App>,
    InPath(key): InPath<AuthenticationKey>,
) -> Result<Json<Ack>, ApiError> {
    let known =
        app.tracker.keys().reset_account(key).await.map_err(ApiError::failed("failed to reset key"))?;
    if known { Ok(ACK) } else { Err(ApiError::unknown("key not known")) }
}

/// Reload the stored keys
#[utoipa::path(
    get, path = "/api/v1/keys/reload", tag = "keys",
    responses((status = 200, description = "Read", body = Ack)),
)]
async fn reload_keys(State(app): State<App>) -> Result<Json<Ack>, ApiError> {
    app.tracker.keys().reload().await.map_err(ApiError::failed("failed to reload keys"))?;
    Ok(ACK)
}
