//! What sources are admitted for, as the rest of the tracker sees it.

use guard::{Class, CoreGuard, Guard, OverLimit, PrefixLengths, Source, SourceLimits, UnprovedRequest};
use primitives::{AddressRange, AddressRanges, TableSeed};
use proptest::prelude::*;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use std::thread;

const ENTRIES: u32 = 1 << 12;

fn limits(per_s: u32) -> SourceLimits {
    SourceLimits {
        prefixes: PrefixLengths::USUAL,
        wider_factor: 8,
        per_s: [per_s; 5],
        burst_s: 10,
        unproved_per_s: 0,
        allow: Arc::default(),
    }
}

fn shared(entries: usize) -> Arc<Guard> {
    Arc::new(Guard::new(TableSeed([7; 16]), entries))
}

fn guard(limits: SourceLimits) -> CoreGuard {
    CoreGuard::new(shared(ENTRIES as usize), limits)
}

fn allowed(first: [u8; 4], last: [u8; 4]) -> Arc<AddressRanges> {
    let [first, last] = [first, last].map(u32::from_be_bytes);
    Arc::new(AddressRanges::new(vec![AddressRange { first, last }], Vec::new()))
}

fn source(ip: &str) -> Source {
    Source::of(ip.parse().expect("an address"))
}

/// Returns how many of `requests` are admitted, which are spread evenly over the milliseconds.
fn admitted(guard: &mut CoreGuard, at_ms: std::ops::Range<u64>, requests: u64, source: Source) -> u64 {
    let ms = at_ms.end - at_ms.start;
    let is_admitted =
        |request: &u64| guard.admit(at_ms.start + request * ms / requests, Class::Requests, source).is_ok();
    (0..requests).filter(is_admitted).count() as u64
}

fn assert_about(found: u64, expected: u64, what: &str) {
    let error = found.abs_diff(expected);
    assert!(error <= 1 || error * 50 <= expected, "{what}: {found} is not within 2 % of {expected}");
}

#[test]
fn a_source_has_its_burst_and_then_its_rate() {
    for per_s in [1, 7, 500, 30_000] {
        let mut guard = guard(limits(per_s));
        let rate = u64::from(per_s);
        let flooding = |guard: &mut CoreGuard, at_ms: std::ops::Range<u64>| {
            let requests = 2 * rate * (at_ms.end - at_ms.start).div_ceil(1000).max(10);
            admitted(guard, at_ms, requests, source("192.0.2.7"))
        };
        assert_about(flooding(&mut guard, 5_000..5_001), 10 * rate, "burst");
        assert_about(flooding(&mut guard, 5_001..25_001), 20 * rate, "rate");
        assert_about(flooding(&mut guard, 100_000..100_001), 10 * rate, "burst after a pause");
    }
}

#[test]
fn a_wider_prefix_has_factor_times_the_tokens() {
    for (addresses, levels) in [
        (["10.0.0.1", "10.0.0.2", "10.0.0.3"], [1, 8, 8]),
        (["2001:db8:0:1::1", "2001:db8:0:2::1", "2001:db8:0:ffff::1"], [1, 8, 64]),
    ] {
        let limits = limits(100);
        let family = source(addresses[0]).family();
        for (level, &bits) in limits.prefixes.of_family(family).iter().enumerate() {
            assert_eq!(limits.per_s(Class::Requests, level), Some(100 * levels[level]), "/{bits}");
        }
    }
    let mut guard = guard(limits(100));
    let all: u64 = (0..=255)
        .map(|host| admitted(&mut guard, 0..1, 2_000, Source::of(Ipv4Addr::new(192, 0, 2, host).into())))
        .sum();
    assert_about(all, 8 * 1000, "a network of 24 bits");
    assert_eq!(admitted(&mut guard, 0..1, 2_000, source("192.0.3.1")), 1000);
    let all: u64 = (0..300)
        .map(|network| {
            let ip = Ipv6Addr::new(0x2001, 0xdb8, 1, network, 0, 0, 0, 1);
            admitted(&mut guard, 0..1, 2_000, Source::of(ip.into()))
        })
        .sum();
    assert_about(all, 2 * 8 * 1000, "two networks of 56 bits");
}

