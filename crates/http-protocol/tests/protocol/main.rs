//! Requests as real clients send them, and requests in pieces.

mod clients;
mod pieces;
