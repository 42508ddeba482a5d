//! Real clients transfer real files, and find each other only through the tracker.
//!
//! Capabilities of each client with a tracker, as observed in these networks:
//!
//! | client           | over UDP and IPv4 | over UDP and IPv6                    | over HTTP and HTTPS         |
//! |------------------|-------------------|--------------------------------------|-----------------------------|
//! | libtorrent 2.1   | all               | all                                  | all                         |
//! | aria2 1.36       | all               | nothing                              | all                         |
//! | Transmission 3.0 | all               | announces and is found, finds no one | all, but no `stopped` event |
//! | WebTorrent 3.0   | all               | nothing                              | all                         |
//!
//! aria2 uses only an IPv4 socket for UDP trackers: sending to an IPv6 address fails ("Address family not supported
//! by protocol"). So does WebTorrent in Node, by `bittorrent-tracker` 11.2.
//!
//! Over WebSockets, which are all that browsers have, WebTorrent can do all. libtorrent can, too, but begins the
//! announce of its end and does not wait for it, and reports no failure.
//!
//! Transmission announces over UDP and IPv6 if the tracker has a name (it fails to look up an IPv6 address in brackets
//! as if it were one), but takes each 18-byte peer of the answer for three IPv4 peers ("Got 3 peers from tracker" where
//! there is one). Over HTTP it announces a pause, but not its end: it begins that announce and does not wait for it.

mod aria2;
mod authority;
mod behind_nginx;
mod changing_addresses;
mod client;
mod eye;
mod forwarding;
mod host;
mod http;
mod https;
mod libtorrent;
mod mixed;
mod network;
mod nginx;
mod node;
mod private;
pub(crate) mod process;
mod scene;
mod scheme;
mod scrapes;
mod share;
pub(crate) mod tools;
mod torrent;
mod tracker;
mod transmission;
mod udp;
mod wait;
mod webtorrent;
