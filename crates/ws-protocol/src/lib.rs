//! The WebTorrent tracker protocol: JSON messages in WebSocket frames (RFC 6455).
//!
//! The owner of a connection answers its upgrade with [`accept_key`], reads into its own buffer and calls:
//!
//! 1. [`FrameReader::read`] for the frame at the front of the buffer.
//! 2. [`read_message`] to decode a message.
//! 3. [`append_announce_answer`], [`append_signal`], [`append_scrape`], [`append_failure`], [`append_frame`] or
//!    [`append_close`] to write whole frames.
//!
//! A message is a view of its bytes. The whole text of a message is checked, so that parts of it can be passed on as
//! they are. The crate does no IO, reads no clock, and allocates only for messages in fragments and for the output. No
//! remote bytes can make it panic.

#![forbid(unsafe_code)]
#![deny(
    clippy::indexing_slicing,
    clippy::expect_used,
    clippy::panic,
    clippy::unreachable,
    clippy::arithmetic_side_effects,
    reason = "this crate parses untrusted bytes"
)]
#![cfg_attr(
    test,
    allow(
        clippy::indexing_slicing,
        clippy::expect_used,
        clippy::panic,
        clippy::arithmetic_side_effects,
        reason = "tests use their own bytes"
    )
)]

mod announce;
mod frame;
mod handshake;
mod json;
mod limits;
mod message;
mod reader;
mod scrape;
mod value;
mod write;

pub use announce::{Announce, Answer, Offer, OfferId, Offers};
pub use frame::{CloseCode, Opcode, append_close, append_frame};
pub use handshake::accept_key;
pub use limits::{DEPTH_MAX, FRAME_BYTES_MAX, MESSAGE_BYTES_MAX};
pub use message::{Action, ClientMessage, MessageError, MessageFault, read_message};
pub use reader::{FrameReader, Incoming, Sender};
pub use scrape::{InfoHashes, Scrape};
pub use value::Text;
pub use write::{
    AnnounceAnswer, ScrapedTorrent, Signal, SignalKind, append_announce_answer, append_failure,
    append_scrape, append_signal,
};
