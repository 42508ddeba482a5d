//! The responses of the management API.

use super::ApiError;
use crate::limits::{API_BODY_BYTES_MAX, API_BODY_TIMEOUT, API_TIMEOUT, EVENT_BYTES_MAX, REFUSAL_BYTES_MAX};
use crate::text::readable;
use api_contract::v1::{Key, LineError, Refusal};
use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream};
use http_body_util::BodyExt;
use hyper::body::{Bytes, Incoming};
use hyper::{Response, StatusCode};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokio::time::timeout;

/// A stream of events, which ends when the tracker stops or its tokens change, or after a failure of its
/// connection. Dropping it closes that.
pub type Events<T> = BoxStream<'static, Result<T, ApiError>>;

/// The line about one key that was asked for.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum KeyLine {
    Made(Key),
    Failed(LineError),
}

pub(super) async fn json<T: DeserializeOwned>(response: Response<Incoming>) -> Result<T, ApiError> {
    parse(&body(response).await?)
}

pub(super) async fn text(response: Response<Incoming>) -> Result<String, ApiError> {
    let body = body(response).await?;
    String::from_utf8(body).map_err(|error| ApiError::Malformed(error.to_string()))
}

pub(super) async fn json_lines<T: DeserializeOwned>(
    response: Response<Incoming>,
) -> Result<Vec<T>, ApiError> {
    let body = body(response).await?;
    body.split(|&byte| byte == b'\n').filter(|line| !line.is_empty()).map(parse).collect()
}

#[expect(clippy::unused_async, reason = "the routes call all readers of responses in the same way")]
pub(super) async fn events<T: DeserializeOwned + Send + 'static>(
    response: Response<Incoming>,
) -> Result<Events<T>, ApiError> {
    let state = (Some(response.into_body()), EventLines::default());
    Ok(stream::unfold(state, |(mut body, mut lines)| async move {
        loop {
            if let Some(event) = lines.next_event() {
                return Some((event.and_then(|data| parse(&data)), (body, lines)));
            }
            match next_bytes(body.as_mut()?).await? {
                Ok(bytes) => lines.add(&bytes),
                Err(error) => return Some((Err(error), (None, lines))),
            }
        }
    })
    .boxed())
}

/// Server-sent events as far as they have arrived.
#[derive(Debug, Default)]
pub(super) struct EventLines {
    bytes: Vec<u8>,
    /// The first event does not end before this position.
    searched: usize,
}

impl EventLines {
    pub(super) fn add(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// Takes the data of the next whole event that has some.
    pub(super) fn next_event(&mut self) -> Option<Result<Vec<u8>, ApiError>> {
        while let Some(length) = self.event_length() {
            let event: Vec<u8> = self.bytes.drain(..length).collect();
            self.searched = 0;
            let data = event.split(|&byte| byte == b'\n').filter_map(|line| line.strip_prefix(b"data:"));
            let data: Vec<&[u8]> = data.collect();
            if !data.is_empty() {
                return Some(Ok(data.join(&b'\n')));
            }
        }
        if self.bytes.len() <= EVENT_BYTES_MAX {
            return None;
        }
        *self = Self::default();
        Some(Err(ApiError::Malformed("an event has no end".to_owned())))
    }

    fn event_length(&mut self) -> Option<usize> {
        let rest = self.bytes.get(self.searched..).unwrap_or_default();
        let end = rest.windows(2).position(|pair| pair == b"\n\n");
        let length = end.map(|end| self.searched + end + 2);
        // The last byte may be the first half of the end.
        self.searched = self.bytes.len().saturating_sub(1);
        length
    }
}

/// Returns why a request was refused, from a response without success.
pub(super) async fn refusal(response: Response<Incoming>) -> ApiError {
    let status = response.status();
    match start_of_body(response, REFUSAL_BYTES_MAX).await {
        Ok(mut body) => {
            body.truncate(REFUSAL_BYTES_MAX);
            refusal_of(status, &body)
        }
        Err(error) => error,
    }
}

/// Reads a [`Refusal`], or the text that version 1 has for failures: `Unhandled rejection: Err { reason: "..." }`.
pub(super) fn refusal_of(status: StatusCode, body: &[u8]) -> ApiError {
    let reason = match serde_json::from_slice(body) {
        Ok(Refusal { reason, .. }) => reason.into_owned(),
        Err(_) => readable(body),
    };
    let inner = reason.strip_prefix("Unhandled rejection: Err { reason: \"");
    let reason = inner.and_then(|inner| inner.strip_suffix("\" }")).map(str::to_owned).unwrap_or(reason);
    if ["token not valid", "unauthorized"].contains(&reason.as_str()) {
        ApiError::WrongToken
    } else {
        ApiError::Refused { status: status.as_u16(), reason }
    }
}

async fn body(response: Response<Incoming>) -> Result<Vec<u8>, ApiError> {
    let bytes = start_of_body(response, API_BODY_BYTES_MAX).await?;
    if bytes.len() > API_BODY_BYTES_MAX {
        return Err(ApiError::Malformed(format!("the response is longer than {API_BODY_BYTES_MAX} bytes")));
    }
    Ok(bytes)
}

/// Returns a body, or of one that is longer than `bytes_max` a beginning that is longer, too.
async fn start_of_body(response: Response<Incoming>, bytes_max: usize) -> Result<Vec<u8>, ApiError> {
    let mut body = response.into_body();
    let mut bytes = Vec::new();
    let reading = async {
        while bytes.len() <= bytes_max
            && let Some(more) = next_bytes(&mut body).await
        {
            bytes.extend_from_slice(&more?);
        }
        Ok(())
    };
    timeout(API_BODY_TIMEOUT, reading).await.unwrap_or(Err(ApiError::Timeout))?;
    Ok(bytes)
}

async fn next_bytes(body: &mut Incoming) -> Option<Result<Bytes, ApiError>> {
    match timeout(API_TIMEOUT, body.frame()).await {
        Err(_) => Some(Err(ApiError::Timeout)),
        Ok(frame) => Some(match frame? {
            Ok(frame) => Ok(frame.into_data().unwrap_or_default()),
            Err(error) => Err(ApiError::Connection(error.to_string())),
        }),
    }
}

fn parse<T: DeserializeOwned>(text: &[u8]) -> Result<T, ApiError> {
    serde_json::from_slice(text).map_err(|error| ApiError::Malformed(error.to_string()))
}
