use crate::framing::{Content, Framing, Version};
use crate::head_search::{Found, HeadSearch};
use crate::headers::Headers;
use crate::known_headers::KnownHeaders;
use crate::limits::{HEAD_BYTES_MAX, HEADERS_MAX, REQUEST_LINE_BYTES_MAX};
use crate::status::Status;
use crate::target::{Route, Target};
use core::mem::{MaybeUninit, take};
use memchr::memchr;

/// The result of reading the front of the bytes of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Incoming<'a> {
    /// The start of a request, or nothing: more bytes are needed.
    Incomplete,
    Request(Request<'a>),
    /// A request to refuse with this status and [`Framing::FINAL`], because its end is not known.
    Refused(Status),
    /// Another protocol: the connection is to be closed without a response.
    NotHttp,
}

/// A request that borrows the bytes that it was read from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Request<'a> {
    /// Size of the request, after which the next one starts.
    pub bytes: usize,
    pub framing: Framing,
    pub route: Route,
    /// Part of the target after `?`, percent-encoded.
    pub query: &'a [u8],
    pub accepted_coding: ContentCoding,
    pub upgrade: Upgrade,
    /// Header lines in their order.
    pub headers: Headers<'a>,
}

/// The coding that the content of a response may have, from `Accept-Encoding` (RFC 9110, 12.5.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ContentCoding {
    /// Uncompressed only.
    #[default]
    Identity,
    /// Gzip or uncompressed.
    Gzip,
}

/// Whether a request asks for a WebSocket (RFC 6455, 4.2.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Upgrade {
    #[default]
    None,
    WebSocket,
    /// A WebSocket of another version than 13.
    OtherVersion,
}

/// Reads the request at the front of `bytes`.
///
/// `search` belongs to the connection and starts as its default. `bytes` must start with the same byte each time until
/// the result is not [`Incoming::Incomplete`]. After a request, [`Request::bytes`] are to be removed from the front.
///
/// Supported are `GET`, `HEAD` and `OPTIONS` of HTTP/1.0 and 1.1 without content (RFC 9110, 9112). A request with
/// content is refused and not skipped, so that the content can never be taken for a request that the client did not
/// mean.
pub fn read_request<'a>(bytes: &'a [u8], search: &mut HeadSearch) -> Incoming<'a> {
    if let Some(request) = read_at_once(bytes, *search) {
        return Incoming::Request(request);
    }
    let Some(found) = search.advance(bytes) else { return Incoming::Incomplete };
    take(search);
    match found {
        Found::NotHttp => Incoming::NotHttp,
        Found::Refused(status) => Incoming::Refused(status),
        Found::Head(head) => {
            let end = head.end;
            match bytes.get(head).unwrap_or_default() {
                HTTP_2_PREFACE_HEAD => Incoming::NotHttp,
                head => read_head(head, end).map_or_else(Incoming::Refused, Incoming::Request),
            }
        }
    }
}

/// Reads the request at the front of bytes that have not been searched, if it is short and complete: its parser then
/// finds the end without a search. Returns `None` in all other cases.
fn read_at_once(bytes: &[u8], search: HeadSearch) -> Option<Request<'_>> {
    let window = bytes.get(..REQUEST_LINE_BYTES_MAX).unwrap_or(bytes);
    let is_fresh = search == HeadSearch::default() && window.first()?.is_ascii_alphabetic();
    if !is_fresh {
        return None;
    }
    let mut headers = [MaybeUninit::uninit(); HEADERS_MAX];
    let mut parsed = httparse::Request::new(&mut []);
    match parsed.parse_with_uninit_headers(window, &mut headers) {
        Ok(httparse::Status::Complete(bytes)) => request_of(&parsed, window.get(..bytes)?, bytes).ok(),
        _ => None,
    }
}

/// The part of the preface that looks like a head (RFC 9113, 3.4).
const HTTP_2_PREFACE_HEAD: &[u8] = b"PRI * HTTP/2.0\r\n\r\n";

fn read_head(head: &[u8], bytes: usize) -> Result<Request<'_>, Status> {
    let line_bytes = memchr(b'\n', head).unwrap_or(head.len());
    let is_ascii = head.get(..line_bytes).is_some_and(<[u8]>::is_ascii);
    if is_ascii { parse_head(head, head, bytes) } else { read_raw_target(head, line_bytes, bytes) }
}

/// Reads a head with bytes above 0x7f in its target, which some clients do not escape. The parser accepts only UTF-8
/// targets, so it reads a copy with letters in place of these bytes.
#[cold]
fn read_raw_target(head: &[u8], line_bytes: usize, bytes: usize) -> Result<Request<'_>, Status> {
    let mut copy = [0; HEAD_BYTES_MAX];
    let text = copy.get_mut(..head.len()).ok_or(Status::RequestHeaderFieldsTooLarge)?;
    text.copy_from_slice(head);
    let after_method = text.iter_mut().take(line_bytes).skip_while(|byte| **byte != b' ');
    after_method.filter(|byte| !byte.is_ascii()).for_each(|byte| *byte = b'x');
    parse_head(text, head, bytes)
}

/// Parses `text`, which is the head except for bytes that the parser would reject.
fn parse_head<'a>(text: &[u8], head: &'a [u8], bytes: usize) -> Result<Request<'a>, Status> {
    let mut headers = [MaybeUninit::uninit(); HEADERS_MAX];
    let mut parsed = httparse::Request::new(&mut []);
    match parsed.parse_with_uninit_headers(text, &mut headers).map_err(status_of)? {
        httparse::Status::Complete(length) if length == text.len() => {}
        _ => return Err(Status::BadRequest),
    }
    request_of(&parsed, head, bytes)
}

/// Converts a parsed head to a request.
fn request_of<'a>(
    parsed: &httparse::Request<'_, '_>,
    head: &'a [u8],
    bytes: usize,
) -> Result<Request<'a>, Status> {
    let (method, path) = parsed.method.zip(parsed.path).ok_or(Status::BadRequest)?;
    // A single space separates them.
    let after_method = head.get(method.len().saturating_add(1)..);
    let target = after_method.and_then(|rest| rest.get(..path.len())).ok_or(Status::BadRequest)?;
    let target = Target::parse(target);
    let (content, route) = match method {
        "GET" => (Content::Sent, target?.route()),
        "HEAD" => (Content::Withheld, target?.route()),
        "OPTIONS" => (Content::Sent, Route::Options),
        _ => return Err(Status::MethodNotAllowed),
    };
    let version = if parsed.version == Some(0) { Version::Http10 } else { Version::Http11 };
    let facts = KnownHeaders::gather(parsed.headers)?;
    facts.check(version)?;
    let upgrade = if method == "GET" { facts.upgrade(version) } else { Upgrade::None };
    Ok(Request {
        bytes,
        framing: Framing { version, connection: facts.connection(version), content },
        route,
        query: target.map_or(&[], |target| target.query),
        accepted_coding: facts.accepted_coding,
        upgrade,
        headers: Headers::of_head(head),
    })
}

const fn status_of(error: httparse::Error) -> Status {
    match error {
        httparse::Error::Version => Status::HttpVersionNotSupported,
        httparse::Error::TooManyHeaders => Status::RequestHeaderFieldsTooLarge,
        _ => Status::BadRequest,
    }
}

#[cfg(test)]
mod tests;
