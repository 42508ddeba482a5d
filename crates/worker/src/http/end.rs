use primitives::Counter;

/// Why a connection ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// Its client closed it.
    ByClient,
    /// The last answer said so.
    AfterAnswer,
    /// Its time is over.
    Late(WaitsFor),
    /// It spoke something else than HTTP.
    NotHttp,
    /// A proxy did not tell whose it is.
    NoProxyHeader,
    /// Its TLS went wrong.
    Tls,
    /// A call on its socket failed.
    Broken,
    /// The tracker stops.
    Stop,
}

/// What a connection waits for, and has a deadline for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WaitsFor {
    /// Its first request, with all that comes before it.
    FirstRequest,
    /// The rest of a request.
    Request,
    /// The next request.
    NextRequest,
    /// Its client to take an answer.
    AnswerTaken,
    /// The owner of a torrent.
    RoutedRequest,
    /// The owner of a torrent to have room for its request.
    OwnerBusy,
    /// Its client to close it, after a refusal.
    Close,
}

impl End {
    pub(super) const fn counter(self) -> Counter {
        match self {
            Self::ByClient => Counter::HttpClosedByClient,
            Self::AfterAnswer | Self::Late(WaitsFor::Close) => Counter::HttpClosedAfterAnswer,
            Self::Late(WaitsFor::FirstRequest) => Counter::HttpClosedFirstRequest,
            Self::Late(WaitsFor::Request) => Counter::HttpClosedSlowRequest,
            Self::Late(WaitsFor::NextRequest) => Counter::HttpClosedIdle,
            Self::Late(WaitsFor::AnswerTaken) => Counter::HttpClosedSlowAnswer,
            Self::NotHttp => Counter::HttpClosedNotHttp,
            Self::NoProxyHeader => Counter::HttpClosedProxyHeader,
            Self::Tls => Counter::HttpClosedTls,
            Self::Broken | Self::Late(WaitsFor::RoutedRequest | WaitsFor::OwnerBusy) => {
                Counter::HttpClosedBroken
            }
            Self::Stop => Counter::HttpClosedStop,
        }
    }
}
