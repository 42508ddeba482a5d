use super::ask::{Announce, Received, trackers};
use super::{LISTED, PUBLIC, assert_accounted, refusals};
use access::{AccessUpdate, ClientRules};
use primitives::{PeerId, PeerIdPrefix};
use ringtrack_tests::simulator::Simulator;
use std::sync::Arc;

const REFUSED: &str = "this client software is not allowed here";

fn serve_only(tracker: &mut Simulator, allowed: &[&str], denied: &[&str]) {
    let prefixes = |texts: &[&str]| -> Vec<PeerIdPrefix> {
        texts.iter().map(|text| PeerIdPrefix::parse(text).expect("a prefix")).collect()
    };
    let rules = ClientRules::new(&prefixes(allowed), &prefixes(denied)).expect("few prefixes");
    tracker.update(&AccessUpdate::UseClients(Arc::new(rules)));
}

fn by(peer_id: &[u8; 20]) -> Announce {
    Announce { peer_id: PeerId(*peer_id), ..Announce::of(1) }
}

#[test]
fn client_software_is_admitted_by_the_prefix_of_its_peer_id() {
    let transmission = by(b"-TR4060-abcdefghijkl");
    let new = by(b"-qB4650-abcdefghijkl");
    let old = by(b"-qB3000-abcdefghijkl");
    for (allowed, denied, served) in [
        (&[][..], &[][..], [true, true, true]),
        (&["-qB"], &[], [false, true, true]),
        (&[], &["-qB3"], [true, true, false]),
        (&["-qB", "-XX"], &["-qB3"], [false, true, false]),
    ] {
        for (mut tracker, way) in trackers(PUBLIC) {
            serve_only(&mut tracker, allowed, denied);
            for (announce, served) in [&transmission, &new, &old].into_iter().zip(served) {
                let received = way.announce(&mut tracker, announce);
                match served {
                    true => assert!(received.swarm().is_some(), "{way:?} {received:?}"),
                    false => assert_eq!(received, Received::refused(REFUSED), "{way:?}"),
                }
            }
            let refused = served.iter().filter(|served| !**served).count() as u64;
            assert_eq!(refusals(&mut tracker), [0, 0, refused, 0], "{way:?}");
            assert_accounted(&mut tracker);
        }
    }
}

#[test]
fn rules_apply_from_when_they_are_set_and_can_be_removed() {
    for (mut tracker, way) in trackers(PUBLIC) {
        let announce = by(b"-TR4060-abcdefghijkl");
        serve_only(&mut tracker, &[], &["-TR"]);
        assert_eq!(way.announce(&mut tracker, &announce), Received::refused(REFUSED), "{way:?}");
        assert_eq!(
            way.scrape(&mut tracker, 1, ""),
            Received::counts(0, 0, 0),
            "{way:?}: a scrape names no software"
        );
        serve_only(&mut tracker, &[], &[]);
        assert_eq!(way.announce(&mut tracker, &announce).swarm(), Some((0, 1)), "{way:?}");
    }
}

#[test]
fn a_request_is_refused_for_one_reason_and_counted_once() {
    for (mut tracker, way) in trackers(LISTED) {
        serve_only(&mut tracker, &[], &["-XX"]);
        assert_eq!(way.announce(&mut tracker, &Announce::of(1)), Received::refused(REFUSED), "{way:?}");
        assert_eq!(refusals(&mut tracker), [0, 0, 1, 0], "{way:?}");
        assert_accounted(&mut tracker);
    }
}
