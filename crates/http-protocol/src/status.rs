/// The status of a response (RFC 9110, 15). Announces and scrapes always get 200, even with a failure (BEP 3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    Ok,
    /// 204: the response to `OPTIONS`.
    NoContent,
    /// 302: the resource is elsewhere for the time being.
    Found,
    BadRequest,
    Forbidden,
    NotFound,
    MethodNotAllowed,
    /// 413: a request with a body.
    ContentTooLarge,
    UriTooLong,
    ExpectationFailed,
    /// 426: a WebSocket of another version than 13.
    UpgradeRequired,
    /// 429: the client makes more requests than it may, and tries again after these seconds.
    TooManyRequests {
        retry_s: u32,
    },
    RequestHeaderFieldsTooLarge,
    HttpVersionNotSupported,
}

impl Status {
    /// Returns the code and reason, as in a status line.
    pub const fn line(self) -> &'static str {
        match self {
            Self::Ok => "200 OK",
            Self::NoContent => "204 No Content",
            Self::Found => "302 Found",
            Self::BadRequest => "400 Bad Request",
            Self::Forbidden => "403 Forbidden",
            Self::NotFound => "404 Not Found",
            Self::MethodNotAllowed => "405 Method Not Allowed",
            Self::ContentTooLarge => "413 Content Too Large",
            Self::UriTooLong => "414 URI Too Long",
            Self::ExpectationFailed => "417 Expectation Failed",
            Self::UpgradeRequired => "426 Upgrade Required",
            Self::TooManyRequests { .. } => "429 Too Many Requests",
            Self::RequestHeaderFieldsTooLarge => "431 Request Header Fields Too Large",
            Self::HttpVersionNotSupported => "505 HTTP Version Not Supported",
        }
    }
}

/// Size of the longest [`Status::line`].
pub(crate) const STATUS_LINE_BYTES_MAX: usize = Status::RequestHeaderFieldsTooLarge.line().len();
