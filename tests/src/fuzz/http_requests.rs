mod answer;

use http_protocol::{
    Framing, HEAD_BYTES_MAX, HeadSearch, Incoming, REQUEST_LINE_BYTES_MAX, Request, Route, Status, Version,
    read_request,
};

/// Parses `connection` as the bytes that a client sends, in one piece and in small pieces, which must yield the
/// same requests. Each request must match a plain parser, and a response to it must be readable.
///
/// # Panics
/// If the requests differ, or a response cannot be parsed.
pub fn http_requests(connection: &[u8]) {
    let mut whole = Vec::new();
    let rest = read_all(connection, connection.len().max(1), |request, bytes| {
        check_request(request, bytes);
        answer::check(request);
        whole.push(format!("{request:?}"));
    });
    check_rest(connection, rest);
    // The pieces grow with the input, so that a long one takes no longer than a short one.
    let piece = 1 + connection.len() / 512;
    let mut in_pieces = Vec::new();
    let rest_in_pieces = read_all(connection, piece, |request, _| in_pieces.push(format!("{request:?}")));
    assert_eq!((whole, rest), (in_pieces, rest_in_pieces), "{}", connection.escape_ascii());
}

/// The bytes after the last request: where they begin, and the result of parsing them.
type Rest = (usize, Ending);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ending {
    Incomplete,
    Refused(Status),
    NotHttp,
}

fn read_all(connection: &[u8], piece: usize, mut note: impl FnMut(&Request<'_>, &[u8])) -> Rest {
    let mut search = HeadSearch::default();
    let (mut start, mut end) = (0, 0);
    loop {
        match read_request(&connection[start..end], &mut search) {
            Incoming::Request(request) => {
                note(&request, &connection[start..][..request.bytes]);
                start += request.bytes;
            }
            Incoming::Incomplete if end == connection.len() => return (start, Ending::Incomplete),
            Incoming::Incomplete => end = (end + piece).min(connection.len()),
            Incoming::Refused(status) => return (start, Ending::Refused(status)),
            Incoming::NotHttp => return (start, Ending::NotHttp),
        }
    }
}

/// Returns the lines of a head, without the empty ones before and after it.
fn lines(bytes: &[u8]) -> Vec<&[u8]> {
    let lines = bytes.split(|&byte| byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    lines.skip_while(|line| line.is_empty()).take_while(|line| !line.is_empty()).collect()
}

/// Returns the length of the request at the front, including the first empty line after a non-empty one.
fn head_bytes(bytes: &[u8]) -> Option<usize> {
    let mut length = 0;
    let mut is_begun = false;
    for line in bytes.split_inclusive(|&byte| byte == b'\n') {
        length += line.len();
        match line {
            b"\n" | b"\r\n" if is_begun => return Some(length),
            b"\n" | b"\r\n" => {}
            _ => is_begun = true,
        }
    }
    None
}

fn check_request(request: &Request<'_>, bytes: &[u8]) {
    assert_eq!(head_bytes(bytes), Some(request.bytes));
    assert!(request.bytes <= HEAD_BYTES_MAX);
    let lines = lines(bytes);
    assert!(lines[0].len() <= REQUEST_LINE_BYTES_MAX);
    let words: Vec<&[u8]> = lines[0].split(|&byte| byte == b' ').collect();
    let [method, target, version] = words[..] else { panic!("three words: {}", lines[0].escape_ascii()) };
    assert!([b"GET".as_slice(), b"HEAD", b"OPTIONS"].contains(&method));
    assert_eq!(request.route == Route::Options, method == b"OPTIONS");
    assert!(target.ends_with(request.query) || method == b"OPTIONS");
    let expected: &[u8] = if request.framing.version == Version::Http10 { b"HTTP/1.0" } else { b"HTTP/1.1" };
    assert_eq!(version, expected);
    check_headers(request, &lines[1..]);
}

fn check_headers(request: &Request<'_>, lines: &[&[u8]]) {
    let headers: Vec<(Vec<u8>, &[u8])> = lines
        .iter()
        .map(|line| {
            let colon = line.iter().position(|&byte| byte == b':').expect("a colon");
            (line[..colon].to_ascii_lowercase(), line[colon + 1..].trim_ascii())
        })
        .collect();
    let read: Vec<_> =
        request.headers.iter().map(|header| (header.name.to_ascii_lowercase(), header.value)).collect();
    assert_eq!(read, headers);
    let values = |name: &[u8]| -> Vec<&[u8]> {
        headers.iter().filter(|header| header.0 == name).map(|header| header.1).collect()
    };
    let hosts = values(b"host").len();
    assert!(hosts == 1 || hosts == 0 && request.framing.version == Version::Http10, "{hosts} hosts");
    assert!(values(b"transfer-encoding").is_empty());
    assert!(values(b"content-length").iter().all(|value| value.iter().all(|&digit| digit == b'0')));
    let lines = values(b"x-forwarded-for");
    let elements: Vec<&[u8]> =
        lines.iter().flat_map(|line| line.split(|&byte| byte == b',')).map(<[u8]>::trim_ascii).collect();
    for (index, element) in elements.iter().rev().enumerate() {
        assert_eq!(request.headers.forwarded_for_from_right(index), Some(*element));
    }
    assert_eq!(request.headers.forwarded_for_from_right(elements.len()), None);
}

/// Checks that the remaining bytes do not begin with a valid request.
fn check_rest(connection: &[u8], (start, ending): Rest) {
    let rest = &connection[start..];
    let first_line = lines(rest).first().copied().unwrap_or_default();
    match ending {
        Ending::Incomplete => {
            assert!(head_bytes(rest).is_none() && rest.len() < HEAD_BYTES_MAX);
            answer::check_status(Framing::FINAL, Status::NotFound);
        }
        Ending::Refused(status) => {
            let begins_like_http =
                first_line.first().is_none_or(|byte| byte.is_ascii_alphabetic() || *byte == b'\r');
            assert!(begins_like_http, "{}", first_line.escape_ascii());
            assert!(status != Status::UriTooLong || first_line.len() > REQUEST_LINE_BYTES_MAX);
            answer::check_status(Framing::FINAL, status);
        }
        Ending::NotHttp => assert!(!first_line[0].is_ascii_alphabetic() || first_line == b"PRI * HTTP/2.0"),
    }
}
