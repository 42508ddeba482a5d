mod client;
mod expected;
mod script;
mod world;

use self::script::Script;
use self::world::{Choice, World};
use crate::http_server::Troubles;

/// Reads `input` as a script of what a client says over one connection and of what becomes of the bytes: how they are
/// split, where the wire has no room, when routed requests come back, who ends it.
///
/// The first byte chooses TLS, a proxy in between, the number of cores and of requests; the next two which routed requests find
/// their way full. Then come steps.
///
/// # Panics
/// When the connection holds more than its bound, waits for what is there, or tells its client something else than where
/// all of the bytes are there at once.
pub fn http_connection(input: &[u8]) {
    let &[set_up, ring_full, given_up, ref rest @ ..] = input else { return };
    let mut world = World::new(Choice { set_up, troubles: Troubles { ring_full, given_up } });
    for step in Script::new(rest) {
        world.play(step);
    }
    world.finish();
}
