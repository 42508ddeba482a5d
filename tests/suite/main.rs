//! The one integration-test binary of the project.

mod abuse;
mod before_the_start;
// As below.
#[cfg(test)]
mod client_program;
mod command_line;
mod connection_deadlines;
mod container;
mod cores;
mod crowds;
mod differential;
mod http_connections;
// Marks the whole module as tests, so that clippy lets its helpers unwrap.
#[cfg(test)]
mod databases;
mod fairness;
#[cfg(test)]
mod faults;
mod figures;
mod forbidden;
#[cfg(test)]
mod forwarding;
mod fuzz_replay;
mod http_bounds;
mod http_client;
mod http_full_scrape;
mod http_places;
mod http_proxies;
mod http_requests;
mod http_serving;
mod http_tls;
#[cfg(test)]
mod import;
mod kernel_filter;
mod latency;
mod layers;
mod load_generator;
// As above.
#[cfg(test)]
mod management;
mod many_shards;
#[cfg(test)]
mod monitoring;
mod opentracker;
mod patience;
mod program;
mod real_clients;
// As above.
#[cfg(test)]
mod reload;
mod service;
mod serving;
mod small_memory;
#[cfg(test)]
mod snapshots;
mod stages;
mod startup_failures;
mod statistics_page;
mod steering;
mod steering_function;
mod tidy;
mod tracker;
mod udp_client;
#[cfg(test)]
mod upgrade;
#[cfg(test)]
mod web_sockets;
mod who_is_served;
