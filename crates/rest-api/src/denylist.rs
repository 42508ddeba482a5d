use crate::answer::{Ack, ApiError};
use crate::app::App;
use crate::lists::{Added, ListRoute, Removed};
use crate::parameters::InfoHashInPath;
use axum::Json;
use axum::extract::{Request, State};
use axum::response::Response;
use primitives::{ListChange, TorrentList};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

const LIST: ListRoute = ListRoute {
    list: TorrentList::Denied,
    add_failed: "failed to deny torrent",
    remove_failed: "failed to remove torrent from deny list",
    read_failed: "failed to read deny list",
    reload_failed: "failed to reload deny list",
};

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(add_to_denylist, remove_from_denylist))
        .routes(routes!(reload_denylist))
        .routes(routes!(get_denylist, add_lines_to_denylist, remove_lines_from_denylist))
}

/// Deny a torrent
#[utoipa::path(
    post, path = "/api/v1/denylist/{info_hash}", tag = "denylist",
    params(("info_hash" = String, Path, pattern = "^[0-9a-fA-F]{40}$")),
    responses(
        (status = 200, description = "It is on the list", body = Ack),
        (status = 400, description = "No info hash", body = String, content_type = "text/plain"),
    ),
)]
async fn add_to_denylist(
    State(app): State<App>,
    InfoHashInPath(info_hash): InfoHashInPath,
) -> Result<Json<Ack>, ApiError> {
    LIST.change_one(&app, ListChange::Add, info_hash).await
}

/// Remove a torrent from the deny list
#[utoipa::path(
    delete, path = "/api/v1/denylist/{info_hash}", tag = "denylist",
    params(("info_hash" = String, Path, pattern = "^[0-9a-fA-F]{40}$")),
    responses(
        (status = 200, description = "It is off the list, as far as this API had put it there", body = Ack),
        (status = 400, description = "No info hash", body = String, content_type = "text/plain"),
    ),
)]
async fn remove_from_denylist(
    State(app): State<App>,
    InfoHashInPath(info_hash): InfoHashInPath,
) -> Result<Json<Ack>, ApiError> {
    LIST.change_one(&app, ListChange::Remove, info_hash).await
}

/// Reload the stored deny list and its file
#[utoipa::path(
    get, path = "/api/v1/denylist/reload", tag = "denylist",
    responses((status = 200, description = "Read", body = Ack)),
)]
async fn reload_denylist(State(app): State<App>) -> Result<Json<Ack>, ApiError> {
    LIST.reload(&app).await
}

/// The whole deny list, one info hash per line
#[utoipa::path(
    get, path = "/api/v1/denylist", tag = "denylist",
    responses((status = 200, description = "The list", body = String, content_type = "text/plain")),
)]
async fn get_denylist(State(app): State<App>) -> Result<Response, ApiError> {
    LIST.download(&app).await
}

/// Deny the torrents of a body, one info hash per line
#[utoipa::path(
    post, path = "/api/v1/denylist", tag = "denylist",
    request_body(content = Option<String>, content_type = "text/plain"),
    responses(
        (status = 200, description = "What became of the lines", body = Added),
        (status = 400, description = "The body was cut off", body = String, content_type = "text/plain"),
        (status = 408, description = "The body stood still", body = String, content_type = "text/plain"),
        (status = 413, description = "The body is too large", body = String, content_type = "text/plain"),
    ),
)]
async fn add_lines_to_denylist(State(app): State<App>, request: Request) -> Result<Json<Added>, ApiError> {
    let (added, lines) = LIST.change_many(&app, ListChange::Add, request).await?;
    Ok(Json(Added { added, lines }))
}

/// Remove the torrents of a body from the deny list, one info hash per line
#[utoipa::path(
    delete, path = "/api/v1/denylist", tag = "denylist",
    request_body(content = Option<String>, content_type = "text/plain"),
    responses(
        (status = 200, description = "What became of the lines", body = Removed),
        (status = 400, description = "The body was cut off", body = String, content_type = "text/plain"),
        (status = 408, description = "The body stood still", body = String, content_type = "text/plain"),
        (status = 413, description = "The body is too large", body = String, content_type = "text/plain"),
    ),
)]
async fn remove_lines_from_denylist(
    State(app): State<App>,
    request: Request,
) -> Result<Json<Removed>, ApiError> {
    let (removed, lines) = LIST.change_many(&app, ListChange::Remove, request).await?;
    Ok(Json(Removed { removed, lines }))
}
