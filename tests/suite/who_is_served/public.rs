use super::ask::{Announce, trackers};
use super::{PUBLIC, key_text, refusals};
use metrics::Gauge;
use primitives::AnnounceEvent;
use ringtrack_tests::simulator::CoreEvents;

#[test]
fn a_public_tracker_serves_all_clients_and_keeps_nothing_about_them() {
    for (mut tracker, way) in trackers(PUBLIC) {
        let before = tracker.statistics().gauge(Gauge::AccessBytes);
        for number in 0..20 {
            for event in [AnnounceEvent::Started, AnnounceEvent::Completed, AnnounceEvent::None] {
                let announce = Announce::of(number).with_event(event).with_key(&key_text(number.into()));
                assert!(way.announce(&mut tracker, &announce).swarm().is_some(), "{way:?}");
            }
        }
        assert_eq!(tracker.take_events(), CoreEvents::default());
        assert_eq!(tracker.statistics().gauge(Gauge::AccessBytes), before, "{way:?}");
        assert_eq!(refusals(&mut tracker), [0; 4]);
    }
}
