//! Debian's opentracker, a real tracker of others.

use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::process::Command;

/// Adds to a command of `setpriv` that it runs opentracker, which refuses to run as root. More arguments may follow.
pub(crate) fn opentracker(mut setpriv: Command) -> Command {
    if rustix::process::geteuid().is_root() {
        setpriv.args(["--reuid", "nobody", "--regid", "nogroup", "--clear-groups", "--", "setpriv"]);
    }
    // A change of user clears this signal.
    setpriv.args(["--pdeathsig", "KILL", "--", "opentracker"]);
    setpriv
}

/// Returns an address whose port is free for UDP and TCP.
pub(crate) fn free_address() -> SocketAddr {
    let ports =
        std::iter::repeat_with(|| TcpListener::bind("127.0.0.1:0").and_then(|port| port.local_addr()));
    let free = ports.take(100).flatten().find(|address| UdpSocket::bind(address).is_ok());
    free.expect("a free port")
}
