mod expected;
mod script;
mod world;

use self::script::Script;
use self::world::{Choice, World};

/// Runs `input` as a script of the requests that a client sends over one connection, and of their transport: how
/// the bytes are split, when the wire has no room, when routed requests return, and who closes the connection.
///
/// The first byte selects TLS, a proxy, the number of cores and the limit of requests; the next two select the cores
/// that are busy. Steps follow.
///
/// # Panics
/// If the connection holds more bytes than its limit, or responds differently from when all bytes arrive at once.
pub fn http_connection(input: &[u8]) {
    let &[set_up, second, third, ref rest @ ..] = input else { return };
    let mut world = World::new(Choice { set_up, busy: [second != 0, third != 0] });
    for step in Script::new(rest) {
        world.play(step);
    }
    world.finish();
}
