use metrics::{ConnectionOutcome, HttpOutcome, MessageOutcome};
use primitives::AddressFamily;

/// The protocol of a reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    Udp,
    /// HTTP and HTTPS.
    Http,
    /// Messages over WebSockets.
    Ws,
}

/// The kind of a reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReplyKind {
    Connect,
    Announce,
    Scrape,
    /// Reports an error, whatever the request.
    Error,
    /// To a request that concerns no torrent.
    Other,
}

/// The protocol and the kind of a reply, and the family of its client. Each combination has its own histograms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReplyTag {
    pub protocol: Protocol,
    pub kind: ReplyKind,
    pub family: AddressFamily,
}

impl Protocol {
    /// All protocols.
    pub const ALL: [Self; 3] = [Self::Udp, Self::Http, Self::Ws];

    /// The kinds of its replies, in their order. Those of UDP are indexed by their actions in BEP 15.
    const fn kinds(self) -> &'static [ReplyKind] {
        use ReplyKind::{Announce, Connect, Error, Other, Scrape};
        match self {
            Self::Udp => &[Connect, Announce, Scrape, Error],
            Self::Http => &[Announce, Scrape, Error, Other],
            Self::Ws => &[Announce, Scrape, Error],
        }
    }

    const fn first_slot(self) -> usize {
        match self {
            Self::Udp => 0,
            Self::Http => ReplyTag::UDP,
            Self::Ws => ReplyTag::UDP + Self::Http.kinds().len() * FAMILIES,
        }
    }

    /// Returns the name, as a label has it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Udp => "udp",
            Self::Http => "http",
            Self::Ws => "ws",
        }
    }
}

const FAMILIES: usize = AddressFamily::ALL.len();

impl ReplyKind {
    /// Returns the name, as a label has it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::Announce => "announce",
            Self::Scrape => "scrape",
            Self::Error => "error",
            Self::Other => "other",
        }
    }
}

impl ReplyTag {
    /// Number of the tags of UDP, which are the first.
    pub(crate) const UDP: usize = Protocol::Udp.kinds().len() * FAMILIES;
    pub(crate) const COUNT: usize = Protocol::Ws.first_slot() + Protocol::Ws.kinds().len() * FAMILIES;

    /// All tags, in the order of their slots.
    pub const ALL: [Self; Self::COUNT] = {
        let (protocol, family) = (Protocol::Udp, AddressFamily::V4);
        let mut all = [Self { protocol, kind: ReplyKind::Connect, family }; Self::COUNT];
        let mut slot = 0;
        while slot < Self::COUNT {
            let protocol = Protocol::ALL[(slot >= Protocol::Http.first_slot()) as usize
                + (slot >= Protocol::Ws.first_slot()) as usize];
            let (kinds, index) = (protocol.kinds(), slot - protocol.first_slot());
            let family = AddressFamily::ALL[index / kinds.len()];
            all[slot] = Self { protocol, kind: kinds[index % kinds.len()], family };
            slot += 1;
        }
        all
    };

    /// Returns the tag of a reply over UDP.
    #[must_use]
    pub const fn udp(kind: ReplyKind, family: AddressFamily) -> Self {
        Self { protocol: Protocol::Udp, kind, family }
    }

    /// Returns the tag of an encoded reply over UDP to a client of `family`, or `None` if it is not a reply of BEP 15.
    pub fn of_reply(reply: &[u8], family: AddressFamily) -> Option<Self> {
        let action = u32::from_be_bytes(*reply.first_chunk()?);
        let kind = *Protocol::Udp.kinds().get(usize::try_from(action).ok()?)?;
        Some(Self::udp(kind, family))
    }

    /// Returns the tag of the answer to an HTTP request with this outcome.
    #[must_use]
    pub const fn http(outcome: HttpOutcome, family: AddressFamily) -> Self {
        let kind = match outcome {
            HttpOutcome::AnnounceAnswered => ReplyKind::Announce,
            HttpOutcome::ScrapeAnswered => ReplyKind::Scrape,
            HttpOutcome::AnnounceRefused
            | HttpOutcome::ScrapeRefused
            | HttpOutcome::AnnounceBusy
            | HttpOutcome::ScrapeBusy
            | HttpOutcome::NotFound
            | HttpOutcome::UpgradeRefused
            | HttpOutcome::AnnounceOverLimit
            | HttpOutcome::ScrapeOverLimit
            | HttpOutcome::OverLimit
            | HttpOutcome::BadRequest => ReplyKind::Error,
            HttpOutcome::HealthChecked
            | HttpOutcome::Upgraded
            | HttpOutcome::Statistics
            | HttpOutcome::Elsewhere => ReplyKind::Other,
        };
        Self { protocol: Protocol::Http, kind, family }
    }

