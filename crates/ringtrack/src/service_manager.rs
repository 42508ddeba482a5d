use control::ServiceManager;
use sd_notify::NotifyState;
use std::time::Duration;
use tracing::warn;

/// systemd, if it started the tracker with `Type=notify`; otherwise nothing is sent.
pub(crate) struct Systemd;

impl Systemd {
    /// Reports that the tracker serves.
    pub(crate) fn ready() -> Self {
        notify(NotifyState::Ready);
        Self
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
    }
}

fn notify(state: NotifyState<'_>) {
    if let Err(error) = sd_notify::notify(&[state]) {
        warn!(%error, "the service manager could not be notified");
    }
}
