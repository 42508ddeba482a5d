//! A management API over a fake tracker, on a free port, and a client for it.

use crate::fake::Fake;
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use rest_api::{Listener, Rights, Token, Transport, serve};
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::task::JoinHandle;

pub(crate) const TOKEN: &str = "MyAccessToken";
pub(crate) const READ_ONLY_TOKEN: &str = "MyReadOnlyToken";
pub(crate) const UNAUTHORIZED: &str = "Unhandled rejection: Err { reason: \"unauthorized\" }";
pub(crate) const NOT_VALID: &str = "Unhandled rejection: Err { reason: \"token not valid\" }";
pub(crate) const JSON: &str = "application/json";
pub(crate) const TEXT: &str = "text/plain; charset=utf-8";

pub(crate) struct Api {
    pub(crate) fake: Arc<Fake>,
    pub(crate) address: SocketAddr,
    pub(crate) tokens: watch::Sender<Arc<[Token]>>,
    pub(crate) stop: watch::Sender<bool>,
    pub(crate) server: JoinHandle<std::io::Result<()>>,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) content_type: String,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn new(status: u16, content_type: &str, body: impl Into<String>) -> Self {
        Self { status, content_type: content_type.to_owned(), body: body.into() }
    }

    pub(crate) fn ok(body: impl Into<String>) -> Self {
        Self::new(200, JSON, body)
    }

    pub(crate) fn text(status: u16, body: impl Into<String>) -> Self {
        Self::new(status, TEXT, body)
    }

    pub(crate) fn ack() -> Self {
        Self::ok("{\"status\":\"ok\"}")
    }

    pub(crate) fn refused(status: u16, reason: &str) -> Self {
        Self::new(status, JSON, format!("{{\"status\":\"err\",\"reason\":\"{reason}\"}}"))
    }

    pub(crate) fn failed(reason: &str) -> Self {
        Self::text(500, format!("Unhandled rejection: Err {{ reason: \"{reason}\" }}"))
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

fn tokens() -> Arc<[Token]> {
    let full = Token::new("admin", TOKEN, Rights::Full).unwrap();
    [full, Token::new("viewer", READ_ONLY_TOKEN, Rights::ReadOnly).unwrap()].into()
}

pub(crate) fn start() -> Api {
    start_with(Fake::default(), Transport::Plain)
}

pub(crate) fn start_with(fake: Fake, transport: Transport) -> Api {
    let fake = Arc::new(fake);
    let listener = Listener::bind("127.0.0.1:0".parse().unwrap(), transport).unwrap();
    let address = listener.local_address().unwrap();
    let (stop, stopped) = watch::channel(false);
    let tokens = watch::Sender::new(tokens());
    let server = tokio::spawn(serve(listener, Arc::clone(&fake) as _, tokens.subscribe(), stopped));
    Api { fake, address, tokens, stop, server }
}

pub(crate) fn request(method: &str, path: &str) -> hyper::http::request::Builder {
    Request::builder().method(method).uri(path).header("host", "localhost")
}

pub(crate) fn without_body(request: hyper::http::request::Builder) -> Request<Full<Bytes>> {
    request.body(Full::default()).unwrap()
}

pub(crate) async fn exchange(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    request: Request<Full<Bytes>>,
) -> Response<Incoming> {
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    sender.send_request(request).await.unwrap()
}

pub(crate) async fn send(address: SocketAddr, request: Request<Full<Bytes>>) -> Answer {
    answer_of(exchange(TcpStream::connect(address).await.unwrap(), request).await).await
}

pub(crate) async fn answer_of(response: Response<Incoming>) -> Answer {
    let status = response.status().as_u16();
    let content_type = response.headers().get("content-type").map_or("", |value| value.to_str().unwrap());
    let content_type = content_type.to_owned();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    Answer { status, content_type, body: String::from_utf8(body.into()).unwrap() }
}

impl Api {
    pub(crate) async fn ask(&self, method: &str, path: &str) -> Answer {
        self.ask_with(method, path, "", "").await
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.ask("GET", path).await
    }

    /// Sends a request with a valid token and a body.
    pub(crate) async fn ask_with(
        &self,
        method: &str,
        path: &str,
        content_type: &str,
        body: impl Into<Bytes>,
    ) -> Answer {
        let request = request(method, path)
            .header("authorization", format!("Bearer {TOKEN}"))
            .header("content-type", content_type);
        send(self.address, request.body(Full::new(body.into())).unwrap()).await
    }

    pub(crate) async fn post_json(&self, path: &str, body: &str) -> Answer {
        self.ask_with("POST", path, JSON, body.to_owned()).await
    }
}
