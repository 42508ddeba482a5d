//! Real clients move real files, and find each other only through the tracker.
//!
//! What each of them can do with a tracker, as seen in these networks:
//!
//! | client           | over UDP and IPv4 | over UDP and IPv6                    | over HTTP and HTTPS     |
//! |------------------|-------------------|--------------------------------------|-------------------------|
//! | libtorrent 2.0   | all               | all                                  | all                     |
//! | aria2 1.36       | all               | nothing                              | all                     |
//! | Transmission 3.0 | all               | announces and is found, finds nobody | all, but takes no leave |
//!
//! aria2 asks UDP trackers from an IPv4 socket only: an IPv6 address fails when it sends ("Address family not
//! supported by protocol").
//!
//! Transmission asks over UDP and IPv6 where the tracker has a name (an IPv6 address in brackets it looks up as
//! if it were one, in vain), but takes each 18-byte peer of the answer for three IPv4 peers ("Got 3 peers from
//! tracker" where there is one). Over HTTP it tells the tracker of a pause, but not of its end: it begins that
//! announce and does not wait for it.

mod aria2;
mod authority;
mod behind_nginx;
mod client;
mod eye;
mod host;
mod http;
mod https;
mod libtorrent;
mod mixed;
mod network;
mod nginx;
mod private;
mod process;
mod scene;
mod scheme;
mod scrapes;
mod share;
mod tools;
mod torrent;
mod tracker;
mod transmission;
mod udp;
mod wait;
