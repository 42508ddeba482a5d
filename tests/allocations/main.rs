//! Memory: no request allocates in the steady state, and the swarms hold the bytes that they report. A test binary
//! by itself, because its global allocator counts.

mod bytes_per_peer;
mod fill;
mod http_connections;
mod http_requests;
mod latency_recording;
mod no_allocation;
mod steady_traffic;
mod swarm_bytes;
