use memchr::{memchr, memmem};

/// The result of reading the front of a connection's bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Incoming {
    /// More bytes are needed.
    Incomplete,
    Whole(Frame),
    /// A response that no working server sends; its end is not known.
    Wrong(&'static str),
}

/// The lengths of the parts of a response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Frame {
    status: u16,
    status_line_bytes: usize,
    head_bytes: usize,
    body_bytes: usize,
    pub(crate) persistence: Persistence,
}

/// A response that borrows the bytes it was read from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Response<'a> {
    /// Without its line end.
    pub(crate) status_line: &'a [u8],
    pub(crate) status: u16,
    pub(crate) body: &'a [u8],
    /// Bytes of head and body.
    pub(crate) bytes: usize,
    pub(crate) persistence: Persistence,
}

impl Frame {
    /// Bytes of head and body.
    pub(crate) const fn bytes(&self) -> usize {
        self.head_bytes + self.body_bytes
    }

    /// Returns the response in the bytes that the frame was read from.
    pub(crate) fn of<'a>(&self, bytes: &'a [u8]) -> Response<'a> {
        Response {
            status_line: &bytes[..self.status_line_bytes],
            status: self.status,
            body: &bytes[self.head_bytes..self.bytes()],
            bytes: self.bytes(),
            persistence: self.persistence,
        }
    }
}

/// Whether a connection is kept after a response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Persistence {
    Kept,
    Ended,
}

/// Whether more bytes can come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    Open,
    Ended,
}

/// The parts of a head that matter here.
struct Head {
    status: u16,
    status_line_bytes: usize,
    persistence: Persistence,
    /// Bytes of the body; `None` if it extends to the end of the connection.
    content_bytes: Option<usize>,
}

/// Limit of bytes of a body, far above those of trackers.
const CONTENT_BYTES_MAX: usize = 1 << 23;

/// Reads the response at the front of `bytes`. Evaluates only the parts that determine its end.
pub(crate) fn read(bytes: &[u8], ending: Ending) -> Incoming {
    let Some(status_line) = line(bytes) else { return Incoming::Incomplete };
    let Some(mut head) = Head::begin(status_line) else { return Incoming::Wrong("no status line of HTTP/1") };
    let mut at = status_line.len() + 2;
    loop {
        let Some(header) = line(&bytes[at..]) else { return Incoming::Incomplete };
        at += header.len() + 2;
        if header.is_empty() {
            return head.with_body(at, bytes.len(), ending);
        }
        if let Err(fault) = head.note(header) {
            return Incoming::Wrong(fault);
        }
    }
}

/// Returns the line at the front without its CRLF. For a line without a CR, returns bytes that are not a header.
fn line(bytes: &[u8]) -> Option<&[u8]> {
    let end = memchr(b'\n', bytes)?;
    Some(bytes[..end].strip_suffix(b"\r").unwrap_or(b"no CRLF"))
}

impl Head {
    fn begin(status_line: &[u8]) -> Option<Self> {
        let persistence = match status_line.strip_prefix(b"HTTP/1.")?.first()? {
            b'0' => Persistence::Ended,
            _ => Persistence::Kept,
        };
        let status = status_line.get(8..)?.strip_prefix(b" ")?.get(..3)?;
        let status = std::str::from_utf8(status).ok()?.parse().ok()?;
        Some(Self { status, status_line_bytes: status_line.len(), persistence, content_bytes: None })
    }