#[test]
fn a_refused_request_takes_no_token_of_any_prefix() {
    let mut guard = guard(limits(100));
    assert_about(admitted(&mut guard, 0..1, 1_000_000, source("192.0.2.1")), 1000, "the abuser");
    for neighbour in 2..=8 {
        let neighbour = Source::of(Ipv4Addr::new(192, 0, 2, neighbour).into());
        assert_about(admitted(&mut guard, 0..1, 2_000, neighbour), 1000, "a neighbour");
    }
}

#[test]
fn each_class_has_buckets_of_its_own_and_no_rate_is_no_limit() {
    let per_s = [10, 20, 0, 40, 50];
    let mut guard = guard(SourceLimits { per_s, ..limits(1) });
    for (class, per_s) in Class::ALL.into_iter().zip(per_s) {
        let admitted = (0..5000).filter(|_| guard.admit(0, class, source("192.0.2.7")).is_ok()).count();
        assert_eq!(admitted, if per_s == 0 { 5000 } else { 10 * per_s as usize }, "{class:?}");
    }
}

#[test]
fn a_mapped_address_is_the_same_source() {
    let mut guard = guard(limits(100));
    assert_eq!(admitted(&mut guard, 0..1, 2_000, source("192.0.2.7")), 1000);
    assert_eq!(admitted(&mut guard, 0..1, 2_000, source("::ffff:192.0.2.7")), 0);
}

#[test]
fn an_allowed_source_has_no_limit_and_takes_nothing_from_its_neighbours() {
    let allow = allowed([192, 0, 2, 0], [192, 0, 2, 127]);
    let mut guard = guard(SourceLimits { allow, ..limits(100) });
    assert_eq!(admitted(&mut guard, 0..1, 100_000, source("192.0.2.1")), 100_000);
    assert_eq!(admitted(&mut guard, 0..1, 100_000, source("192.0.2.128")), 1000);
}

#[test]
fn who_is_over_its_limit_learns_when_it_is_within() {
    let limits = SourceLimits { burst_s: 100, per_s: [1; 5], ..limits(1) };
    let mut guard = guard(limits.clone());
    assert_eq!(admitted(&mut guard, 0..1, 1000, source("192.0.2.7")), 100);
    let over = guard.admit(0, Class::Requests, source("192.0.2.7"));
    assert_eq!(over, Err(OverLimit { class: Class::Requests, retry_s: 1 }));
    // With a shorter burst, the tokens used before are those of a longer time.
    guard.use_limits(SourceLimits { burst_s: 10, ..limits });
    let over = guard.admit(0, Class::Requests, source("192.0.2.7"));
    assert_eq!(over, Err(OverLimit { class: Class::Requests, retry_s: 91 }));
    assert!(guard.admit(91_000, Class::Requests, source("192.0.2.7")).is_ok());
}

#[test]
fn cores_share_the_buckets() {
    const CORES: u64 = 4;
    const ROUNDS: u64 = 50_000;
    let shared = shared(ENTRIES as usize);
    let core = || {
        let mut guard = CoreGuard::new(Arc::clone(&shared), limits(800));
        admitted(&mut guard, 0..1000, ROUNDS, source("192.0.2.7"))
    };
    let all: u64 = thread::scope(|scope| {
        let cores: Vec<_> = (0..CORES).map(|_| scope.spawn(core)).collect();
        cores.into_iter().map(|core| core.join().unwrap()).sum()
    });
    // A core may admit some requests while another writes the bucket.
    assert!((8_799..=8_799 + 8_799 / 20).contains(&all), "{all}");
}

/// Sources that each send one request: as many as the table has entries, many times over.
fn strangers() -> impl Iterator<Item = Source> {
    (0..20 * ENTRIES).map(|number| Source::of(Ipv4Addr::from_bits(0x2000_0000 + number * 257).into()))
}

#[test]
fn many_sources_do_not_wash_out_the_bucket_of_one_that_is_over_its_limit() {
    let mut guard = guard(limits(10));
    for abuser in 0..100 {
        let abuser = Source::of(Ipv4Addr::new(192, 0, abuser, 1).into());
        assert_eq!(admitted(&mut guard, 0..1, 200, abuser), 100);
    }
    for stranger in strangers() {
        assert!(guard.admit(1, Class::Requests, stranger).is_ok());
    }
    let again = |abuser| admitted(&mut guard, 1..2, 200, Source::of(Ipv4Addr::new(192, 0, abuser, 1).into()));
    assert_eq!((0..100).map(again).sum::<u64>(), 0);
}

