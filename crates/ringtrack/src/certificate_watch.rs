//! Replaces a certificate without a restart.

use crate::http_settings::IdentityFiles;
use std::sync::Arc;
use std::time::Duration;
use tls::{FAST_RSA_BITS_MAX, ServerIdentity};
use tokio::sync::watch::Receiver;
use tokio::time::{MissedTickBehavior, interval};
use tracing::{error, info, warn};

/// Seconds between two looks at the files, which are a few kilobytes and change once in weeks.
const LOOK_EVERY_S: u64 = 10;

/// The certificate in use, and the files it comes from.
pub(crate) struct CertificateWatch {
    files: IdentityFiles,
    shown: Arc<ServerIdentity>,
    show: Show,
    /// The error of the last look, so that it is logged once and not every ten seconds.
    trouble: Option<String>,
}

/// Shows new connections a certificate.
pub(crate) type Show = Box<dyn FnMut(&Arc<ServerIdentity>) -> Showing + Send>;

/// Whether new connections are shown a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Showing {
    Shown,
    /// Not on all cores: it is tried again at the next look.
    Later,
}

impl CertificateWatch {
    pub(crate) fn new(files: IdentityFiles, shown: Arc<ServerIdentity>, show: Show) -> Self {
        warn_of_slow_key(files.listeners, &shown);
        Self { files, shown, show, trouble: None }
    }

    async fn look(&mut self) {
        let files = self.files.clone();
        // A file system may block.
        let loaded = tokio::task::spawn_blocking(move || files.load().map_err(|error| format!("{error:#}")));
        match loaded.await {
            Ok(Ok(identity)) => self.take_up(identity),
            Ok(Err(trouble)) => self.report(trouble),
            Err(error) => self.report(error.to_string()),
        }
    }

    fn take_up(&mut self, identity: Arc<ServerIdentity>) {
        self.trouble = None;
        if identity.fingerprint() != self.shown.fingerprint() && (self.show)(&identity) == Showing::Shown {
            info!(listeners = self.files.listeners, "new connections are shown the new certificate");
            warn_of_slow_key(self.files.listeners, &identity);
            self.shown = identity;
        }
    }

    fn report(&mut self, trouble: String) {
        if self.trouble.as_ref() != Some(&trouble) {
            error!("the certificate stays as it was: {trouble}");
            self.trouble = Some(trouble);
        }
    }
}

fn warn_of_slow_key(listeners: &str, identity: &ServerIdentity) {
    if let Some(rsa_bits) = identity.rsa_bits().filter(|&bits| bits > FAST_RSA_BITS_MAX) {
        warn!(
            listeners,
            rsa_bits,
            "the certificate has a slow key: each new connection takes a core several milliseconds; RSA with \
             {FAST_RSA_BITS_MAX} bits takes one, ECDSA (P-256) a fraction of one"
        );
    }
}

/// Loads certificate and key again at each reload and every few seconds, and shows them if they have changed.
pub(crate) fn watch_certificate(mut reloads: Receiver<u64>, mut watch: CertificateWatch) {
    tokio::spawn(async move {
        let mut looks = interval(Duration::from_secs(LOOK_EVERY_S));
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                reload = reloads.changed() => {
                    if reload.is_err() {
                        return;
                    }
                    watch.trouble = None;
                }
                _ = looks.tick() => {}
            }
            watch.look().await;
        }
    });
}
