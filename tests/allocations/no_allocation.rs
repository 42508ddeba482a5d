use crate::steady_traffic::{Sides, Traffic};
use allocation_counter::measure;
use metrics::Counter;
use primitives::{AddressFamily, RequestKind};
use ringtrack_tests::simulator::{Arrival, Datagram};

/// Asserts that serving the datagrams allocates nothing and sends this number of replies.
fn assert_no_allocation(traffic: &mut Traffic, datagrams: &[Datagram], replies: usize) {
    let mut answered = 0;
    let info = measure(|| answered = traffic.serve(datagrams));
    assert_eq!(answered, replies);
    assert_eq!(info.count_total, 0, "{info:?} for {} datagrams", datagrams.len());
}

#[test]
fn connects_allocate_nothing() {
    let mut traffic = Traffic::warmed_up();
    let connects = traffic.connects();
    assert_no_allocation(&mut traffic, &connects, connects.len());
}

#[test]
fn announces_of_known_peers_allocate_nothing_in_swarms_of_any_size() {
    let mut traffic = Traffic::warmed_up();
    for sides in [Sides::Kept, Sides::Changed, Sides::Kept] {
        let announces = traffic.announces(Arrival::Steered, sides);
        assert_no_allocation(&mut traffic, &announces, announces.len());
    }
}

#[test]
fn announces_that_cross_the_mesh_allocate_nothing() {
    let mut traffic = Traffic::warmed_up();
    let before = traffic.tracker.statistics().counter(Counter::AnnouncesOnWrongCore);
    for core in 0..traffic.tracker.cores() {
        let announces = traffic.announces(Arrival::At(core), Sides::Kept);
        assert_no_allocation(&mut traffic, &announces, announces.len());
    }
    let crossed = traffic.tracker.statistics().counter(Counter::AnnouncesOnWrongCore) - before;
    assert!(crossed > 50_000, "three in four cross it: {crossed}");
}

#[test]
fn announces_that_count_for_more_client_software_than_there_is_room_for_allocate_nothing() {
    let mut traffic = Traffic::warmed_up();
    for core in 0..traffic.tracker.cores() {
        traffic.tracker.context(core).shard.take_clients(Some(Box::default()));
    }
    for arrival in [Arrival::Steered, Arrival::At(0)] {
        let mut announces = traffic.announces(arrival, Sides::Kept);
        for (number, announce) in announces.iter_mut().enumerate() {
            announce.bytes[36..44].copy_from_slice(format!("-Q{:05}-", number % 20_000).as_bytes());
        }
        assert_no_allocation(&mut traffic, &announces, announces.len());
    }
    let counts = traffic.tracker.context(0).shard.take_clients(Some(Box::default())).expect("it has counted");
    assert!(counts.iter().count() > 500, "the table is full");
}

#[test]
fn scrapes_of_one_shard_and_of_all_shards_allocate_nothing() {
    let mut traffic = Traffic::warmed_up();
    let before = traffic.tracker.statistics().counter(Counter::ScrapesRouted);
    for arrival in [Arrival::Steered, Arrival::At(0), Arrival::At(3)] {
        let scrapes = traffic.scrapes(arrival);
        assert_no_allocation(&mut traffic, &scrapes, scrapes.len());
    }
    let statistics = traffic.tracker.statistics();
    let crossed = statistics.counter(Counter::ScrapesRouted) - before;
    assert!(crossed > 50, "{crossed}");
    assert!(statistics.answered(RequestKind::Scrape) > crossed);
}

#[test]
fn errors_and_drops_allocate_nothing() {
    let mut traffic = Traffic::warmed_up();
    let unproved = traffic.unproved();
    assert_no_allocation(&mut traffic, &unproved, unproved.len());
    let junk = traffic.junk();
    assert_no_allocation(&mut traffic, &junk, 0);
    let statistics = traffic.tracker.statistics();
    assert_eq!((statistics.errors(), statistics.dropped()), (unproved.len() as u64, junk.len() as u64));
}

#[test]
fn announces_of_known_users_of_listed_torrents_allocate_nothing() {
    let mut traffic = Traffic::warmed_up_for_users();
    for uploaded in 10..12 {
        for arrival in [Arrival::Steered, Arrival::At(0), Arrival::At(3)] {
            let announces = traffic.announces_of_users(arrival, uploaded);
            assert_no_allocation(&mut traffic, &announces, announces.len());
        }
        let facts = traffic.tracker.take_events();
        assert!(facts.accounts.len() == 8 && facts.accounts.values().all(|fact| fact.uploaded > 0));
    }
    assert_eq!(traffic.tracker.statistics().errors(), 0);
    assert_eq!(traffic.tracker.statistics().counter(Counter::SessionReportsRefused), 0);
}

#[test]
fn refusals_allocate_nothing() {
    let mut traffic = Traffic::warmed_up_for_users();
    for arrival in [Arrival::Steered, Arrival::At(0)] {
        let refused = traffic.refused(arrival);
        let before = traffic.tracker.statistics().errors();
        assert_no_allocation(&mut traffic, &refused, refused.len());
        assert_eq!(traffic.tracker.statistics().errors() - before, refused.len() as u64);
    }
}

#[test]
fn a_sweep_that_removes_nothing_allocates_nothing() {
    for mut traffic in [Traffic::warmed_up(), Traffic::warmed_up_for_users()] {
        traffic.tracker.sweep();
        let info = measure(|| traffic.tracker.sweep());
        assert_eq!(info.count_total, 0, "{info:?}");
    }
}

#[test]
fn a_turn_of_expiry_and_reading_the_figures_allocate_nothing() {
    let mut traffic = Traffic::warmed_up();
    traffic.tracker.pass(60);
    let info = measure(|| traffic.tracker.expire());
    assert_eq!(info.count_total, 0, "no peer is due");
    traffic.tracker.statistics();
    let mut received = 0;
    let info = measure(|| received = traffic.tracker.statistics().received(AddressFamily::V4));
    assert_eq!(info.count_total, 0, "the figures are plain numbers");
    assert!(received > 0);
}

#[test]
fn allocations_for_new_peers_are_counted() {
    let info = measure(|| drop(Traffic::warmed_up()));
    assert!(info.count_total > 100, "{info:?}");
}
