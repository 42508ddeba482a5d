use crate::answer::{ApiError, Refusal};
use crate::app::App;
use crate::authentication::require_token;
use crate::limits::{BODY_PAUSE_MAX, JSON_BYTES_MAX};
use crate::metrics::Format;
use crate::torrents::{InfoHashText, Order};
use crate::{bans, bulk_keys, denylist, events, keys, metrics, operation, stats, torrents, whitelist};
use axum::body::Body;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::StatusCode;
use axum::middleware::{Next, from_fn_with_state, map_request};
use axum::response::{IntoResponse as _, Response};
use axum::{Json, Router};
use control::{TorrentAdmission, UserAdmission};
use tower_http::timeout::RequestBodyTimeoutLayer;
use utoipa::openapi::content::ContentBuilder;
use utoipa::openapi::path::Operation;
use utoipa::openapi::response::ResponseBuilder;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{OpenApi, Ref, RefOr, Schema};
use utoipa::{OpenApi as _, PartialSchema as _};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

const PRIVATE_OFF: &str = "private-tracker capability is disabled by configuration";
const LISTED_OFF: &str = "listed-tracker capability is disabled by configuration";

/// The general part of the `OpenAPI` document.
#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "Ringtrack management API",
        description = "Version 1 of Torrust Tracker's REST API, and what operators need beside it. As there, a request \
            without a token, or with a wrong one, is answered with status 500. A read-only token is for GET alone.",
        version = "1"
    ),
    components(schemas(Refusal, Format, InfoHashText, Order)),
    security(("bearer" = []), ("token" = [])),
)]
struct Document;

/// Returns the router of all routes.
pub(crate) fn router(app: App) -> Router {
    let (routes, _) = routes(&app).split_for_parts();
    routes
        .fallback(|| async { StatusCode::NOT_FOUND })
        .layer(DefaultBodyLimit::max(JSON_BYTES_MAX))
        .layer(map_request(|request: Request<_>| async { request.map(Body::new) }))
        .layer(RequestBodyTimeoutLayer::new(BODY_PAUSE_MAX))
        .with_state(app)
}

fn routes(app: &App) -> OpenApiRouter<App> {
    let keys = keys::routes()
        .merge(bulk_keys::routes())
        .route_layer(from_fn_with_state(app.clone(), require_private));
    let whitelist = whitelist::routes().route_layer(from_fn_with_state(app.clone(), require_listed));
    let with_token = OpenApiRouter::new()
        .merge(stats::routes())
        .merge(metrics::routes())
        .merge(events::routes())
        .merge(torrents::routes())
        .merge(keys)
        .merge(whitelist)
        .merge(denylist::routes())
        .merge(bans::routes())
        .merge(operation::routes())
        .routes(routes!(get_document))
        .route_layer(from_fn_with_state(app.clone(), require_token));
    OpenApiRouter::with_openapi(Document::openapi()).merge(operation::open_routes()).merge(with_token)
}

async fn require_private(State(app): State<App>, request: Request, next: Next) -> Response {
    match app.tracker.policy().users {
        UserAdmission::Private => next.run(request).await,
        UserAdmission::Public => ApiError::ModeOff(PRIVATE_OFF).into_response(),
    }
}

async fn require_listed(State(app): State<App>, request: Request, next: Next) -> Response {
    match app.tracker.policy().torrents {
        TorrentAdmission::Listed => next.run(request).await,
        TorrentAdmission::Any => ApiError::ModeOff(LISTED_OFF).into_response(),
    }
}

/// This document
#[utoipa::path(
    get, path = "/api/v1/openapi.json", tag = "operation",
    responses((status = 200, description = "OpenAPI 3.1", body = Object)),
)]
async fn get_document(State(app): State<App>) -> Json<OpenApi> {
    Json(document(&app))
}

/// Returns the document of all routes, with the failures that most of them share.
pub(crate) fn document(app: &App) -> OpenApi {
    let mut document = routes(app).into_openapi();
    for (path, item) in &mut document.paths.paths {
        let operations = [&mut item.get, &mut item.post, &mut item.delete];
        for operation in operations.into_iter().flatten() {
            if path != "/api/health_check" {
                describe_failures(operation, path.contains('{'));
            }
        }
        for operation in [&mut item.post, &mut item.delete].into_iter().flatten() {
            describe_read_only(operation);
        }
    }
    let components = document.components.get_or_insert_default();
    components.add_security_scheme(
        "bearer",
        SecurityScheme::Http(HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build()),
    );
    let in_query = ApiKey::Query(ApiKeyValue::new("token"));
    components.add_security_scheme("token", SecurityScheme::ApiKey(in_query));
    document
}

fn describe_failures(operation: &mut Operation, has_parameter: bool) {
    let tags = operation.tags.clone().unwrap_or_default();
    let text = || Some(("text/plain", String::schema()));
    describe(operation, "500", "No token, a wrong one, or the tracker could not do it", text());
    describe(operation, "429", "Too many wrong tokens from this address, or too many streams", text());
    if tags.iter().any(|tag| tag == "keys" || tag == "whitelist") {
        describe(operation, "409", "The mode that this belongs to is off", refusal());
    }
    if has_parameter {
        describe(operation, "404", "The parameter is empty or has a slash in it", None);
    }
}

fn describe_read_only(operation: &mut Operation) {
    describe(operation, "403", "The token is read-only", refusal());
}

type Content = (&'static str, RefOr<Schema>);

fn refusal() -> Option<Content> {
    Some(("application/json", RefOr::Ref(Ref::from_schema_name("Refusal"))))
}

/// Adds a response, unless the operation itself describes this status.
fn describe(operation: &mut Operation, status: &str, description: &str, content: Option<Content>) {
    let mut response = ResponseBuilder::new().description(description);
    if let Some((content_type, schema)) = content {
        response = response.content(content_type, ContentBuilder::new().schema(Some(schema)).build());
    }
    let responses = &mut operation.responses.responses;
    responses.entry(status.to_owned()).or_insert_with(|| response.build().into());
}
