use super::routes;
use crate::app::App;
use api_contract::v1::{Format, InfoHashText, Order, Refusal};
use axum::Json;
use axum::extract::State;
use utoipa::PartialSchema as _;
use utoipa::openapi::content::ContentBuilder;
use utoipa::openapi::path::Operation;
use utoipa::openapi::response::ResponseBuilder;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{OpenApi, Ref, RefOr, Schema};

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
pub(super) struct General;

/// This document
#[utoipa::path(
    get, path = "/api/v1/openapi.json", tag = "operation",
    responses((status = 200, description = "OpenAPI 3.1", body = Object)),
)]
pub(super) async fn get_document(State(app): State<App>) -> Json<OpenApi> {
    Json(document(&app))
}

/// Returns the document of all routes, with the failures that most of them share.
fn document(app: &App) -> OpenApi {
    let mut document = routes(app).into_openapi();
    for (path, item) in &mut document.paths.paths {
        for operation in [&mut item.get, &mut item.post, &mut item.delete].into_iter().flatten() {
            if path != "/api/health_check" {
                describe_failures(path, operation);
            }
        }
        for operation in [&mut item.post, &mut item.delete].into_iter().flatten() {
            describe(operation, "403", "The token is read-only", refusal());
            describe(operation, "503", "The tracker is being upgraded", refusal());
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

fn describe_failures(path: &str, operation: &mut Operation) {
    let tags = operation.tags.clone().unwrap_or_default();
    let takes = |content: &str| match &operation.request_body {
        Some(RefOr::T(body)) => body.content.contains_key(content),
        _ => false,
    };
    let (takes_lines, takes_json) = (takes("text/plain"), takes("application/json"));
    for (applies, status, description) in [
        (true, "500", "No token, a wrong one, or the tracker could not do it"),
        (true, "429", "Too many requests or wrong tokens from this network, or too many streams"),
        (path.contains("{info_hash}"), "400", "No info hash"),
        (path.contains("{key_or_seconds}"), "400", "No key"),
        (takes_lines, "400", "The body was cut off"),
        (takes_lines, "408", "The body stood still"),
        (takes_lines || takes_json, "413", "The body is too large"),
        (takes_json, "415", "The body is not said to be JSON"),
        (takes_json, "422", "Other JSON"),
    ] {
        if applies {
            describe(operation, status, description, Some(("text/plain", String::schema())));
        }
    }
    if tags.iter().any(|tag| ["keys", "whitelist", "forwarding"].contains(&tag.as_str())) {
        describe(operation, "409", "The mode that this belongs to is off", refusal());
    }
    if path.contains('{') {
        describe(operation, "404", "The parameter is empty or has a slash in it", None);
    }
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
