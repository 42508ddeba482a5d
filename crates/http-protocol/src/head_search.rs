use crate::limits::{HEAD_BYTES_MAX, HEADERS_MAX, REQUEST_LINE_BYTES_MAX};
use crate::status::Status;
use core::ops::Range;
use memchr::memchr;

/// The state of the search for the end of a request in the bytes of a connection.
///
/// It is kept with the connection, so that no byte is searched twice however small the pieces are that arrive.
/// [`crate::read_request`] resets it after each request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct HeadSearch {
    searched: usize,
    line_start: usize,
    /// Offset of the request line, after any empty lines.
    head_start: usize,
    /// Complete lines of the head.
    lines: usize,
}

/// The result of a search.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Found {
    /// The range of the head, its empty last line included.
    Head(Range<usize>),
    /// A head that is refused without parsing it.
    Refused(Status),
    NotHttp,
}

impl HeadSearch {
    /// Continues the search. Returns `None` if the end of the head has not arrived.
    ///
    /// The end is the first empty line after the request line, by RFC 9112 (2.1, 2.2): empty lines before it are
    /// skipped, and a line may end with LF alone.
    pub(crate) fn advance(&mut self, bytes: &[u8]) -> Option<Found> {
        let window = bytes.get(..HEAD_BYTES_MAX).unwrap_or(bytes);
        while let Some(line) = self.next_line(window) {
            if let Some(found) = self.finish_line(line) {
                return Some(found);
            }
        }
        self.searched = window.len();
        let unfinished = window.get(self.line_start..).unwrap_or_default();
        if self.lines == 0 {
            if !may_be_request_line(unfinished) {
                return Some(Found::NotHttp);
            }
            // The last byte may be the CR of the line ending.
            if unfinished.len() > REQUEST_LINE_BYTES_MAX.saturating_add(1) {
                return Some(Found::Refused(Status::UriTooLong));
            }
        }
        let is_full = bytes.len() >= HEAD_BYTES_MAX;
        is_full.then_some(Found::Refused(Status::RequestHeaderFieldsTooLarge))
    }

    /// Returns the next complete line without its line ending.
    fn next_line<'a>(&mut self, window: &'a [u8]) -> Option<&'a [u8]> {
        let unsearched = window.get(self.searched..)?;
        let newline = self.searched.saturating_add(memchr(b'\n', unsearched)?);
        self.searched = newline.saturating_add(1);
        let line = window.get(self.line_start..newline)?;
        Some(line.strip_suffix(b"\r").unwrap_or(line))
    }

    /// Records the line that ends at `searched`.
    fn finish_line(&mut self, line: &[u8]) -> Option<Found> {
        self.line_start = self.searched;
        if self.lines == 0 {
            if line.is_empty() {
                self.head_start = self.searched;
                return None;
            }
            if !may_be_request_line(line) {
                return Some(Found::NotHttp);
            }
            if line.len() > REQUEST_LINE_BYTES_MAX {
                return Some(Found::Refused(Status::UriTooLong));
            }
        } else if line.is_empty() {
            return Some(Found::Head(self.head_start..self.searched));
        }
        self.lines = self.lines.saturating_add(1);
        let is_over = self.lines > HEADERS_MAX.saturating_add(1);
        is_over.then_some(Found::Refused(Status::RequestHeaderFieldsTooLarge))
    }
}

/// Returns whether the beginning of a line may be that of a request line: every method starts with a letter, and the first
/// byte of a TLS handshake is none.
fn may_be_request_line(line: &[u8]) -> bool {
    line.first().is_none_or(|&first| first == b'\r' || first.is_ascii_alphabetic())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn search(bytes: &[u8]) -> Option<Found> {
        HeadSearch::default().advance(bytes)
    }

    fn request_line(length: usize) -> Vec<u8> {
        [b"GET /".as_slice(), &[b'a'; 10_000][..length - 14], b" HTTP/1.1"].concat()
    }

    #[test]
    fn a_head_ends_with_its_first_empty_line() {
        assert_eq!(search(b"GET / HTTP/1.1\r\n\r\nGET"), Some(Found::Head(0..18)));
        assert_eq!(search(b"GET / HTTP/1.1\n\nGET"), Some(Found::Head(0..16)));
        assert_eq!(search(b"GET / HTTP/1.1\r\nHost: a\r\n\n"), Some(Found::Head(0..26)));
        assert_eq!(search(b"GET / HTTP/1.1\r\nHost: a\r\n"), None);
    }

    #[test]
    fn empty_lines_before_a_request_are_skipped() {
        assert_eq!(search(b"\r\n\nGET / HTTP/1.1\r\n\r\n"), Some(Found::Head(3..21)));
        assert_eq!(search(b"\r\n\r"), None);
    }

    #[test]
    fn no_byte_is_searched_twice() {
        let mut search = HeadSearch::default();
        assert_eq!(search.advance(b"GET / HTTP/1.1\r\nHost: exam"), None);
        assert_eq!(search.searched, 26);
        // The bytes that have been searched may be anything.
        assert_eq!(search.advance(b"..........................ple\r\n\r\n"), Some(Found::Head(0..33)));
    }

    #[test]
    fn a_request_line_of_8192_bytes_is_read_and_a_longer_one_is_refused() {
        for (length, found) in
            [(8192, Some(Found::Head(0..8196))), (8193, Some(Found::Refused(Status::UriTooLong)))]
        {
            let mut bytes = request_line(length);
            bytes.extend_from_slice(b"\r\n\r\n");
            assert_eq!(search(&bytes), found);
        }
        assert_eq!(search(&request_line(8193)), None);
        assert_eq!(search(&request_line(8194)), Some(Found::Refused(Status::UriTooLong)));
    }

    #[test]
    fn a_head_of_16384_bytes_is_read_and_a_longer_one_is_refused() {
        let refused = Some(Found::Refused(Status::RequestHeaderFieldsTooLarge));
        let head = [b"GET / HTTP/1.1\r\nX: ".as_slice(), &[b'a'; 16_361], b"\r\n\r\n"].concat();
        assert_eq!(search(&head), Some(Found::Head(0..16_384)));
        assert_eq!(search(&head[..16_383]), None);
        let longer = [b"\n".as_slice(), &head].concat();
        assert_eq!(search(&longer), refused);
        assert_eq!(search(&longer[..16_384]), refused);
        assert_eq!(search(&[b'\n'; 16_384]), refused);
    }

    #[test]
    fn sixty_four_header_lines_are_read_and_more_are_refused() {
        let head =
            |headers: usize| [b"GET / HTTP/1.1\n", b"X: y\n".repeat(headers).as_slice(), b"\n"].concat();
        assert_eq!(search(&head(64)), Some(Found::Head(0..336)));
        assert_eq!(search(&head(65)), Some(Found::Refused(Status::RequestHeaderFieldsTooLarge)));
    }

    #[test]
    fn other_protocols_are_detected_by_their_first_byte() {
        assert_eq!(search(b"\x16"), Some(Found::NotHttp));
        assert_eq!(search(b"\x13BitTorrent protocol"), Some(Found::NotHttp));
        assert_eq!(search(b"\r\n\x16\x03\x01\r\n"), Some(Found::NotHttp));
        assert_eq!(search(b""), None);
    }
}