#[test]
fn unproved_requests_never_touch_the_buckets_of_sources() {
    let mut guard = guard(SourceLimits { unproved_per_s: 1000, ..limits(10) });
    assert_eq!(admitted(&mut guard, 0..1, 200, source("192.0.2.7")), 100);
    for stranger in strangers().chain([source("192.0.2.7"), source("192.0.2.8")]) {
        let _is_admitted = guard.admit_unproved(1, stranger, UnprovedRequest::Connect);
    }
    assert_eq!(admitted(&mut guard, 1..2, 200, source("192.0.2.7")), 0);
    assert_eq!(admitted(&mut guard, 1..2, 200, source("192.0.2.8")), 100);
    let mut refused: Vec<_> = guard.take_offenders().iter().map(|offender| offender.refused).collect();
    refused.sort_unstable();
    assert_eq!(refused, [100, 100 + 200], "only what was proved is reported");
}

/// Returns how many requests each sender has admitted in ten seconds, of which it sends `per_ms` in each millisecond.
fn admitted_unproved<const SENDERS: usize>(
    guard: &mut CoreGuard,
    mut senders: [(u64, &mut dyn FnMut() -> Source); SENDERS],
) -> [u64; SENDERS] {
    let mut admitted = [0; SENDERS];
    for now_ms in 10_000..20_000 {
        for ((per_ms, next), admitted) in senders.iter_mut().zip(&mut admitted) {
            let is_admitted =
                |_: &u64| guard.admit_unproved(now_ms, next(), UnprovedRequest::Connect).is_ok();
            *admitted += (0..*per_ms).filter(is_admitted).count() as u64;
        }
    }
    admitted
}

#[test]
fn a_flood_of_few_prefixes_leaves_unproved_requests_of_others_alone() {
    let mut guard = guard(SourceLimits { unproved_per_s: 10_000, ..limits(10) });
    let mut host = 0;
    let mut flood = || {
        host += 1;
        Source::of(Ipv4Addr::from_bits(0xcb00_7100 + host % 512).into())
    };
    let mut client = 0;
    let mut clients = || {
        client += 1;
        Source::of(Ipv4Addr::from_bits(0x0a00_0000 + client * 256).into())
    };
    let [flood, clients] = admitted_unproved(&mut guard, [(100, &mut flood), (3, &mut clients)]);
    assert_eq!(clients, 30_000, "all of the others are admitted");
    assert!(flood <= 11 * 10_000 - clients, "{flood}");
}

#[test]
fn the_limit_of_unproved_requests_holds_against_made_up_sources() {
    let mut guard = guard(SourceLimits { unproved_per_s: 10_000, ..limits(10) });
    let mut rng = fastrand::Rng::with_seed(7);
    let mut spoofed = || Source::of(Ipv4Addr::from_bits(rng.u32(..)).into());
    let [spoofed] = admitted_unproved(&mut guard, [(100, &mut spoofed)]);
    assert_about(spoofed, 11 * 10_000, "ten seconds and the first one's burst");
}

#[test]
fn connections_are_counted_over_all_cores_and_limited_for_each_prefix() {
    let shared = shared(ENTRIES as usize);
    let [first, second] = [0, 1].map(|_| CoreGuard::new(Arc::clone(&shared), SourceLimits::none()));
    let opened = [first.open(source("192.0.2.7"), 2), second.open(source("::ffff:192.0.2.7"), 2)];
    let opened = opened.map(|opened| opened.expect("there is room"));
    assert_eq!(first.open(source("192.0.2.7"), 2), None);
    let [connection, other] = opened;
    assert_eq!(second.open_count(&connection), 2);
    first.close(connection);
    assert_eq!(first.open_count(&other), 1);
    let connection = second.open(source("192.0.2.7"), 2).expect("one was closed");
    second.close(connection);
    let neighbours = ["2001:db8:0:1::1", "2001:db8:0:1:ffff::1", "2001:db8:0:2::1"].map(source);
    assert_eq!(neighbours.map(|neighbour| first.open(neighbour, 1).is_some()), [true, false, true]);
}

