//! Limits of upgrades, each with its reason.

use super::protocol::Step;
use control::StoredDataHandover;
use std::time::Duration;

/// Bytes of the reply to the command that are read: a few lines.
pub(super) const REPLY_BYTES_MAX: usize = 16 << 10;

/// Bytes of a message: what the cores have reported of a hundred thousand torrents or keys.
pub(super) const MESSAGE_BYTES_MAX: usize = 64 << 20;

/// Descriptors in a batch: the kernel takes 253 at most.
pub(super) const DESCRIPTORS_MAX: usize = 64;

/// Executing the program file, which may be on a file system that does not answer.
pub(super) const START: Step = Step { what: "start", time: Duration::from_secs(10) };

/// Reading one message and writing another.
pub(super) const ANSWER: Step = Step { what: "answer", time: Duration::from_secs(10) };

/// Reading the configuration and its files, and binding sockets. A slow disk may have to be waited for.
pub(super) const PREPARE: Step =
    Step { what: "read its configuration and bind its sockets", time: Duration::from_secs(60) };

pub(super) const LOAD: Step = Step { what: "load the stored data", time: UPGRADE_LOAD_MAX };

/// Ten million torrents are read from a slow database within it, as at a reload.
pub(crate) const UPGRADE_LOAD_MAX: Duration = Duration::from_secs(300);

/// A hundred million peers of one core are sent within it, at 400,000 in a second.
pub(super) const TRANSFER: Step = Step { what: "take the swarms", time: Duration::from_secs(300) };

/// Taking what is not stored, a message after another.
pub(super) const TAKE_UNSTORED: Step =
    Step { what: "take what is not stored", time: Duration::from_secs(60) };

/// Taking the changes between two looks, or those at the end: the cores have to answer everything that has arrived before.
pub(super) const TAKE_CHANGES: Step = Step { what: "take the last changes", time: Duration::from_secs(30) };

/// Importing what is under way.
pub(super) const SERVE: Step = Step { what: "serve", time: Duration::from_secs(60) };

/// Time for a process that was killed, or that has closed its socket, to exit.
pub(super) const EXIT_MAX: Duration = Duration::from_secs(5);

/// The pause between two looks at what has changed, while little does.
pub(super) const LOOK: Duration = Duration::from_millis(20);

/// Bytes that are written or read at once: a few pages.
pub(super) const BUFFER_BYTES: usize = 256 << 10;

/// Bytes of changes between two looks that are little: they are sent and imported within milliseconds.
pub(super) const LITTLE_BYTES: usize = 256 << 10;

/// The least time from one page of a core to the next. The workers of both processes share the cores, and to import a page takes one of
/// the successor about two milliseconds: where its priority is not lower, four fifths of the core are left to clients.
pub(super) const PAGE_EVERY_MIN: Duration = Duration::from_millis(10);

/// The same while the cores do not keep up. Not much more: what changes during the handover is imported too, and takes the more of the
/// cores the longer it lasts.
pub(super) const PAGE_EVERY_MAX: Duration = Duration::from_millis(25);

/// Pages that are with each core of the successor while the next ones are read.
pub(super) const PAGES_IN_FLIGHT_OF_CORE: usize = 4;

/// The longest wait for room for the next page while the successor takes only the time that its predecessor leaves. If that is enough for
/// what changes meanwhile, the wait stays at some tens of milliseconds; if not, it grows with the changes of each page.
pub(super) const PAGE_WAIT_MAX: Duration = Duration::from_secs(1);

/// Keys or torrents in a message.
pub(super) const PAGE_ENTRIES: usize = 4096;

/// Time for the whole of an upgrade: the longest time of each step until the successor serves and is the main process, of the end of
/// one that failed, and of the replies of the cores.
pub(crate) const UPGRADE_MAX: Duration = sum(&[
    START.time,
    ANSWER.time,
    PREPARE.time,
    StoredDataHandover::BEGIN_MAX,
    TAKE_UNSTORED.time,
    LOAD.time,
    TRANSFER.time,
    SERVE.time,
    ANSWER.time,
    EXIT_MAX,
    EXIT_MAX,
    CORES_MAX,
]);

/// Time for the cores to leave the sockets: as long as the management waits for a reply of theirs.
const CORES_MAX: Duration = Duration::from_secs(30);

const fn sum(mut times: &[Duration]) -> Duration {
    let mut sum = Duration::ZERO;
    while let Some((first, rest)) = times.split_first() {
        sum = sum.saturating_add(*first);
        times = rest;
    }
    sum
}
