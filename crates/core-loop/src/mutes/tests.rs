use super::*;
use guard::{Guard, Source};
use primitives::TableSeed;
use std::net::IpAddr;
use std::sync::Arc;

/// Requests per second of one address.
const PER_S: u32 = 100;
const TURNS_MUTED: usize = (MUTED_MS / TIMER_MS) as usize;

/// A core whose timer turns every [`TIMER_MS`].
struct Scene {
    mutes: Mutes,
    guard: CoreGuard,
    begun: Instant,
    now_ms: u64,
}

impl Scene {
    fn new(per_s: u32, allow: &str) -> Self {
        let limits = SourceLimits {
            wider_factor: 8,
            per_s: [per_s; Class::ALL.len()],
            allow: Arc::new(Prefix::addresses([Prefix::of(source(allow), 32)])),
            ..SourceLimits::none()
        };
        let shared = Arc::new(Guard::new(TableSeed([7; 16]), 1 << 16));
        let begun = Instant::now();
        Self { mutes: Mutes::new(begun), guard: CoreGuard::new(shared, limits), begun, now_ms: 10_000 }
    }

    /// Passes a turn at the end of which these were refused, of addresses that are not muted.
    fn turn(&mut self, class: Class, requests: &[(&str, u32)]) -> bool {
        for (ip, count) in requests {
            let is_muted = self.mutes.addresses().contains(source(ip).ip());
            for _ in 0..if is_muted { 0 } else { *count } {
                let _is_refused = self.guard.admit(self.now_ms, class, source(ip));
            }
        }
        self.pass(TIMER_MS)
    }

    fn pass(&mut self, ms: u64) -> bool {
        self.now_ms += ms;
        let now = self.begun + Duration::from_millis(self.now_ms - 10_000);
        self.mutes.turn(now, self.now_ms, &mut self.guard)
    }

    fn mutes(&self, ip: &str) -> bool {
        self.mutes.addresses().contains(source(ip).ip())
    }
}

fn source(ip: &str) -> Source {
    Source::of(ip.parse::<IpAddr>().unwrap())
}

const ABUSER: &str = "192.0.2.7";
const NEIGHBOUR: &str = "192.0.2.8";
const ALLOWED: &str = "198.51.100.1";

#[test]
fn a_source_is_muted_that_is_far_over_its_limit() {
    // An address has a burst of one second, and its network of eight.
    for (per_s, class, requests, is_muted, reason) in [
        (PER_S, Class::Requests, &[(ABUSER, 600)][..], false, "500 are refused"),
        (PER_S, Class::Requests, &[(ABUSER, 601)], true, "501 are refused"),
        (PER_S, Class::Connections, &[(ABUSER, 5000)], false, "they are no datagrams"),
        (0, Class::Requests, &[(ABUSER, 5000)], false, "there is no limit"),
        (8000, Class::Requests, &[(ABUSER, 8800)], false, "it may send as many as are refused"),
        (8000, Class::Requests, &[(ABUSER, 8801)], true, "and not more"),
        (PER_S, Class::Requests, &[(NEIGHBOUR, 601)], false, "it is another"),
        (PER_S, Class::Requests, &[(ALLOWED, 5000)], false, "it has no limit"),
    ] {
        let mut scene = Scene::new(per_s, ALLOWED);
        assert_eq!(scene.turn(class, requests), is_muted || requests[0].0 == NEIGHBOUR, "{reason}");
        assert_eq!(scene.mutes(ABUSER), is_muted, "{reason}");
        assert!(!scene.mutes(ALLOWED), "{reason}");
    }
}

#[test]
fn the_refusals_of_a_late_turn_are_those_of_several() {
    for (late_ms, is_muted) in [(1, true), (TIMER_MS, true), (2 * TIMER_MS, false)] {
        let mut scene = Scene::new(PER_S, ALLOWED);
        for _ in 0..PER_S + 2 * MUTED_REFUSALS_MIN {
            let _is_refused = scene.guard.admit(scene.now_ms, Class::Requests, source(ABUSER));
        }
        assert_eq!(scene.pass(late_ms), is_muted, "{late_ms}");
    }
}

