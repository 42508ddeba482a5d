use super::requests::{any_request, clients};
use metrics::Counter;
use primitives::AddressFamily;
use proptest::prelude::*;
use ringtrack_tests::simulator::{Arrival, Datagram, Simulator, SimulatorSettings};

/// Asserts that every received datagram has one outcome, over all cores.
pub(super) fn assert_accounted(tracker: &mut Simulator) {
    let statistics = tracker.statistics();
    for family in AddressFamily::ALL {
        assert_eq!(statistics.decided(family), statistics.received(family), "{family:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn every_datagram_has_one_outcome_whatever_the_size_of_the_rings(
        shards in 1..=8_usize,
        announce_slots in 0..20_usize,
        scrape_slots in 0..4_usize,
        batches in prop::collection::vec(prop::collection::vec(any_request(), 0..60), 1..6),
    ) {
        let mut settings = SimulatorSettings::with_shards(shards);
        (settings.announce_slots, settings.scrape_slots) = (announce_slots, scrape_slots);
        let mut tracker = Simulator::new(&settings);
        let clients = clients(&mut tracker);
        let mut replies = clients.len() as u64;
        let mut received = replies;
        let mut bytes_sent = 16 * replies;
        for batch in &batches {
            let datagrams: Vec<Datagram> = batch
                .iter()
                .map(|request| {
                    let client = &clients[usize::from(request.client)];
                    let (bytes, arrival) = (request.bytes(client), Arrival::At(request.core));
                    Datagram { source: client.source, bytes, arrival }
                })
                .collect();
            received += datagrams.len() as u64;
            for reply in tracker.exchange(&datagrams) {
                replies += 1;
                bytes_sent += reply.bytes.len() as u64;
            }
            assert_accounted(&mut tracker);
        }
        let statistics = tracker.statistics();
        prop_assert_eq!(AddressFamily::ALL.map(|family| statistics.received(family)).iter().sum::<u64>(), received);
        prop_assert_eq!(received - statistics.dropped(), replies);
        prop_assert_eq!(statistics.counter(Counter::BytesSent), bytes_sent);
    }
}