#[test]
fn a_network_has_factor_times_the_connections_and_counts_as_its_size_allows() {
    let guard = guard(SourceLimits { wider_factor: 8, ..SourceLimits::none() });
    let host = |site| Source::of(Ipv6Addr::new(0x2001, 0xdb8, 0, site, 0, 0, 0, 1).into());
    let open = |sites: std::ops::Range<u16>| -> Vec<_> {
        sites.flat_map(|site| [host(site); 10]).filter_map(|source| guard.open(source, 10)).collect()
    };
    let household = open(0..20);
    assert_eq!(household.len(), 80, "eight times as many for 56 bits");
    let neighbours: Vec<_> = (1..20).flat_map(|network| open(network * 256..network * 256 + 8)).collect();
    assert_eq!(neighbours.len(), 640 - 80, "64 times as many for 48 bits");
    let one = guard.open(source("2001:db8:1::1"), 10).expect("another network");
    assert_eq!(guard.open_count(&one), 1);
    neighbours.into_iter().chain([one]).for_each(|connection| guard.close(connection));
    let hosts = open(256..316);
    assert_eq!(hosts.len(), 80);
    household.into_iter().for_each(|connection| guard.close(connection));
    let each: Vec<_> = (512..551).filter_map(|site| guard.open(host(site), 10)).collect();
    assert_eq!(
        each.iter().map(|connection| guard.open_count(connection)).max(),
        Some(5),
        "39 connections / 8"
    );
    hosts.into_iter().chain(each).for_each(|connection| guard.close(connection));
    assert_eq!(open(0..1).len(), 10, "all were closed");
}

/// Milliseconds after which the times of buckets wrap around.
const WRAP_MS: u64 = (1 << 44) / 32_000;

#[test]
fn what_was_sent_six_days_ago_costs_nothing() {
    for earlier_s in [60, 600, 3600, 7100] {
        let mut guard = guard(SourceLimits { unproved_per_s: 1000, ..limits(100) });
        let later_ms = WRAP_MS - earlier_s * 1000;
        for now_ms in [5_000, 5_000 + later_ms, 5_000 + 2 * later_ms] {
            assert_eq!(admitted(&mut guard, now_ms..now_ms + 1, 2_000, source("192.0.2.7")), 1000);
            let is_admitted = |number: &u32| {
                let stranger = Source::of(Ipv4Addr::from_bits(0x0a00_0000 + number * 256).into());
                guard.admit_unproved(now_ms, stranger, UnprovedRequest::Connect).is_ok()
            };
            assert_eq!((0..2_000).filter(is_admitted).count(), 1000, "{now_ms}");
        }
    }
}

#[test]
fn wrong_proofs_leave_the_reserve_to_connects() {
    let mut guard = guard(SourceLimits { unproved_per_s: 1000, ..limits(100) });
    let mut admitted = |request| {
        let is_admitted = |number: &u32| {
            let stranger = Source::of(Ipv4Addr::from_bits(0x0a00_0000 + number * 256).into());
            guard.admit_unproved(5_000, stranger, request).is_ok()
        };
        (0..2_000).filter(is_admitted).count()
    };
    assert_eq!([UnprovedRequest::WrongProof, UnprovedRequest::Connect].map(&mut admitted), [500, 500]);
}

#[test]
fn offenders_are_the_narrowest_prefixes_that_were_over_since_the_last_report() {
    let mut guard = guard(limits(100));
    let abuser = source("192.0.2.7");
    assert!(guard.take_offenders().is_empty());
    admitted(&mut guard, 0..1, 1500, abuser);
    for host in 0..200 {
        admitted(&mut guard, 0..1, 100, Source::of(Ipv4Addr::new(198, 51, 100, host).into()));
    }
    let mut found: Vec<_> = guard.take_offenders().iter().copied().collect();
    found.sort_by_key(|offender| offender.prefix);
    let texts: Vec<_> = found
        .iter()
        .map(|offender| {
            format!("{} {} {:?} {}", offender.prefix, offender.level, offender.class, offender.refused)
        })
        .collect();
    assert_eq!(texts, ["192.0.2.7/32 0 Requests 500", "198.51.100.0/24 1 Requests 12000"]);
    assert!(guard.take_offenders().is_empty());
}

