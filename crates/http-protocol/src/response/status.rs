use super::OutOfRoom;
use super::frame::{ContentType, frame, write_head};
use crate::bencode::Writer;
use crate::framing::Framing;
use crate::status::{STATUS_LINE_BYTES_MAX, Status};
use core::ops::Range;

const HEALTHY: &str = r#"{"status":"Ok"}"#;

/// Writes a response with only a status and returns its range in `out`.
pub fn write_status(out: &mut [u8], framing: Framing, status: Status) -> Result<Range<usize>, OutOfRoom> {
    frame(out, framing, (status, ContentType::Text), |body| {
        if status != Status::NoContent {
            body.literal(status.line());
            body.literal("\n");
        }
    })
}

/// Writes a response without a body that sends the client to another place, and returns its range in `out`. `location` is
/// a path or a URL without white space.
pub fn write_redirect(out: &mut [u8], framing: Framing, location: &str) -> Result<Range<usize>, OutOfRoom> {
    let mut head = Writer::new(out);
    write_head(&mut head, framing, (Status::Found, ContentType::Text), |head| {
        head.literal("Location: ");
        head.literal(location);
        head.literal("\r\nContent-Length: 0\r\n");
    });
    Ok(0..head.written().ok_or(OutOfRoom)?)
}

/// Writes the response to `/health_check` and returns its range in `out`.
pub fn write_health(out: &mut [u8], framing: Framing) -> Result<Range<usize>, OutOfRoom> {
    frame(out, framing, (Status::Ok, ContentType::Json), |body| body.literal(HEALTHY))
}

/// Size of the longest body.
pub(super) const BODY_BYTES_MAX: usize = STATUS_LINE_BYTES_MAX + "\n".len();

const _: () = assert!(HEALTHY.len() <= BODY_BYTES_MAX);

#[cfg(test)]
mod tests {
    use super::super::testing::ORDINARY;
    use super::*;

    fn text(write: impl FnOnce(&mut [u8]) -> Result<Range<usize>, OutOfRoom>) -> String {
        let mut out = [0; 1024];
        let written = write(&mut out).unwrap();
        String::from_utf8(out[written].to_vec()).unwrap()
    }

    fn status(framing: Framing, status: Status) -> String {
        text(|out| write_status(out, framing, status))
    }

    #[test]
    fn a_status_is_in_the_head_and_the_body() {
        let expected =
            "HTTP/1.1 404 Not Found\r\nContent-Type: text/plain\r\nContent-Length: 14\r\n\r\n404 Not Found\n";
        assert_eq!(status(ORDINARY, Status::NotFound), expected);
    }

    #[test]
    fn a_response_to_a_wrong_method_lists_the_allowed_ones() {
        let expected = "HTTP/1.1 405 Method Not Allowed\r\nContent-Type: text/plain\r\nContent-Length: 23\r\n\
            Connection: close\r\nAllow: GET, HEAD, OPTIONS\r\n\r\n405 Method Not Allowed\n";
        assert_eq!(status(Framing::FINAL, Status::MethodNotAllowed), expected);
        let options = "HTTP/1.1 204 No Content\r\nAllow: GET, HEAD, OPTIONS\r\n\r\n";
        assert_eq!(status(ORDINARY, Status::NoContent), options);
    }

    #[test]
    fn a_response_to_a_client_over_its_rate_says_when_to_retry() {
        let expected = "HTTP/1.1 429 Too Many Requests\r\nContent-Type: text/plain\r\nContent-Length: 22\r\n\
            Retry-After: 7\r\n\r\n429 Too Many Requests\n";
        assert_eq!(status(ORDINARY, Status::TooManyRequests { retry_s: 7 }), expected);
    }

    #[test]
    fn a_redirect_names_the_place_and_has_no_body() {
        let expected = "HTTP/1.1 302 Found\r\nContent-Type: text/plain\r\nLocation: /stats\r\n\
            Content-Length: 0\r\n\r\n";
        assert_eq!(text(|out| write_redirect(out, ORDINARY, "/stats")), expected);
    }

    #[test]
    fn a_health_check_is_answered_in_json() {
        let expected = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 15\r\n\r\n{\"status\":\"Ok\"}";
        assert_eq!(text(|out| write_health(out, ORDINARY)), expected);
    }
}
