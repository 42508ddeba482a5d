//! The plays: how a file goes from one client to another.

use super::client::Client;
use super::network::Family;
use super::scene::{Player, Role, Scene};
use super::scheme::Scheme;

/// A leecher is told of a seeder that is there already.
pub(super) fn share(scheme: Scheme, family: Family, seeder: Client, leecher: Client) {
    share_in(&Scene::new(family), scheme, seeder, leecher);
}

/// The same in a network of each family, at the same time: most of it is waiting for clients' clocks.
pub(super) fn share_in_both_families(scheme: Scheme, seeder: Client, leecher: Client) {
    std::thread::scope(|scope| {
        for family in [Family::V4, Family::V6] {
            let play = move || share(scheme, family, seeder, leecher);
            let thread = std::thread::Builder::new().name(format!("{family:?}"));
            thread.spawn_scoped(scope, play).expect("a thread starts");
        }
    });
}

/// The same in a scene that is set already.
pub(super) fn share_in(scene: &Scene, scheme: Scheme, seeder: Client, leecher: Client) {
    let seeder = scene.start(Role::Seeder, seeder, scheme);
    scene.wait_for_counts(1, 0);
    let leecher = scene.start(Role::Leecher, leecher, scheme);
    share_to_the_end(scene, &seeder, &leecher);
}

/// A seeder is told of a leecher that waits already.
pub(super) fn share_with_waiting_leecher(scheme: Scheme, family: Family, seeder: Client, leecher: Client) {
    let scene = Scene::new(family);
    let leecher = scene.start(Role::Leecher, leecher, scheme);
    scene.wait_for_counts(0, 1);
    let seeder = scene.start(Role::Seeder, seeder, scheme);
    share_to_the_end(&scene, &seeder, &leecher);
}

/// Two leechers are told of a seeder that is there already, and of each other.
pub(super) fn share_with_two(family: Family, seeder: (Client, Scheme), leechers: [(Client, Scheme); 2]) {
    let scene = Scene::new(family);
    let seeder = scene.start(Role::Seeder, seeder.0, seeder.1);
    scene.wait_for_counts(1, 0);
    let roles = [Role::Leecher, Role::SecondLeecher];
    let players = [0, 1].map(|at| scene.start(roles[at], leechers[at].0, leechers[at].1));
    for role in roles {
        scene.wait_for_the_file(role);
    }
    scene.wait_for_counts(3, 0);
    scene.wait_for_addresses(&[Role::Seeder, Role::Leecher, Role::SecondLeecher]);
    take_leave(&scene, &[&players[0], &players[1], &seeder]);
}

/// The leecher gets the file and tells so, and both take leave; the tracker's view is checked at each step.
fn share_to_the_end(scene: &Scene, seeder: &Player, leecher: &Player) {
    scene.wait_for_the_file(Role::Leecher);
    scene.wait_for_counts(2, 0);
    scene.wait_for_addresses(&[Role::Seeder, Role::Leecher]);
    take_leave(scene, &[leecher, seeder]);
}

/// One after the other ends, and the tracker forgets those who tell it so.
fn take_leave(scene: &Scene, players: &[&Player]) {
    let mut known = u32::try_from(players.len()).expect("a few");
    for player in players {
        player.process.ask_to_stop();
        known -= u32::from(player.takes_leave);
        scene.wait_for_counts(known, 0);
    }
}
