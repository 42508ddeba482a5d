mod bytes;
mod check;
mod ledger;
mod script;
mod world;

use self::script::{Script, Step};
use self::world::World;

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
    let mut world = World::new(choice);
    for step in Script::new(rest) {
        match step {
            Step::Send(shape) => world.send(&shape),
            Step::Burst { source, torrent, peers } => world.burst(source, torrent, peers),
            Step::Pass { seconds } => world.pass(seconds),
            Step::Flush => world.flush(),
        }
        if world.is_worn_out() {
            break;
        }
    }
    world.flush();
}
