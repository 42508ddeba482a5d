//! Answers that several routes give: what went well, and what did not.

use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use control::ManagementError;
use serde::Serialize;
use utoipa::ToSchema;

const READ_ONLY: &str = "this token is read-only";

/// It was done.
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

/// It was not done.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Refusal {
    /// Always `err`.
    #[schema(pattern = "^err$")]
    status: &'static str,
    /// Why.
    reason: &'static str,
}

impl Refusal {
    pub(crate) const fn new(reason: &'static str) -> Self {
        Self { status: "err", reason }
    }
}

/// Why a request is not answered with what it asks for.
#[derive(Debug)]
pub(crate) enum ApiError {
    /// 400, with a text.
    BadRequest(String),
    /// 403: the token may change nothing.
    ReadOnly,
    /// 404 without a body: the path is none of the API's.
    NoSuchPath,
    /// 404, with a reason.
    Unknown(&'static str),
    /// 409: the mode that this belongs to is off.
    ModeOff(&'static str),
    /// 408: the body stood still.
    BodyStalled,
    /// 413: the body has too many bytes or lines.
    TooLarge(String),
    /// A body that is not the JSON that it should be: 400, 413, 415 or 422, as axum words it.
    Json(JsonRejection),
    /// 429: too often, or too many at once.
    TooMany(&'static str),
    /// 500, in the words that clients look for.
    Failed(String),
}

impl ApiError {
    /// What failed, such as `failed to delete key`, and why.
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

/// 500 as clients of version 1 know it.
pub(crate) fn rejection(reason: &str) -> Response {
    let text = format!("Unhandled rejection: Err {{ reason: {reason:?} }}");
    (StatusCode::INTERNAL_SERVER_ERROR, text).into_response()
}

/// An answer with a content type of its own.
pub(crate) fn with_type(content_type: &'static str, body: impl IntoResponse) -> Response {
    let mut response = body.into_response();
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}
