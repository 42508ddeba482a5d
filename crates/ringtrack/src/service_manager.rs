use control::ServiceManager;
use sd_notify::NotifyState;
use std::time::Duration;
use tokio::sync::watch;
use tracing::warn;

/// systemd, if it started the tracker with `Type=notify`; otherwise nothing is sent. At a stop the APIs are notified,
/// too, so that no change is accepted that might not be stored.
pub(crate) struct Systemd {
    pub(crate) stop: watch::Sender<bool>,
}

impl Systemd {
    /// Reports that the tracker serves.
    pub(crate) fn ready(stop: watch::Sender<bool>) -> Self {
        notify(NotifyState::Ready);
        Self { stop }
    }
}

impl ServiceManager for Systemd {
    /// Returns half of `WatchdogSec=`, as systemd recommends.
    fn heartbeat_interval(&self) -> Option<Duration> {
        sd_notify::watchdog_enabled().map(|watchdog| watchdog / 2)
    }

    fn heartbeat(&self) {
        notify(NotifyState::Watchdog);
    }

    fn stopping(&self) {
        notify(NotifyState::Stopping);
        self.stop.send_replace(true);
    }
}

fn notify(state: NotifyState<'_>) {
    if let Err(error) = sd_notify::notify(&[state]) {
        warn!(%error, "the service manager could not be notified");
    }
}
