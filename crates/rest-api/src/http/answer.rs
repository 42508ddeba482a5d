use crate::limits::HANDOVER_RETRY_S;
use api_contract::v1::{Ack, Refusal};
use axum::Json;
use axum::http::StatusCode;
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER};
use axum::response::{IntoResponse, Response};
use control::management::ManagementError;
use std::borrow::Cow;

/// The response to a change.
pub(crate) const ACK: Json<Ack> = Json(Ack::OK);

/// Why a request failed, which determines the status and the body of the response.
#[derive(Debug)]
pub(crate) enum ApiError {
    /// This status with a plain-text body.
    Text(StatusCode, String),
    /// This status with a reason.
    Refused(StatusCode, Cow<'static, str>),
    /// 404 without a body: the path does not exist.
    NoSuchPath,
    /// 429: too many requests of a source, wrong tokens or event streams. The client may try again after these seconds.
    TooMany { text: Cow<'static, str>, retry_s: u32 },
    /// 503: another process takes over from this one. The client may try again after a few seconds.
    HandingOver,
    /// 500, in the wording that clients of version 1 expect.
    Failed(String),
}

impl ApiError {
    pub(crate) const fn bad_request(text: String) -> Self {
        Self::Text(StatusCode::BAD_REQUEST, text)
    }

    pub(crate) const fn unknown(reason: &'static str) -> Self {
        Self::Refused(StatusCode::NOT_FOUND, Cow::Borrowed(reason))
    }

    pub(crate) const fn conflict(reason: Cow<'static, str>) -> Self {
        Self::Refused(StatusCode::CONFLICT, reason)
    }

    /// Returns the refusal of something of which there is too much for the next minute.
    pub(crate) const fn too_many(text: &'static str) -> Self {
        Self::TooMany { text: Cow::Borrowed(text), retry_s: 60 }
    }

    /// Returns a function that prefixes an error with `what`, such as `failed to delete key`.
    pub(crate) fn failed(what: &'static str) -> impl FnOnce(ManagementError) -> Self {
        move |error| Self::Failed(format!("{what}: {error}"))
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        match self {
            Self::Text(status, text) => (status, text).into_response(),
            Self::Refused(status, reason) => (status, Json(Refusal::new(reason))).into_response(),
            Self::NoSuchPath => StatusCode::NOT_FOUND.into_response(),
            Self::TooMany { text, retry_s } => {
                (StatusCode::TOO_MANY_REQUESTS, [(RETRY_AFTER, retry_s.to_string())], text).into_response()
            }
            Self::HandingOver => {
                let retry = [(RETRY_AFTER, HANDOVER_RETRY_S.to_string())];
                let refusal =
                    Refusal::new("the tracker is being upgraded: try again in a few seconds".into());
                (StatusCode::SERVICE_UNAVAILABLE, retry, Json(refusal)).into_response()
            }
            Self::Failed(reason) => {
                let text = format!("Unhandled rejection: Err {{ reason: {reason:?} }}");
                (StatusCode::INTERNAL_SERVER_ERROR, text).into_response()
            }
        }
    }
}

/// Returns a response with the given content type.
pub(crate) fn with_type(content_type: &'static str, body: impl IntoResponse) -> Response {
    ([(CONTENT_TYPE, content_type)], body).into_response()
}
