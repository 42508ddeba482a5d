//! The management API and the health checks: bound at the start, served while the tracker runs.

use crate::api_tokens::{TokenWatch, watch_tokens};
use crate::certificate_watch::{CertificateWatch, Showing, watch_certificate};
use crate::http_settings::IdentityFiles;
use crate::prepare::Prepared;
use anyhow::Context;
use control::management::{ListenerInfo, Management, Preface, Service};
use rest_api::{Listener, Transport, serve, serve_health_checks};
use std::net::SocketAddr;
use std::sync::Arc;
use tls::ServerIdentity;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tracing::{error, info, warn};

/// The listeners of the APIs, bound but not served yet.
pub(crate) struct Apis {
    management: Vec<Listener>,
    tokens: TokenWatch,
    health: Vec<Listener>,
    certificate: Option<CertificateWatch>,
}

impl Apis {
    pub(crate) fn bind(prepared: &Prepared<'_>) -> anyhow::Result<Self> {
        let (api, health) = (&prepared.configuration.api, &prepared.configuration.health_check_api);
        let tokens = TokenWatch::new(prepared.file, api)?;
        // Without a token in the tokens file all requests would be refused.
        let addresses: &[SocketAddr] = if tokens.are_none() { &[] } else { &api.listen };
        let files = IdentityFiles::of_api(api).filter(|_| !addresses.is_empty());
        let (transport, certificate) = match files {
            Some(files) => {
                let (transport, certificate) = in_tls(files)?;
                (transport, Some(certificate))
            }
            None => (Transport::Plain, None),
        };
        let management = bind(addresses, &transport, "api.listen")?;
        let health = bind(&health.listen, &Transport::Plain, "health_check_api.listen")?;
        if addresses.is_empty() && api.is_wanted() {
            warn!("the management API is off: api.tokens_file has no token");
        }
        Ok(Self { management, tokens, health, certificate })
    }

    /// Returns the listeners of the management API.
    pub(crate) fn listeners(&self) -> anyhow::Result<Vec<ListenerInfo>> {
        let service = if self.certificate.is_some() { Service::ApiTls } else { Service::Api };
        let facts = |listener: &Listener| {
            Ok(ListenerInfo { service, address: listener.local_address()?, preface: Preface::None })
        };
        self.management.iter().map(facts).collect()
    }

    pub(crate) fn log(&self) -> anyhow::Result<()> {
        let scheme = if self.certificate.is_some() { "https" } else { "http" };
        for listener in &self.management {
            info!("the management API is at {scheme}://{}/api/v1", listener.local_address()?);
        }
        for listener in &self.health {
            info!("health checks are at http://{}/health_check", listener.local_address()?);
        }
        Ok(())
    }

    /// Serves the APIs until `stopped` becomes true.
    pub(crate) fn serve(
        self,
        management: &Arc<dyn Management>,
        reloads: &watch::Sender<u64>,
        stopped: &watch::Receiver<bool>,
    ) -> JoinSet<()> {
        let mut serving = JoinSet::new();
        for listener in self.management {
            let tokens = self.tokens.subscribe();
            let served = serve(listener, Arc::clone(management), tokens, stopped.clone());
            serving.spawn(async { log_end("the management API", served.await) });
        }
        for listener in self.health {
            let served = serve_health_checks(listener, Arc::clone(management), stopped.clone());
            serving.spawn(async { log_end("the health checks", served.await) });
        }
        if let Some(certificate) = self.certificate {
            watch_certificate(reloads.subscribe(), certificate);
        }
        watch_tokens(reloads.subscribe(), self.tokens);
        serving
    }
}

/// Returns TLS with the certificate of the files, and the watch that replaces it for new connections.
fn in_tls(files: IdentityFiles) -> anyhow::Result<(Transport, CertificateWatch)> {
    let shown = files.load()?;
    let (config, current) = watch::channel(shown.config());
    let show = move |identity: &Arc<ServerIdentity>| {
        config.send_replace(identity.config());
        Showing::Shown
    };
    Ok((Transport::Tls(current), CertificateWatch::new(files, shown, Box::new(show))))
}

fn bind(addresses: &[SocketAddr], transport: &Transport, key: &str) -> anyhow::Result<Vec<Listener>> {
    let bind = |&address| {
        Listener::bind(address, transport.clone())
            .with_context(|| format!("{key}: {address} cannot be bound"))
    };
    addresses.iter().map(bind).collect()
}

fn log_end(what: &str, end: std::io::Result<()>) {
    if let Err(error) = end {
        error!("{what} ended: {error}");
    }
}
