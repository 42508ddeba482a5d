//! Decisions about WebTorrent messages, which clients exchange with the tracker over WebSockets.
//!
//! The home of a connection reads a message, admits its client and makes a [`WebRtcRequest`] of it. The owner of the
//! torrent carries it out, and writes finished frames: the answer for the client itself, and offers and answers for the
//! connections of other peers ([`Signals`]).

mod announced;
mod client;
mod failure;
mod leave;
mod policy;
mod read;
mod request;
mod signals;

pub use announced::AnnouncedPeer;
pub use client::WebSocketClient;
pub(crate) use failure::MessageFailure;
pub use leave::LeaveStep;
pub use policy::{OriginRules, WebSocketPolicy};
pub(crate) use read::{Asked, MessageReader, Rejected};
pub(crate) use request::{CarriedOut, Replies, WebRtcRequest};
pub use signals::{SignalFrame, Signals};
