//! WebTorrent over WebSockets, as clients see it, on one core and several.

mod admission;
mod ghosts;
mod limits;
mod protocol;
mod signals;

use metrics::{Gauge, Statistics};
use primitives::{InfoHash, PeerId};
use ringtrack_tests::simulator::{Simulator, SimulatorSettings};
use serde_json::{Value, json};

/// A peer for each number.
fn peer(number: u8) -> PeerId {
    let mut id = *b"-WW0208-abcdefghijk0";
    id[19] = number;
    PeerId(id)
}

/// Returns a torrent of each core's shard.
fn torrents(tracker: &Simulator) -> Vec<InfoHash> {
    let any = (0_u8..=255).map(|number| InfoHash([number; 20]));
    (0..tracker.cores())
        .map(|core| any.clone().find(|torrent| tracker.owner(torrent) == core).unwrap())
        .collect()
}

/// Returns trackers with one to four cores, and every pair of cores as the homes of two clients.
fn trackers() -> impl Iterator<Item = (Simulator, usize, usize)> {
    [1, 2, 4].into_iter().flat_map(|cores| {
        let homes = (0..cores).flat_map(move |one| (0..cores).map(move |other| (one, other)));
        homes.map(move |(one, other)| (Simulator::new(&SimulatorSettings::with_shards(cores)), one, other))
    })
}

/// Returns the seeders and leechers in WebRTC swarms.
fn peers(statistics: &Statistics) -> (u64, u64) {
    (statistics.gauge(Gauge::SeedersWebRtc), statistics.gauge(Gauge::LeechersWebRtc))
}

/// The answer to an announce.
fn answer_with(torrent: InfoHash, complete: u32, incomplete: u32) -> Value {
    json!({
        "action": "announce", "info_hash": ringtrack_tests::web_socket_client::binary(&torrent.0),
        "complete": complete, "incomplete": incomplete, "interval": 120,
    })
}
