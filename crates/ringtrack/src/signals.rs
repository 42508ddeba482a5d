use control::Request;
use control::management::Management;
use std::io;
use std::sync::Arc;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc::Sender;

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

/// Reloads the configuration, and everything that is read from files, at each SIGHUP.
pub(crate) fn reload_at_hangups(mut hangups: Signal, management: Arc<dyn Management>) {
    tokio::spawn(async move {
        while hangups.recv().await.is_some() {
            // What it changes, or why it changes nothing, is in the log.
            drop(management.reload().await);
        }
    });
}
