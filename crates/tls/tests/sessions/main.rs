//! Sessions with the client of rustls in memory, and with bytes that no client sends.

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
