//! The management API, the health checks and the figures: bound at the start, served while the tracker runs.

use crate::certificate::{Certificate, ShownAt};
use crate::http_settings::IdentityFiles;
use crate::prepare::Prepared;
use anyhow::Context;
use config::Configuration;
use control::management::{ListenerInfo, Management, Preface, Service};
use primitives::ShardCount;
use rest_api::{Listener, Token, Transport, serve, serve_figures, serve_health_checks};
use std::net::SocketAddr;
use std::sync::Arc;
use tls::ServerIdentity;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tracing::{error, info, warn};
use worker::{InheritedSocket, InheritedSockets, SocketKind};

/// The listeners of the APIs, bound but not served yet.
pub(crate) struct Apis {
    management: Vec<Listener>,
    tokens: watch::Sender<Arc<[Token]>>,
    health: Vec<Listener>,
    figures: Vec<Listener>,
    token_of_figures: watch::Sender<Option<Token>>,
    certificate: Option<Certificate>,
}

/// What is replaced while the APIs are served.
pub(crate) struct ApiParts {
    pub(crate) tokens: watch::Sender<Arc<[Token]>>,
    pub(crate) token_of_figures: watch::Sender<Option<Token>>,
    pub(crate) certificate: Option<Certificate>,
}

impl Apis {
    pub(crate) fn bind(prepared: &Prepared<'_>, inherited: &mut InheritedSockets) -> anyhow::Result<Self> {
        let Configuration { api, health_check_api, metrics, .. } = prepared.configuration();
        let tokens = prepared.files.tokens.clone().unwrap_or_default();
        // Without a token in the tokens file all requests would be refused.
        let addresses: &[SocketAddr] = if tokens.is_empty() { &[] } else { &api.listen };
        let identity = prepared.files.api_identity.as_ref().filter(|_| !addresses.is_empty());
        let (transport, certificate) = match identity {
            Some(identity) => {
                let (transport, certificate) = in_tls(Arc::clone(identity));
                (transport, Some(certificate))
            }
            None => (Transport::Plain, None),
        };
        let mut bind = |addresses: &[SocketAddr], transport: &Transport, key: &str| {
            let bind = |&address: &SocketAddr| {
                bind_or_adopt(address, transport.clone(), inherited)
                    .with_context(|| format!("{key}: {address} cannot be bound"))
            };
            addresses.iter().map(bind).collect::<anyhow::Result<Vec<Listener>>>()
        };
        let management = bind(addresses, &transport, "api.listen")?;
        let health = bind(&health_check_api.listen, &Transport::Plain, "health_check_api.listen")?;
        let figures = bind(&metrics.listen, &Transport::Plain, "metrics.listen")?;
        if addresses.is_empty() && api.is_wanted() {
            warn!("the management API is off: api.tokens_file has no token");
        }
        Ok(Self {
            management,
            tokens: watch::Sender::new(tokens),
            health,
            figures,
            token_of_figures: watch::Sender::new(prepared.files.token_of_figures.clone()),
            certificate,
        })
    }

    /// Returns whether the management API has a listener.
    pub(crate) const fn serve_management(&self) -> bool {
        !self.management.is_empty()
    }

    /// Returns the listeners of the management API and of the figures.
    pub(crate) fn listeners(&self) -> anyhow::Result<Vec<ListenerInfo>> {
        let service = if self.certificate.is_some() { Service::ApiTls } else { Service::Api };
        let management = self.management.iter().map(|listener| (service, listener));
        let figures = self.figures.iter().map(|listener| (Service::Figures, listener));
        let info = |(service, listener): (_, &Listener)| {
            Ok(ListenerInfo { service, address: listener.local_address()?, preface: Preface::None })
        };
        management.chain(figures).map(info).collect()
    }

    /// Duplicates the descriptors of the sockets.
    pub(crate) fn duplicates(&self) -> anyhow::Result<Vec<InheritedSocket>> {
        let all = self.management.iter().chain(&self.health).chain(&self.figures);
        let duplicate = |listener: &Listener| {
            let (address, fd) = (listener.local_address()?, listener.duplicate()?);
            Ok(InheritedSocket { kind: SocketKind::Tcp, address, shard: None, fd })
        };
        all.map(duplicate).collect()
    }

    pub(crate) fn log(&self) -> anyhow::Result<()> {
        let scheme = if self.certificate.is_some() { "https" } else { "http" };
        for listener in &self.management {
            info!("the management API is at {scheme}://{}/api/v1", listener.local_address()?);
        }
        for listener in &self.health {
            info!("health checks are at http://{}/health_check", listener.local_address()?);
        }
        for listener in &self.figures {
            info!("figures for Prometheus are at http://{}/metrics", listener.local_address()?);
        }
        Ok(())
    }

    /// Serves the APIs until `stopped` becomes true.
    pub(crate) fn serve(
        self,
        management: &Arc<dyn Management>,
        stopped: &watch::Receiver<bool>,
    ) -> (JoinSet<()>, ApiParts) {
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
        for listener in self.figures {
            let token = self.token_of_figures.subscribe();
            let served = serve_figures(listener, Arc::clone(management), token, stopped.clone());
            serving.spawn(async { log_end("the figures for Prometheus", served.await) });
        }
        let Self { tokens, token_of_figures, certificate, .. } = self;
        (serving, ApiParts { tokens, token_of_figures, certificate })
    }
}

/// Returns TLS with the certificate, which can be replaced for new connections.
fn in_tls(shown: Arc<ServerIdentity>) -> (Transport, Certificate) {
    let (config, current) = watch::channel(shown.config());
    let show = move |identity: &ServerIdentity| drop(config.send_replace(identity.config()));
    let certificate = Certificate::new(IdentityFiles::OF_API, shown, ShownAt::Api(Box::new(show)));
    (Transport::Tls(current), certificate)
}

fn bind_or_adopt(
    address: SocketAddr,
    transport: Transport,
    inherited: &mut InheritedSockets,
) -> anyhow::Result<Listener> {
    let adopted = inherited.take(SocketKind::Tcp, address, ShardCount::ONE)?;
    Ok(match adopted.and_then(|adopted| adopted.sockets.into_iter().next()) {
        Some(socket) => Listener::adopt(socket.into(), transport)?,
        None => Listener::bind(address, transport)?,
    })
}

fn log_end(what: &str, end: std::io::Result<()>) {
    if let Err(error) = end {
        error!("{what} ended: {error}");
    }
}
