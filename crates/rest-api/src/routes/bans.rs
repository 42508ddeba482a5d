use crate::app::{App, now_unix_ms};
use crate::auth::Change;
use crate::http::{ACK, ApiError, Query};
use crate::limits::{BAN_REASON_CHARACTERS_MAX, BAN_SECONDS_MAX};
use api_contract::v1::{Ack, Ban, BanForm, Refusal};
use axum::extract::State;
use axum::{Extension, Json};
use control::management::{Banned, StoredBan, TemporaryBan};
use ipnet::IpNet;
use primitives::PeerIdPrefix;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

fn ban(ban: control::management::Ban) -> Ban {
    let (client, network) = match ban.banned {
        Banned::Client(prefix) => (Some(prefix.as_str().to_owned()), None),
        Banned::Network(network) => (None, Some(network.to_string())),
    };
    let (until, level) = (ban.end.map(|end| end.unix_s), ban.end.and_then(|end| end.level));
    Ban { client, network, reason: ban.reason, since: ban.since_unix_s, until, level }
}

/// Parses what is to be banned or unbanned, and records it as the subject of the change.
fn banned(change: &Change, client: Option<&str>, network: Option<&str>) -> Result<Banned, ApiError> {
    match (client, network) {
        (Some(client), None) => {
            let prefix = PeerIdPrefix::parse(client).ok_or_else(|| {
                let expected = "expected 1 to 20 printable characters";
                ApiError::bad_request(format!("invalid client {client:?}, {expected}"))
            })?;
            change.set_subject(format_args!("client {}", prefix.as_str()));
            Ok(Banned::Client(prefix))
        }
        (None, Some(text)) => {
            let parsed = text.parse::<IpNet>().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
            let network = parsed.map(|network| network.trunc()).map_err(|_| {
                ApiError::bad_request(format!("invalid network {text:?}, expected such as 192.0.2.0/24"))
            })?;
            change.set_subject(format_args!("network {network}"));
            Ok(Banned::Network(network))
        }
        _ => Err(ApiError::bad_request("expected either a client or a network".to_owned())),
    }
}

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(get_bans, post_ban, delete_ban))
}

/// All bans
#[utoipa::path(
    get, path = "/api/v1/bans", tag = "bans",
    responses((status = 200, description = "The bans", body = Vec<Ban>)),
)]
async fn get_bans(State(app): State<App>) -> Json<Vec<Ban>> {
    Json(app.tracker.bans().all().await.into_iter().map(ban).collect())
}

/// Ban a client or a network, or replace its ban
#[utoipa::path(
    post, path = "/api/v1/bans", tag = "bans",
    request_body = BanForm,
    responses(
        (status = 200, description = "It is banned", body = Ack),
        (status = 400, description = "No JSON, neither one client nor one network, or seconds for a client", body = String, content_type = "text/plain"),
    ),
)]
async fn post_ban(
    State(app): State<App>,
    Extension(change): Extension<Arc<Change>>,
    Json(form): Json<BanForm>,
) -> Result<Json<Ack>, ApiError> {
    let banned = banned(&change, form.client.as_deref(), form.network.as_deref())?;
    let reason = form.reason.unwrap_or_default();
    if reason.chars().count() > BAN_REASON_CHARACTERS_MAX {
        let text = format!("a reason may have {BAN_REASON_CHARACTERS_MAX} characters at most");
        return Err(ApiError::bad_request(text));
    }
    let banning = match (form.seconds, banned) {
        (None, banned) => {
            app.tracker.bans().add(StoredBan { banned, reason, since_unix_s: now_unix_ms() / 1000 })
        }
        (Some(seconds), Banned::Network(network)) => {
            app.tracker.bans().add_temporary(TemporaryBan { network, reason, duration: duration(seconds)? })
        }
        (Some(_), Banned::Client(_)) => {
            return Err(ApiError::bad_request("only a network can be banned for some time".to_owned()));
        }
    };
    banning.await.map_err(ApiError::failed("failed to ban"))?;
    Ok(ACK)
}

fn duration(seconds: u32) -> Result<Duration, ApiError> {
    if (1..=BAN_SECONDS_MAX).contains(&seconds) {
        return Ok(Duration::from_secs(seconds.into()));
    }
    Err(ApiError::bad_request(format!("a ban may last 1 to {BAN_SECONDS_MAX} seconds")))
}

/// Lift the ban of a client or a network
#[utoipa::path(
    delete, path = "/api/v1/bans", tag = "bans",
    params(
        ("client" = Option<String>, Query, description = "What the peer ids of a client software begin with",
            pattern = "^[!-~]{1,20}$"),
        ("network" = Option<String>, Query, description = "A network, or an address"),
    ),
    responses(
        (status = 200, description = "It is no longer banned", body = Ack),
        (status = 400, description = "Neither one client nor one network", body = String, content_type = "text/plain"),
        (status = 404, description = "It was not banned", body = Refusal),
    ),
)]
async fn delete_ban(
    State(app): State<App>,
    Extension(change): Extension<Arc<Change>>,
    query: Query,
) -> Result<Json<Ack>, ApiError> {
    let banned = banned(&change, query.text("client"), query.text("network"))?;
    let was_banned =
        app.tracker.bans().lift(banned).await.map_err(ApiError::failed("failed to lift the ban"))?;
    if was_banned { Ok(ACK) } else { Err(ApiError::unknown("it was not banned")) }
}