    /// Evaluates a header line that determines the end.
    fn note(&mut self, header: &[u8]) -> Result<(), &'static str> {
        let Some(colon) = memchr(b':', header) else { return Err("a header line without a colon or CRLF") };
        let (name, value) = (&header[..colon], header[colon + 1..].trim_ascii());
        if name.eq_ignore_ascii_case(b"content-length") {
            let length = std::str::from_utf8(value).ok().and_then(|digits| digits.parse().ok());
            let length = length.filter(|&length| length <= CONTENT_BYTES_MAX);
            self.content_bytes = Some(length.ok_or("a content length that is no number, or far too high")?);
        } else if name.eq_ignore_ascii_case(b"connection") {
            if value.eq_ignore_ascii_case(b"close") {
                self.persistence = Persistence::Ended;
            } else if value.eq_ignore_ascii_case(b"keep-alive") {
                self.persistence = Persistence::Kept;
            }
        } else if name.eq_ignore_ascii_case(b"transfer-encoding") {
            return Err("a transfer coding, which no request has asked for");
        }
        Ok(())
    }

    fn with_body(&self, head_bytes: usize, all_bytes: usize, ending: Ending) -> Incoming {
        let arrived_bytes = all_bytes - head_bytes;
        let body_bytes = match (self.content_bytes, ending) {
            // What follows is of the other protocol (RFC 9110, 15.2.2).
            _ if self.status == 101 => Some(0),
            (Some(length), _) => Some(length).filter(|&length| length <= arrived_bytes),
            (None, Ending::Ended) => Some(arrived_bytes),
            (None, Ending::Open) => None,
        };
        let Some(body_bytes) = body_bytes else { return Incoming::Incomplete };
        Incoming::Whole(Frame {
            status: self.status,
            status_line_bytes: self.status_line_bytes,
            head_bytes,
            body_bytes,
            // Without a length, the end of the connection is the end of the body.
            persistence: self.content_bytes.map_or(Persistence::Ended, |_| self.persistence),
        })
    }
}

/// Returns the length-prefixed string after the first `key` in bencoded bytes, without parsing the rest.
pub(crate) fn string_after<'a>(bytes: &'a [u8], key: &memmem::Finder<'_>) -> Option<&'a [u8]> {
    let value = &bytes[key.find(bytes)? + key.needle().len()..];
    let colon = memchr(b':', value)?;
    let length: usize = std::str::from_utf8(&value[..colon]).ok()?.parse().ok()?;
    value.get(colon + 1..)?.get(..length)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(bytes: &[u8]) -> Response<'_> {
        match read(bytes, Ending::Open) {
            Incoming::Whole(frame) => frame.of(bytes),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_response_ends_where_its_length_says() {
        let bytes = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\ncontent-length:  3 \r\n\r\nd1eHTTP";
        let response = whole(bytes);
        assert_eq!((response.status, response.body), (200, &b"d1e"[..]));
        assert_eq!((response.bytes, response.persistence), (bytes.len() - 4, Persistence::Kept));
        for cut in 0..response.bytes {
            assert_eq!(read(&bytes[..cut], Ending::Open), Incoming::Incomplete, "{cut}");
        }
    }

    #[test]
    fn a_response_without_a_length_ends_with_its_connection() {
        let bytes = b"HTTP/1.1 404 Not Found\r\n\r\nnothing";
        assert_eq!(read(bytes, Ending::Open), Incoming::Incomplete);
        let Incoming::Whole(frame) = read(bytes, Ending::Ended) else { panic!("no response") };
        let response = frame.of(bytes);
        assert_eq!((response.status_line, response.status), (&b"HTTP/1.1 404 Not Found"[..], 404));
        assert_eq!((response.body, response.persistence), (&b"nothing"[..], Persistence::Ended));
    }

    #[test]
    fn the_version_and_the_header_decide_whether_the_connection_is_kept() {
        for (head, persistence) in [
            ("HTTP/1.0 200 OK\r\n", Persistence::Ended),
            ("HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n", Persistence::Kept),
            ("HTTP/1.1 200 OK\r\nconnection: Close\r\n", Persistence::Ended),
        ] {
            let bytes = format!("{head}Content-Length: 0\r\n\r\n");
            assert_eq!(whole(bytes.as_bytes()).persistence, persistence, "{head}");
        }
    }

    #[test]
    fn a_response_whose_end_is_not_known_is_wrong() {
        for wrong in [
            "HTTP/2 200\r\n",
            "SSH-2.0\r\n",
            "HTTP/1.1 2x0 OK\r\n",
            "HTTP/1.1 200 OK\nContent-Length: 0\n\n",
            "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n",
            "HTTP/1.1 200 OK\r\nno header\r\n",
        ] {
            assert!(matches!(read(wrong.as_bytes(), Ending::Open), Incoming::Wrong(_)), "{wrong}");
        }
    }

    #[test]
    fn a_string_is_found_by_its_key() {
        let key = memmem::Finder::new("5:peers");
        assert_eq!(string_after(b"d5:peers3:abce", &key), Some(&b"abc"[..]));
        for none in [&b"d5:peersle"[..], b"d5:peers4:abc", b"d5:peers", b"de"] {
            assert_eq!(string_after(none, &key), None);
        }
    }
}
