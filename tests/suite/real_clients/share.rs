//! Transfers of a file from one client to another.

use super::client::Client;
use super::network::Family;
use super::scene::{Player, Role, Scene};
use super::scheme::Scheme;

/// A leecher finds a seeder that announced before.
pub(super) fn share(scheme: Scheme, family: Family, seeder: Client, leecher: Client) {
    share_in(&Scene::new(family), scheme, seeder, leecher);
}

/// Shares in a network of each family at the same time, because clients mostly wait for their timers.
pub(super) fn share_in_both_families(scheme: Scheme, seeder: Client, leecher: Client) {
    std::thread::scope(|scope| {
        for family in [Family::V4, Family::V6] {
            let play = move || share(scheme, family, seeder, leecher);
            let thread = std::thread::Builder::new().name(format!("{family:?}"));
            thread.spawn_scoped(scope, play).expect("a thread starts");
        }
    });
}

/// Shares in an existing scene.
pub(super) fn share_in(scene: &Scene, scheme: Scheme, seeder: Client, leecher: Client) {
    let seeder = scene.start(Role::Seeder, seeder, scheme);
    scene.wait_for_counts(1, 0);
    let leecher = scene.start(Role::Leecher, leecher, scheme);
    share_to_the_end(scene, scheme, &seeder, &leecher);
}

/// A seeder finds a leecher that announced before.
pub(super) fn share_with_waiting_leecher(scheme: Scheme, family: Family, seeder: Client, leecher: Client) {
    let scene = Scene::new(family);
    let leecher = scene.start(Role::Leecher, leecher, scheme);
    scene.wait_for_counts(0, 1);
    let seeder = scene.start(Role::Seeder, seeder, scheme);
    share_to_the_end(&scene, scheme, &seeder, &leecher);
}

/// Two leechers find a seeder that announced before, and each other.
pub(super) fn share_with_two(family: Family, seeder: (Client, Scheme), leechers: [(Client, Scheme); 2]) {
    let scene = Scene::new(family);
    let (seeder, seeder_scheme) = seeder;
    let seeder = scene.start(Role::Seeder, seeder, seeder_scheme);
    scene.wait_for_counts(1, 0);
    let roles = [Role::Leecher, Role::SecondLeecher];
    let players = [0, 1].map(|at| scene.start(roles[at], leechers[at].0, leechers[at].1));
    for role in roles {
        scene.wait_for_the_file(role);
    }
    scene.wait_for_counts(3, 0);
    let schemes = [seeder_scheme, leechers[0].1, leechers[1].1];
    wait_for_addresses(&scene, [Role::Seeder, roles[0], roles[1]].into_iter().zip(schemes));
    take_leave(&scene, &[&players[0], &players[1], &seeder]);
}

/// The leecher gets the file and becomes a seeder, then both end; the tracker's counts are checked at each step.
fn share_to_the_end(scene: &Scene, scheme: Scheme, seeder: &Player, leecher: &Player) {
    scene.wait_for_the_file(Role::Leecher);
    scene.wait_for_counts(2, 0);
    wait_for_addresses(scene, [Role::Seeder, Role::Leecher].map(|role| (role, scheme)));
    take_leave(scene, &[leecher, seeder]);
}

/// Waits until the tracker returns the addresses of those that are found by their address.
fn wait_for_addresses(scene: &Scene, clients: impl IntoIterator<Item = (Role, Scheme)>) {
    let with_address = clients.into_iter().filter(|(_, scheme)| !scheme.is_for_webrtc());
    scene.wait_for_addresses(&with_address.map(|(role, _)| role).collect::<Vec<_>>());
}

/// Ends one client after the other. The tracker forgets those that announce their end.
fn take_leave(scene: &Scene, players: &[&Player]) {
    let mut known = u32::try_from(players.len()).expect("a few");
    for player in players {
        player.process.ask_to_stop();
        known -= u32::from(player.takes_leave);
        scene.wait_for_counts(known, 0);
    }
}
