//! Replaces a certificate without a restart.

use control::Manager;
use control::management::ManagementError;
use core_link::CoreCommand;
use std::sync::Arc;
use tls::{FAST_RSA_BITS_MAX, ServerIdentity};
use tracing::{info, warn};

/// The certificate in use at some listeners.
pub(crate) struct Certificate {
    /// The name of the listeners in the log.
    listeners: &'static str,
    shown: Arc<ServerIdentity>,
    at: ShownAt,
}

/// Where new connections are shown a certificate.
pub(crate) enum ShownAt {
    Cores(Arc<Manager>),
    Api(Box<dyn Fn(&ServerIdentity) + Send + Sync>),
}

impl Certificate {
    pub(crate) fn new(listeners: &'static str, shown: Arc<ServerIdentity>, at: ShownAt) -> Self {
        warn_of_slow_key(listeners, &shown);
        Self { listeners, shown, at }
    }

    /// Shows new connections a certificate, if it is another one. If a core does not take it, the next call tries again.
    pub(crate) async fn use_identity(
        &mut self,
        identity: Arc<ServerIdentity>,
    ) -> Result<(), ManagementError> {
        if identity.fingerprint() == self.shown.fingerprint() {
            return Ok(());
        }
        match &self.at {
            ShownAt::Api(show) => show(&identity),
            ShownAt::Cores(manager) => {
                let command = |_, reply| CoreCommand::UseIdentity(Arc::clone(&identity), reply);
                manager.command_all(command).await?;
            }
        }
        info!(listeners = self.listeners, "new connections are shown the new certificate");
        warn_of_slow_key(self.listeners, &identity);
        self.shown = identity;
        Ok(())
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
