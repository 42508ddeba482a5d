use super::limits::{DRAIN_S, OWNER_WAIT_S};
use core::ops::ControlFlow;
use core_link::HttpLimits;
use engine::RoutedRequest;
use metrics::Counter;
use primitives::ShardId;
use ws_protocol::CloseCode;

/// The next step of a connection after its turn.
#[derive(Debug)]
pub(super) enum Next {
    Waits(WaitsFor),
    /// It waits until the owner of a torrent has returned a routed request of this core.
    WaitsForOwner(ShardId),
    /// It has more to serve, after the others have had their turn.
    Again,
    /// A request is to be sent to the owner of its torrent.
    Routed(ShardId, Box<RoutedRequest>),
    Ends(End),
}

/// A step of a connection's turn: the turn ends, or continues with a value.
pub(super) type Step<T> = ControlFlow<Next, T>;

/// Why a connection ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    ByClient,
    /// The last answer announced it.
    AfterAnswer,
    /// Its deadline has passed.
    Late(WaitsFor),
    /// Its input is not HTTP.
    NotHttp,
    /// A trusted proxy sent no header of the PROXY protocol.
    NoProxyHeader,
    /// The TLS session failed.
    Tls,
    /// Its client does not read what is sent to it.
    Slow,
    /// It was idle, and its place is needed for another.
    ForNewcomer,
    /// All connections of the core together hold more bytes than they may.
    BuffersFull,
    /// A system call on its socket failed.
    Broken,
    /// The tracker stops.
    Stop,
}

/// What a connection waits for; each has a deadline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum WaitsFor {
    /// The end of its first request, with the handshake and the headers before it.
    FirstRequest,
    /// The end of a request.
    Request,
    /// The beginning of the next request.
    NextRequest,
    /// The next frame of a WebSocket, before it is pinged.
    NextFrame,
    /// A frame after the ping.
    Pong,
    /// The client to receive an answer.
    AnswerTaken,
    /// The owner of a torrent to answer.
    RoutedRequest,
    /// The owner of a torrent to have room for its request.
    OwnerBusy,
    /// The client to close it after a refusal.
    Close,
}

impl WaitsFor {
    /// Returns how long a connection may wait.
    pub(super) const fn seconds(self, limits: &HttpLimits) -> u32 {
        match self {
            Self::FirstRequest => limits.first_request_s,
            Self::Request => limits.request_s,
            Self::NextRequest => limits.idle_s,
            Self::NextFrame => limits.web_socket_idle_s / 2,
            Self::Pong => limits.web_socket_idle_s - limits.web_socket_idle_s / 2,
            Self::AnswerTaken | Self::RoutedRequest => limits.answer_s,
            Self::OwnerBusy => OWNER_WAIT_S,
            Self::Close => DRAIN_S,
        }
    }
}

impl End {
    /// Returns the code with which a WebSocket ends for this reason, if the tracker ends it.
    pub(super) const fn close_code(self) -> Option<CloseCode> {
        match self {
            Self::Late(WaitsFor::NextFrame | WaitsFor::Pong | WaitsFor::Request) => {
                Some(CloseCode::PolicyViolation)
            }
            Self::ForNewcomer | Self::BuffersFull => Some(CloseCode::TryAgainLater),
            Self::Stop => Some(CloseCode::ServiceRestart),
            _ => None,
        }
    }

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
            Self::Late(WaitsFor::NextFrame | WaitsFor::Pong) => Counter::WsClosedIdle,
            Self::Slow => Counter::WsClosedSlow,
            Self::ForNewcomer => Counter::HttpClosedForNewcomer,
            Self::BuffersFull => Counter::HttpClosedBuffersFull,
            Self::Tls => Counter::HttpClosedTls,
            Self::Broken | Self::Late(WaitsFor::RoutedRequest | WaitsFor::OwnerBusy) => {
                Counter::HttpClosedBroken
            }
            Self::Stop => Counter::HttpClosedStop,
        }
    }
}
