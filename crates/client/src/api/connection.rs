use super::ApiError;
use super::answer::refusal;
use crate::http::AGENT;
use crate::limits::API_TIMEOUT;
use api_contract::v1::Order;
use form_urlencoded::{Serializer, byte_serialize};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue, USER_AGENT};
use hyper::{Method, Request, Response};
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use primitives::InfoHash;
use std::fmt;
use std::sync::Arc;
use tokio::time::timeout;
use url::Url;

/// A client of the management API of one tracker. It keeps its connections.
#[derive(Clone)]
pub struct ApiClient {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    /// What stands before the path of each route: scheme, host and port, and a path where a proxy has the API.
    base: String,
    authorization: HeaderValue,
}

impl fmt::Debug for ApiClient {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("ApiClient").field("base", &self.base).finish_non_exhaustive()
    }
}

/// The body of a request with its content type.
#[derive(Debug)]
pub(super) struct Payload {
    content_type: &'static str,
    bytes: Bytes,
}

impl Payload {
    pub(super) const NONE: Self = Self { content_type: "", bytes: Bytes::new() };

    pub(super) fn json(form: &impl serde::Serialize) -> Self {
        let text = serde_json::to_vec(form).expect("a form of strings and numbers serializes to JSON");
        Self { content_type: "application/json", bytes: text.into() }
    }

    pub(super) fn lines(lines: impl Into<Bytes>) -> Self {
        Self { content_type: "text/plain", bytes: lines.into() }
    }
}

/// The values of a parameter of a query.
pub(super) trait QueryValue {
    fn texts(&self) -> Vec<String>;
}

impl QueryValue for u64 {
    fn texts(&self) -> Vec<String> {
        vec![self.to_string()]
    }
}

impl QueryValue for &str {
    fn texts(&self) -> Vec<String> {
        vec![(*self).to_owned()]
    }
}

impl QueryValue for Order {
    fn texts(&self) -> Vec<String> {
        let name = serde_json::to_value(self).ok();
        name.as_ref().and_then(|name| name.as_str()).map(str::to_owned).into_iter().collect()
    }
}

impl QueryValue for &[InfoHash] {
    fn texts(&self) -> Vec<String> {
        self.iter().map(ToString::to_string).collect()
    }
}

impl<T: QueryValue> QueryValue for Option<T> {
    fn texts(&self) -> Vec<String> {
        self.iter().flat_map(QueryValue::texts).collect()
    }
}

/// Returns a path of the API with these values in the places of their names, and these parameters.
pub(super) fn path_with(path: &str, places: &[(&str, String)], query: &[(&str, Vec<String>)]) -> String {
    let path = places.iter().fold(path.to_owned(), |path, (name, value)| {
        // It writes a space as in a form, which a path does not know.
        let value = byte_serialize(value.as_bytes()).collect::<String>().replace('+', "%20");
        path.replace(&format!("{{{name}}}"), &value)
    });
    let pairs = query.iter().flat_map(|(name, values)| values.iter().map(move |value| (name, value)));
    let query = Serializer::new(String::new()).extend_pairs(pairs).finish();
    if query.is_empty() { path } else { format!("{path}?{query}") }
}

impl ApiClient {
    /// Creates a client of the API at `base`, such as `https://127.0.0.1:1212`. If that has a path, those of all routes follow it.
    /// Of a server with TLS, `tls` checks the certificate.
    ///
    /// # Errors
    /// If `base` is no HTTP URL, or the token has characters that a header cannot have.
    pub fn new(base: &str, token: &str, tls: Arc<rustls::ClientConfig>) -> Result<Self, ApiError> {
        let url = Url::parse(base).ok().filter(|url| ["http", "https"].contains(&url.scheme()));
        let url = url.ok_or(ApiError::Setting("the API needs a URL such as http://127.0.0.1:1212"))?;
        let mut authorization = HeaderValue::try_from(format!("Bearer {token}"))
            .map_err(|_| ApiError::Setting("the token has characters that are not allowed"))?;
        authorization.set_sensitive(true);
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        let client = Client::builder(TokioExecutor::new()).build(HttpsConnector::from((tcp, tls)));
        let base = format!("{}{}", url.origin().ascii_serialization(), url.path().trim_end_matches('/'));
        Ok(Self { client, base, authorization })
    }

    /// Sends a request and returns the head of its response, if that is a success.
    pub(super) async fn send(
        &self,
        method: Method,
        path: &str,
        payload: Payload,
    ) -> Result<Response<Incoming>, ApiError> {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.base))
            .header(AUTHORIZATION, &self.authorization)
            .header(USER_AGENT, AGENT);
        if !payload.content_type.is_empty() {
            request = request.header(CONTENT_TYPE, payload.content_type);
        }
        let request = request.body(Full::new(payload.bytes));
        let request = request.map_err(|_| ApiError::Setting("the path cannot be requested"))?;
        let response = timeout(API_TIMEOUT, self.client.request(request)).await;
        let response = response.map_err(|_| ApiError::Timeout)?;
        let response =
            response.map_err(|error| ApiError::Connection(crate::http::failure(&error).to_string()))?;
        if response.status().is_success() { Ok(response) } else { Err(refusal(response).await) }
    }
}
