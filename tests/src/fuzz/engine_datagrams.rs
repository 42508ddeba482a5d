mod admission;
mod changes;
mod check;
mod ledger;
mod script;
mod world;

use self::script::{Language, Script, Step};
use self::world::World;
use access::{AccessPolicy, CompletedCounts, DetailsKept, TorrentAdmission, UserAdmission};

/// Runs `input` as a script of datagrams, time and expiry against a tracker of one to four shards.
///
/// The first byte selects the settings of the tracker. Steps of a few bytes each follow, some with a raw datagram
/// and some with a short code for a whole request. A step can insert a connection id, new or old, of its own
/// source or of another, because fuzzing does not guess 64 bits.
///
/// # Panics
/// If an invariant of the tracker does not hold.
pub fn engine_datagrams(input: &[u8]) {
    let Some((&choice, rest)) = input.split_first() else { return };
    play(World::new(choice, AccessPolicy::PUBLIC), Script::new(rest, Language::Public));
}

/// Does the same for a tracker with restricted admission: the first byte selects the access policy, and some steps
/// change lists, keys and bans. Announces carry URL data, with or without a valid key.
///
/// # Panics
/// If an invariant of the tracker does not hold, or a request is served that must be refused, or the other way round.
pub fn admission_datagrams(input: &[u8]) {
    let [policy, choice, rest @ ..] = input else { return };
    play(World::new(*choice, policy_of(*policy)), Script::new(rest, Language::Admission));
}

const fn policy_of(choice: u8) -> AccessPolicy {
    AccessPolicy {
        users: if choice & 1 == 0 { UserAdmission::Public } else { UserAdmission::Private },
        torrents: if choice & 2 == 0 { TorrentAdmission::Any } else { TorrentAdmission::Listed },
        completed: if choice & 4 == 0 { CompletedCounts::Forgotten } else { CompletedCounts::Remembered },
        details: if choice & 8 == 0 { DetailsKept::Dropped } else { DetailsKept::Kept },
    }
}

fn play(mut world: World, script: Script<'_>) {
    for step in script {
        match step {
            Step::Send(shape) => world.send(&shape),
            Step::Burst { source, torrent, peers } => world.burst(source, torrent, peers),
            Step::Pass { seconds } => world.pass(seconds),
            Step::Flush => world.flush(),
            Step::Change(change) => world.change(change),
        }
        if world.is_worn_out() {
            break;
        }
    }
    world.flush();
}
