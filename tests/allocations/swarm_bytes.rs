use crate::fill::{LIFETIME_S, Numbered, Weighed, announce};
use allocation_counter::measure;
use primitives::{CompactIpv4, CompactIpv6, Second};
use swarm::Swarms;

const PEERS: u32 = 100_000;

/// Units of work of a turn of expiry: enough for all peers.
const EXPIRY_WORK: u32 = 4_194_304;

/// The torrent of a peer. Sizes are skewed: one swarm has half of all peers, many swarms have one.
fn skewed_torrent(peer: u32) -> u32 {
    let scattered = peer.wrapping_mul(0x9e37_79b1);
    let size_class = scattered.leading_zeros().min(12);
    let torrents_in_class = [1, 2, 8, 64, 400, 700, 700, 400, 200, 100, 100, 100, 100];
    size_class * 1000 + (scattered >> 3) % torrents_in_class[size_class as usize]
}

/// Announces the peers of this parity at `now`.
fn fill<A: Numbered>(swarms: &mut Swarms, now: Second, parity: u32) {
    for peer in (0..PEERS).filter(|peer| peer % 2 == parity) {
        announce::<A>(swarms, now, skewed_torrent(peer), peer);
    }
}

fn sweep(swarms: &mut Swarms, from: Second) {
    for turn in 0..40 {
        swarms.expire(from.after(turn * 10), EXPIRY_WORK);
    }
}

fn assert_account(weighed: &Weighed, peers: u64) {
    assert_eq!(weighed.peers(), peers);
    weighed.assert_account_is_right();
}

#[test]
fn swarms_report_the_bytes_they_hold_while_they_grow_shrink_and_are_reused() {
    let mut weighed = Weighed::new();
    assert_account(&weighed, 0);
    let (early, late) = (Second(1_000), Second(2_000));
    weighed.change(|swarms| fill::<CompactIpv4>(swarms, early, 0));
    assert_account(&weighed, 50_000);
    weighed.change(|swarms| fill::<CompactIpv6>(swarms, early, 0));
    weighed.change(|swarms| fill::<CompactIpv4>(swarms, late, 1));
    weighed.change(|swarms| fill::<CompactIpv6>(swarms, late, 1));
    assert_account(&weighed, 200_000);
    let full = weighed.reported();
    weighed.change(|swarms| sweep(swarms, early.after(LIFETIME_S + 2)));
    assert_account(&weighed, 100_000);
    assert!(weighed.reported() < full, "memory is freed");
    weighed.change(|swarms| sweep(swarms, late.after(LIFETIME_S + 2)));
    assert_account(&weighed, 0);
    weighed.change(|swarms| fill::<CompactIpv4>(swarms, Second(9_000), 0));
    assert_account(&weighed, 50_000);
}

#[test]
fn dropped_swarms_leave_nothing_allocated() {
    let info = measure(|| {
        let mut weighed = Weighed::new();
        weighed.change(|swarms| fill::<CompactIpv6>(swarms, Second(1_000), 0));
        drop(weighed);
    });
    assert_eq!(info.count_current, 0, "{info:?}");
}

#[test]
fn swarms_that_take_the_places_of_others_allocate_nothing_but_in_the_directory() {
    const SWARMS: u32 = 100_000;
    let mut weighed = Weighed::with_swarms_max(SWARMS.into());
    let fill = |swarms: &mut Swarms, torrents: core::ops::Range<u32>| {
        torrents.for_each(|torrent| announce::<CompactIpv4>(swarms, Second(1_000), torrent, torrent));
    };
    // The segments of the directory reach the sizes that they have at the limit.
    weighed.change(|swarms| fill(swarms, 0..5 * SWARMS));
    let info = measure(|| fill(&mut weighed.swarms, 5 * SWARMS..6 * SWARMS));
    assert!(info.count_total < u64::from(SWARMS / 1000), "{info:?}");
    assert_eq!(weighed.peers(), u64::from(SWARMS));
}
