//! The command `dump-latency`, and the tracker's answer to it.

use crate::running_tracker::RunningTracker;
use anyhow::ensure;
use control::Request;
use tokio::sync::mpsc::Sender;
use tokio::sync::watch;

/// The request for a dump.
pub(crate) const DUMP: u8 = b'\n';

/// Bytes of a dump that are read: a few lines, and the longest path.
const DUMP_BYTES_MAX: usize = 16 << 10;

/// Makes the tracker dump its latencies, and returns the dump; nothing if it could not be written.
pub(crate) async fn reply(requests: &Sender<Request>, dumped: &watch::Sender<String>) -> Vec<u8> {
    let mut dumped = dumped.subscribe();
    // The tracker is stopping if the request is not received.
    if requests.send(Request::Report).await.is_ok() && dumped.changed().await.is_ok() {
        return dumped.borrow().clone().into_bytes();
    }
    Vec::new()
}

/// Requests a dump, waits for it, and returns the text to print.
pub(crate) fn dump_latency(process: Option<u32>) -> anyhow::Result<String> {
    let tracker = RunningTracker::find(process)?;
    let dump = tracker.ask(&[DUMP], DUMP_BYTES_MAX)?;
    ensure!(!dump.is_empty(), "{tracker} has written no dump: its own log says why");
    Ok(format!("{tracker}, {}", String::from_utf8_lossy(&dump)))
}