#[test]
fn recent_refusals_are_those_since_the_last_look_whether_reported_or_not() {
    let mut guard = guard(limits(100));
    let abuser = source("192.0.2.7");
    let recent = |guard: &mut CoreGuard| {
        let recent: Vec<_> = guard.take_recent_offenders().collect();
        assert!(recent.iter().all(|offender| offender.prefix.to_string() == "192.0.2.7/32"));
        recent.iter().map(|offender| offender.refused).collect::<Vec<_>>()
    };
    admitted(&mut guard, 0..1, 1500, abuser);
    assert_eq!(recent(&mut guard), [500]);
    assert_eq!(recent(&mut guard), [0]);
    admitted(&mut guard, 0..1, 7, abuser);
    assert_eq!(recent(&mut guard), [7]);
    let offender = *guard.take_offenders().iter().next().unwrap();
    assert_eq!((offender.refused, recent(&mut guard)), (507, vec![]));
    guard.count_dropped(offender);
    admitted(&mut guard, 0..1, 3, abuser);
    assert_eq!(recent(&mut guard), [3]);
    assert_eq!(guard.take_offenders().iter().map(|offender| offender.refused).collect::<Vec<_>>(), [510]);
}

#[test]
fn the_worst_offenders_are_reported_among_many_and_nobody_with_the_refusals_of_another() {
    let mut guard = guard(SourceLimits { wider_factor: 65_536, ..limits(1) });
    let worst: Vec<Source> = (1..=3).map(|net| Source::of(Ipv4Addr::new(10, net, 0, 1).into())).collect();
    for round in 0..3000 {
        for &abuser in &worst {
            let _is_refused = guard.admit(0, Class::Requests, abuser);
        }
        let other = Source::of(Ipv4Addr::from_bits(0xc000_0000 + round % 300 * 256).into());
        for _ in 0..2 {
            let _is_refused = guard.admit(0, Class::Requests, other);
        }
    }
    let offenders = guard.take_offenders();
    for &abuser in &worst {
        let refused = offenders.iter().find(|offender| offender.prefix.contains(abuser)).unwrap().refused;
        assert_eq!(refused, 2990);
    }
    let others =
        offenders.iter().filter(|offender| !worst.iter().any(|&abuser| offender.prefix.contains(abuser)));
    assert!(others.map(|offender| offender.refused).max().unwrap() <= 10);
}

fn any_ip() -> impl Strategy<Value = IpAddr> {
    prop_oneof![
        any::<u8>().prop_map(|host| IpAddr::V4(Ipv4Addr::new(192, 0, 2, host))),
        any::<u32>().prop_map(|bits| IpAddr::V4(Ipv4Addr::from_bits(bits))),
        any::<u128>().prop_map(|bits| IpAddr::V6(Ipv6Addr::from_bits(bits))),
        any::<u16>().prop_map(|site| IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, site, 0, 0, 0, 1))),
    ]
}

proptest! {
    /// Compares with buckets that are never forgotten: no prefix gets more than its burst and its rate, and none is refused
    /// that is within them all.
    #[test]
    fn sources_are_admitted_as_by_exact_buckets(
        requests in proptest::collection::vec((any_ip(), 0..200_u64), 1..2000),
    ) {
        let limits = SourceLimits { burst_s: 1, wider_factor: 2, ..limits(5) };
        let mut guard = CoreGuard::new(shared(1 << 18), limits.clone());
        let mut exact = std::collections::HashMap::new();
        let mut now_ms = 0;
        for (ip, later_ms) in requests {
            now_ms += later_ms / 20;
            let source = Source::of(ip);
            let lengths = limits.prefixes.of_family(source.family());
            let keys: Vec<_> = lengths.iter().map(|&bits| guard::Prefix::of(source, bits)).collect();
            // Nanoseconds until each prefix's bucket is full, with a token taken.
            let full: Vec<u64> = keys.iter().enumerate().map(|(level, key)| {
                let token_ns = 1_000_000_000 / limits.per_s(Class::Requests, level).unwrap();
                exact.get(key).map_or(0, |&full: &u64| full.saturating_sub(now_ms * 1_000_000)) + token_ns
            }).collect();
            let is_within = full.iter().all(|&full| full <= 1_000_000_000);
            prop_assert_eq!(guard.admit(now_ms, Class::Requests, source).is_ok(), is_within, "{}", ip);
            if is_within {
                exact.extend(keys.into_iter().zip(full.into_iter().map(|full| full + now_ms * 1_000_000)));
            }
        }
    }
}
