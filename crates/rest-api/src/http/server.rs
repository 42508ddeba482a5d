use super::connections::{Connection, Connections};
use crate::limits::{
    ACCEPT_PAUSE, GRACE_TIME_MAX, HEAD_BYTES_MAX, HEAD_TIME_MAX, HEADERS_MAX, WRITE_PAUSE_MAX,
};
use axum::Router;
use axum::http::HeaderValue;
use axum::http::header::X_CONTENT_TYPE_OPTIONS;
use axum::middleware::map_response;
use axum::response::Response;
use control::management::{ApiGuard, Management};
use guard::{Class, Source};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use rustls::ServerConfig;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd as _, OwnedFd};
use std::pin::pin;
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{timeout, timeout_at};
use tokio_io_timeout::TimeoutWriter;
use tokio_rustls::TlsAcceptor;
use tower::ServiceExt as _;

/// The protocol below HTTP on a listener's connections.
#[derive(Debug, Clone)]
pub enum Transport {
    Plain,
    /// TLS. Each handshake uses the current configuration, so that a certificate can be replaced while the listener
    /// is open.
    Tls(watch::Receiver<Arc<ServerConfig>>),
}

/// A bound socket that is not served yet.
#[derive(Debug)]
pub struct Listener {
    socket: std::net::TcpListener,
    transport: Transport,
}

impl Listener {
    /// Binds an address.
    ///
    /// # Errors
    /// When the port is in use, or the address does not belong to this host.
    pub fn bind(address: SocketAddr, transport: Transport) -> io::Result<Self> {
        Self::adopt(std::net::TcpListener::bind(address)?, transport)
    }

    /// Adopts a socket that listens already.
    ///
    /// # Errors
    /// When the system call fails.
    pub fn adopt(socket: std::net::TcpListener, transport: Transport) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        Ok(Self { socket, transport })
    }

    /// Returns another descriptor of the socket.
    ///
    /// # Errors
    /// When the process has no more descriptors.
    pub fn duplicate(&self) -> io::Result<OwnedFd> {
        self.socket.as_fd().try_clone_to_owned()
    }

    /// Returns the address and port that the socket is bound to.
    ///
    /// # Errors
    /// When the system call fails.
    pub fn local_address(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }
}

/// Serves connections until `stop` becomes true, and those that are open then for at most [`GRACE_TIME_MAX`]. Those of a
/// source that opens too many in a short time are closed at once.
pub(crate) async fn serve_router(
    listener: Listener,
    router: Router,
    tracker: Arc<dyn Management>,
    mut stop: watch::Receiver<bool>,
) -> io::Result<()> {
    let socket = TcpListener::from_std(listener.socket)?;
    let router = router.layer(map_response(without_sniffing));
    let (mut open, mut tasks) = (Connections::default(), JoinSet::new());
    loop {
        tokio::select! {
            biased;
            () = stopped(&mut stop) => break,
            Some(_) = tasks.join_next(), if !tasks.is_empty() => {}
            (stream, address) = accept(&socket) => {
                if is_within_limits(tracker.api_guard(), &listener.transport, address) && open.make_room(address) {
                    let (transport, router) = (listener.transport.clone(), router.clone());
                    let connection = Connection::new(address);
                    let serving = serve_stream(stream, connection.clone(), transport, router, stop.clone());
                    open.add(connection, tasks.spawn(serving));
                }
            }
        }
    }
    drop(socket);
    let all_end = async { while tasks.join_next().await.is_some() {} };
    if timeout(GRACE_TIME_MAX, all_end).await.is_err() {
        tracing::warn!("requests to the management API were cut off at shutdown");
    }
    Ok(())
}

fn is_within_limits(guard: &ApiGuard, transport: &Transport, address: IpAddr) -> bool {
    let source = Source::of(address);
    let admits_handshake = || match transport {
        Transport::Plain => true,
        Transport::Tls(_) => guard.admit(Class::Handshakes, source).is_ok(),
    };
    guard.admit(Class::Connections, source).is_ok() && admits_handshake()
}

