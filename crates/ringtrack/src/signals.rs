use crate::upgrade::HandedOver;
use control::Request;
use control::management::{ChangePermit, Management};
use rustix::process::{Signal, kill_process};
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::signal::unix::{Signal as Signals, SignalKind, signal};
use tokio::sync::mpsc::Sender;
use tokio::time::sleep;

/// Forwards the requests that signals make: SIGTERM and SIGINT to stop, SIGUSR1 for a report.
pub(crate) fn forward_signals(requests: &Sender<Request>) -> io::Result<()> {
    let kinds = [
        (SignalKind::terminate(), Request::Stop),
        (SignalKind::interrupt(), Request::Stop),
        (SignalKind::user_defined1(), Request::Report),
    ];
    for (kind, request) in kinds {
        let mut signals = signal(kind)?;
        let requests = requests.clone();
        tokio::spawn(async move {
            while signals.recv().await.is_some() && requests.send(request).await.is_ok() {}
        });
    }
    Ok(())
}

/// Catches SIGHUP, which would end the process otherwise.
pub(crate) fn hangups() -> io::Result<Signals> {
    signal(SignalKind::hangup())
}

/// Catches SIGUSR2, which would end the process otherwise.
pub(crate) fn snapshot_signals() -> io::Result<Signals> {
    signal(SignalKind::user_defined2())
}

/// Writes a snapshot at each SIGUSR2.
pub(crate) fn write_snapshot_at(mut signals: Signals, management: Arc<dyn Management>) {
    tokio::spawn(async move {
        while signals.recv().await.is_some() {
            // What came of it is in the log.
            drop(management.snapshots().write().await);
        }
    });
}

/// Time between two looks at whether an upgrade has ended.
const LOOK: Duration = Duration::from_millis(20);

/// Reloads the configuration, and everything that is read from files, at each SIGHUP. During an upgrade, which may have read the
/// configuration before it was changed, that is done at its end, by the process that serves then.
pub(crate) fn reload_at_hangups(
    mut hangups: Signals,
    management: Arc<dyn Management>,
    handed_over: HandedOver,
) {
    tokio::spawn(async move {
        while hangups.recv().await.is_some() {
            if let Some(_permit) = permit_or_successor(&*management, &handed_over).await {
                // What it changes, or why it changes nothing, is in the log.
                drop(management.reload().await);
            }
        }
    });
}

/// Waits until the configuration may be reloaded; `None` if another process has been asked to.
async fn permit_or_successor(management: &dyn Management, handed_over: &HandedOver) -> Option<ChangePermit> {
    loop {
        if let Some(permit) = management.begin_change() {
            return Some(permit);
        }
        if let Some(successor) = handed_over.successor() {
            // It fails if that process has ended.
            let _sent = kill_process(successor, Signal::HUP);
            return None;
        }
        sleep(LOOK).await;
    }
}
