//! Connections to HTTP trackers, with TLS or without.

use super::ClientContext;
use super::resolve::HttpNames;
use crate::forwarder::PrivatePeers;
use crate::limits::CONNECT_TIMEOUT;
use ::client::{TrackerError, system_roots};
use futures_util::future::BoxFuture;
use hyper::Uri;
use hyper::http::uri::Scheme;
use hyper_rustls::{HttpsConnector, MaybeHttpsStream};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioIo;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tower::{BoxError, ServiceExt};

/// Connects within [`CONNECT_TIMEOUT`]: the HTTP client goes on with a connection in the background when the request that
/// wanted it has ended.
#[derive(Debug, Clone)]
pub(super) struct Connector {
    context: Arc<ClientContext>,
    tcp: HttpConnector<HttpNames>,
}

type Stream = MaybeHttpsStream<TokioIo<TcpStream>>;

/// Returns how servers are authenticated: by the root certificates of the system.
pub(super) fn tls_config() -> rustls::ClientConfig {
    let roots = system_roots();
    if roots.is_empty() {
        tracing::warn!("the system has no root certificates: upstream trackers with HTTPS cannot be used");
    }
    ::client::tls_config(roots)
}

impl Connector {
    /// `redirects` says which addresses the targets of redirects may have, if it is for them.
    pub(super) fn new(context: &Arc<ClientContext>, redirects: Option<PrivatePeers>) -> Self {
        let resolver = Arc::clone(&context.resolver);
        let mut tcp = HttpConnector::new_with_resolver(HttpNames { resolver, redirects });
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(Some(CONNECT_TIMEOUT));
        Self { context: Arc::clone(context), tcp }
    }

    async fn connect(self, uri: Uri) -> Result<Stream, BoxError> {
        if uri.scheme() == Some(&Scheme::HTTPS) {
            HttpsConnector::from((self.tcp, self.context.tls())).oneshot(uri).await
        } else {
            Ok(MaybeHttpsStream::Http(self.tcp.oneshot(uri).await?))
        }
    }
}

impl tower::Service<Uri> for Connector {
    type Response = Stream;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<Stream, BoxError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let connecting = timeout(CONNECT_TIMEOUT, self.clone().connect(uri));
        Box::pin(async { connecting.await.unwrap_or_else(|_| Err(TrackerError::Timeout.into())) })
    }
}
