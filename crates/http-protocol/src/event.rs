use crate::percent::is_text;
use primitives::{AnnounceEvent, PeerStatus};

/// The `event` of an announce (BEP 3, BEP 21).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Event {
    /// A regular announce: no event, an empty one, or one that no BEP defines.
    #[default]
    None,
    Started,
    /// The client leaves the swarm.
    Stopped,
    /// The client has downloaded the last missing piece.
    Completed,
    /// The client is a partial seed: it is incomplete and wants no more pieces. It reports this in each announce.
    Paused,
}

impl Event {
    pub(crate) fn from_value(value: &[u8]) -> Self {
        const NAMES: [(&str, Event); 4] = [
            ("started", Event::Started),
            ("stopped", Event::Stopped),
            ("completed", Event::Completed),
            ("paused", Event::Paused),
        ];
        NAMES.into_iter().find(|(name, _)| is_text(value, name)).map_or(Self::None, |(_, event)| event)
    }

    /// Returns the event that applies to the swarm.
    pub const fn announce_event(self) -> AnnounceEvent {
        match self {
            Self::None | Self::Paused => AnnounceEvent::None,
            Self::Started => AnnounceEvent::Started,
            Self::Stopped => AnnounceEvent::Stopped,
            Self::Completed => AnnounceEvent::Completed,
        }
    }

    /// Returns the status of a peer that reports this event. A peer that does not report the bytes left counts as a
    /// leecher, and a partial seed is incomplete (BEP 21).
    pub const fn status(self, bytes_left: Option<u64>) -> PeerStatus {
        match (self, bytes_left) {
            (Self::Paused, _) | (_, None) => PeerStatus::Leecher,
            (_, Some(bytes)) => PeerStatus::from_bytes_left(bytes),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_known_by_their_names_and_others_are_regular_announces() {
        for (value, event) in [
            ("started", Event::Started),
            ("stopped", Event::Stopped),
            ("completed", Event::Completed),
            ("paused", Event::Paused),
            ("%73tarted", Event::Started),
            ("", Event::None),
            ("empty", Event::None),
            ("Started", Event::None),
            ("%zz", Event::None),
        ] {
            assert_eq!(Event::from_value(value.as_bytes()), event, "{value}");
        }
    }

    #[test]
    fn a_partial_seed_announces_regularly_and_is_incomplete() {
        assert_eq!(Event::Paused.announce_event(), AnnounceEvent::None);
        assert_eq!(Event::Paused.status(Some(0)), PeerStatus::Leecher);
        assert_eq!(Event::None.status(Some(0)), PeerStatus::Seeder);
        assert_eq!(Event::None.status(Some(1)), PeerStatus::Leecher);
        assert_eq!(Event::None.status(None), PeerStatus::Leecher);
    }
}
