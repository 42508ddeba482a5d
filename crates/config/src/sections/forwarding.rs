//! `[forwarding]`: the announces to other trackers.

use std::path::PathBuf;

use crate::declare::section;
use crate::values::choice::{choice, one_of};
use crate::values::integer::integer;
use crate::values::path::{FILE, path};

section! {
    /// Forwarding: torrents of local peers are announced to other trackers, whose peers local clients get too.
    pub struct Forwarding;

    /// The file with the list of the upstream trackers: those to which torrents are announced.
    ///
    /// Allowed: the path of a file, or "" for none. The command line option `--forwarders FILE` takes precedence.
    ///
    /// With a file, forwarding is on, even if its list is empty: then the management API can add upstream trackers. The file is
    /// a list in YAML. Each entry has the `uri` of a tracker (`udp://`, `http://` or `https://`), and may have a `name` for
    /// logs and figures, an `ip` to announce in place of this host's address, and a `host` for the HTTP header of that name. It
    /// is read at the start, on SIGHUP and when it has changed. A URI may contain a passkey: make the file readable by the
    /// tracker's user only.
    file: Option<PathBuf> = None, path(FILE);

    /// How long an announce to an upstream tracker may take, with everything that belongs to it: resolving the name, the
    /// connection, repeated datagrams and redirects.
    ///
    /// Allowed: 1 to 120 seconds.
    ///
    /// No client waits for it. With a longer time slow upstream trackers are heard too, but one that is silent occupies its
    /// `requests_max` for longer.
    // Minimum: a connection with TLS to another continent takes about half a second.
    // Maximum: who has not answered within two minutes will not.
    timeout_s: u32 = 15, integer(1..=120);

    /// The maximum number of announces that are under way at one upstream tracker. Over HTTP, each takes a connection.
    ///
    /// Allowed: 1 to 1000 announces.
    ///
    /// With more, a slow upstream tracker is asked for more torrents per second. Some trackers ban clients that open many
    /// connections.
    // Minimum: without an announce nothing is forwarded.
    // Maximum: more connections from one address look like an attack.
    requests_max: u32 = 20, integer(1..=1000);

    /// The maximum rate of announces to one upstream tracker.
    ///
    /// Allowed: 1 to 100000 announces per second. `burst_max` announces may be sent faster than that.
    ///
    /// One announce per second is enough for 1800 torrents at an interval of half an hour. A lower rate spares the upstream
    /// tracker; torrents wait longer for its peers, or are announced to it less often.
    // Minimum: without an announce nothing is forwarded.
    // Maximum: more than one thread can send.
    rate_per_second_max: u32 = 50, integer(1..=100_000);

    /// The maximum number of announces that one upstream tracker receives at once after a pause.
    ///
    /// Allowed: 1 to 100000 announces.
    ///
    /// With more, peers for many new torrents arrive sooner, for example after a start.
    // Minimum: without an announce nothing is forwarded.
    // Maximum: the largest rate for one second.
    burst_max: u32 = 200, integer(1..=100_000);

    /// The maximum number of announces that wait for one upstream tracker.
    ///
    /// Allowed: 1 to 1000000 announces.
    ///
    /// When more are due, because the upstream tracker is too slow or `rate_per_second_max` too low, they are counted and made
    /// later.
    // Minimum: an announce waits at least until it is its turn.
    // Maximum: more would wait for longer than an interval.
    waiting_max: u32 = 10_000, integer(1..=1_000_000);

    /// The maximum number of torrents that are announced to upstream trackers.
    ///
    /// Allowed: 1 to 1000000 torrents.
    ///
    /// Other torrents are served as without forwarding. Each takes about 100 bytes, and 80 for each upstream tracker.
    // Minimum: without a torrent nothing is forwarded.
    // Maximum: no upstream tracker tolerates as many announces from one address, and a sweep of more would delay a core.
    torrents_max: u32 = 100_000, integer(1..=1_000_000);

    /// The maximum number of peers of upstream trackers that are kept for all torrents together.
    ///
    /// Allowed: 1 to 100000000 peers.
    ///
    /// Beyond the limit, local clients get fewer peers of upstream trackers; local peers are not affected.
    // Minimum: without such a peer forwarding has no use.
    // Maximum: the default of `limits.peers_max`; local peers are the main purpose.
    external_peers_max: u32 = 1_000_000, integer(1..=100_000_000);

    /// Whether peers at addresses that no host on the internet has are taken from upstream trackers: private, loopback,
    /// link-local and documentation addresses.
    ///
    /// Allowed: "refuse" or "accept".
    ///
    /// With "accept", an upstream tracker can direct the clients of this tracker to hosts in their own networks. Choose it only
    /// if all upstream trackers are in the same network.
    private_peers: PrivatePeers = PrivatePeers::Refuse, one_of;
}

choice! {
    /// Whether peers at private addresses are taken from upstream trackers.
    pub enum PrivatePeers {
        Refuse = "refuse",
        Accept = "accept",
    }
}
