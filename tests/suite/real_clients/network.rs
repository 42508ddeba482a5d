//! A small network for one test: a host for the tracker, one for a proxy and three for clients, on one switch. An upstream
//! tracker runs on the host of the third client.
//!
//! Real clients refuse or rank peers by their address: Transmission drops every loopback peer, and speaks
//! IPv6 only where it sees a global address and a route. So each host is a network namespace with its own
//! addresses, and clients learn the addresses of others only from the tracker. The namespaces have no name: the
//! kernel removes them with their last process, so that even a killed run leaves nothing.

use std::fmt::Write;
use std::path::Path;

use super::host::{Host, address_of};

const TRACKER_ID: u8 = 1;
const CLIENT_IDS: [u8; 3] = [2, 3, 4];
const PROXY_ID: u8 = 5;

/// The address family by which clients reach their tracker, and so each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Family {
    V4,
    V6,
}

/// Five hosts on one switch, which is in the tracker's host.
pub(super) struct Network {
    pub(super) tracker: Host,
    pub(super) proxy: Host,
    pub(super) clients: [Host; 3],
}

impl Network {
    /// Makes a network whose hosts resolve the names of trackers and proxy in one family only.
    pub(super) fn new(family: Family, folder: &Path) -> Self {
        write_name_files(family, folder);
        let [tracker, proxy] = [TRACKER_ID, PROXY_ID].map(|id| Host::new(id, folder));
        let clients = CLIENT_IDS.map(|id| Host::new(id, folder));
        let network = Self { tracker, proxy, clients };
        network.lay_switch();
        for host in network.clients.iter().chain([&network.proxy]) {
            network.plug_in(host);
        }
        network
    }

    fn lay_switch(&self) {
        let Host { v4, v6, .. } = &self.tracker;
        // No link-local addresses, and `nodad`: duplicate address detection would take seconds.
        self.tracker.ip(&format!(
            "link set lo up\n\
             link add switch type bridge mcast_snooping 0\n\
             link set switch addrgenmode none\n\
             address add {v4}/24 dev switch\n\
             address add {v6}/64 dev switch nodad\n\
             link set switch up\n"
        ));
    }

    fn plug_in(&self, host: &Host) {
        let Host { id, v4, v6, .. } = host;
        let pid = host.namespace_pid();
        self.tracker.ip(&format!(
            "link add port{id} type veth peer name eth0 netns {pid}\n\
             link set port{id} addrgenmode none\n\
             link set port{id} master switch up\n"
        ));
        host.ip(&format!(
            "link set lo up\n\
             link set eth0 addrgenmode none\n\
             address add {v4}/24 dev eth0\n\
             address add {v6}/64 dev eth0 nodad\n\
             link set eth0 up\n\
             route add default via {}\n\
             route add default via {}\n",
            self.tracker.v4, self.tracker.v6
        ));
    }
}

pub(super) const TRACKER_NAME: &str = "tracker.test";

pub(super) const PROXY_NAME: &str = "proxy.test";

pub(super) const UPSTREAM_NAME: &str = "upstream.test";

/// Writes the hosts' `/etc/hosts`, and an `/etc/resolv.conf` with which lookups fail at once.
fn write_name_files(family: Family, folder: &Path) {
    let mut hosts = String::from("127.0.0.1 localhost\n::1 localhost\n");
    for (id, name) in [(TRACKER_ID, TRACKER_NAME), (PROXY_ID, PROXY_NAME), (CLIENT_IDS[2], UPSTREAM_NAME)] {
        writeln!(hosts, "{} {name}", address_of(id, family)).expect("a string grows");
    }
    std::fs::write(folder.join("hosts"), hosts).expect("the hosts file");
    std::fs::write(folder.join("resolv.conf"), "nameserver 127.0.0.1\n").expect("the resolver's file");
}
