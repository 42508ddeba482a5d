use crate::answer::{Ack, ApiError, Refusal};
use crate::app::{App, now_unix_ms};
use crate::change::Change;
use crate::limits::BAN_REASON_CHARACTERS_MAX;
use crate::parameters::Query;
use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use axum::{Extension, Json};
use control::Banned;
use ipnet::IpNet;
use primitives::PeerIdPrefix;
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use std::net::IpAddr;
use std::sync::Arc;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// A banned client or network; the other field is null.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Ban {
    /// Prefix of the peer ids of a client software.
    client: Option<String>,
    /// A network, such as `192.0.2.0/24`.
    network: Option<String>,
    /// Reason for the ban.
    reason: String,
    /// Start of the ban, in Unix seconds.
    since: u64,
}

/// The client or the network to ban.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct BanForm {
    /// Prefix of the peer ids of a client software: 1 to 20 printable ASCII characters.
    #[schema(pattern = "^[!-~]{1,20}$")]
    client: Option<String>,
    /// A network, such as `192.0.2.0/24`, or an address.
    network: Option<String>,
    /// Reason, for other operators to read: at most 1,000 characters.
    #[schema(max_length = 1000)]
    reason: Option<String>,
    /// Rejects arrays, which serde would otherwise accept as the fields in order.
    #[serde(flatten)]
    #[schema(ignore)]
    #[expect(dead_code, reason = "only needed while deserializing")]
    others: IgnoredAny,
}

impl From<control::Ban> for Ban {
    fn from(ban: control::Ban) -> Self {
        let (client, network) = match ban.banned {
            Banned::Client(prefix) => (Some(prefix.as_str().to_owned()), None),
            Banned::Network(network) => (None, Some(network.to_string())),
        };
        Self { client, network, reason: ban.reason, since: ban.since_unix_s }
    }
}

/// Parses what is to be banned or unbanned, and records it as the subject of the change.
fn banned(change: &Change, client: Option<&str>, network: Option<&str>) -> Result<Banned, ApiError> {
    let banned = parse_banned(client, network)?;
    match banned {
        Banned::Client(prefix) => change.set_subject(format_args!("client {}", prefix.as_str())),
        Banned::Network(network) => change.set_subject(format_args!("network {network}")),
    }
    Ok(banned)
}

fn parse_banned(client: Option<&str>, network: Option<&str>) -> Result<Banned, ApiError> {
    match (client, network) {
        (Some(client), None) => PeerIdPrefix::parse(client).map(Banned::Client).ok_or_else(|| {
            ApiError::BadRequest(format!("invalid client {client:?}, expected 1 to 20 printable characters"))
        }),
        (None, Some(network)) => {
            let parsed = network.parse::<IpNet>().or_else(|_| network.parse::<IpAddr>().map(IpNet::from));
            parsed.map(|network| Banned::Network(network.trunc())).map_err(|_| {
                ApiError::BadRequest(format!("invalid network {network:?}, expected such as 192.0.2.0/24"))
            })
        }
        _ => Err(ApiError::BadRequest("expected either a client or a network".to_owned())),
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
    Json(app.tracker.bans().all().await.into_iter().map(Ban::from).collect())
}

/// Ban a client or a network, or change the reason of a ban
#[utoipa::path(
    post, path = "/api/v1/bans", tag = "bans",
    request_body = BanForm,
    responses(
        (status = 200, description = "It is banned", body = Ack),
        (status = 400, description = "No JSON, or neither one client nor one network", body = String, content_type = "text/plain"),
        (status = 413, description = "The body is too large", body = String, content_type = "text/plain"),
        (status = 415, description = "The body is not said to be JSON", body = String, content_type = "text/plain"),
        (status = 422, description = "Other JSON", body = String, content_type = "text/plain"),
    ),
)]
async fn post_ban(
    State(app): State<App>,
    Extension(change): Extension<Arc<Change>>,
    form: Result<Json<BanForm>, JsonRejection>,
) -> Result<Json<Ack>, ApiError> {
    let Json(form) = form?;
    let banned = banned(&change, form.client.as_deref(), form.network.as_deref())?;
    let reason = form.reason.unwrap_or_default();
    if reason.chars().count() > BAN_REASON_CHARACTERS_MAX {
        let text = format!("a reason may have {BAN_REASON_CHARACTERS_MAX} characters at most");
        return Err(ApiError::BadRequest(text));
    }
    let ban = control::Ban { banned, reason, since_unix_s: now_unix_ms() / 1000 };
    app.tracker.bans().add(ban).await.map_err(ApiError::failed("failed to ban"))?;
    Ok(Ack::OK)
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
        (status = 200, description = "It is not banned any more", body = Ack),
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
    if was_banned { Ok(Ack::OK) } else { Err(ApiError::Unknown("it was not banned")) }
}
