use super::answer::ApiError;
use crate::limits::{INVALID_LINES_NAMED_MAX, LINE_BYTES_MAX, LINES_BYTES_MAX};
use api_contract::v1::LineCounts;
use axum::body::{Body, BodyDataStream};
use axum::http::StatusCode;
use futures_util::StreamExt as _;
use futures_util::stream::Fuse;
use memchr::memchr;
use std::error::Error as _;
use tower_http::timeout::TimeoutError;

/// Reads a body line by line. At most one received chunk and one line are in memory.
pub(crate) struct Lines {
    body: Fuse<BodyDataStream>,
    held: Vec<u8>,
    /// Offset of the next line in `held`.
    at: usize,
    /// Whether `held` continues a line that is too long.
    within_too_long: bool,
    bytes: u64,
    number: u64,
}

/// A line of a body that is neither empty nor a comment.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) number: u64,
    /// The trimmed text; `None` if it is longer than [`LINE_BYTES_MAX`].
    pub(crate) text: Option<Vec<u8>>,
}

impl Lines {
    pub(crate) fn new(body: Body) -> Self {
        let body = body.into_data_stream().fuse();
        Self { body, held: Vec::new(), at: 0, within_too_long: false, bytes: 0, number: 0 }
    }

    /// Returns the next line that is neither empty nor a comment.
    pub(crate) async fn next(&mut self) -> Result<Option<Line>, ApiError> {
        loop {
            if let Some(end) = memchr(b'\n', &self.held[self.at..]) {
                let begin = self.at;
                self.at += end + 1;
                if let Some(line) = self.line(begin, begin + end) {
                    return Ok(Some(line));
                }
            } else if !self.read().await? {
                return Ok(None);
            }
        }
    }

    fn line(&mut self, begin: usize, end: usize) -> Option<Line> {
        self.number += 1;
        if std::mem::take(&mut self.within_too_long) || end - begin > LINE_BYTES_MAX {
            return Some(Line { number: self.number, text: None });
        }
        let text = self.held[begin..end].trim_ascii();
        let says_something = !text.is_empty() && !text.starts_with(b"#");
        says_something.then(|| Line { number: self.number, text: Some(text.to_vec()) })
    }

    /// Reads the next piece of the body, whose end is the end of its last line. Returns whether there can be another line.
    async fn read(&mut self) -> Result<bool, ApiError> {
        self.held.drain(..self.at);
        self.at = 0;
        if self.held.len() > LINE_BYTES_MAX {
            self.held.clear();
            self.within_too_long = true;
        }
        let Some(piece) = self.body.next().await else {
            let has_line = !self.held.is_empty() || self.within_too_long;
            self.held.push(b'\n');
            return Ok(has_line);
        };
        let piece = piece.map_err(|error| broken_body(&error))?;
        self.bytes += piece.len() as u64;
        if self.bytes > LINES_BYTES_MAX {
            let text = format!("a body may have {LINES_BYTES_MAX} bytes at most");
            return Err(ApiError::Text(StatusCode::PAYLOAD_TOO_LARGE, text));
        }
        self.held.extend_from_slice(&piece);
        Ok(true)
    }
}

fn broken_body(error: &axum::Error) -> ApiError {
    let is_stalled = error.source().is_some_and(<dyn std::error::Error>::is::<TimeoutError>);
    if is_stalled {
        ApiError::Text(StatusCode::REQUEST_TIMEOUT, "the body stood still".to_owned())
    } else {
        ApiError::bad_request("the body was cut off".to_owned())
    }
}

/// The values of the lines of a body, in batches.
pub(crate) struct Batches<T> {
    lines: Lines,
    batch_max: usize,
    parse: fn(&[u8]) -> Option<T>,
    /// The lines so far that have no value.
    pub(crate) invalid: LineCounts,
}

impl<T> Batches<T> {
    pub(crate) fn new(body: Body, batch_max: usize, parse: fn(&[u8]) -> Option<T>) -> Self {
        Self { lines: Lines::new(body), batch_max, parse, invalid: LineCounts::default() }
    }

    /// Returns the next batch. Only the last one has fewer than `batch_max` values, perhaps none.
    pub(crate) async fn next(&mut self) -> Result<Vec<T>, ApiError> {
        let mut batch = Vec::with_capacity(self.batch_max);
        while batch.len() < self.batch_max
            && let Some(Line { number, text }) = self.lines.next().await?
        {
            if let Some(value) = text.and_then(|text| (self.parse)(&text)) {
                batch.push(value);
                continue;
            }
            self.invalid.invalid += 1;
            if self.invalid.invalid_lines.len() < INVALID_LINES_NAMED_MAX {
                self.invalid.invalid_lines.push(number);
            }
        }
        Ok(batch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::BODY_PAUSE_MAX;
    use futures_util::stream;
    use std::convert::Infallible;
    use tower_http::timeout::TimeoutBody;

    async fn lines_of(pieces: Vec<String>) -> Vec<Line> {
        let pieces = stream::iter(pieces.into_iter().map(Ok::<_, Infallible>));
        let mut lines = Lines::new(Body::from_stream(pieces));
        let mut found = Vec::new();
        while let Some(line) = lines.next().await.unwrap() {
            found.push(line);
        }
        found
    }

    fn text(number: u64, text: &str) -> Line {
        Line { number, text: Some(text.as_bytes().to_vec()) }
    }

    #[tokio::test]
    async fn lines_are_the_same_however_the_body_is_split() {
        let body = "one\r\n\n# comment\n two \nthree";
        let expected = [text(1, "one"), text(4, "two"), text(5, "three")];
        assert_eq!(lines_of(vec![body.to_owned()]).await, expected);
        let characters = body.chars().map(String::from).collect();
        assert_eq!(lines_of(characters).await, expected);
        assert_eq!(lines_of(Vec::new()).await, []);
    }

    #[tokio::test(start_paused = true)]
    async fn a_stalled_body_is_an_error() {
        let stalled = Body::from_stream(stream::pending::<Result<String, Infallible>>());
        let stalled = TimeoutBody::new(BODY_PAUSE_MAX, stalled);
        let error = Lines::new(Body::new(stalled)).next().await.unwrap_err();
        assert!(matches!(error, ApiError::Text(StatusCode::REQUEST_TIMEOUT, _)), "{error:?}");
    }

    #[tokio::test]
    async fn a_body_that_is_too_large_is_refused() {
        let mut lines = Lines::new(Body::from("line\n"));
        lines.bytes = LINES_BYTES_MAX;
        let error = lines.next().await.unwrap_err();
        assert!(matches!(error, ApiError::Text(StatusCode::PAYLOAD_TOO_LARGE, _)), "{error:?}");
    }

    const fn too_long(number: u64) -> Line {
        Line { number, text: None }
    }

    #[tokio::test]
    async fn a_line_that_is_too_long_counts_once_and_is_not_buffered() {
        let pieces = vec!["x".repeat(1025); 3].into_iter().chain(["\nnext\n".to_owned()]).collect();
        assert_eq!(lines_of(pieces).await, [too_long(1), text(2, "next")]);
        assert_eq!(lines_of(vec!["x".repeat(1025)]).await, [too_long(1)]);
        assert_eq!(lines_of(vec!["x".repeat(1024)]).await, [text(1, &"x".repeat(1024))]);
    }
}
