//! Datagrams that gather while a core waits for more of them.

use metrics::Counter;
use primitives::InfoHash;
use ringtrack_tests::client::Client as UdpClient;
use ringtrack_tests::simulator::{Datagram, Simulator, SimulatorSettings};
use std::time::Duration;
use zerocopy::IntoBytes;

#[test]
fn datagrams_at_a_high_rate_are_received_together() {
    for (coalesce_us, batches_expected) in [(0, 1000..=1100), (100, 10..=250)] {
        let coalesce = Duration::from_micros(coalesce_us);
        let mut tracker = Simulator::new(&SimulatorSettings { coalesce, ..SimulatorSettings::default() });
        let udp = UdpClient::connected(&mut tracker, "192.0.2.1:6881");
        let bytes = udp.leeching(InfoHash([1; 20])).as_bytes().to_vec();
        let datagram = Datagram::steered(udp.source, &bytes);
        for number in 0..1000 {
            tracker.deliver(number, &datagram);
            tracker.pass_us(10);
            tracker.run_until_idle();
        }
        let batches = tracker.statistics().counter(Counter::BatchesReceived);
        assert!(batches_expected.contains(&batches), "{batches} batches with a wait of {coalesce_us} us");
    }
}
