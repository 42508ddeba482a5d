mod admission;
mod bytes;
mod changes;
mod check;
mod ledger;
mod script;
mod world;

use self::script::{Language, Script, Step};
use self::world::World;
use access::{AccessPolicy, CompletedCounts, DetailsKept, TorrentAdmission, UserAdmission};

/// Reads `input` as a script of datagrams, time and expiry for a tracker of one to four shards, and plays it.
///
/// The first byte chooses the tracker; then come steps of a few bytes each, some with a datagram as it stands
/// and some with a short word for a whole request. A datagram can have a connection id put into its place, of
/// its own source or another's, new or old: nobody guesses 64 bits.
///
/// # Panics
/// When a promise of the tracker does not hold.
pub fn engine_datagrams(input: &[u8]) {
    let Some((&choice, rest)) = input.split_first() else { return };
    play(World::new(choice, AccessPolicy::PUBLIC), Script::new(rest, Language::Public));
}

/// The same for a tracker that does not serve everyone: the first byte says who is served and what is kept, and some
/// steps change it. Announces bring URL data with a key, or something that is none.
///
/// # Panics
/// When a promise of the tracker does not hold, or somebody is served who may not be, or the other way round.
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
