use crate::declare::outcomes;
use primitives::{AddressFamily, RequestKind};
use std::iter::once;

/// The outcome of a datagram. Each datagram received has exactly one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    Answered,
    Error(ErrorReason),
    Dropped(DropReason),
}

/// The outcome of a request or message over a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConnectionOutcome {
    Http(AddressFamily, HttpOutcome),
    Message(MessageOutcome),
}

outcomes! {
    /// Why a request was answered with an error.
    pub enum ErrorReason {
        ConnectionIdExpired = "error_connection_id_expired" [outcome: "error", reason: "connection_id_expired"],
        /// The connection id was not issued to this address, or not by a tracker with this key.
        ConnectionIdWrong = "error_connection_id_wrong" [outcome: "error", reason: "connection_id_wrong"],
        /// The client, its user or the torrent is not admitted. Separate counters show which.
        Refused = "error_refused" [outcome: "error", reason: "refused"],
        /// An action that BEP 15 does not define, from a client that has proved its address.
        UnknownAction = "error_unknown_action" [outcome: "error", reason: "unknown_action"],
    }
}

outcomes! {
    /// Why a datagram was dropped without an answer.
    pub enum DropReason {
        /// Shorter than the fixed part of its request.
        TooShort = "dropped_too_short" [outcome: "dropped", reason: "too_short"],
        /// A connect without BEP 15's protocol id.
        WrongProtocolId = "dropped_wrong_protocol_id" [outcome: "dropped", reason: "wrong_protocol_id"],
        /// An action that BEP 15 does not define, without proof of the address.
        UnknownAction = "dropped_unknown_action" [outcome: "dropped", reason: "unknown_action"],
        /// Source port 0, to which nothing can be sent.
        SourcePortZero = "dropped_source_port_zero" [outcome: "dropped", reason: "source_port_zero"],
        /// The source's network is banned.
        Banned = "dropped_banned" [outcome: "dropped", reason: "banned"],
        /// An expired or wrong connection id, if the configuration says not to answer those.
        ConnectionIdSilenced = "dropped_connection_id_silenced" [outcome: "dropped", reason: "connection_id_silenced"],
        /// The source has proved its address, and is over its limit of requests.
        OverLimit = "dropped_over_limit" [outcome: "dropped", reason: "over_limit"],
        /// The source has not proved its address, and there are too many such requests.
        UnprovedOverLimit = "dropped_unproved_over_limit" [outcome: "dropped", reason: "unproved_over_limit"],
        /// The ring to the owner of the info hash was full.
        MeshFull = "dropped_mesh_full" [outcome: "dropped", reason: "mesh_full"],
    }
}

outcomes! {
    /// The outcome of an HTTP request. Each request read has exactly one.
    pub enum HttpOutcome {
        AnnounceAnswered = "announce_answered" [kind: "announce", outcome: "answered"],
        AnnounceRefused = "announce_refused" [kind: "announce", outcome: "error", reason: "refused"],
        ScrapeAnswered = "scrape_answered" [kind: "scrape", outcome: "answered"],
        ScrapeRefused = "scrape_refused" [kind: "scrape", outcome: "error", reason: "refused"],
        /// An announce answered with a failure because its owner could take no more requests.
        AnnounceBusy = "announce_busy" [kind: "announce", outcome: "error", reason: "busy"],
        /// A scrape answered with a failure because an owner could take no more requests.
        ScrapeBusy = "scrape_busy" [kind: "scrape", outcome: "error", reason: "busy"],
        HealthChecked = "health_checked" [kind: "health_check", outcome: "answered"],
        /// A WebSocket was opened.
        Upgraded = "upgraded" [kind: "upgrade", outcome: "answered"],
        /// A WebSocket was refused because of the network, the origin or the form of the request.
        UpgradeRefused = "upgrade_refused" [kind: "upgrade", outcome: "error", reason: "refused"],
        /// The statistics page, or its figures as JSON.
        Statistics = "statistics" [kind: "statistics", outcome: "answered"],
        /// `OPTIONS`, `/`, `/robots.txt` or `/favicon.ico`.
        Elsewhere = "elsewhere" [kind: "other", outcome: "answered"],
        /// An unknown path, or the statistics page where there is none.
        NotFound = "not_found" [kind: "other", outcome: "error", reason: "not_found"],
        /// A request that can only be answered with an HTTP error status, or for the statistics from a denied network.
        BadRequest = "bad_request" [kind: "unknown", outcome: "error", reason: "bad_request"],
        /// An announce answered with a failure because its source made too many requests.
        AnnounceOverLimit = "announce_over_limit" [kind: "announce", outcome: "error", reason: "over_limit"],
        /// A scrape answered with a failure because its source made too many requests.
        ScrapeOverLimit = "scrape_over_limit" [kind: "scrape", outcome: "error", reason: "over_limit"],
        /// Another request answered with status 429 because its source made too many.
        OverLimit = "over_limit" [kind: "other", outcome: "error", reason: "over_limit"],
    }
}

