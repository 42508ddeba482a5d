use super::OutOfRoom;
use super::frame::{ContentType, write_head};
use super::scrape::ScrapeFile;
use crate::bencode::Writer;
use crate::framing::{Connection, Content, Framing, Version};
use crate::request::ContentCoding;
use crate::status::Status;
use core::ops::Range;
use std::io::Write;

/// The response to a scrape of all torrents. Its length is not known in advance: after the head, the body is written in
/// pieces.
///
/// HTTP/1.1 clients get the pieces as chunks (RFC 9112, 7.1), others up to the end of the connection. The torrents are
/// unsorted, because to sort them all of them would have to be stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FullScrapeResponse {
    pub framing: Framing,
    /// Coding that the pieces have when they are passed to [`Self::frame`].
    pub coding: ContentCoding,
}

impl FullScrapeResponse {
    /// The start of the body, before the torrents.
    pub const BEGIN: &'static [u8] = b"d5:filesd";

    /// The end of the body, after the torrents.
    pub const END: &'static [u8] = b"ee";

    /// Creates the response to a request. Without chunks, the connection is closed after it.
    pub const fn new(mut framing: Framing, coding: ContentCoding) -> Self {
        if matches!(framing.version, Version::Http10) {
            framing.connection = Connection::Close;
        }
        Self { framing, coding }
    }

    /// Returns whether pieces are chunks, each with its length before it.
    pub const fn is_chunked(&self) -> bool {
        matches!(self.framing.version, Version::Http11)
    }

    /// Returns whether there is a body, which a response to `HEAD` lacks.
    pub const fn has_body(&self) -> bool {
        matches!(self.framing.content, Content::Sent)
    }

    /// Writes the head and returns its range in `out`.
    pub fn write_head(&self, out: &mut [u8]) -> Result<Range<usize>, OutOfRoom> {
        let mut head = Writer::new(out);
        let coding = match self.coding {
            ContentCoding::Identity => "",
            ContentCoding::Gzip => "Content-Encoding: gzip\r\n",
        };
        let transfer = if self.is_chunked() { "Transfer-Encoding: chunked\r\n" } else { "" };
        write_head(&mut head, self.framing, (Status::Ok, ContentType::Text), |head| {
            head.literal(coding);
            head.literal(transfer);
        });
        Ok(0..head.written().ok_or(OutOfRoom)?)
    }

    /// Writes torrents to the front of `out` and returns their size in bytes.
    ///
    /// # Errors
    /// If `out` is too small. [`super::RESPONSE_BYTES_MAX`] bytes are enough for
    /// [`SCRAPE_HASHES_MAX`](crate::SCRAPE_HASHES_MAX).
    pub fn write_files(files: &[ScrapeFile], out: &mut [u8]) -> Result<usize, OutOfRoom> {
        let mut body = Writer::new(out);
        files.iter().for_each(|file| file.write(&mut body));
        body.written().ok_or(OutOfRoom)
    }

    /// Appends a piece of the body, framed.
    pub fn frame(&self, piece: &[u8], out: &mut Vec<u8>) {
        // An empty chunk would end the body.
        if piece.is_empty() {
            return;
        }
        if self.is_chunked() {
            // Writing to a vector cannot fail.
            let _written = write!(out, "{:x}\r\n", piece.len());
            out.extend_from_slice(piece);
            out.extend_from_slice(b"\r\n");
        } else {
            out.extend_from_slice(piece);
        }
    }

    /// Appends the end of the framing after the last piece.
    pub fn frame_end(&self, out: &mut Vec<u8>) {
        if self.is_chunked() {
            out.extend_from_slice(b"0\r\n\r\n");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::ORDINARY;
    use super::*;
    use primitives::InfoHash;

    fn head(response: FullScrapeResponse) -> String {
        let mut out = [0; 1024];
        let written = response.write_head(&mut out).unwrap();
        String::from_utf8(out[written].to_vec()).unwrap()
    }

    #[test]
    fn the_body_is_chunked_or_ends_with_the_connection() {
        let response = FullScrapeResponse { framing: ORDINARY, coding: ContentCoding::Identity };
        let expected = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n";
        assert_eq!(head(response), expected);
        let old =
            FullScrapeResponse::new(Framing { version: Version::Http10, ..ORDINARY }, ContentCoding::Gzip);
        let expected = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Encoding: gzip\r\n\
            Connection: close\r\n\r\n";
        assert_eq!(head(old), expected);
    }

    #[test]
    fn a_chunk_has_its_length_and_an_empty_one_is_the_last() {
        let response = FullScrapeResponse { framing: ORDINARY, coding: ContentCoding::Identity };
        let mut out = Vec::new();
        response.frame(&[b'a'; 26], &mut out);
        response.frame(b"", &mut out);
        response.frame_end(&mut out);
        assert_eq!(out, b"1a\r\naaaaaaaaaaaaaaaaaaaaaaaaaa\r\n0\r\n\r\n");
    }

    #[test]
    fn torrents_between_begin_and_end_are_the_body_of_a_scrape() {
        let file = ScrapeFile { info_hash: InfoHash([b'a'; 20]), complete: 1, downloaded: 2, incomplete: 3 };
        let mut out = [0; 1024];
        let length = FullScrapeResponse::write_files(&[file], &mut out).unwrap();
        let body = [FullScrapeResponse::BEGIN, &out[..length], FullScrapeResponse::END].concat();
        let expected = b"d5:filesd20:aaaaaaaaaaaaaaaaaaaad8:completei1e10:downloadedi2e10:incompletei3eeee";
        assert_eq!(body, expected);
    }
}