#[test]
fn a_network_is_muted_unless_one_of_its_addresses_has_no_limit() {
    for (allow, is_muted) in [(ALLOWED, true), ("192.0.2.200", false)] {
        let mut scene = Scene::new(PER_S, allow);
        let hosts: Vec<String> = (1..=100).map(|host| format!("192.0.2.{host}")).collect();
        let requests: Vec<_> = hosts.iter().map(|ip| (&**ip, PER_S)).collect();
        scene.turn(Class::Requests, &requests);
        assert_eq!(scene.mutes("192.0.2.255"), is_muted);
        assert!(!scene.mutes("192.0.3.0") && !scene.mutes(allow));
    }
}

#[test]
fn a_muted_source_is_released_after_some_seconds_and_judged_again() {
    for (still_sent, muted_turns) in [(0, TURNS_MUTED), (5000, 2 * TURNS_MUTED)] {
        let mut scene = Scene::new(PER_S, ALLOWED);
        assert!(scene.turn(Class::Requests, &[(ABUSER, 5000)]));
        let mut count = 0;
        for _ in 0..2 * TURNS_MUTED + 1 {
            count += usize::from(scene.mutes(ABUSER));
            scene.turn(Class::Requests, &[(ABUSER, still_sent)]);
        }
        assert_eq!(count, muted_turns);
    }
}

#[test]
fn a_source_that_was_released_is_judged_by_its_rate_in_a_short_turn() {
    for (sent, is_muted) in [(10, false), (11, true)] {
        let mut scene = Scene::new(PER_S, ALLOWED);
        scene.turn(Class::Requests, &[(ABUSER, 5000)]);
        for _ in 0..TURNS_MUTED {
            scene.turn(Class::Requests, &[]);
        }
        assert!(scene.mutes.has_released() && !scene.mutes(ABUSER));
        for ip in [ABUSER, NEIGHBOUR] {
            let tokens = if ip == ABUSER { 0 } else { PER_S };
            for _ in 0..tokens + sent {
                let _is_refused = scene.guard.admit(scene.now_ms, Class::Requests, source(ip));
            }
        }
        scene.pass(2);
        assert_eq!(scene.mutes(ABUSER), is_muted, "{sent}");
        assert!(!scene.mutes(NEIGHBOUR), "it may have sent all at once");
    }
}

#[test]
fn a_muted_source_is_still_an_offender() {
    let mut scene = Scene::new(PER_S, ALLOWED);
    scene.turn(Class::Requests, &[(ABUSER, 5100)]);
    for second in 0..MUTED_MS / 1000 {
        let refused: Vec<_> =
            scene.guard.take_offenders().iter().map(|offender| (offender.prefix, offender.refused)).collect();
        let expected = if second == 0 { 5000 } else { 50_000 };
        assert_eq!(refused, [(Prefix::of(source(ABUSER), 32), expected)], "second {second}");
        for _ in 0..1000 / TIMER_MS {
            scene.turn(Class::Requests, &[]);
        }
    }
    scene.guard.take_offenders();
    scene.turn(Class::Requests, &[]);
    assert!(scene.guard.take_offenders().is_empty(), "no longer after its release");
}

#[test]
fn those_refused_most_are_muted_first() {
    const AT_ONCE: usize = 12;
    let mut scene = Scene::new(PER_S, ALLOWED);
    let ips: Vec<String> = (0..MUTED_MAX + 8).map(|net| format!("10.{net}.0.1")).collect();
    for ips in ips.chunks(AT_ONCE) {
        let requests: Vec<_> = (1000..).step_by(10).zip(ips).map(|(count, ip)| (&**ip, count)).collect();
        scene.turn(Class::Requests, &requests);
        // So that all of the next ones find a place.
        scene.guard.take_offenders();
    }
    let left_out: Vec<_> = (0..ips.len()).filter(|&ip| !scene.mutes(&ips[ip])).collect();
    let last = ips.len() - AT_ONCE;
    assert_eq!(left_out, (last..last + 8).collect::<Vec<_>>());
    assert!(scene.mutes.clear() && !scene.mutes.clear());
}
