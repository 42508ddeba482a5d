//! The loops of several cores and their clients under a virtual clock, with faults at every seam, all from a seed: a network
//! that loses, doubles, delays and spoofs datagrams, full rings, calls that fail, sends without room, clients that do not read
//! or vanish, cores that run late, clocks that jump, small limits, abuse, changed settings, a control plane that is away or
//! dies, and a successor that takes over.
//!
//! * `RINGTRACK_SIMULATIONS=1000000 cargo test --release --workspace --test simulation` runs a million of them, from a seed that
//!   is new each time.
//! * `RINGTRACK_SEED=17 cargo test --workspace --test simulation simulations_find_no_fault` runs one of them alone.
//!
//! It is a binary by itself, so that it is built quickly with the feature `canary`, a fault that it has to find.

#[cfg(test)]
mod actions;
#[cfg(test)]
mod checks;
#[cfg(test)]
mod coalescing;
#[cfg(test)]
mod control;
#[cfg(test)]
mod handover;
#[cfg(test)]
mod http_clients;
#[cfg(test)]
mod network;
#[cfg(test)]
mod pages;
#[cfg(test)]
mod peers;
#[cfg(test)]
mod seeds;
#[cfg(test)]
mod served;
#[cfg(test)]
mod troubles;
#[cfg(test)]
mod udp_clients;
#[cfg(test)]
mod web_socket_clients;
