//! The management API and the health checks: bound at the start, served while the tracker lives.

use anyhow::Context;
use config::{Api, Configuration, Token as ConfiguredToken};
use control::{ListenerFacts, Management, Preface, Service};
use rest_api::{ApiSettings, Listener, Token, Transport, serve, serve_health_checks};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tls::ServerIdentity;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tracing::{error, info, warn};

/// How often the API's certificate is looked at, in seconds, beside each reload.
const LOOK_EVERY_S: u64 = 10;

/// The listeners of the APIs, bound and not served yet.
pub(crate) struct Apis {
    management: Vec<Listener>,
    settings: ApiSettings,
    health: Vec<Listener>,
    certificate: Option<ApiCertificate>,
}

/// The certificate of the management API, and where new connections find it.
struct ApiCertificate {
    settings: Api,
    shown: Arc<ServerIdentity>,
    config: watch::Sender<Arc<rustls::ServerConfig>>,
}

impl Apis {
    /// Binds what the configuration wants to be served.
    pub(crate) fn bind(configuration: &Configuration) -> anyhow::Result<Self> {
        let api = &configuration.api;
        let tokens = if api.is_wanted() { tokens(api)? } else { Vec::new() };
        // With a tokens file that has none nobody could come in.
        let addresses: &[SocketAddr] = if tokens.is_empty() { &[] } else { &api.listen };
        let certificate = if addresses.is_empty() { None } else { ApiCertificate::load(api)? };
        let transport = certificate
            .as_ref()
            .map_or(Transport::Plain, |certificate| Transport::Tls(certificate.config.subscribe()));
        let management = bind(addresses, &transport, "api.listen")?;
        let health =
            bind(&configuration.health_check_api.listen, &Transport::Plain, "health_check_api.listen")?;
        if addresses.is_empty() && api.is_wanted() {
            warn!("the management API is off: api.tokens_file has no token");
        }
        Ok(Self { management, settings: ApiSettings { tokens }, health, certificate })
    }

    /// Where the management API is.
    pub(crate) fn listeners(&self) -> anyhow::Result<Vec<ListenerFacts>> {
        let service = if self.certificate.is_some() { Service::ApiTls } else { Service::Api };
        let facts = |listener: &Listener| {
            Ok(ListenerFacts { service, address: listener.local_address()?, preface: Preface::None })
        };
        self.management.iter().map(facts).collect()
    }

    /// Says where they are.
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

    /// Serves them until `stopped` becomes true.
    pub(crate) fn serve(
        self,
        management: &Arc<impl Management>,
        reloads: &watch::Sender<u64>,
        stopped: &watch::Receiver<bool>,
    ) -> JoinSet<()> {
        let mut serving = JoinSet::new();
        for listener in self.management {
            let served =
                serve(listener, Arc::clone(management), self.settings.clone(), until(stopped.clone()));
            serving.spawn(async { log_end("the management API", served.await) });
        }
        for listener in self.health {
            let served = serve_health_checks(listener, Arc::clone(management), until(stopped.clone()));
            serving.spawn(async { log_end("the health checks", served.await) });
        }
        if let Some(certificate) = self.certificate {
            // It ends with the runtime.
            tokio::spawn(certificate.watch(reloads.subscribe()));
        }
        serving
    }
}

impl ApiCertificate {
    fn load(api: &Api) -> anyhow::Result<Option<Self>> {
        let Some(shown) = identity(api)? else { return Ok(None) };
        let config = watch::Sender::new(shown.config());
        Ok(Some(Self { settings: api.clone(), shown: Arc::new(shown), config }))
    }

    async fn watch(mut self, mut reloads: watch::Receiver<u64>) {
        let mut looks = tokio::time::interval(Duration::from_secs(LOOK_EVERY_S));
        let mut trouble = None;
        loop {
            tokio::select! {
                reload = reloads.changed() => if reload.is_err() { return },
                _ = looks.tick() => {}
            }
            let settings = self.settings.clone();
            // A file system may keep a reader waiting.
            let loaded = tokio::task::spawn_blocking(move || identity(&settings)).await;
            let loaded = loaded.map_err(anyhow::Error::from).flatten();
            match loaded {
                Ok(Some(identity)) if identity.fingerprint() != self.shown.fingerprint() => {
                    self.config.send_replace(identity.config());
                    self.shown = Arc::new(identity);
                    trouble = None;
                    info!("new connections to the management API are shown the new certificate");
                }
                Ok(_) => trouble = None,
                Err(error) => {
                    let text = format!("{error:#}");
                    if trouble.as_ref() != Some(&text) {
                        error!("the management API's certificate stays as it was: {text}");
                        trouble = Some(text);
                    }
                }
            }
        }
    }
}

fn identity(api: &Api) -> anyhow::Result<Option<ServerIdentity>> {
    let (Some(certificate), Some(key)) = (api.certificate_file.path(), api.key_file.path()) else {
        return Ok(None);
    };
    let identity = ServerIdentity::load(certificate, key);
    identity.map(Some).context("the certificate or the key of the management API cannot be used")
}

fn tokens(api: &Api) -> anyhow::Result<Vec<(String, Token)>> {
    let tokens = api.all_tokens()?;
    let token = |(label, token): (&str, &ConfiguredToken)| {
        anyhow::Ok((label.to_owned(), Token::new(token.secret())?))
    };
    tokens.iter().map(token).collect()
}

fn bind(addresses: &[SocketAddr], transport: &Transport, key: &str) -> anyhow::Result<Vec<Listener>> {
    let bind = |&address| {
        Listener::bind(address, transport.clone())
            .with_context(|| format!("{key}: {address} cannot be bound"))
    };
    addresses.iter().map(bind).collect()
}

async fn until(mut stopped: watch::Receiver<bool>) {
    // Who could say so being gone is the end, too.
    let _end = stopped.wait_for(|stopped| *stopped).await;
}

fn log_end(what: &str, end: std::io::Result<()>) {
    if let Err(error) = end {
        error!("{what} ended: {error}");
    }
}
