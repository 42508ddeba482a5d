//! The engine's decisions as clients see them, with every guaranteed number written out.

mod addresses;
mod announce;
mod batches;
mod bounds;
mod client_software;
mod connection_ids;
mod drops;
mod forwarding;
mod handover;
mod http;
mod reply_size;
mod scans;
mod scrape;
mod sources;

use primitives::InfoHash;
use ringtrack_tests::client::Client;
use ringtrack_tests::simulator::{Simulator, SimulatorSettings};

const TORRENT: InfoHash = InfoHash([0x9a; 20]);

fn tracker() -> Simulator {
    Simulator::new(&SimulatorSettings::default())
}

/// Announces a leecher of [`TORRENT`] at each of the addresses.
fn leechers(tracker: &mut Simulator, addresses: impl Iterator<Item = String>) {
    for address in addresses {
        let client = Client::connected(tracker, &address);
        client.announce(tracker, &client.leeching(TORRENT).with_numwant(0));
    }
}

fn ipv4_addresses(count: usize) -> impl Iterator<Item = String> {
    (0..count).map(|number| format!("10.1.{}.{}:6881", number / 250, number % 250))
}

fn ipv6_addresses(count: usize) -> impl Iterator<Item = String> {
    (0..count).map(|number| format!("[2001:db8::1:{number:x}]:6881"))
}
