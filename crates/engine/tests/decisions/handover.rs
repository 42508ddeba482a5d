//! What a tracker has of another one's state.

use access::AccessUpdate;
use core_link::{ChangeRecording, CoreTask, Reply};
use engine::ForwardingBounds;
use metrics::{Counter, Gauge};
use primitives::{
    AnnounceEvent, ChangesLost, ClockShift, ExportPlace, ExportedPage, Imported, InfoHash, ListChange,
    ListSource, StatePage, SwarmChange, TorrentList,
};
use ringtrack_tests::client::Client;
use ringtrack_tests::simulator::{Simulator, SimulatorSettings};
use std::sync::Arc;
use std::sync::mpsc::channel;

/// Has a core do a task, and returns its reply.
fn done<T: Send + 'static>(
    tracker: &mut Simulator,
    core: usize,
    task: impl FnOnce(Reply<T>) -> CoreTask,
) -> T {
    let (sender, receiver) = channel();
    tracker.submit(core, task(Reply::new(move |reply| drop(sender.send(reply)))));
    tracker.run_for_ms(100);
    receiver.try_recv().expect("the task is done")
}

fn export(from: &mut Simulator, place: ExportPlace) -> ExportedPage {
    done(from, 0, |reply| CoreTask::Export(place, reply))
}

fn take_changes(from: &mut Simulator) -> Result<StatePage, ChangesLost> {
    done(from, 0, CoreTask::TakeChanges)
}

/// Has every core import a page.
fn import(to: &mut Simulator, page: StatePage, shift: ClockShift) -> Imported {
    let page = Arc::new(page);
    let imports = (0..to.cores()).map(|core| {
        let page = Arc::clone(&page);
        done(to, core, |reply| CoreTask::Import(page, shift, reply))
    });
    imports.collect::<Vec<_>>().into_iter().fold(Imported::default(), Imported::plus)
}

fn torrent(number: u8) -> InfoHash {
    InfoHash([number; 20])
}

#[test]
fn two_cores_serve_what_one_core_had_and_what_came_during_its_export() {
    let mut from = super::tracker();
    let mut settings = SimulatorSettings::with_shards(2);
    settings.engine.forwarding = Some(ForwardingBounds { torrents_max: 100, peers_max: 100 });
    let mut to = Simulator::new(&settings);
    let denied =
        AccessUpdate::ChangeList(ListChange::Add, TorrentList::Denied, ListSource::Api, [torrent(0)].into());
    to.update(&denied);
    from.pass(5000);
    let client = Client::connected(&mut from, "192.0.2.1:6881");
    for number in 0..20 {
        client.announce(&mut from, &client.leeching(torrent(number)));
    }
    done(&mut from, 0, |reply| CoreTask::RecordChanges(ChangeRecording::On, reply));
    let then = i64::from(to.now().monotonic.0) - i64::from(from.now().monotonic.0);
    let shift = ClockShift(then);
    let (mut place, mut imported) = (Some(ExportPlace::default()), Imported::default());
    let second = Client::connected(&mut from, "192.0.2.2:6881");
    while let Some(next) = place {
        let (changes, exported) =
            done(&mut from, 0, |reply| CoreTask::ExportChanging(next, reply)).expect("few changes");
        import(&mut to, changes, shift);
        imported = imported.plus(import(&mut to, exported.page, shift));
        place = exported.next;
        second.announce(&mut from, &second.leeching(torrent(next.part + 1)));
    }
    // The second client came to one of them before its page.
    assert_eq!((imported.swarms, imported.peers, imported.malformed_bytes), (19, 20, 0));
    assert_eq!(imported.refused, 1, "the denied torrent, at its owner only");
    // The importing core serves, so that it keeps what it has of peers that were heard again within four seconds.
    [&mut from, &mut to].into_iter().for_each(|tracker| tracker.pass(8));
    client.announce(&mut from, &client.seeding(torrent(1)).with_event(AnnounceEvent::Completed));
    client.announce(&mut from, &client.leeching(torrent(2)).with_event(AnnounceEvent::Stopped));
    let changes = take_changes(&mut from).expect("few changes");
    import(&mut to, changes, shift);

    let owners: Vec<usize> = (0..20).map(|number| to.owner(&torrent(number))).collect();
    assert!(owners.contains(&0) && owners.contains(&1));
    let statistics = to.statistics();
    assert_eq!(statistics.gauge(Gauge::Torrents), 19);
    assert_eq!(statistics.counter(Counter::Completed), 0, "it was counted by the other process");
    let mut started = 0;
    for core in 0..2 {
        to.sweep();
        let changes = to.take_swarm_changes(core);
        started += changes.iter().filter(|change| matches!(change, SwarmChange::Started(..))).count();
    }
    assert_eq!(started, 19, "torrents are forwarded without another announce");
    let third = Client::connected(&mut to, "192.0.2.3:6881");
    for (number, seeders, others, completed) in [(1, 1, 2, 1), (2, 0, 1, 0), (3, 0, 2, 0), (9, 0, 1, 0)] {
        let announced = third.announce(&mut to, &third.leeching(torrent(number)));
        assert_eq!(announced.peers.len(), others, "{number}");
        assert_eq!(announced.seeders, seeders, "{number}");
        assert_eq!(third.scrape(&mut to, &[torrent(number)])[0].downloaded, completed, "{number}");
    }
    done(&mut from, 0, |reply| CoreTask::RecordChanges(ChangeRecording::Off, reply));
    client.announce(&mut from, &client.leeching(torrent(3)));
    assert_eq!(take_changes(&mut from), Err(ChangesLost), "they are not recorded");
}

