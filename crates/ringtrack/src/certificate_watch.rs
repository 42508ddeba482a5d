//! Replaces a certificate without a restart.

use crate::file_watch::watch_files;
use crate::http_settings::IdentityFiles;
use std::sync::Arc;
use tls::{FAST_RSA_BITS_MAX, ServerIdentity};
use tokio::sync::watch::Receiver;
use tracing::{info, warn};

/// The certificate in use, and the files it comes from.
pub(crate) struct CertificateWatch {
    files: IdentityFiles,
    shown: Arc<ServerIdentity>,
    show: Show,
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
        Self { files, shown, show }
    }

    fn take_up(&mut self, identity: Arc<ServerIdentity>) {
        if identity.fingerprint() != self.shown.fingerprint() && (self.show)(&identity) == Showing::Shown {
            info!(listeners = self.files.listeners, "new connections are shown the new certificate");
            warn_of_slow_key(self.files.listeners, &identity);
            self.shown = identity;
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
pub(crate) fn watch_certificate(reloads: Receiver<u64>, mut watch: CertificateWatch) {
    let files = watch.files.clone();
    watch_files(
        reloads,
        "the certificate stays as it was",
        move || files.load(),
        move |identity, _| watch.take_up(identity),
    );
}
