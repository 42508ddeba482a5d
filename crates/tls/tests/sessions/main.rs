//! Sessions with the client of rustls, in memory, and what is no client at all.

mod alpn;
mod closing;
mod handshake;
mod identity;
mod junk;
mod memory;
mod pair;
mod reload;
mod resumption;
mod traffic;
