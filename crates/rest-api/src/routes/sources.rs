use crate::app::App;
use api_contract::v1::{Refused, Source, SourceBan};
use axum::Json;
use axum::extract::State;
use control::management::{AppliedBan, SourceInfo};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

fn source(info: &SourceInfo) -> Source {
    let [requests, new_peers, new_torrents, connections, handshakes] = info.refused;
    Source {
        network: info.network.to_string(),
        refused: Refused { requests, new_peers, new_torrents, connections, handshakes },
        refused_per_s: info.refused_per_s,
        last_seen: info.last_seen_unix_s,
        ban: info.ban.map(ban),
    }
}

fn ban(applied: AppliedBan) -> SourceBan {
    let (network, until, is_configured) = match applied {
        AppliedBan::Configured(network) => (network, None, true),
        AppliedBan::Stored(network) => (network, None, false),
        AppliedBan::Temporary { network, end_unix_s } => (network, Some(end_unix_s), false),
    };
    SourceBan { network: network.to_string(), until, is_configured }
}

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(get_sources))
}

/// The sources that were refused most in the last hour because they were over their limits
#[utoipa::path(
    get, path = "/api/v1/sources", tag = "bans",
    responses((status = 200, description = "At most 256 sources, those refused most in the last second first", body = Vec<Source>)),
)]
async fn get_sources(State(app): State<App>) -> Json<Vec<Source>> {
    Json(app.tracker.sources().top().await.iter().map(source).collect())
}
