//! Responses that several routes share: acknowledgements, refusals and errors.

use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use control::ManagementError;
use serde::Serialize;
use utoipa::ToSchema;

const READ_ONLY: &str = "this token is read-only";

/// The request succeeded.
#[derive(Debug, Serialize, ToSchema)]
#[schema(title = "Acknowledgement")]
pub(crate) struct Ack {
    /// Always `ok`.
    #[schema(pattern = "^ok$")]
    status: &'static str,
}

impl Ack {
    pub(crate) const OK: Json<Self> = Json(Self { status: "ok" });
}

/// The request was refused.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Refusal {
    /// Always `err`.
    #[schema(pattern = "^err$")]
    status: &'static str,
    /// The reason.
    reason: &'static str,
}

impl Refusal {
    pub(crate) const fn new(reason: &'static str) -> Self {
        Self { status: "err", reason }
    }
}

/// Why a request failed, which determines the status and the body of the response.
#[derive(Debug)]
pub(crate) enum ApiError {
    /// 400 with a plain-text body.
    BadRequest(String),
    /// 403: the token is read-only.
    ReadOnly,
    /// 404 without a body: the path does not exist.
    NoSuchPath,
    /// 404 with a reason.
    Unknown(&'static str),
    /// 409: the mode that the route belongs to is off.
    ModeOff(&'static str),
    /// 408: the body stalled.
    BodyStalled,
    /// 413: the body has too many bytes or lines.
    TooLarge(String),
    /// A body that is not the expected JSON: 400, 413, 415 or 422, with axum's text.
    Json(JsonRejection),
    /// 429: too many wrong tokens or event streams.
    TooMany(&'static str),
    /// 500, in the wording that clients of version 1 expect.
    Failed(String),
}

impl ApiError {
    /// Returns a function that prefixes an error with `what`, such as `failed to delete key`.
    pub(crate) fn failed(what: &'static str) -> impl FnOnce(ManagementError) -> Self {
        move |error| Self::Failed(format!("{what}: {error}"))
    }
}

impl From<JsonRejection> for ApiError {
    fn from(rejection: JsonRejection) -> Self {
        Self::Json(rejection)
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        match self {
            Self::BadRequest(text) => (StatusCode::BAD_REQUEST, text).into_response(),
            Self::ReadOnly => (StatusCode::FORBIDDEN, Json(Refusal::new(READ_ONLY))).into_response(),
            Self::NoSuchPath => StatusCode::NOT_FOUND.into_response(),
            Self::Unknown(reason) => (StatusCode::NOT_FOUND, Json(Refusal::new(reason))).into_response(),
            Self::ModeOff(reason) => (StatusCode::CONFLICT, Json(Refusal::new(reason))).into_response(),
            Self::BodyStalled => (StatusCode::REQUEST_TIMEOUT, "the body stood still").into_response(),
            Self::TooLarge(text) => (StatusCode::PAYLOAD_TOO_LARGE, text).into_response(),
            Self::Json(rejection) => rejection.into_response(),
            Self::TooMany(text) => {
                (StatusCode::TOO_MANY_REQUESTS, [(RETRY_AFTER, "60")], text).into_response()
            }
            Self::Failed(reason) => rejection(&reason),
        }
    }
}

/// Returns status 500 in the wording that clients of version 1 expect.
pub(crate) fn rejection(reason: &str) -> Response {
    let text = format!("Unhandled rejection: Err {{ reason: {reason:?} }}");
    (StatusCode::INTERNAL_SERVER_ERROR, text).into_response()
}

/// Returns a response with the given content type.
pub(crate) fn with_type(content_type: &'static str, body: impl IntoResponse) -> Response {
    let mut response = body.into_response();
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}
