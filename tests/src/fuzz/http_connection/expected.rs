use crate::http_client::HttpAnswer;
use http_protocol::{Connection, Content, HeadSearch, Incoming, Request, Route, SitePath, read_request};

/// Checks that `told` has one response for each request in `said`, in their order, and nothing after them. Returns
/// the number of requests.
pub(super) fn check(said: &[u8], requests_max: u32, told: &[u8]) -> u64 {
    let (mut said, mut told) = (said, told);
    let mut search = HeadSearch::default();
    let mut requests = 0;
    loop {
        match read_request(said, &mut search) {
            Incoming::Incomplete | Incoming::NotHttp => break,
            Incoming::Refused(_) => {
                requests += 1;
                assert!(take_answer(&mut told, Content::Sent) >= 400);
                break;
            }
            Incoming::Request(request) => {
                requests += 1;
                assert_eq!(take_answer(&mut told, request.framing.content), status(&request));
                if request.framing.connection == Connection::Close || requests == u64::from(requests_max) {
                    break;
                }
                said = &said[request.bytes..];
            }
        }
    }
    assert_eq!(told, b"", "no response without a request");
    requests
}

/// Returns the length of the first requests in `said`.
pub(super) fn bytes_of(said: &[u8], requests: u64) -> usize {
    let mut search = HeadSearch::default();
    (0..requests).fold(0, |bytes, _| match read_request(&said[bytes..], &mut search) {
        Incoming::Request(request) => bytes + request.bytes,
        Incoming::Incomplete | Incoming::Refused(_) | Incoming::NotHttp => bytes,
    })
}

const fn status(request: &Request<'_>) -> u16 {
    match request.route {
        Route::Options => 204,
        Route::Site(SitePath::Robots | SitePath::Favicon) => 200,
        Route::NotFound | Route::Site(_) => 404,
        _ => 200,
    }
}

/// Removes the response at the front and returns its status.
fn take_answer(told: &mut &[u8], content: Content) -> u16 {
    let end = told.windows(4).position(|window| window == b"\r\n\r\n").expect("the head of a response") + 4;
    if content == Content::Withheld {
        let status = str::from_utf8(&told[9..12]).ok().and_then(|code| code.parse().ok());
        *told = &told[end..];
        return status.expect("a status");
    }
    let (answer, rest) = HttpAnswer::read_first(told).expect("a whole response");
    *told = rest;
    answer.status
}
