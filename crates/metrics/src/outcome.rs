use crate::declare::declare;

/// The outcome of a datagram. Each datagram received has exactly one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    Answered,
    Error(ErrorReason),
    Dropped(DropReason),
}

declare! {
    /// Why a request was answered with an error.
    pub enum ErrorReason {
        ConnectionIdExpired = "error_connection_id_expired",
        /// The connection id was not issued to this address, or not by a tracker with this key.
        ConnectionIdWrong = "error_connection_id_wrong",
        /// The client, its user or the torrent is not admitted. Separate counters show which.
        Refused = "error_refused",
        /// An action that BEP 15 does not define, from a client that has proved its address.
        UnknownAction = "error_unknown_action",
    }
}

declare! {
    /// Why a datagram was dropped without an answer.
    pub enum DropReason {
        /// Shorter than the fixed part of its request.
        TooShort = "dropped_too_short",
        /// A connect without BEP 15's protocol id.
        WrongProtocolId = "dropped_wrong_protocol_id",
        /// An action that BEP 15 does not define, without proof of the address.
        UnknownAction = "dropped_unknown_action",
        /// Source port 0, to which nothing can be sent.
        SourcePortZero = "dropped_source_port_zero",
        /// The source's network is banned.
        Banned = "dropped_banned",
        /// An expired or wrong connection id, if the configuration says not to answer those.
        ConnectionIdSilenced = "dropped_connection_id_silenced",
        /// The ring to the owner of the info hash was full.
        MeshFull = "dropped_mesh_full",
    }
}

declare! {
    /// The outcome of an HTTP request. Each request read has exactly one.
    pub enum HttpOutcome {
        AnnounceAnswered = "announce_answered",
        AnnounceRefused = "announce_refused",
        ScrapeAnswered = "scrape_answered",
        ScrapeRefused = "scrape_refused",
        /// An announce or scrape answered with a failure because its owner could take no more requests.
        Busy = "busy",
        HealthChecked = "health_checked",
        /// A WebSocket was opened.
        Upgraded = "upgraded",
        /// A WebSocket was refused because of the network, the origin or the form of the request.
        UpgradeRefused = "upgrade_refused",
        /// `OPTIONS`, or an unknown path.
        Elsewhere = "elsewhere",
        /// A request that can only be answered with an HTTP error status.
        BadRequest = "bad_request",
    }
}

declare! {
    /// The outcome of a message over a WebSocket. Each whole message has exactly one.
    pub enum MessageOutcome {
        AnnounceAnswered = "announce_answered",
        AnnounceRefused = "announce_refused",
        /// An answer was passed on to the peer that it names.
        AnswerPassedOn = "answer_passed_on",
        /// An answer was dropped: its peer or its client is not in the swarm, or it is too long or one too many.
        AnswerDropped = "answer_dropped",
        ScrapeAnswered = "scrape_answered",
        ScrapeRefused = "scrape_refused",
        /// A message answered with a failure because its owner could take no more requests.
        Busy = "busy",
        /// A message without a usable info hash, to which no client would understand a reply.
        Ignored = "ignored",
    }
}

impl Outcome {
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
