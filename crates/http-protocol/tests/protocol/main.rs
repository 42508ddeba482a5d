//! Requests of real clients, and requests that arrive in pieces.

mod clients;
mod pieces;
