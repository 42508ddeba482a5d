//! The lane over WebSocket (the WebTorrent protocol): kept connections, whose peers send offers to each other and answer
//! them.

mod client;
mod clients;
mod inbox;
mod json;
mod judge;
mod lane;
mod message;
mod opening;
mod sdp;
mod stamp;
mod writer;

pub(crate) use lane::WsLane;
