//! HTTP trackers (BEP 3, 7, 23, 31 and 48): what the heads and bodies of their responses mean, and requests to one address.

mod exchange;
#[cfg(test)]
mod tests;

pub(crate) use exchange::{HttpEndpoint, HttpResponse};

use crate::error::{Retry, TrackerError};
use crate::limits::BODY_BYTES_MAX;
use crate::text::readable;
use http_body_util::BodyExt;
use http_protocol::{ReceivedAnswer, ReceivedCounts, read_announce_answer};
use hyper::body::{Bytes, Incoming};
use hyper::header::{HeaderMap, HeaderValue, RETRY_AFTER};
use hyper::{Response, StatusCode};
use primitives::PeerAddress;
use std::error::Error;
use std::iter::successors;
use std::time::{Duration, SystemTime};
use url::Url;

/// The header `User-Agent` of all requests.
pub const AGENT: &str = concat!("Ringtrack/", env!("CARGO_PKG_VERSION"));

/// Returns whether a status is that of a redirect, if a location comes with it.
#[must_use]
pub const fn is_redirect(status: StatusCode) -> bool {
    matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308)
}

/// Returns where a response from `url` redirects to.
///
/// # Errors
/// If that is no HTTP URL, or one without TLS although `url` has it.
pub fn redirect_target(url: &Url, location: &HeaderValue) -> Result<Url, TrackerError> {
    let target = location.to_str().ok().and_then(|location| url.join(location).ok());
    let target = target.filter(|target| ["http", "https"].contains(&target.scheme()));
    let target = target.ok_or(TrackerError::Malformed("the request was redirected to no HTTP URL"))?;
    if url.scheme() == "https" && target.scheme() == "http" {
        return Err(TrackerError::Malformed("the request was redirected from HTTPS to HTTP"));
    }
    Ok(target)
}

/// Returns whether a response with this head can be an answer.
///
/// # Errors
/// If it is none, whatever its body. The failure of a refused announce may come with the status of a client's error.
pub fn check_head(status: StatusCode, headers: &HeaderMap) -> Result<(), TrackerError> {
    let retry_after = headers.get(RETRY_AFTER).and_then(retry_after);
    let is_overloaded = status == StatusCode::SERVICE_UNAVAILABLE && retry_after.is_some();
    if is_overloaded || status == StatusCode::TOO_MANY_REQUESTS {
        return Err(TrackerError::Overloaded { retry_after });
    }
    if status.is_success() || status.is_client_error() {
        Ok(())
    } else {
        Err(TrackerError::Status(status.as_u16()))
    }
}

/// Reads the body of a response to an announce, and passes each of its peers to `peer`.
///
/// # Errors
/// If the announce was refused, or the body is no answer.
pub fn read_announced(
    status: StatusCode,
    body: &[u8],
    peer: &mut impl FnMut(PeerAddress),
) -> Result<ReceivedCounts, TrackerError> {
    match read_announce_answer(body, peer) {
        Ok(ReceivedAnswer::Failure { reason, retry }) => Err(refused(reason, retry)),
        _ if !status.is_success() => Err(TrackerError::Status(status.as_u16())),
        Ok(ReceivedAnswer::Answer(counts)) => Ok(counts),
        Err(error) => Err(TrackerError::Malformed(error.0)),
    }
}

pub(crate) fn refused(reason: &[u8], retry: http_protocol::Retry) -> TrackerError {
    let retry = match retry {
        http_protocol::Retry::Unsaid => None,
        http_protocol::Retry::InMinutes(minutes) => {
            Some(Retry::After(Duration::from_secs(60 * u64::from(minutes.max(1)))))
        }
        http_protocol::Retry::Never => Some(Retry::Never),
    };
    TrackerError::Refused { reason: readable(reason), retry }
}

/// Returns the body of a response.
///
/// # Errors
/// If it is longer than [`BODY_BYTES_MAX`], or the connection fails.
pub async fn read_body(response: Response<Incoming>) -> Result<Vec<u8>, TrackerError> {
    let mut body = response.into_body();
    let mut bytes = Vec::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| failure(&error))?;
        bytes.extend_from_slice(frame.data_ref().map(Bytes::as_ref).unwrap_or_default());
        if bytes.len() > BODY_BYTES_MAX {
            return Err(TrackerError::Malformed("the response is longer than 1 MiB"));
        }
    }
    Ok(bytes)
}

/// Reads seconds or a date.
fn retry_after(value: &HeaderValue) -> Option<Duration> {
    let text = value.to_str().ok()?.trim();
    let until = |date: SystemTime| date.duration_since(SystemTime::now()).unwrap_or_default();
    let seconds = text.parse().ok().map(Duration::from_secs);
    seconds.or_else(|| httpdate::parse_http_date(text).ok().map(until))
}

/// Returns the cause that says most about a failed request. No error contains a URL.
#[must_use]
pub fn failure(error: &(dyn Error + 'static)) -> TrackerError {
    let mut last = error;
    for cause in successors(Some(error), |error| Error::source(*error)) {
        if let Some(error) = cause.downcast_ref::<TrackerError>() {
            return error.clone();
        }
        if cause.downcast_ref().is_some_and(hyper::Error::is_parse) {
            return TrackerError::Malformed("the response is not HTTP");
        }
        last = cause;
    }
    TrackerError::Connection(readable(last.to_string().as_bytes()))
}
