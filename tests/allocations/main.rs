//! What the memory allocator has to say: no request asks it for anything in the steady state, and the swarms
//! hold what they say they hold. A test binary by itself, because its global allocator counts.

mod bytes_per_peer;
mod fill;
mod http_connections;
mod http_requests;
mod latency_recording;
mod no_allocation;
mod steady_traffic;
mod swarm_bytes;