/// Forbids browsers to take a response for something else than its type says.
async fn without_sniffing(mut response: Response) -> Response {
    response.headers_mut().insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

/// Accepts the next connection, retrying after errors.
async fn accept(socket: &TcpListener) -> (TcpStream, IpAddr) {
    let mut is_logged = false;
    loop {
        match socket.accept().await {
            Ok((stream, from)) => {
                // Responses are small and sent at once. A socket that refuses the option is served all the same.
                drop(stream.set_nodelay(true));
                return (stream, from.ip());
            }
            Err(error) => {
                // While there are no more descriptors, each attempt fails.
                if !is_logged {
                    tracing::warn!(%error, "a connection to the management API could not be accepted");
                }
                is_logged = true;
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn serve_stream(
    stream: impl AsyncRead + AsyncWrite + Send,
    connection: Connection,
    transport: Transport,
    router: Router,
    stop: watch::Receiver<bool>,
) {
    let mut stream = TimeoutWriter::new(stream);
    stream.set_timeout(Some(WRITE_PAUSE_MAX));
    let stream = Box::pin(stream);
    match transport {
        Transport::Plain => serve_connection(stream, connection, router, stop).await,
        Transport::Tls(current) => {
            let config = Arc::clone(&current.borrow());
            let handshake = TlsAcceptor::from(config).accept(stream);
            if let Ok(Ok(stream)) = timeout_at(connection.deadline, handshake).await {
                serve_connection(stream, connection, router, stop).await;
            }
        }
    }
}

/// Waits for shutdown.
pub(crate) async fn stopped(stop: &mut watch::Receiver<bool>) {
    // The sender is dropped only when nothing is served any more, which amounts to the same.
    drop(stop.wait_for(|stopped| *stopped).await);
}

async fn serve_connection(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    connection: Connection,
    router: Router,
    mut stop: watch::Receiver<bool>,
) {
    let known = connection.clone();
    let service = service_fn(move |mut request: hyper::Request<_>| {
        request.extensions_mut().insert(known.clone());
        router.clone().oneshot(request)
    });
    let serving = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIME_MAX)
        .max_headers(HEADERS_MAX)
        .max_buf_size(HEAD_BYTES_MAX)
        .serve_connection(TokioIo::new(stream), service);
    let mut serving = pin!(serving);
    // Errors are ignored: only the client of this connection is affected.
    tokio::select! {
        _ = serving.as_mut() => {}
        () = stopped(&mut stop) => {
            serving.as_mut().graceful_shutdown();
            drop(serving.await);
        }
        () = connection.overdue() => {
            serving.as_mut().graceful_shutdown();
            drop(timeout(GRACE_TIME_MAX, serving).await);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::Extension;
    use axum::body::Body;
    use axum::routing::get;
    use futures_util::stream;
    use std::time::Duration;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};
    use tokio::sync::Semaphore;
    use tokio::time::Instant;

    const PIPE_BYTES: usize = 1024;

    /// Serves one end of a connection and returns the client's end.
    fn connect(router: Router) -> DuplexStream {
        let (client, server) = duplex(PIPE_BYTES);
        let connection = Connection::new("192.0.2.1".parse().unwrap());
        let stop = watch::Sender::new(false);
        tokio::spawn(async move {
            serve_stream(server, connection, Transport::Plain, router, stop.subscribe()).await;
        });
        client
    }

    /// Returns a router whose response never ends and holds a permit.
    fn endless(permits: &Arc<Semaphore>) -> Router {
        let permits = Arc::clone(permits);
        let answer = async move |Extension(connection): Extension<Connection>| {
            connection.prove();
            let permit = permits.acquire_owned().await.unwrap();
            Body::from_stream(stream::repeat_with(move || {
                let _held = &permit;
                Ok::<_, io::Error>("x".repeat(PIPE_BYTES))
            }))
        };
        Router::new().route("/", get(answer))
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_stops_reading_loses_its_permit() {
        let permits = Arc::new(Semaphore::new(1));
        let mut client = connect(endless(&permits));
        client.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
        let mut begin = [0; 12];
        client.read_exact(&mut begin).await.unwrap();
        assert_eq!((&begin, permits.available_permits()), (b"HTTP/1.1 200", 0));
        let free = timeout(Duration::from_secs(31), permits.acquire()).await;
        assert!(free.is_ok_and(|permit| permit.is_ok()));
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_reads_slowly_is_not_cut_off() {
        let permits = Arc::new(Semaphore::new(1));
        let mut client = connect(endless(&permits));
        client.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
        for _ in 0..20 {
            tokio::time::sleep(Duration::from_secs(29)).await;
            client.read_exact(&mut [0; PIPE_BYTES]).await.unwrap();
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_without_a_token_is_closed_after_ten_seconds_whatever_it_sends() {
        for sent in ["", "GET /", "GET / HTTP/1.1\r\nhost: x\r\n\r\n"] {
            let begin = Instant::now();
            let mut client = connect(Router::new().route("/", get(|| async {})));
            client.write_all(sent.as_bytes()).await.unwrap();
            drop(client.read_to_end(&mut Vec::new()).await);
            let took = begin.elapsed().as_secs();
            assert!((10..=15).contains(&took), "{sent:?} took {took} s");
        }
    }
}
