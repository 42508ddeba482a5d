//! `[websocket]`: WebTorrent over WebSockets.

use crate::declare::section;
use crate::limits::ORIGINS_MAX;
use crate::values::choice::{Switch, one_of};
use crate::values::integer::integer;
use crate::values::list::list;
use crate::values::origin::Origin;

section! {
    /// WebTorrent over WebSockets, on the addresses and with the limits of HTTP and HTTPS.
    pub struct Websocket;

    /// Whether a request for a WebSocket is served, on any path. On a private tracker the path is `/announce/KEY`.
    ///
    /// Allowed: "on" or "off".
    ///
    /// Browsers announce over WebSockets only, and connect to peers by WebRTC only. On pages with `https://` they need
    /// `wss://`, which is served on the addresses in `https.listen`. A connection stays open as long as its client answers
    /// pings, and counts towards `http.connections_max`.
    enabled: Switch = Switch::On, one_of;

    /// The time between two announces of a client.
    ///
    /// Allowed: 10 to 3600 seconds.
    ///
    /// With each announce a client makes offers, by which peers find each other: a shorter time connects them sooner and
    /// costs more messages. A peer whose connection ends leaves its swarms at once, whatever the time is. It is at most a minute
    /// less than `announce.peer_lifetime_s`.
    // Minimum: a shorter time would be mostly offers that no peer needs.
    // Maximum: clients forget an offer after 50 seconds, and new peers would wait too long for another.
    interval_s: u32 = 120, integer(10..=3600);

    /// How long nothing may be received on a connection until it is closed. Its client is pinged after half of the time.
    ///
    /// Allowed: 10 to 3600 seconds.
    ///
    /// A shorter time frees the slots of clients that have vanished sooner, but wakes more devices that sleep.
    // Minimum: a mobile client that changes networks is away for some seconds.
    // Maximum: a peer that has vanished would get offers for too long.
    idle_s: u32 = 240, integer(10..=3600);

    /// The maximum number of offers of one announce that are passed on, each to another peer.
    ///
    /// Allowed: 1 to 50 offers.
    ///
    /// With more, a new peer connects to more others at once. Each offer has one to two kilobytes.
    // Minimum: without an offer no peers would find each other.
    // Maximum: a message has room for about as many.
    offers_per_announce_max: u16 = 10, integer(1..=50);

    /// The maximum number of offers and answers that are passed on in one second for one connection.
    ///
    /// Allowed: 1 to 100000 offers and answers; an answer counts once for each 2 KiB. Others are dropped: the client makes new
    /// offers with its next announce.
    ///
    /// A client with many torrents announces them all at its start. A lower limit prevents a single client from keeping
    /// others busy.
    // Minimum: without an offer no peers would find each other.
    // Maximum: a connection hardly carries as many.
    signals_per_second_max: u32 = 500, integer(1..=100_000);

    /// The maximum number of torrents that one connection may announce.
    ///
    /// Allowed: 1 to 10000 torrents. A torrent counts once for each peer id, of which it may have 8.
    ///
    /// An announce beyond the limit fails. Each takes 48 bytes on the core of the connection.
    // Minimum: a connection without a torrent has no use.
    // Maximum: they are searched one by one for each announce.
    torrents_per_connection_max: u32 = 1000, integer(1..=10_000);

    /// The origins of the pages that may open a WebSocket.
    ///
    /// Allowed: a list of 0 to 256 different origins such as `["https://example.org", "http://localhost:8080"]`; [] allows
    /// all. "none" stands for clients that name no origin, which are not browsers, and "null" for pages without one.
    ///
    /// Browsers name the origin of the page; other programs can name any. The list prevents the pages of others from
    /// using the tracker, not their programs.
    allow_origins: Vec<Origin> = Vec::new(), list(0..=ORIGINS_MAX);

    /// The origins of the pages that may not, even if `allow_origins` has them.
    ///
    /// Allowed: as for `allow_origins`.
    deny_origins: Vec<Origin> = Vec::new(), list(0..=ORIGINS_MAX);
}
