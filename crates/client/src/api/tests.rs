use super::answer::{EventLines, refusal_of};
use super::connection::path_with;
use super::routes::ROUTES;
use super::{ApiClient, ApiError};
use crate::limits::{API_TIMEOUT, EVENT_BYTES_MAX, REFUSAL_BYTES_MAX};
use futures_util::StreamExt;
use hyper::StatusCode;
use serde_json::Value;
use std::collections::BTreeSet;
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio::time::timeout;

#[test]
fn there_is_a_method_for_each_route_of_the_document() {
    let document: Value = serde_json::from_str(include_str!("../../../../docs/openapi.json")).unwrap();
    let paths = document["paths"].as_object().unwrap();
    let described: BTreeSet<_> = paths
        .iter()
        .flat_map(|(path, methods)| {
            let methods = methods.as_object().unwrap().iter();
            methods.map(move |(method, operation)| {
                let name = operation["operationId"].as_str().unwrap().to_owned();
                (method.to_uppercase(), path.clone(), name, query_of(operation))
            })
        })
        .collect();
    let methods: BTreeSet<_> = ROUTES
        .iter()
        .filter(|(_, path, ..)| !path.contains('?'))
        .map(|&(method, path, name, query)| {
            (method.to_owned(), path.to_owned(), name.to_owned(), query.to_vec())
        })
        .collect();
    assert_eq!(methods, described);
}

/// The parameters of the query of an operation. Each format has a method of its own.
fn query_of(operation: &Value) -> Vec<&str> {
    let parameters = operation["parameters"].as_array().into_iter().flatten();
    let query = parameters.filter(|parameter| parameter["in"] == "query");
    query.map(|parameter| parameter["name"].as_str().unwrap()).filter(|name| *name != "format").collect()
}

#[test]
fn values_are_encoded_in_paths_and_queries() {
    let places = [("key", "a/b?c".to_owned())];
    let query = [
        ("name", vec!["t & u".to_owned()]),
        ("absent", vec![]),
        ("hash", vec!["1".to_owned(), "2".to_owned()]),
    ];
    assert_eq!(path_with("/k/{key}/x", &places, &query), "/k/a%2Fb%3Fc/x?name=t+%26+u&hash=1&hash=2");
    assert_eq!(path_with("/k?x=y", &[], &[]), "/k?x=y");
}

#[test]
fn events_are_found_however_their_bytes_arrive() {
    let stream = b": hello\n\nevent: statistics\ndata: {\"a\":1}\n\ndata:x\ndata:y\n\ndata: rest";
    for piece_bytes in [1, 7, stream.len()] {
        let (mut lines, mut found) = (EventLines::default(), Vec::new());
        for piece in stream.chunks(piece_bytes) {
            lines.add(piece);
            found.extend(std::iter::from_fn(|| lines.next_event()).map(Result::unwrap));
        }
        assert_eq!(found, [&b" {\"a\":1}"[..], b"x\ny"], "{piece_bytes}");
    }
    let mut endless = EventLines::default();
    endless.add(&vec![b'x'; EVENT_BYTES_MAX + 1]);
    assert!(matches!(endless.next_event(), Some(Err(ApiError::Malformed(_)))));
    assert_eq!(endless.next_event(), None);
}

#[test]
fn a_refusal_has_its_reason() {
    let refused = |status, reason: &str| ApiError::Refused { status, reason: reason.to_owned() };
    for (status, body, error) in [
        (500, r#"Unhandled rejection: Err { reason: "token not valid" }"#, ApiError::WrongToken),
        (
            500,
            r#"Unhandled rejection: Err { reason: "failed to delete key: x" }"#,
            refused(500, "failed to delete key: x"),
        ),
        (409, r#"{"status":"err","reason":"the mode has no keys"}"#, refused(409, "the mode has no keys")),
        (400, "Invalid\nform", refused(400, "Invalid form")),
        (404, "", refused(404, "")),
    ] {
        assert_eq!(refusal_of(StatusCode::from_u16(status).unwrap(), body.as_bytes()), error, "{body}");
    }
}

/// A client of an API that sends this and keeps its connection open, and the request that it receives.
async fn client_of_one_response(response: String) -> (ApiClient, JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}/tracker/", listener.local_addr().unwrap());
    let request = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = [0; 4096];
        let length = stream.read(&mut request).await.unwrap();
        stream.write_all(response.as_bytes()).await.unwrap();
        tokio::spawn(async move { stream.read(&mut request).await });
        String::from_utf8_lossy(&request[..length]).into_owned()
    });
    let tls = Arc::new(crate::tls_config(rustls::RootCertStore::empty()));
    (ApiClient::new(&base, "token", tls).unwrap(), request)
}

#[tokio::test]
async fn the_path_of_the_api_stands_before_those_of_its_routes() {
    let response = "HTTP/1.1 200 OK\r\nContent-Length: 15\r\n\r\n{\"status\":\"Ok\"}";
    let (client, request) = client_of_one_response(response.to_owned()).await;
    client.health_check().await.unwrap();
    let request = request.await.unwrap();
    assert!(request.starts_with("GET /tracker/api/health_check HTTP/1.1\r\n"), "{request}");
}

#[tokio::test]
async fn a_long_refusal_is_truncated() {
    let response = format!("HTTP/1.1 400 Bad\r\nContent-Length: 99999\r\n\r\n{}", "x".repeat(99_999));
    let (client, _) = client_of_one_response(response).await;
    let reason = "x".repeat(REFUSAL_BYTES_MAX);
    assert_eq!(client.health_check().await, Err(ApiError::Refused { status: 400, reason }));
}

#[tokio::test(start_paused = true)]
async fn events_that_do_not_come_are_an_error() {
    let (client, _) = client_of_one_response("HTTP/1.1 200 OK\r\n\r\n: hello\n\n".to_owned()).await;
    let mut events = client.get_events().await.unwrap();
    let wait = async { (events.next().await, events.next().await.is_none()) };
    let (first, is_over) = timeout(API_TIMEOUT * 2, wait).await.unwrap();
    assert!(matches!(first, Some(Err(ApiError::Timeout))) && is_over, "{first:?}");
}
