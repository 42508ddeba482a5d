//! The memory that one IPv4 peer takes, tables and slack included.

use crate::fill::{Weighed, announce};
use primitives::{CompactIpv4, Second};

const PEERS: u32 = 1_000_000;

/// Bytes per peer if peer `n` announces the torrent `torrent(n)`.
fn bytes_per_peer(torrent: impl Fn(u32) -> u32) -> (f64, Weighed) {
    let mut weighed = Weighed::new();
    weighed.change(|swarms| {
        for peer in 0..PEERS {
            announce::<CompactIpv4>(swarms, Second(1_000), torrent(peer), peer);
        }
    });
    assert_eq!(weighed.peers(), u64::from(PEERS));
    weighed.assert_account_is_right();
    #[expect(clippy::cast_precision_loss, reason = "below 2^53")]
    let bytes = weighed.allocated() as f64 / f64::from(PEERS);
    (bytes, weighed)
}

#[expect(clippy::print_stdout, reason = "the test exists to show this number")]
fn assert_at_most(bytes_max: f64, what: &str, torrent: impl Fn(u32) -> u32) {
    let (bytes, weighed) = bytes_per_peer(torrent);
    let swarms = weighed.swarms.totals(primitives::SwarmFamily::V4).swarms;
    println!("{what}: {bytes:.1} bytes per peer ({PEERS} peers in {swarms} swarms)");
    assert!(bytes <= bytes_max, "{what}: {bytes:.1} bytes per peer, expected at most {bytes_max}");
}

#[test]
fn a_peer_takes_at_most_24_bytes_in_swarms_of_a_hundred() {
    assert_at_most(24.0, "swarms of 100", |peer| peer % 10_000);
}

#[test]
fn a_peer_takes_at_most_24_bytes_in_one_swarm_with_an_index() {
    assert_at_most(24.0, "one swarm", |_| 0);
}

/// Of 200,000 torrents 120,000 have one peer, 40,000 have two, and 40,000 share the rest.
#[test]
fn a_peer_takes_at_most_48_bytes_if_most_swarms_have_one_or_two_peers() {
    assert_at_most(48.0, "mostly swarms of one or two", |peer| match peer {
        0..120_000 => peer,
        120_000..200_000 => 120_000 + (peer - 120_000) / 2,
        _ => {
            // Skewed by a cube: the first torrent has thousands of times the peers of the last.
            let share = f64::from(peer - 200_000) / 800_000.0;
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 40,000")]
            let torrent = (share.powi(3) * 40_000.0) as u32;
            160_000 + torrent
        }
    });
}
