//! An upgrade: the running tracker starts its program again, which may have been replaced, hands everything over to that process, and
//! ends. The *predecessor* is the process that runs, the *successor* the one that it starts.
//!
//! 1. The command `upgrade` asks the predecessor, which starts the successor with a socket as its standard input
//!    (`program`), and introduces itself: listening sockets, secrets, the age of its clock.
//! 2. The successor reads its configuration, adopts the sockets, binds new ones, and then asks for the stored data.
//! 3. The predecessor refuses changes from here on, saves everything, and releases the database. The successor opens it, starts its
//!    workers, and loads lists, keys and bans.
//! 4. The predecessor records the changes of its cores and sends all of their state, page by page, with the changes in between
//!    (`state`). When little is left, the successor serves: for a moment both receive from the same sockets.
//! 5. The predecessor makes the successor the main process of the service, leaves the sockets, closes its connections, stops its
//!    cores, sends the last changes, and ends without storing or announcing anything.
//!
//! Until the successor serves, any failure ends it, and the predecessor serves on with all that it had. `predecessor` has the
//! successor's side of this, `upgrader` that of the predecessor; `protocol` has the messages between them.

mod limits;
mod predecessor;
mod priority;
mod program;
mod protocol;
mod state;
mod successor;
mod unstored;
mod upgrader;

pub(crate) use limits::{UPGRADE_LOAD_MAX, UPGRADE_MAX};
pub(crate) use predecessor::{CaughtUp, FailureReport, Predecessor, WithStoredData, meet};
pub(crate) use program::Program;
pub(crate) use upgrader::{HandedOn, HandedOver, Upgraded, Upgrader};

use crate::running_tracker::RunningTracker;
use anyhow::{Context, bail};
use limits::REPLY_BYTES_MAX;

/// The request for an upgrade.
pub(crate) const UPGRADE: u8 = b'u';

/// The first byte of a reply: the rest says what runs, or why the tracker was not upgraded.
const DONE: u8 = b'=';
const FAILED: u8 = b'!';

/// Has the running tracker upgraded, and returns the text to print.
pub(crate) fn upgrade(process: Option<u32>) -> anyhow::Result<String> {
    let tracker = RunningTracker::find(process)?;
    let reply = tracker.ask_within(UPGRADE_MAX, &[UPGRADE], REPLY_BYTES_MAX)?;
    let (sign, text) = reply.split_first().with_context(|| format!("{tracker} does not answer"))?;
    let text = String::from_utf8_lossy(text).into_owned();
    match *sign {
        DONE => Ok(text),
        FAILED => bail!("{tracker} was not upgraded, and goes on serving: {text}"),
        _ => bail!("{tracker} is of a version that cannot be upgraded: restart it"),
    }
}
