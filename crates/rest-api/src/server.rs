use crate::app::ClientAddress;
use crate::limits::{
    ACCEPT_PAUSE, CONNECTIONS_MAX, GRACE_TIME_MAX, HANDSHAKE_TIME_MAX, HEAD_BYTES_MAX, HEAD_TIME_MAX,
    HEADERS_MAX,
};
use axum::Router;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use rustls::ServerConfig;
use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tower::ServiceExt as _;

/// How connections to a listener are spoken to.
#[derive(Debug, Clone)]
pub enum Transport {
    /// As they are.
    Plain,
    /// In TLS. Each connection takes the configuration that is there when it comes, so that a certificate can be
    /// replaced while the listener is open.
    Tls(watch::Receiver<Arc<ServerConfig>>),
}

/// A port that is bound, and not served yet.
#[derive(Debug)]
pub struct Listener {
    socket: std::net::TcpListener,
    transport: Transport,
}

impl Listener {
    /// Binds an address.
    ///
    /// # Errors
    /// When the port is in use, or the address is none of this host.
    pub fn bind(address: SocketAddr, transport: Transport) -> io::Result<Self> {
        let socket = std::net::TcpListener::bind(address)?;
        socket.set_nonblocking(true)?;
        Ok(Self { socket, transport })
    }

    /// The address and port that it is bound to.
    ///
    /// # Errors
    /// When the kernel does not say.
    pub fn local_address(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }
}

/// Serves connections until `shutdown`, and those that are open then for [`GRACE_TIME_MAX`] at most. `stop` tells
/// what would not end by itself that it has to.
pub(crate) async fn serve_router(
    listener: Listener,
    router: Router,
    stop: watch::Sender<bool>,
    shutdown: impl Future<Output = ()>,
) -> io::Result<()> {
    let socket = TcpListener::from_std(listener.socket)?;
    let slots = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let mut connections = JoinSet::new();
    let mut shutdown = pin!(shutdown);
    loop {
        tokio::select! {
            biased;
            () = &mut shutdown => break,
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
            (stream, from, slot) = accept(&socket, &slots) => {
                let (transport, router) = (listener.transport.clone(), router.clone());
                connections.spawn(serve_stream(stream, from, slot, transport, router, stop.subscribe()));
            }
        }
    }
    drop(socket);
    stop.send_replace(true);
    let all_end = async { while connections.join_next().await.is_some() {} };
    if timeout(GRACE_TIME_MAX, all_end).await.is_err() {
        tracing::warn!("requests to the management API were cut off at the way down");
    }
    Ok(())
}

/// The next connection, when there is a slot for it.
async fn accept(socket: &TcpListener, slots: &Arc<Semaphore>) -> (TcpStream, IpAddr, OwnedSemaphorePermit) {
    let slot = Arc::clone(slots).acquire_owned().await.expect("the slots are never closed");
    loop {
        match socket.accept().await {
            Ok((stream, from)) => return (stream, from.ip(), slot),
            Err(error) => {
                tracing::warn!(%error, "a connection to the management API could not be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn serve_stream(
    stream: TcpStream,
    from: IpAddr,
    _slot: OwnedSemaphorePermit,
    transport: Transport,
    router: Router,
    stop: watch::Receiver<bool>,
) {
    // Answers are small: each goes out as it is. A socket that refuses that serves all the same.
    drop(stream.set_nodelay(true));
    match transport {
        Transport::Plain => serve_connection(stream, from, router, stop).await,
        Transport::Tls(current) => {
            let config = Arc::clone(&current.borrow());
            let handshake = TlsAcceptor::from(config).accept(stream);
            if let Ok(Ok(stream)) = timeout(HANDSHAKE_TIME_MAX, handshake).await {
                serve_connection(stream, from, router, stop).await;
            }
        }
    }
}

/// Waits for the way down.
pub(crate) async fn stopped(stop: &mut watch::Receiver<bool>) {
    // The sender is gone only where nothing is served any more, which is as good.
    drop(stop.wait_for(|stopped| *stopped).await);
}

async fn serve_connection(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    from: IpAddr,
    router: Router,
    mut stop: watch::Receiver<bool>,
) {
    let service = service_fn(move |mut request: hyper::Request<_>| {
        request.extensions_mut().insert(ClientAddress(from));
        router.clone().oneshot(request)
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIME_MAX)
        .max_headers(HEADERS_MAX)
        .max_buf_size(HEAD_BYTES_MAX)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = pin!(connection);
    // How a connection ends is its client's affair: what it asked for was answered or not.
    tokio::select! {
        _ = connection.as_mut() => {}
        () = stopped(&mut stop) => {
            connection.as_mut().graceful_shutdown();
            drop(connection.await);
        }
    }
}
