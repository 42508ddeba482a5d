use super::OutOfRoom;
use crate::bencode::Writer;
use crate::framing::{Connection, Content, Framing, Version};
use crate::status::{STATUS_LINE_BYTES_MAX, Status};
use core::ops::Range;

/// The media type of a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ContentType {
    /// The customary type of a tracker's responses, bencoded ones included.
    Text,
    Json,
    Html,
    Svg,
}

impl ContentType {
    const fn line(self) -> &'static str {
        match self {
            Self::Text => "Content-Type: text/plain\r\n",
            Self::Json => "Content-Type: application/json\r\n",
            Self::Html => "Content-Type: text/html; charset=utf-8\r\n",
            Self::Svg => "Content-Type: image/svg+xml\r\n",
        }
    }
}

const VERSION: &str = "HTTP/1.1 ";
const LINE_END: &str = "\r\n";
const CONTENT_LENGTH: &str = "Content-Length: ";
const CLOSE: &str = "Connection: close\r\n";
const KEEP_ALIVE: &str = "Connection: keep-alive\r\n";
const ALLOW: &str = "Allow: GET, HEAD, OPTIONS\r\n";
const RETRY_AFTER: &str = "Retry-After: ";
/// RFC 6455, 4.4.
const WEB_SOCKET_VERSION: &str = "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n";

/// Size of the longest head that [`frame`] writes, which is only used for text and JSON.
pub(super) const HEAD_BYTES_MAX: usize = VERSION.len()
    + STATUS_LINE_BYTES_MAX
    + LINE_END.len()
    + ContentType::Json.line().len()
    + CONTENT_LENGTH.len()
    + "4294967295\r\n".len()
    + KEEP_ALIVE.len()
    + WEB_SOCKET_VERSION.len()
    + LINE_END.len();

const _: () = assert!(ALLOW.len() <= WEB_SOCKET_VERSION.len(), "a head has one of them");
const _: () = assert!(RETRY_AFTER.len() + "4294967295\r\n".len() <= WEB_SOCKET_VERSION.len(), "or of these");

/// Writes a body with its head before it and returns the range of the response in `out`.
pub(super) fn frame(
    out: &mut [u8],
    framing: Framing,
    (status, content_type): (Status, ContentType),
    write_body: impl FnOnce(&mut Writer<'_>),
) -> Result<Range<usize>, OutOfRoom> {
    let (head_room, body_room) = out.split_at_mut_checked(HEAD_BYTES_MAX).ok_or(OutOfRoom)?;
    let mut body = Writer::new(body_room);
    write_body(&mut body);
    let body_bytes = body.written().ok_or(OutOfRoom)?;

    let mut head = [0; HEAD_BYTES_MAX];
    let mut writer = Writer::new(&mut head);
    write_head(&mut writer, framing, (status, content_type), |head| {
        head.literal(CONTENT_LENGTH);
        head.decimal(body_bytes as u64);
        head.literal(LINE_END);
    });
    let head_bytes = writer.written().ok_or(OutOfRoom)?;

    let start = HEAD_BYTES_MAX.saturating_sub(head_bytes);
    let place = head_room.get_mut(start..).ok_or(OutOfRoom)?;
    place.copy_from_slice(head.get(..head_bytes).ok_or(OutOfRoom)?);
    let sent = match framing.content {
        Content::Sent => body_bytes,
        Content::Withheld => 0,
    };
    Ok(start..HEAD_BYTES_MAX.saturating_add(sent))
}

/// Writes a head with the lines of `write_length`, which say where the body ends.
///
/// There is no `Date`, because this crate reads no clock and RFC 9110 (6.6.1) lets a server without one omit it.
pub(super) fn write_head(
    head: &mut Writer<'_>,
    framing: Framing,
    (status, content_type): (Status, ContentType),
    write_length: impl FnOnce(&mut Writer<'_>),
) {
    head.literal(VERSION);
    head.literal(status.line());
    head.literal(LINE_END);
    if status != Status::NoContent {
        head.literal(content_type.line());
        write_length(head);
    }
    head.literal(connection_line(framing));
    match status {
        Status::NoContent | Status::MethodNotAllowed => head.literal(ALLOW),
        Status::UpgradeRequired => head.literal(WEB_SOCKET_VERSION),
        Status::TooManyRequests { retry_s } => {
            head.literal(RETRY_AFTER);
            head.decimal(retry_s.into());
            head.literal(LINE_END);
        }
        _ => {}
    }
    head.literal(LINE_END);
}

/// Returns the `Connection` line, which is empty if the version implies it.
const fn connection_line(framing: Framing) -> &'static str {
    match (framing.version, framing.connection) {
        (_, Connection::Close) => CLOSE,
        (Version::Http10, Connection::KeepAlive) => KEEP_ALIVE,
        (Version::Http11, Connection::KeepAlive) => "",
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::ORDINARY;
    use super::*;

    fn answer(framing: Framing, status: Status) -> String {
        let mut out = [0; 1024];
        let written = frame(&mut out, framing, (status, ContentType::Text), |body| body.put(b"hello"));
        String::from_utf8(out[written.unwrap()].to_vec()).unwrap()
    }

    #[test]
    fn an_ordinary_response_has_the_shortest_head() {
        let expected = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello";
        assert_eq!(answer(ORDINARY, Status::Ok), expected);
    }

    #[test]
    fn a_connection_line_is_written_unless_the_version_implies_it() {
        let closing = Framing { connection: Connection::Close, ..ORDINARY };
        assert!(answer(closing, Status::Ok).contains("\r\nConnection: close\r\n"));
        let old = Framing { version: Version::Http10, ..ORDINARY };
        assert!(answer(old, Status::Ok).contains("\r\nConnection: keep-alive\r\n"));
        let old_closing = Framing { version: Version::Http10, ..closing };
        assert!(answer(old_closing, Status::Ok).contains("\r\nConnection: close\r\n"));
    }

    #[test]
    fn a_head_request_gets_the_head_of_the_full_response() {
        let head_only = Framing { content: Content::Withheld, ..ORDINARY };
        assert_eq!(format!("{}hello", answer(head_only, Status::Ok)), answer(ORDINARY, Status::Ok));
    }

    #[test]
    fn a_buffer_that_is_too_small_is_an_error() {
        for length in [0, HEAD_BYTES_MAX - 1, HEAD_BYTES_MAX, HEAD_BYTES_MAX + 4] {
            let mut out = vec![0; length];
            let written =
                frame(&mut out, ORDINARY, (Status::Ok, ContentType::Text), |body| body.put(b"hello"));
            assert_eq!(written, Err(OutOfRoom));
        }
    }
}