    /// Returns the tag of the reply to a request or message with this outcome, if it has one. A message came from a
    /// client of `family`.
    #[must_use]
    pub const fn of_outcome(outcome: ConnectionOutcome, family: AddressFamily) -> Option<Self> {
        match outcome {
            ConnectionOutcome::Http(family, outcome) => Some(Self::http(outcome, family)),
            ConnectionOutcome::Message(outcome) => Self::message(outcome, family),
        }
    }

    /// Returns the tag of the reply to a message with this outcome, if it has one.
    #[must_use]
    pub const fn message(outcome: MessageOutcome, family: AddressFamily) -> Option<Self> {
        let kind = match outcome {
            MessageOutcome::AnnounceAnswered => ReplyKind::Announce,
            MessageOutcome::ScrapeAnswered => ReplyKind::Scrape,
            MessageOutcome::AnnounceRefused
            | MessageOutcome::ScrapeRefused
            | MessageOutcome::Busy
            | MessageOutcome::OverLimit => ReplyKind::Error,
            MessageOutcome::AnswerPassedOn | MessageOutcome::AnswerDropped | MessageOutcome::Ignored => {
                return None;
            }
        };
        Some(Self { protocol: Protocol::Ws, kind, family })
    }

    pub(crate) const fn slot(self) -> usize {
        let kinds = self.protocol.kinds();
        let kind = self.kind as usize - kinds[0] as usize;
        self.protocol.first_slot() + self.family as usize * kinds.len() + kind
    }

    /// Returns the name of the family, as a label has it.
    #[must_use]
    pub const fn family_name(self) -> &'static str {
        match self.family {
            AddressFamily::V4 => "ipv4",
            AddressFamily::V6 => "ipv6",
        }
    }

    /// The name of the histogram in a log.
    pub(crate) fn name(self) -> String {
        let (kind, family) = (self.kind.name(), self.family_name());
        match self.protocol {
            Protocol::Udp => format!("{kind}-{family}"),
            Protocol::Http | Protocol::Ws => format!("{}-{kind}-{family}", self.protocol.name()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_slots_of_all_tags_count_up_from_0() {
        let slots: Vec<usize> = ReplyTag::ALL.map(ReplyTag::slot).to_vec();
        assert_eq!(slots, (0..ReplyTag::COUNT).collect::<Vec<_>>());
    }

    #[test]
    fn the_action_of_a_reply_determines_its_kind() {
        for (action, kind) in (0_u8..).zip(Protocol::Udp.kinds()) {
            let tag = ReplyTag::of_reply(&[0, 0, 0, action, 9], AddressFamily::V6);
            assert_eq!(tag, Some(ReplyTag::udp(*kind, AddressFamily::V6)));
        }
        for junk in [&[0, 0, 0, 4][..], &[1, 0, 0, 0], &[0, 0, 0]] {
            assert_eq!(ReplyTag::of_reply(junk, AddressFamily::V4), None);
        }
    }

    #[test]
    fn every_outcome_of_a_connection_has_a_slot_of_its_protocol() {
        for family in AddressFamily::ALL {
            for outcome in HttpOutcome::ALL {
                let tag = ReplyTag::http(outcome, family);
                assert_eq!(ReplyTag::ALL[tag.slot()], tag, "{outcome:?}");
            }
            for tag in MessageOutcome::ALL.iter().filter_map(|&outcome| ReplyTag::message(outcome, family)) {
                assert_eq!(ReplyTag::ALL[tag.slot()], tag);
            }
        }
    }

    #[test]
    fn the_family_of_a_request_is_its_own_and_that_of_a_message_its_clients() {
        let name = |outcome| ReplyTag::of_outcome(outcome, AddressFamily::V4).map(ReplyTag::name);
        let http = |outcome| name(ConnectionOutcome::Http(AddressFamily::V6, outcome));
        let message = |outcome| name(ConnectionOutcome::Message(outcome));
        assert_eq!(http(HttpOutcome::AnnounceAnswered).as_deref(), Some("http-announce-ipv6"));
        assert_eq!(http(HttpOutcome::AnnounceBusy).as_deref(), Some("http-error-ipv6"));
        assert_eq!(message(MessageOutcome::ScrapeAnswered).as_deref(), Some("ws-scrape-ipv4"));
        assert_eq!(message(MessageOutcome::Ignored), None);
    }
}