outcomes! {
    /// The outcome of a message over a WebSocket. Each whole message has exactly one.
    pub enum MessageOutcome {
        AnnounceAnswered = "announce_answered" [kind: "announce", outcome: "answered"],
        AnnounceRefused = "announce_refused" [kind: "announce", outcome: "error", reason: "refused"],
        /// An answer was passed on to the peer that it names.
        AnswerPassedOn = "answer_passed_on" [kind: "answer", outcome: "answered"],
        /// An answer was dropped: its peer or its client is not in the swarm, or it is too long or one too many.
        AnswerDropped = "answer_dropped" [kind: "answer", outcome: "dropped", reason: "undeliverable"],
        ScrapeAnswered = "scrape_answered" [kind: "scrape", outcome: "answered"],
        ScrapeRefused = "scrape_refused" [kind: "scrape", outcome: "error", reason: "refused"],
        /// A message answered with a failure because its owner could take no more requests.
        Busy = "busy" [kind: "other", outcome: "error", reason: "busy"],
        /// A message without a usable info hash, to which no client would understand a reply.
        Ignored = "ignored" [kind: "unknown", outcome: "dropped", reason: "ignored"],
        /// A message answered with a failure because its source sent too many.
        OverLimit = "over_limit" [kind: "other", outcome: "error", reason: "over_limit"],
    }
}

impl Outcome {
    /// Returns whether datagrams of this kind can have the outcome.
    #[must_use]
    pub const fn is_possible(self, kind: RequestKind) -> bool {
        let is_unknown = matches!(kind, RequestKind::Unknown);
        let is_connect = matches!(kind, RequestKind::Connect);
        match self {
            Self::Dropped(DropReason::Banned) => true,
            Self::Dropped(DropReason::TooShort | DropReason::OverLimit) => !is_connect,
            Self::Answered | Self::Dropped(DropReason::SourcePortZero | DropReason::UnprovedOverLimit) => {
                !is_unknown
            }
            Self::Dropped(DropReason::WrongProtocolId) => is_connect,
            Self::Error(ErrorReason::UnknownAction) | Self::Dropped(DropReason::UnknownAction) => is_unknown,
            Self::Error(_) | Self::Dropped(DropReason::ConnectionIdSilenced | DropReason::MeshFull) => {
                !is_unknown && !is_connect
            }
        }
    }

    /// Returns all outcomes in the order of their places.
    pub(crate) fn all() -> impl Iterator<Item = Self> {
        let errors = ErrorReason::ALL.into_iter().map(Self::Error);
        once(Self::Answered).chain(errors).chain(DropReason::ALL.into_iter().map(Self::Dropped))
    }

    const DROPS_AT: usize = 1 + ErrorReason::ALL.len();
    pub(crate) const COUNT: usize = Self::DROPS_AT + DropReason::ALL.len();

    /// Returns the place among the outcomes.
    pub(crate) const fn index(self) -> usize {
        match self {
            Self::Answered => 0,
            Self::Error(reason) => 1 + reason as usize,
            Self::Dropped(reason) => Self::DROPS_AT + reason as usize,
        }
    }
}
