use super::OutOfRoom;
use super::frame::{ContentType, write_head};
use crate::bencode::Writer;
use crate::framing::{Content, Framing};
use crate::request::ContentCoding;
use crate::status::Status;
use core::ops::Range;

/// A page or another file for browsers. Its body may be longer than any buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PageResponse<'a> {
    pub framing: Framing,
    pub content_type: ContentType,
    /// Coding of the body.
    pub coding: ContentCoding,
    /// Seconds for which it may be cached.
    pub max_age_s: u32,
    /// Value of `Content-Security-Policy`.
    pub security_policy: &'a str,
    pub body: &'a [u8],
}

impl PageResponse<'_> {
    /// Writes the head and as much of the body as there is room for. Returns the range in `out`, and how many bytes of the
    /// body remain to be sent. To a `HEAD`, none of it is sent.
    pub fn write(&self, out: &mut [u8]) -> Result<(Range<usize>, usize), OutOfRoom> {
        let mut head = Writer::new(out);
        write_head(&mut head, self.framing, (Status::Ok, self.content_type), |head| {
            self.write_lines(head);
        });
        let head_bytes = head.written().ok_or(OutOfRoom)?;
        if self.framing.content == Content::Withheld {
            return Ok((0..head_bytes, 0));
        }
        let room = out.get_mut(head_bytes..).unwrap_or_default();
        let (first, rest) = self.body.split_at(room.len().min(self.body.len()));
        room.get_mut(..first.len()).ok_or(OutOfRoom)?.copy_from_slice(first);
        Ok((0..head_bytes.saturating_add(first.len()), rest.len()))
    }

    fn write_lines(&self, head: &mut Writer<'_>) {
        head.literal("Content-Length: ");
        head.decimal(self.body.len() as u64);
        head.literal("\r\nCache-Control: max-age=");
        head.decimal(self.max_age_s.into());
        head.literal("\r\nVary: Accept, Accept-Encoding\r\n");
        if self.coding == ContentCoding::Gzip {
            head.literal("Content-Encoding: gzip\r\n");
        }
        head.literal("Content-Security-Policy: ");
        head.literal(self.security_policy);
        head.literal("\r\nX-Content-Type-Options: nosniff\r\nReferrer-Policy: no-referrer\r\n");
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::ORDINARY;
    use super::*;

    const PAGE: PageResponse<'_> = PageResponse {
        framing: ORDINARY,
        content_type: ContentType::Html,
        coding: ContentCoding::Gzip,
        max_age_s: 5,
        security_policy: "default-src 'none'",
        body: b"<html>",
    };

    const HEAD: &str = "HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: 6\r\n\
        Cache-Control: max-age=5\r\nVary: Accept, Accept-Encoding\r\nContent-Encoding: gzip\r\n\
        Content-Security-Policy: default-src 'none'\r\nX-Content-Type-Options: nosniff\r\n\
        Referrer-Policy: no-referrer\r\n\r\n";

    fn written(page: PageResponse<'_>, room: usize) -> (String, usize) {
        let mut out = vec![0; room];
        let (written, left) = page.write(&mut out).unwrap();
        (String::from_utf8(out[written].to_vec()).unwrap(), left)
    }

    #[test]
    fn the_body_follows_the_head_as_far_as_there_is_room() {
        for (room, body, left) in [(0, "", 6), (2, "<h", 4), (6, "<html>", 0), (100, "<html>", 0)] {
            assert_eq!(written(PAGE, HEAD.len() + room), (format!("{HEAD}{body}"), left));
        }
        assert_eq!(PAGE.write(&mut vec![0; HEAD.len() - 1]), Err(OutOfRoom));
    }

    #[test]
    fn a_head_request_gets_the_head_alone() {
        let framing = Framing { content: Content::Withheld, ..ORDINARY };
        assert_eq!(written(PageResponse { framing, ..PAGE }, 1024), (HEAD.to_owned(), 0));
    }
}
