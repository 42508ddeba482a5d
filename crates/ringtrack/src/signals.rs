use control::Request;
use control::management::Management;
use std::io;
use std::sync::Arc;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc::Sender;
use tracing::warn;

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
pub(crate) fn hangups() -> io::Result<Signal> {
    signal(SignalKind::hangup())
}

/// Catches SIGUSR2, which would end the process otherwise.
pub(crate) fn snapshot_signals() -> io::Result<Signal> {
    signal(SignalKind::user_defined2())
}

/// Writes a snapshot at each SIGUSR2.
pub(crate) fn write_snapshot_at(mut signals: Signal, management: Arc<dyn Management>) {
    tokio::spawn(async move {
        while signals.recv().await.is_some() {
            // What came of it is in the log.
            drop(management.snapshots().write().await);
        }
    });
}

/// Reloads the configuration, and everything that is read from files, at each SIGHUP.
pub(crate) fn reload_at_hangups(mut hangups: Signal, management: Arc<dyn Management>) {
    tokio::spawn(async move {
        while hangups.recv().await.is_some() {
            let Some(_permit) = management.begin_change() else {
                warn!("no reload: another process takes over, and has read the configuration");
                continue;
            };
            // What it changes, or why it changes nothing, is in the log.
            drop(management.reload().await);
        }
    });
}