/// Imports all that the first core of a tracker has. Returns what was done with it.
fn import_all(from: &mut Simulator, to: &mut Simulator) -> Imported {
    let shift = ClockShift(i64::from(to.now().monotonic.0) - i64::from(from.now().monotonic.0));
    let (mut place, mut imported) = (Some(ExportPlace::default()), Imported::default());
    while let Some(next) = place {
        let exported = export(from, next);
        imported = imported.plus(import(to, exported.page, shift));
        place = exported.next;
    }
    imported
}

#[test]
fn a_torrent_is_forwarded_once_its_first_peers_are_imported() {
    let mut from = super::tracker();
    let mut settings = SimulatorSettings::default();
    settings.engine.forwarding = Some(ForwardingBounds { torrents_max: 1, peers_max: 1 });
    let mut to = Simulator::new(&settings);
    let client = Client::connected(&mut from, "192.0.2.1:6881");
    for event in [AnnounceEvent::Started, AnnounceEvent::Completed, AnnounceEvent::Stopped] {
        client.announce(&mut from, &client.leeching(torrent(1)).with_event(event));
    }
    let figures = |to: &mut Simulator| {
        let statistics = to.statistics();
        (statistics.gauge(Gauge::ForwardedTorrents), statistics.counter(Counter::ForwardedTorrentsRefused))
    };
    assert_eq!(import_all(&mut from, &mut to).swarms, 1);
    assert_eq!(figures(&mut to), (0, 0), "only its downloads came");
    for number in 2..5 {
        client.announce(&mut from, &client.leeching(torrent(number)));
    }
    for _ in 0..2 {
        import_all(&mut from, &mut to);
        assert_eq!(figures(&mut to), (1, 2), "two have no room, each counted once");
    }
}

#[test]
fn peers_that_have_expired_make_room_for_those_that_are_imported() {
    let mut from = super::tracker();
    let mut settings = SimulatorSettings::default();
    settings.engine.swarms.limits.peers_max = 2;
    let mut to = Simulator::new(&settings);
    for (first, expired) in [(1, 0), (3, 2)] {
        for host in first..first + 2 {
            let client = Client::connected(&mut from, &format!("192.0.2.{host}:6881"));
            client.announce(&mut from, &client.leeching(super::TORRENT));
        }
        let imported = import_all(&mut from, &mut to);
        assert_eq!((imported.peers, imported.refused), (2, 0));
        assert_eq!(to.statistics().counter(Counter::PeersExpired), expired);
        // No turn of expiry comes.
        let lifetime_ms = 1000 * u64::from(settings.engine.swarms.peer_lifetime_s + 4);
        [&mut from, &mut to].into_iter().for_each(|tracker| tracker.pass_ms(lifetime_ms));
    }
}
